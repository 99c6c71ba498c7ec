"""Native code for large registers: sweeps over blocks of 2^12 amplitudes, real and imaginary parts apart.

A block holds 9 wires that are worked on and, lowest, 3 others that fill the lanes of a vector register. Its amplitudes
are read from old_high[h] ^ old_low[lane] ^ old_bases[block] and written to new_high[h] ^ new_low[lane] ^
new_bases[block], which carries out any affine permutation of basis states on the way.

A column is a unitary on each wire, taken apart as left (1 -t; t 1) right with diagonal matrices left and right: on all
wires together two multiplications of an amplitude by a number that depends on h alone, and two real products and sums a
wire and part.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from qsanc.fast import Library, helper, native

Floats: TypeAlias = NDArray[np.float64]
Floats2: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]

LIBRARY = Library("large")

LANES = 8
HIGH = 512
SIZE = 4096
WIRES = 12
GATES = 9
ADDRESS = (1 << 40) - 1
"""Of the bits of an address all that are ever set: it tells the compiler that an address is not negative."""


@helper(LIBRARY)
def turn_8(x: Floats, t0: float, t1: float, t2: float) -> None:
    """The three wires at strides 8, 16 and 32 of a plane: each pair (a, b) becomes (a - t b, b + t a)."""
    for base in range(0, SIZE, 64):
        for i in range(8):
            j = base + i
            a0 = x[j]
            a1 = x[j + 8]
            a2 = x[j + 16]
            a3 = x[j + 24]
            a4 = x[j + 32]
            a5 = x[j + 40]
            a6 = x[j + 48]
            a7 = x[j + 56]
            b0 = a0 - t0 * a1
            b1 = a1 + t0 * a0
            b2 = a2 - t0 * a3
            b3 = a3 + t0 * a2
            b4 = a4 - t0 * a5
            b5 = a5 + t0 * a4
            b6 = a6 - t0 * a7
            b7 = a7 + t0 * a6
            a0 = b0 - t1 * b2
            a2 = b2 + t1 * b0
            a1 = b1 - t1 * b3
            a3 = b3 + t1 * b1
            a4 = b4 - t1 * b6
            a6 = b6 + t1 * b4
            a5 = b5 - t1 * b7
            a7 = b7 + t1 * b5
            x[j] = a0 - t2 * a4
            x[j + 32] = a4 + t2 * a0
            x[j + 8] = a1 - t2 * a5
            x[j + 40] = a5 + t2 * a1
            x[j + 16] = a2 - t2 * a6
            x[j + 48] = a6 + t2 * a2
            x[j + 24] = a3 - t2 * a7
            x[j + 56] = a7 + t2 * a3


@helper(LIBRARY)
def turn_64(x: Floats, t0: float, t1: float, t2: float) -> None:
    """The three wires at strides 64, 128 and 256 of a plane: each pair (a, b) becomes (a - t b, b + t a)."""
    for base in range(0, SIZE, 512):
        for i in range(64):
            j = base + i
            a0 = x[j]
            a1 = x[j + 64]
            a2 = x[j + 128]
            a3 = x[j + 192]
            a4 = x[j + 256]
            a5 = x[j + 320]
            a6 = x[j + 384]
            a7 = x[j + 448]
            b0 = a0 - t0 * a1
            b1 = a1 + t0 * a0
            b2 = a2 - t0 * a3
            b3 = a3 + t0 * a2
            b4 = a4 - t0 * a5
            b5 = a5 + t0 * a4
            b6 = a6 - t0 * a7
            b7 = a7 + t0 * a6
            a0 = b0 - t1 * b2
            a2 = b2 + t1 * b0
            a1 = b1 - t1 * b3
            a3 = b3 + t1 * b1
            a4 = b4 - t1 * b6
            a6 = b6 + t1 * b4
            a5 = b5 - t1 * b7
            a7 = b7 + t1 * b5
            x[j] = a0 - t2 * a4
            x[j + 256] = a4 + t2 * a0
            x[j + 64] = a1 - t2 * a5
            x[j + 320] = a5 + t2 * a1
            x[j + 128] = a2 - t2 * a6
            x[j + 384] = a6 + t2 * a2
            x[j + 192] = a3 - t2 * a7
            x[j + 448] = a7 + t2 * a3


@helper(LIBRARY)
def turn_512(x: Floats, t0: float, t1: float, t2: float) -> None:
    """The three wires at strides 512, 1024 and 2048 of a plane: each pair (a, b) becomes (a - t b, b + t a)."""
    for base in range(0, SIZE, 4096):
        for i in range(512):
            j = base + i
            a0 = x[j]
            a1 = x[j + 512]
            a2 = x[j + 1024]
            a3 = x[j + 1536]
            a4 = x[j + 2048]
            a5 = x[j + 2560]
            a6 = x[j + 3072]
            a7 = x[j + 3584]
            b0 = a0 - t0 * a1
            b1 = a1 + t0 * a0
            b2 = a2 - t0 * a3
            b3 = a3 + t0 * a2
            b4 = a4 - t0 * a5
            b5 = a5 + t0 * a4
            b6 = a6 - t0 * a7
            b7 = a7 + t0 * a6
            a0 = b0 - t1 * b2
            a2 = b2 + t1 * b0
            a1 = b1 - t1 * b3
            a3 = b3 + t1 * b1
            a4 = b4 - t1 * b6
            a6 = b6 + t1 * b4
            a5 = b5 - t1 * b7
            a7 = b7 + t1 * b5
            x[j] = a0 - t2 * a4
            x[j + 2048] = a4 + t2 * a0
            x[j + 512] = a1 - t2 * a5
            x[j + 2560] = a5 + t2 * a1
            x[j + 1024] = a2 - t2 * a6
            x[j + 3072] = a6 + t2 * a2
            x[j + 1536] = a3 - t2 * a7
            x[j + 3584] = a7 + t2 * a3


@helper(LIBRARY)
def overlaps_8(kr: Floats, ki: Floats, br: Floats, bi: Floats, sums: Floats2) -> None:
    """Sums over the pairs of the three wires at strides 8, 16 and 32: bra[0] ket[1] and bra[1] ket[0] of each."""
    p0 = q0 = r0 = v0 = 0.0
    p1 = q1 = r1 = v1 = 0.0
    p2 = q2 = r2 = v2 = 0.0
    for base in range(0, SIZE, 64):
        for i in range(8):
            j = base + i
            a0 = kr[j]
            b0 = ki[j]
            c0 = br[j]
            d0 = bi[j]
            a1 = kr[j + 8]
            b1 = ki[j + 8]
            c1 = br[j + 8]
            d1 = bi[j + 8]
            a2 = kr[j + 16]
            b2 = ki[j + 16]
            c2 = br[j + 16]
            d2 = bi[j + 16]
            a3 = kr[j + 24]
            b3 = ki[j + 24]
            c3 = br[j + 24]
            d3 = bi[j + 24]
            a4 = kr[j + 32]
            b4 = ki[j + 32]
            c4 = br[j + 32]
            d4 = bi[j + 32]
            a5 = kr[j + 40]
            b5 = ki[j + 40]
            c5 = br[j + 40]
            d5 = bi[j + 40]
            a6 = kr[j + 48]
            b6 = ki[j + 48]
            c6 = br[j + 48]
            d6 = bi[j + 48]
            a7 = kr[j + 56]
            b7 = ki[j + 56]
            c7 = br[j + 56]
            d7 = bi[j + 56]
            p0 += c0 * a1 - d0 * b1
            q0 += c0 * b1 + d0 * a1
            r0 += c1 * a0 - d1 * b0
            v0 += c1 * b0 + d1 * a0
            p0 += c2 * a3 - d2 * b3
            q0 += c2 * b3 + d2 * a3
            r0 += c3 * a2 - d3 * b2
            v0 += c3 * b2 + d3 * a2
            p0 += c4 * a5 - d4 * b5
            q0 += c4 * b5 + d4 * a5
            r0 += c5 * a4 - d5 * b4
            v0 += c5 * b4 + d5 * a4
            p0 += c6 * a7 - d6 * b7
            q0 += c6 * b7 + d6 * a7
            r0 += c7 * a6 - d7 * b6
            v0 += c7 * b6 + d7 * a6
            p1 += c0 * a2 - d0 * b2
            q1 += c0 * b2 + d0 * a2
            r1 += c2 * a0 - d2 * b0
            v1 += c2 * b0 + d2 * a0
            p1 += c1 * a3 - d1 * b3
            q1 += c1 * b3 + d1 * a3
            r1 += c3 * a1 - d3 * b1
            v1 += c3 * b1 + d3 * a1
            p1 += c4 * a6 - d4 * b6
            q1 += c4 * b6 + d4 * a6
            r1 += c6 * a4 - d6 * b4
            v1 += c6 * b4 + d6 * a4
            p1 += c5 * a7 - d5 * b7
            q1 += c5 * b7 + d5 * a7
            r1 += c7 * a5 - d7 * b5
            v1 += c7 * b5 + d7 * a5
            p2 += c0 * a4 - d0 * b4
            q2 += c0 * b4 + d0 * a4
            r2 += c4 * a0 - d4 * b0
            v2 += c4 * b0 + d4 * a0
            p2 += c1 * a5 - d1 * b5
            q2 += c1 * b5 + d1 * a5
            r2 += c5 * a1 - d5 * b1
            v2 += c5 * b1 + d5 * a1
            p2 += c2 * a6 - d2 * b6
            q2 += c2 * b6 + d2 * a6
            r2 += c6 * a2 - d6 * b2
            v2 += c6 * b2 + d6 * a2
            p2 += c3 * a7 - d3 * b7
            q2 += c3 * b7 + d3 * a7
            r2 += c7 * a3 - d7 * b3
            v2 += c7 * b3 + d7 * a3
    sums[0, 0] += p0
    sums[0, 1] += q0
    sums[0, 2] += r0
    sums[0, 3] += v0
    sums[1, 0] += p1
    sums[1, 1] += q1
    sums[1, 2] += r1
    sums[1, 3] += v1
    sums[2, 0] += p2
    sums[2, 1] += q2
    sums[2, 2] += r2
    sums[2, 3] += v2


@helper(LIBRARY)
def overlaps(kr: Floats, ki: Floats, br: Floats, bi: Floats, stride: int, sums: Floats2, gate: int) -> None:
    """The same for one wire, at a stride that is not small."""
    p = q = r = v = 0.0
    for base in range(0, SIZE, 2 * stride):
        for i in range(stride):
            j = base + i
            k = j + stride
            p += br[j] * kr[k] - bi[j] * ki[k]
            q += br[j] * ki[k] + bi[j] * kr[k]
            r += br[k] * kr[j] - bi[k] * ki[j]
            v += br[k] * ki[j] + bi[k] * kr[j]
    sums[gate, 0] += p
    sums[gate, 1] += q
    sums[gate, 2] += r
    sums[gate, 3] += v


@helper(LIBRARY)
def load(
    old: Floats,
    high: Ints,
    low: Ints,
    bases: Ints,
    first: int,
    count: int,
    flip: int,
    factor: Floats2,
    work: Floats2,
    plane: int,
    planes: int,
) -> None:
    """Blocks first to first + count, times the factor that belongs to h, into two planes for each."""
    for h in range(HIGH):
        c = factor[0, h]
        s = factor[1, h]
        shared = high[h] ^ flip
        for block in range(count):
            start = shared ^ bases[first + block]
            row = plane + planes * block
            for lane in range(LANES):
                at = 2 * ((start ^ low[lane]) & ADDRESS)
                x = old[at]
                y = old[at + 1]
                work[row, LANES * h + lane] = c * x - s * y
                work[row + 1, LANES * h + lane] = c * y + s * x


@helper(LIBRARY)
def load_conjugate(
    old: Floats,
    high: Ints,
    low: Ints,
    bases: Ints,
    first: int,
    count: int,
    flip: int,
    factor: Floats2,
    work: Floats2,
    plane: int,
    planes: int,
) -> None:
    """As `load`, times the conjugate of the factor."""
    for h in range(HIGH):
        c = factor[0, h]
        s = factor[1, h]
        shared = high[h] ^ flip
        for block in range(count):
            start = shared ^ bases[first + block]
            row = plane + planes * block
            for lane in range(LANES):
                at = 2 * ((start ^ low[lane]) & ADDRESS)
                x = old[at]
                y = old[at + 1]
                work[row, LANES * h + lane] = c * x + s * y
                work[row + 1, LANES * h + lane] = c * y - s * x


@helper(LIBRARY)
def store(
    new: Floats,
    high: Ints,
    low: Ints,
    bases: Ints,
    first: int,
    count: int,
    flip: int,
    factor: Floats2,
    work: Floats2,
    plane: int,
    planes: int,
) -> None:
    """The planes of blocks first to first + count, times the factor that belongs to h, into the state."""
    for h in range(HIGH):
        c = factor[0, h]
        s = factor[1, h]
        shared = high[h] ^ flip
        for block in range(count):
            start = shared ^ bases[first + block]
            row = plane + planes * block
            for lane in range(LANES):
                at = 2 * ((start ^ low[lane]) & ADDRESS)
                x = work[row, LANES * h + lane]
                y = work[row + 1, LANES * h + lane]
                new[at] = c * x - s * y
                new[at + 1] = c * y + s * x


@helper(LIBRARY)
def store_conjugate(
    new: Floats,
    high: Ints,
    low: Ints,
    bases: Ints,
    first: int,
    count: int,
    flip: int,
    factor: Floats2,
    work: Floats2,
    plane: int,
    planes: int,
) -> None:
    """As `store`, times the conjugate of the factor."""
    for h in range(HIGH):
        c = factor[0, h]
        s = factor[1, h]
        shared = high[h] ^ flip
        for block in range(count):
            start = shared ^ bases[first + block]
            row = plane + planes * block
            for lane in range(LANES):
                at = 2 * ((start ^ low[lane]) & ADDRESS)
                x = work[row, LANES * h + lane]
                y = work[row + 1, LANES * h + lane]
                new[at] = c * x + s * y
                new[at + 1] = c * y - s * x


@helper(LIBRARY)
def turn(x: Floats, t: Floats, triples: int) -> None:
    """The rotations of a column on one plane, three wires at a time."""
    if triples > 0:
        turn_8(x, t[0], t[1], t[2])
    if triples > 1:
        turn_64(x, t[3], t[4], t[5])
    if triples > 2:
        turn_512(x, t[6], t[7], t[8])


@native(
    LIBRARY,
    "void(f8[::1], f8[::1], i8[::1], i8[::1], i8[::1], i8[::1], i8[::1], i8[::1], i8, i8, i8,"
    " i8, f8[:,::1], f8[:,::1], f8[::1], i8, f8[:,::1])",
)
def column_forward(
    old: Floats,
    new: Floats,
    old_high: Ints,
    old_low: Ints,
    old_bases: Ints,
    new_high: Ints,
    new_low: Ints,
    new_bases: Ints,
    first: int,
    stop: int,
    batch: int,
    flip: int,
    right: Floats2,
    left: Floats2,
    t: Floats,
    triples: int,
    work: Floats2,
) -> None:
    """new = column(old) on blocks first to stop, `batch` of them at a time, so that their runs lie side by side.

    States are float64[2 * amplitudes], work float64[2 * batch, at least SIZE]. `flip` is added to the old addresses:
    it is where x acts before the rotations.
    """
    for block in range(first, stop, batch):
        load(old, old_high, old_low, old_bases, block, batch, flip, right, work, 0, 2)
        for plane in range(2 * batch):
            turn(work[plane], t, triples)
        store(new, new_high, new_low, new_bases, block, batch, 0, left, work, 0, 2)


@native(
    LIBRARY,
    "void(f8[::1], f8[::1], f8[::1], f8[::1], i8[::1], i8[::1], i8[::1], i8[::1], i8[::1], i8[::1], i8, i8, i8,"
    " i8, f8[:,::1], f8[:,::1], f8[::1], i8, f8[:,::1], f8[:,::1], f8[:,::1])",
)
def column_backward(
    old_ket: Floats,
    old_bra: Floats,
    new_ket: Floats,
    new_bra: Floats,
    old_high: Ints,
    old_low: Ints,
    old_bases: Ints,
    new_high: Ints,
    new_low: Ints,
    new_bases: Ints,
    first: int,
    stop: int,
    batch: int,
    flip: int,
    right: Floats2,
    left: Floats2,
    t: Floats,
    triples: int,
    work: Floats2,
    same: Floats2,
    other: Floats2,
) -> None:
    """The column undone on ket and bra, blocks first to stop; `t` has the opposite sign, work has 4 * batch rows.

    Adds to same[re and im, place in the block] the product bra ket, and to other[gate] the sums of bra[0] ket[1] and
    bra[1] ket[0], real and imaginary, of both states without `left`. `flip` is added to the new addresses.
    """
    for block in range(first, stop, batch):
        load_conjugate(old_ket, old_high, old_low, old_bases, block, batch, 0, left, work, 0, 4)
        load(old_bra, old_high, old_low, old_bases, block, batch, 0, left, work, 2, 4)
        for k in range(batch):
            kr = work[4 * k]
            ki = work[4 * k + 1]
            br = work[4 * k + 2]
            bi = work[4 * k + 3]
            for i in range(SIZE):
                same[0, i] += br[i] * kr[i] - bi[i] * ki[i]
                same[1, i] += br[i] * ki[i] + bi[i] * kr[i]
            if triples > 0:
                overlaps_8(kr, ki, br, bi, other)
            if triples > 1:
                overlaps(kr, ki, br, bi, 64, other, 3)
                overlaps(kr, ki, br, bi, 128, other, 4)
                overlaps(kr, ki, br, bi, 256, other, 5)
            if triples > 2:
                overlaps(kr, ki, br, bi, 512, other, 6)
                overlaps(kr, ki, br, bi, 1024, other, 7)
                overlaps(kr, ki, br, bi, 2048, other, 8)
            turn(kr, t, triples)
            turn(ki, t, triples)
            turn(br, t, triples)
            turn(bi, t, triples)
        store_conjugate(new_ket, new_high, new_low, new_bases, block, batch, flip, right, work, 0, 4)
        store(new_bra, new_high, new_low, new_bases, block, batch, flip, right, work, 2, 4)
