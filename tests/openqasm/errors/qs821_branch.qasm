qubit q;
bit b = measure q;
if (b) x q;
