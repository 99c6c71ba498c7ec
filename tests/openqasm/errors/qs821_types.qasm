input int n;
const bool yes = 1;
qubit q;
rx(n) q;
