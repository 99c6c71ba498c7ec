qubit[2] q;
h q;
#pragma braket result state_vector
#pragma braket noise bit_flip(0.1) q[0]
#pragma other tool
