qubit[3] q;
bit[3] b;
h q;
b[0] = measure q[0];
x q[0];
b[1] = measure q[0];
b[0] = measure q[1];
gate g a { h a; }
g q[2];
