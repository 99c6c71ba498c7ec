OPENQASM 3.0;
input float theta;
const int n = 3;
const float half = theta / 2;
const int broken = 2.5;
qubit[n] q;
rx(1 / 2) q[0];
rx(1 / 0.0) q[0];
rx(1e999) q[0];
rx(arcsin(2.0)) q[0];
rx((-2.0) ** 0.5) q[0];
rx(10 ** 10 ** 10) q[0];
rx(floor(theta)) q[0];
rx(theta % 2) q[0];
pow(theta) @ h q[0];
pow(0.5) @ x q[0];
h q[theta];
for int i in [0:0:3] { h q[i]; }
for int i in [:3] { h q[i]; }
rx(-7 % 3) q[0];
