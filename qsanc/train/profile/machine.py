"""What this machine can do at most, measured: products of matrices a second, and bytes moved a second by their number.

A roofline (Williams, Waterman and Patterson 2009, doi:10.1145/1498765.1498785): work of so many operations on so many
bytes takes at least as long as the operations at the one rate, and as the bytes at the other.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits  # type: ignore[import-untyped]

from qsanc.target import Floats
from qsanc.target.profile import Part, Work
from qsanc.train.profile.watch import Clock

_ORDER = 320
"""Of the matrices that are multiplied: 0.8 MB each."""
_SIZES = tuple(1 << k for k in range(14, 27, 2))
"""Bytes that are moved at once: 16 KiB to 64 MiB."""
_TRIES = 15
"""The best of so many counts: a busy machine may slow some, not all."""
_BURST = 1 << 22
"""Bytes moved between two looks at the clock, at least."""


@dataclass(frozen=True, slots=True)
class Machine:
    """`flops` a second by number of threads; `speeds`, alike, (bytes in use, bytes a second) by increasing size."""

    flops: tuple[tuple[int, float], ...]
    speeds: tuple[tuple[int, tuple[tuple[int, float], ...]], ...]

    def peak(self, threads: int) -> float:
        """Operations a second with so many threads or fewer."""
        return max(rate for count, rate in self.flops if count <= threads or count == self.flops[0][0])

    def speed(self, reach: float, threads: int = 1) -> float:
        """Bytes a second of operations that touch so many bytes: the best of what was measured for as many or more."""
        return max(
            speed
            for count, speeds in self.speeds
            if count <= threads or count == self.speeds[0][0]
            for size, speed in speeds
            if size >= reach or size == speeds[-1][0]
        )

    @property
    def in_cache(self) -> float:
        """The most bytes a second of any size, by any number of threads."""
        return max(speed for _, speeds in self.speeds for _, speed in speeds)

    @property
    def in_memory(self) -> float:
        """The same where no cache helps."""
        return max(speeds[-1][1] for _, speeds in self.speeds)

    def bound(self, part: Part, work: Work) -> float:
        """The seconds that this work takes at least."""
        return max(work.flops / self.peak(part.threads), work.bytes / self.speed(work.reach, part.threads))


def measure(threads: Iterable[int], clock: Clock = time.perf_counter) -> Machine:
    """The machine now, within a second or two: products with each of these numbers of threads."""
    counts = sorted({*threads} or {1})
    return Machine(
        tuple((count, _products(count, clock)) for count in counts),
        tuple((count, tuple((size, _moved(size, count, clock)) for size in _SIZES)) for count in counts),
    )


def threads_in_use() -> int:
    """How many threads a product of matrices uses here, as long as nobody limits it."""
    return max((pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"), default=1)


def _products(threads: int, clock: Clock) -> float:
    left, right, out = (np.full((_ORDER, _ORDER), 0.5) for _ in range(3))
    with threadpool_limits(threads, "blas"):
        best = _best(lambda: np.matmul(left, right, out=out), clock)
    return 2.0 * _ORDER**3 / best


def _moved(size: int, threads: int, clock: Clock) -> float:
    """The better of copies and sums of arrays that take so many bytes together, a share for each thread."""
    shares = [[np.ones(max(1, size // (24 * threads))) for _ in range(3)] for _ in range(threads)]
    times, one = max(1, _BURST // size), shares[0][0].nbytes

    def copy(share: list[Floats]) -> None:
        for _ in range(times):
            np.copyto(share[0], share[1])

    def add(share: list[Floats]) -> None:
        for _ in range(times):
            np.add(share[1], share[2], out=share[0])

    with ThreadPoolExecutor(threads) as pool:

        def seconds(move: Callable[[list[Floats]], None]) -> float:
            if threads == 1:
                return _best(lambda: move(shares[0]), clock)
            return _best(lambda: list(pool.map(move, shares)), clock)

        return threads * times * one * max(2 / seconds(copy), 3 / seconds(add))


def _best(run: Callable[[], object], clock: Clock) -> float:
    """The shortest of some times, in seconds, after a first one that is not counted."""
    run()
    found = []
    for _ in range(_TRIES):
        began = clock()
        run()
        found.append(clock() - began)
    return max(min(found), 1e-9)
