qubit[3] q;
float theta = 0.5;
rx(theta) q[0];
