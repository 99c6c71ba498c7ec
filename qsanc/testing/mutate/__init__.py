"""Mutation of a program: whether its properties notice small mistakes in it.

mutant.py      one mistake: an edit of the text
operators.py   the kinds of mistakes, a table
places.py      what of a definition is mutated, and the expressions in it
reach.py       which blocks depend on which definitions
same.py        whether a definition still does the same
trial.py       a block tried until it fails first
suite.py       a file with the blocks that test it, and the verdict on each mutant
"""
