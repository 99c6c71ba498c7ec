qubit q;
pow(9007199254740991) @ h q;
