qubit q;
h q; §
