"""Threads that share the blocks of a sweep."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from itertools import pairwise
from types import TracebackType

PARTS = 8
"""Into how many fixed shares the blocks of a sweep are split: what is summed over blocks is summed share by share."""


def parts_of(blocks: int, unit: int = 1) -> list[range]:
    """Shares of `blocks` blocks, cut at multiples of `unit`. They do not depend on the number of threads."""
    edges = [blocks // unit * k // PARTS * unit for k in range(PARTS + 1)]
    return [range(a, b) for a, b in pairwise(edges) if a < b]


class Workers:
    """The calling thread and threads - 1 more, for the length of a `with`."""

    def __init__(self, threads: int) -> None:
        self.threads = max(1, threads)
        self._pool = ThreadPoolExecutor(threads - 1) if threads > 1 else None

    def __enter__(self) -> Workers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown()

    def share(self, count: int, work: Callable[[int], None]) -> None:
        """work(0), ..., work(count - 1), each by a thread that is free. One that comes too late is not awaited."""
        waiting = deque(range(count))

        def run() -> None:
            while True:
                try:
                    number = waiting.popleft()
                except IndexError:
                    return
                work(number)

        more: list[Future[None]] = []
        if self._pool is not None:
            with suppress(RuntimeError):  # no memory for another thread: those that there are do the work
                for _ in range(min(self.threads, count) - 1):
                    more.append(self._pool.submit(run))
        run()
        for other in more:
            if not other.cancel():
                other.result()
