OPENQASM 3.0;
qubit[2] q;
h $1;
h q[0];
