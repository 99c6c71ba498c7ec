qubit q;
/* never closed
h q;
