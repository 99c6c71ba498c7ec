OPENQASM 3.0;
gate g a { h $1; }
g $0;
