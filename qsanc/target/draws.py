"""Samples that can be drawn again: names for what is sampled, and a generator keyed by them.

A name holds the gates that are run, how they are read, the numbers in the slots that matter, the shift and the copy. So
samples depend on neither batching nor order, equal rows share theirs, and a resumed run draws what it would have drawn.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from hashlib import sha256

import numpy as np

from qsanc.ir.circuit import CircuitModule, Gate
from qsanc.target.protocol import Bindings, Context, Floats, Ints, Shifts


def circuit_key(module: CircuitModule, segments: Sequence[int], reading: object) -> bytes:
    """A stable name of what is run: the gates on the paths to `segments`, and how they are read (by its repr)."""
    bodies = [[module.segments[at].body for at in module.path(segment)] for segment in segments]
    return sha256(repr((module.wires, len(module.shared), bodies, reading)).encode()).digest()


def used_slots(module: CircuitModule, segments: Sequence[int]) -> tuple[int, ...]:
    """The slots that occur on the paths to `segments`, rising."""
    return tuple(
        sorted(
            {
                slot
                for segment in segments
                for at in module.path(segment)
                for gate in module.segments[at].body
                if isinstance(gate, Gate)
                for angle in gate.angles
                for slot, _ in angle.terms
            }
        )
    )


def row_keys(module: CircuitModule, segment: int, bindings: Bindings) -> list[bytes]:
    """For each row, its numbers in the slots that matter at the end of `segment`: equal rows have equal keys."""
    split = len(module.shared)
    slots = used_slots(module, (segment,))
    shared = bindings.shared[[slot for slot in slots if slot < split]].tobytes()
    items = np.ascontiguousarray(bindings.items[:, [slot - split for slot in slots if slot >= split]])
    return [shared + row.tobytes() for row in items]


def shift_keys(shifts: Shifts) -> list[bytes]:
    return [
        struct.pack("<qdq", site, delta, side)
        for site, delta, side in zip(shifts.site.tolist(), shifts.delta.tolist(), shifts.side.tolist(), strict=True)
    ]


def numbered(keys: Sequence[bytes]) -> list[bytes]:
    """Keys made distinct by the number of equal ones before each: the copies of `independent` samples."""
    seen: dict[bytes, int] = {}
    copies = []
    for key in keys:
        copy = seen.get(key, 0)
        seen[key] = copy + 1
        copies.append(key + struct.pack("<q", copy))
    return copies


class Draws:
    """Samples that depend on nothing but the context and a key: not on batching, order or process.

    Each key starts a Philox stream of its own (Salmon et al. 2011), named by 128 bits of a SHA-256 of context and key.
    """

    def __init__(self, context: Context) -> None:
        self._start = sha256(struct.pack("<qq", context.seed, context.step) + context.purpose.encode())
        self._philox = np.random.Philox(key=0)
        self._fresh = self._philox.state
        self._generator = np.random.Generator(self._philox)

    def counts(self, key: bytes, probabilities: Floats, shots: int) -> Ints:
        """Counts int64[outcome] of `shots` draws from float64[outcome]."""
        chances = np.maximum(probabilities, 0.0)
        return self._seeded(key).multinomial(shots, chances / chances.sum())

    def _seeded(self, key: bytes) -> np.random.Generator:
        stream = self._start.copy()
        stream.update(key)
        self._fresh["state"]["key"] = np.frombuffer(stream.digest()[:16], np.uint64)
        self._philox.state = self._fresh
        return self._generator


def draw_counts(draws: Draws, keys: Sequence[bytes], probabilities: Floats, shots: int) -> Floats:
    """Counts float64[entry, outcome] from probabilities float64[entry, outcome]; equal keys share their samples."""
    drawn: dict[bytes, int] = {}
    counts = np.empty(probabilities.shape)
    for entry, key in enumerate(keys):
        first = drawn.setdefault(key, entry)
        counts[entry] = counts[first] if first != entry else draws.counts(key, probabilities[entry], shots)
    return counts
