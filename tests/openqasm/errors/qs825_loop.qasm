qubit q;
for int i in [0:1000000] { }
