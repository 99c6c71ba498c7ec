"""How large a program may grow while it is read. No program that anyone wants to run comes near these numbers."""

from __future__ import annotations

MOST_CHARACTERS = 4 * 2**20
"""Of the text. Two to three million are as many gates as a program may have."""
MOST_QUBITS = 10_000
MOST_GATES = 100_000
MOST_STEPS = 200_000
"""Rounds of loops, calls of gates and repetitions by `pow`."""
MOST_INPUTS = 10_000
DEEPEST = 100
"""Operators and brackets inside each other in one expression, blocks in each other, and gates that use each other."""
LARGEST_INTEGER = 2**53
"""Every integer up to it is a number of double precision."""
LONGEST_EXPRESSION = 2_000
"""Characters of an expression in the inputs that is not affine in them."""
MOST_DIAGNOSTICS = 20
MOST_OUTCOME_QUBITS = 20
"""A circuit that measures no more returns the probabilities of all outcomes."""
