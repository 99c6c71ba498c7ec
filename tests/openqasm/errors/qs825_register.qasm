qubit[100000] q;
