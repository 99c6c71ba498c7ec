"""Numbers for the slots of a circuit module."""

from __future__ import annotations

from hypothesis import strategies as st

from qsanc.ir.circuit import CircuitModule
from qsanc.target import Bindings
from qsanc.testing.strategies.numbers import angles


def bindings(
    module: CircuitModule, *, min_rows: int = 1, max_rows: int = 2, min_value: float = -4, max_value: float = 4
) -> st.SearchStrategy[Bindings]:
    """Values for the slots of `module`: float64[shared slot], and float64[row, item slot] for one row or more.

    Every value lies in min_value..=max_value, in radians where the slot is an angle. Shrinks to one row of zeros.
    Raises ValueError for an empty range of rows or of values.

    >>> @given(st.data())
    ... def test_backend(data):
    ...     module = data.draw(circuits())
    ...     numbers = data.draw(bindings(module, max_rows=3))
    """
    if not 0 <= min_rows <= max_rows:
        raise ValueError(f"no batch has {min_rows} to {max_rows} rows")

    def of(shape: tuple[int, ...]) -> st.SearchStrategy[Bindings]:
        shared = angles(shape=(len(module.shared),), min_value=min_value, max_value=max_value)
        return st.builds(Bindings, shared, angles(shape=shape, min_value=min_value, max_value=max_value))

    return st.integers(min_rows, max_rows).flatmap(lambda rows: of((rows, len(module.items))))
