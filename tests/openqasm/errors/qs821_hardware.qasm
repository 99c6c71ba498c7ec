OPENQASM 3.0;
gate g a { h $1; }
g $0;
$2 = measure $0;
