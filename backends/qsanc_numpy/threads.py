"""How many threads BLAS may use."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]


class BlasThreads:
    """The BLAS libraries of this process. Products here are small: more threads than one make them slower.

    Libraries that have one thread already are left alone, which takes a microsecond: who runs many requests limits them
    once around all of them.
    """

    def __init__(self) -> None:
        self._libraries = ThreadpoolController().select(user_api="blas").lib_controllers

    @contextmanager
    def one(self) -> Iterator[None]:
        limited = []
        for library in self._libraries:
            number = library.get_num_threads()
            if number != 1:
                library.set_num_threads(1)
                limited.append((library, number))
        try:
            yield
        finally:
            for library, number in limited:
                library.set_num_threads(number)
