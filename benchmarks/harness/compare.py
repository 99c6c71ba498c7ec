"""Engines beside each other on the same work: checked for equal results, then timed in turns."""

from __future__ import annotations

import contextlib
import json
import math
import os
import select
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from benchmarks.harness.machine import ROOT, threads

Results = dict[str, np.ndarray[Any, Any]]


@dataclass(frozen=True, slots=True)
class Entrant:
    """An engine, `module:Class` of `benchmarks.engines`, with the work it is given and the calls it is asked for.

    Where an engine is too slow for all of the work it is given a part; its times are multiplied by `scale`. Its results
    are compared with those of the reference on the same part.
    """

    name: str
    engine: str
    question: str
    work: dict[str, Any]
    calls: tuple[str, ...]
    options: dict[str, Any] = field(default_factory=dict)
    scale: float = 1.0


class Gone(Exception):
    """An engine has no answer: it is not installed, it failed, or it took too long."""


class Server:
    """The process of an entrant. `ready` is the time from its start to its first result, in seconds."""

    def __init__(self, entrant: Entrant, patience: float) -> None:
        asked = {
            "engine": entrant.engine,
            "question": entrant.question,
            "work": entrant.work,
            "options": entrant.options,
            "threads": threads(),
        }
        self._patience = patience
        self._errors = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115
        start = time.perf_counter()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.harness.serve", json.dumps(asked)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            bufsize=1,
        )
        answer = self._answer()
        self.ready = time.perf_counter() - start
        self.versions: dict[str, str] = answer["versions"]
        self.megabytes: float = answer["megabytes"]

    def call(self, name: str, keep: Path | None = None) -> float:
        """The seconds of one run. Raises Gone."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"call": name, "keep": keep and str(keep)}) + "\n")
        answer = self._answer()
        self.megabytes = answer["megabytes"]
        return float(answer["seconds"])

    def close(self) -> None:
        """End the process and those that it started: a compiler in the background would disturb who comes next."""
        for number in self._children():
            with contextlib.suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
        self._process.kill()
        self._process.wait()
        self._errors.close()

    def _children(self) -> list[int]:
        """Numbers of the processes that it started, where the system tells."""
        if self._process.poll() is not None:
            return []
        lists = Path(f"/proc/{self._process.pid}/task").glob("*/children")
        found: list[int] = []
        for file in lists:
            with contextlib.suppress(OSError):
                found += map(int, file.read_text(encoding="ascii").split())
        return found

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], self._patience)
        if not ready:
            self.close()
            raise Gone(f"no answer within {self._patience:g} s")
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            self._errors.seek(0)
            said = [row for row in self._errors.read().splitlines() if row.strip()]
            self.close()
            raise Gone("failed: " + (said[-1] if said else f"exit status {self._process.returncode}"))
        answer: dict[str, Any] = json.loads(line)
        if "missing" in answer:
            self.close()
            raise Gone(answer["missing"])
        return answer


@dataclass(slots=True)
class Row:
    """What came of one entrant: why it has no times, or its seconds by call, already multiplied by its scale."""

    entrant: Entrant
    reason: str = ""
    ready: float = math.nan
    megabytes: float = math.nan
    difference: float = math.nan
    versions: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, list[float]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        entrant = self.entrant
        fields: dict[str, Any] = {
            "name": entrant.name,
            "engine": entrant.engine,
            "options": entrant.options,
            "work": {name: value for name, value in entrant.work.items() if name != "data"},
            "scale": entrant.scale,
        }
        if self.reason:
            return {**fields, "reason": self.reason}
        return {
            **fields,
            "start_to_first": round(self.ready, 3),
            "megabytes": round(self.megabytes),
            "difference": self.difference,
            "versions": self.versions,
            "seconds": {call: spread(values) for call, values in self.seconds.items()},
        }


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, quartiles, least and number of some seconds, four digits each."""
    low, median, high = np.percentile(values, (25, 50, 75))
    every = {"median": median, "low": low, "high": high, "least": min(values)}
    return {**{name: float(f"{value:.4g}") for name, value in every.items()}, "runs": len(values)}


class Turns:
    """Servers that stay, one for each entrant, and a folder for what they return."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self.servers: list[Server] = []

    def __enter__(self) -> Turns:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for server in self.servers:
            server.close()
        self._folder.cleanup()

    def results(self, server: Server, call: str) -> tuple[Results, float]:
        kept = Path(self._folder.name) / "result.npz"
        seconds = server.call(call, kept)
        with np.load(kept) as found:
            return {name: found[name] for name in found.files}, seconds


def compare(
    entrants: Sequence[Entrant],
    reference: Entrant | None,
    *,
    rounds: int,
    budget: float = 10.0,
    patience: float = 300.0,
    tolerance: float = 1e-9,
) -> list[Row]:
    """Time each call of each entrant `rounds` times, one after the other in each round.

    The results of every call are compared with those of `reference` on the same work before; an entrant whose results
    differ by more than `tolerance` has no times. An entrant takes part in further rounds until its runs of a call have
    taken `budget` seconds together; where the first run alone takes that long, it is the one that counts. Without a
    reference, where one engine stands beside itself, nothing is compared.
    """
    truths: dict[tuple[str, str], Results] = {}
    rows = []
    with Turns() as turns:
        live: list[tuple[Row, Server, str]] = []
        for entrant in entrants:
            row = Row(entrant)
            rows.append(row)
            say(f"  {entrant.name} ...")
            try:
                server = Server(entrant, patience)
                turns.servers.append(server)
                row.ready, row.versions, row.difference = server.ready, server.versions, 0.0
                for call in entrant.calls:
                    found, seconds = turns.results(server, call)
                    if reference is not None:
                        truth = _truth(turns, truths, reference, entrant, call, found, patience)
                        apart = difference(found, truth)
                        row.difference = max(row.difference, apart)
                        if not apart <= tolerance:
                            raise Gone(f"differs from {reference.name} by {apart:.1e}")
                    row.seconds[call] = [seconds * entrant.scale] if seconds > budget else []
                    live.append((row, server, call))
            except Gone as reason:
                row.reason = str(reason)
                live = [item for item in live if item[0] is not row]
            say(f"    {row.reason or f'ready after {row.ready:.2f} s, difference {row.difference:.1e}'}")
        spent = {id(row): {call: sum(row.seconds[call]) / row.entrant.scale for call in row.seconds} for row in rows}
        for _ in range(rounds):
            for row, server, call in live:
                if row.reason or spent[id(row)][call] > budget:
                    continue
                try:
                    seconds = server.call(call)
                except Gone as reason:
                    row.reason = str(reason)
                    continue
                spent[id(row)][call] += seconds
                row.seconds[call].append(seconds * row.entrant.scale)
                row.megabytes = server.megabytes
        for row, server, _ in live:
            row.megabytes = server.megabytes
    return rows


def _truth(
    turns: Turns,
    truths: dict[tuple[str, str], Results],
    reference: Entrant,
    entrant: Entrant,
    call: str,
    found: Results,
    patience: float,
) -> Results:
    """What the reference returns on the work of this entrant; the entrant's own result where it is the reference."""
    key = (json.dumps(entrant.work, sort_keys=True), call)
    if key not in truths:
        if entrant.engine == reference.engine and entrant.options == reference.options:
            truths[key] = found
        else:
            server = Server(Entrant(reference.name, reference.engine, entrant.question, entrant.work, (call,),
                                    reference.options), patience)  # fmt: skip
            try:
                truths[key] = turns.results(server, call)[0]
            finally:
                server.close()
    return truths[key]


def difference(one: Results, other: Results) -> float:
    """The largest difference between two results; infinite where they have different parts."""
    if one.keys() != other.keys() or any(one[name].shape != other[name].shape for name in one):
        return math.inf
    return max(float(np.max(np.abs(one[name] - other[name]), initial=0.0)) for name in one)


def median(row: Row, call: str) -> float:
    """The median of a row that has times; else nan."""
    values = row.seconds.get(call, [])
    return statistics.median(values) if values and not row.reason else math.nan


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
