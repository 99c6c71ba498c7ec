"""What is measured: the same numbers for every engine."""
