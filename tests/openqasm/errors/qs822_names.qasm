OPENQASM 3.0;
qubit[2] q;
qubit q;
input float pi;
gate two(a, a) b { rx(a) b; }
gate again a { again a; }
sdg q[0];
hh q[0];
rx(thta) q[0];
rx(sine(1.0)) q[0];
h r;
again q[1];
q2[0] = measure q[0];
