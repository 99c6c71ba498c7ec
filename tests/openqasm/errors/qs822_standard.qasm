include "stdgates.inc";
gate h a { U(0.5, 0, 0) a; }
qubit q;
h q;
