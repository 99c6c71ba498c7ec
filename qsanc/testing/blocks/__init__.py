"""Property and test blocks, executed.

cases.py      which blocks there are, in files and folders
arguments.py  arguments of a property from their types and ranges, as a Hypothesis strategy
eager.py      the graph in which a block's arrays are computed as they are written
execution.py  one run of a block: the rules of `elaborate.assertions`, with numbers
engine.py     compiled calls, kept from one example to the next; what they cost
verdict.py    what did not hold, as a diagnostic
search.py     examples until one fails, then the smallest one
"""
