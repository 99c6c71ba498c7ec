OPENQASM 3.0;
qubit[3] q;
sxx q[0];
CNOT q[0], q[1];
cphaseshft(0.5) q[0], q[1];
cphaseshift11(0.5) q[0], q[1];
ctrl @ rzzz(0.5, 1) q[0], q[1], q[2];
ms(0.5) q[0], q[1];
