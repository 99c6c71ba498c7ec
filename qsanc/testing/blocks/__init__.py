"""Property and test blocks, executed.

cases.py      which blocks there are, in files and folders
arguments.py  arguments of a property from their types and ranges, as a Hypothesis strategy
examples.py   such arguments, one set after the other
eager.py      the graph in which a block's arrays are computed as they are written
execution.py  one run of a block: the rules of `elaborate.assertions`, with numbers
engine.py     compiled calls, kept from one example to the next; what they cost
records.py, costs.py, gradients.py, laws.py, unitaries.py
              models on one record, and the functions of properties
once.py       one run from arguments to a failure, if there is one
verdict.py    what did not hold, as a diagnostic
search.py     examples until one fails, then the smallest one
reproduction.py
              the smallest program that fails by itself, kept for next time
"""
