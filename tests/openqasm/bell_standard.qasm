OPENQASM 3.0;
include "stdgates.inc";
// bell.0
input float th_0; // th[0]
input float th_1; // th[1]
input float pi_2; // pi_2
bit[2] b;
qubit[2] q;
rx(0.5*th_0 - 3.141592653589793) q[0];
ry(3.0*th_1 - pi_2) q[1];
cx q[0], q[1];
cx q[0], q[1];
rz(0.1) q[1];
cx q[0], q[1];
sx q[1];
b[0] = measure q[0];
b[1] = measure q[1];

OPENQASM 3.0;
include "stdgates.inc";
// bell.1, measured in X0 Y1 and Z elsewhere
input float th_0; // th[0]
input float th_1; // th[1]
input float pi_2; // pi_2
bit[2] b;
qubit[2] q;
rx(0.5*th_0 - 3.141592653589793) q[0];
ry(3.0*th_1 - pi_2) q[1];
cx q[0], q[1];
cx q[0], q[1];
rz(0.1) q[1];
cx q[0], q[1];
sx q[1];
h q[0];
sdg q[1];
h q[1];
b[0] = measure q[0];
b[1] = measure q[1];
