OPENQASM 3.0;
#pragma braket unitary([[1, 0], [0, 1im]]) $0
#pragma braket verbatim
h $0;
box { 
#pragma braket result probability
}
