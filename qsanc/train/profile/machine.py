"""What this machine can do at most, measured: products of matrices a second, and bytes moved a second by their number.

A roofline (Williams, Waterman and Patterson 2009, doi:10.1145/1498765.1498785): work of so many operations on so many
bytes takes at least as long as the operations at the one rate, and as the bytes at the other.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits  # type: ignore[import-untyped]

from qsanc.target.profile import Part, Work
from qsanc.train.profile.watch import Clock

_ORDER = 640
"""Of the matrices that are multiplied: 3 MB each."""
_SIZES = tuple(1 << k for k in range(14, 27, 2))
"""Bytes that are moved at once: 16 KiB to 64 MiB."""
_TRIES = 5
_BURST = 1 << 22
"""Bytes moved between two looks at the clock, at least."""


@dataclass(frozen=True, slots=True)
class Machine:
    """`flops` a second by number of threads; `speeds` are (bytes in use, bytes a second), by increasing size.

    Bytes are moved by one thread, as NumPy does.
    """

    flops: tuple[tuple[int, float], ...]
    speeds: tuple[tuple[int, float], ...]

    def peak(self, threads: int) -> float:
        """Operations a second with so many threads or fewer."""
        return max(rate for count, rate in self.flops if count <= threads or count == self.flops[0][0])

    def speed(self, reach: float) -> float:
        """Bytes a second of operations that touch so many bytes: the best of what was measured for as many or more."""
        return max(speed for size, speed in self.speeds if size >= reach or size == self.speeds[-1][0])

    def bound(self, part: Part, work: Work) -> float:
        """The seconds that this work takes at least."""
        return max(work.flops / self.peak(part.threads), work.bytes / self.speed(work.reach))


def measure(threads: Iterable[int], clock: Clock = time.perf_counter) -> Machine:
    """The machine now, within a second: products with each of these numbers of threads."""
    return Machine(
        tuple((count, _products(count, clock)) for count in sorted({*threads})),
        tuple((size, _moved(size, clock)) for size in _SIZES),
    )


def threads_in_use() -> int:
    """How many threads a product of matrices uses here, as long as nobody limits it."""
    return max((pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"), default=1)


def _products(threads: int, clock: Clock) -> float:
    left, right, out = (np.full((_ORDER, _ORDER), 0.5) for _ in range(3))
    with threadpool_limits(threads, "blas"):
        best = _best(lambda: np.matmul(left, right, out=out), clock)
    return 2.0 * _ORDER**3 / best


def _moved(size: int, clock: Clock) -> float:
    """The better of a copy and a sum of arrays that take so many bytes together."""
    copied = np.ones(size // 16), np.ones(size // 16)
    added = tuple(np.ones(size // 24) for _ in range(3))
    times = max(1, _BURST // size)

    def copy() -> None:
        for _ in range(times):
            np.copyto(copied[0], copied[1])

    def add() -> None:
        for _ in range(times):
            np.add(added[1], added[2], out=added[0])

    moved = (2 * copied[0].nbytes, copy), (3 * added[0].nbytes, add)
    return max(times * number / _best(run, clock) for number, run in moved)


def _best(run: Callable[[], object], clock: Clock) -> float:
    """The shortest of some times, in seconds, after a first one that is not counted."""
    run()
    found = []
    for _ in range(_TRIES):
        began = clock()
        run()
        found.append(clock() - began)
    return max(min(found), 1e-9)
