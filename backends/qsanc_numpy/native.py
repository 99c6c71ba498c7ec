"""Kernels for plans on small registers, in the subset of Python that can be compiled (see `qsanc.fast`).

A stretch of operations is a table of numbers, one row an operation (`program.py` writes it); states are kept by real
and imaginary parts, float64[2^wires, column] each, the second with no rows where the state is real. Columns are taken
in blocks: all operations run on one while it is in the cache, and every inner loop goes over its columns.
"""

from __future__ import annotations

import math
from typing import Any

from qsanc.fast import Library, helper, native

LIBRARY = Library("circuits")

WORK_ROWS = 104
"""Rows of scratch that kernels take as `work`. Its width is the number of columns that are taken at a time: it is no
constant, since compilers turn short loops of constant length into straight lines before they think of vectors."""

# Columns of a program, and what the first of them can hold.
CODE, HIGH, LOW, ENTRY, REAL, SHARED, FLIPS, SMALL, TABLE, PHASE = range(10)
WIDTH = 10
ZERO, GROW, ONE, TWO, GATHER = range(5)
# Columns of a table of blocks, and of one of factors.
DIMENSION, FIRST, COUNT, OUT, IS_REAL, TRAINED = range(6)
GENERATOR, NUMBERS, WAVES, ANGLE = range(4)

_REACH = 1e5
_P1, _P2, _P3 = 1.5707963267341256, 6.077100506303966e-11, 2.0222662487959506e-21


@helper(LIBRARY)
def wave(x: float) -> Any:
    """(cos x, sin x): reduced by multiples of a quarter turn in three parts, then by polynomials, without a branch."""
    k = math.floor(x * 0.6366197723675814 + 0.5)
    r = ((x - k * _P1) - k * _P2) - k * _P3
    q = k - 4.0 * math.floor(k * 0.25)
    z = r * r
    s = r + r * z * (
        -1.6666666666666632e-1
        + z
        * (
            8.333333333322490e-3
            + z
            * (
                -1.984126982985795e-4
                + z * (2.7557313707070068e-6 + z * (-2.5050760253406863e-8 + z * 1.58969099521155e-10))
            )
        )
    )
    c = (
        1.0
        - 0.5 * z
        + z
        * z
        * (
            4.16666666666666e-2
            + z
            * (
                -1.388888888887411e-3
                + z
                * (
                    2.480158728947673e-5
                    + z * (-2.7557314351390663e-7 + z * (2.087572321298175e-9 - z * 1.1359647557788195e-11))
                )
            )
        )
    )
    odd = q == 1.0 or q == 3.0
    cosine = s if odd else c
    sine = c if odd else s
    return (-cosine if q == 1.0 or q == 2.0 else cosine), (-sine if q >= 2.0 else sine)


@helper(LIBRARY)
def factor(factors: Any, numbers: Any, angles: Any, f: int, d: int, start: int, lanes: int, work: Any, at: int) -> None:
    """The matrix of factor f for a block of columns: real parts in rows `at` on of `work`, then imaginary ones."""
    width = work.shape[1]
    size = d * d
    base = factors[f, NUMBERS]
    if factors[f, GENERATOR] == 0:
        for e in range(2 * size):
            value = numbers[base + e]
            for c in range(width):
                work[at + e, c] = value
        return
    waves = factors[f, WAVES]
    row = factors[f, ANGLE]
    trig = at + 2 * size
    for w in range(waves):
        frequency = numbers[base + w]
        far = False
        for c in range(lanes):
            x = angles[row, start + c] * frequency
            work[trig + 2 * w, c] = x
            far |= not (abs(x) < _REACH)
        for c in range(lanes, width):
            work[trig + 2 * w, c] = 0.0
        if far:
            for c in range(width):
                x = work[trig + 2 * w, c]
                work[trig + 2 * w, c] = math.cos(x)
                work[trig + 2 * w + 1, c] = math.sin(x)
        else:
            for c in range(width):
                cosine, sine = wave(work[trig + 2 * w, c])
                work[trig + 2 * w, c] = cosine
                work[trig + 2 * w + 1, c] = sine
    part = base + waves
    for e in range(2 * size):
        value = numbers[part + e]
        for c in range(width):
            work[at + e, c] = value
        for t in range(2 * waves):
            value = numbers[part + (1 + t) * 2 * size + e]
            if value != 0.0:
                for c in range(width):
                    work[at + e, c] += value * work[trig + t, c]


@helper(LIBRARY)
def multiply(work: Any, out: int, left: int, right: int, d: int, turn_left: int, turn_right: int) -> None:
    """Rows `out` on become left times right, matrices in rows; `turn_left` takes the left one transposed, `turn_right`
    the right one conjugated."""
    width = work.shape[1]
    size = d * d
    for a in range(d):
        for b in range(d):
            e = a * d + b
            for c in range(width):
                work[out + e, c] = 0.0
                work[out + size + e, c] = 0.0
            for k in range(d):
                i = left + (k * d + a if turn_left else a * d + k)
                j = right + k * d + b
                sign = -1.0 if turn_right else 1.0
                for c in range(width):
                    xr = work[i, c]
                    xi = work[size + i, c]
                    yr = work[j, c]
                    yi = sign * work[size + j, c]
                    work[out + e, c] += xr * yr - xi * yi
                    work[out + size + e, c] += xr * yi + xi * yr


@native(LIBRARY, "void(i8[:,::1], i8[:,::1], f8[::1], f8[:,::1], f8[:,::1], f8[:,::1])")
def matrices(blocks: Any, factors: Any, numbers: Any, angles: Any, work: Any, out: Any) -> None:
    """The matrices of blocks at angles [angle, column]: entries by rows of `out`, [a, b] real, then imaginary."""
    width = work.shape[1]
    columns = out.shape[1]
    for n in range(blocks.shape[0]):
        d = blocks[n, DIMENSION]
        size = d * d
        first = blocks[n, FIRST]
        to = blocks[n, OUT]
        parts = size if blocks[n, IS_REAL] else 2 * size
        for start in range(0, columns, width):
            lanes = min(width, columns - start)
            now = 0
            factor(factors, numbers, angles, first, d, start, lanes, work, now)
            for f in range(first + 1, first + blocks[n, COUNT]):
                factor(factors, numbers, angles, f, d, start, lanes, work, 64)
                multiply(work, 32 - now, 64, now, d, 0, 0)
                now = 32 - now
            for e in range(parts):
                for c in range(lanes):
                    out[to + e, start + c] = work[now + e, c]


@native(LIBRARY, "void(i8[:,::1], i8[:,::1], f8[::1], f8[:,::1], f8[:,::1], f8[:,::1], i8[::1], i8, f8[:,::1])")
def slopes(
    blocks: Any,
    factors: Any,
    numbers: Any,
    angles: Any,
    small: Any,
    work: Any,
    starts: Any,
    complexes: int,
    out: Any,
) -> None:
    """Slopes by angles, [angle, column], of the scalar whose K[a, b] behind each block lies in rows of `small`, as
    `matrices.slopes` has it; `starts[block]` is the first row, negative for blocks without angles."""
    width = work.shape[1]
    columns = out.shape[1]
    for n in range(blocks.shape[0]):
        if starts[n] < 0:
            continue
        d = blocks[n, DIMENSION]
        size = d * d
        first = blocks[n, FIRST]
        for start in range(0, columns, width):
            lanes = min(width, columns - start)
            now = 0
            for e in range(2 * size):
                if e < size or complexes:
                    for c in range(lanes):
                        work[e, c] = small[starts[n] + e, start + c]
                else:
                    for c in range(lanes):
                        work[e, c] = 0.0
                for c in range(lanes, width):
                    work[e, c] = 0.0
            left = 0
            for f in range(first, first + blocks[n, COUNT]):
                left += factors[f, GENERATOR]
            for f in range(first + blocks[n, COUNT] - 1, first - 1, -1):
                if factors[f, GENERATOR]:
                    row = factors[f, ANGLE]
                    turn = factors[f, NUMBERS] + factors[f, WAVES] + (1 + 2 * factors[f, WAVES]) * 2 * size
                    for c in range(width):
                        work[96, c] = 0.0
                    for e in range(size):
                        real = 2.0 * numbers[turn + e]
                        imaginary = 2.0 * numbers[turn + size + e]
                        if real != 0.0 or imaginary != 0.0:
                            for c in range(width):
                                work[96, c] += real * work[now + e, c] - imaginary * work[now + size + e, c]
                    for c in range(lanes):
                        out[row, start + c] = work[96, c]
                    left -= 1
                if left == 0:
                    break
                # K before a factor M is M^T K conj(M).
                other = 32 if now == 0 else 0
                factor(factors, numbers, angles, f, d, start, lanes, work, 64)
                multiply(work, other, 64, now, d, 1, 0)
                multiply(work, now, other, 64, d, 0, 1)


@helper(LIBRARY)
def load(coefficients: Any, fixed: Any, row: Any, start: int, lanes: int, work: Any) -> None:
    """The matrix of a block for a block of columns: rows 0 to d * d of `work` are real, those from 16 on imaginary."""
    width = work.shape[1]
    d = 4 if row[CODE] == TWO else 2
    size = d * d
    for part in range(1 if row[REAL] else 2):
        for e in range(size):
            at = row[ENTRY] + part * size + e
            to = part * 16 + e
            if row[SHARED]:
                for c in range(width):
                    work[to, c] = fixed[at, 0]
            else:
                for c in range(lanes):
                    work[to, c] = coefficients[at, start + c]
                for c in range(lanes, width):
                    work[to, c] = 0.0


@helper(LIBRARY)
def turn_one(re: Any, im: Any, d: int, stride: int, work: Any, real: int) -> None:
    """A 2 by 2 matrix on the pairs of rows that are a stride apart."""
    width = work.shape[1]
    split = im.shape[0] > 0
    for base in range(0, d, 2 * stride):
        for i in range(base, base + stride):
            j = i + stride
            if not split or real:
                turn_pair(re, i, j, work, width)
                if split:
                    turn_pair(im, i, j, work, width)
                continue
            for c in range(width):
                x = re[i, c]
                y = re[j, c]
                u = im[i, c]
                v = im[j, c]
                re[i, c] = work[0, c] * x + work[1, c] * y - work[16, c] * u - work[17, c] * v
                im[i, c] = work[0, c] * u + work[1, c] * v + work[16, c] * x + work[17, c] * y
                re[j, c] = work[2, c] * x + work[3, c] * y - work[18, c] * u - work[19, c] * v
                im[j, c] = work[2, c] * u + work[3, c] * v + work[18, c] * x + work[19, c] * y


@helper(LIBRARY)
def turn_pair(rows: Any, i: int, j: int, work: Any, width: int) -> None:
    """A real 2 by 2 matrix on two rows."""
    for c in range(width):
        x = rows[i, c]
        y = rows[j, c]
        rows[i, c] = work[0, c] * x + work[1, c] * y
        rows[j, c] = work[2, c] * x + work[3, c] * y


@helper(LIBRARY)
def turn_two(re: Any, im: Any, d: int, high: int, low: int, flips: int, work: Any, real: int) -> None:
    """A 4 by 4 matrix on rows whose numbers differ in two bits; only entries [a, a ^ x] for x marked in `flips`."""
    width = work.shape[1]
    split = im.shape[0] > 0
    for i in range(d):
        if i & high or i & low:
            continue
        for a in range(4):
            j = i + (high if a & 2 else 0) + (low if a & 1 else 0)
            for c in range(width):
                work[32 + a, c] = re[j, c]
                re[j, c] = 0.0
            if split:
                for c in range(width):
                    work[36 + a, c] = im[j, c]
                    im[j, c] = 0.0
        for a in range(4):
            j = i + (high if a & 2 else 0) + (low if a & 1 else 0)
            for x in range(4):
                if not (flips >> x) & 1:
                    continue
                b = a ^ x
                e = a * 4 + b
                for c in range(width):
                    re[j, c] += work[e, c] * work[32 + b, c]
                if split:
                    for c in range(width):
                        im[j, c] += work[e, c] * work[36 + b, c]
                    if not real:
                        for c in range(width):
                            re[j, c] -= work[16 + e, c] * work[36 + b, c]
                            im[j, c] += work[16 + e, c] * work[32 + b, c]


@helper(LIBRARY)
def move(re: Any, im: Any, d: int, tables: Any, at: int, phases: Any, phase: int, spare: Any, sign: float) -> None:
    """new[i] = phase[i] old[tables[at + i]], or with sign -1 its inverse, where `at` gives the inverse's table."""
    width = spare.shape[1]
    split = im.shape[0] > 0
    for i in range(d):
        for c in range(width):
            spare[i, c] = re[i, c]
        if split:
            for c in range(width):
                spare[d + i, c] = im[i, c]
    for i in range(d):
        j = tables[at + i]
        x = 1.0
        y = 0.0
        if phase >= 0:
            k = phase + 2 * (j if sign < 0 else i)
            x = phases[k]
            y = sign * phases[k + 1]
        for c in range(width):
            re[i, c] = x * spare[j, c]
        if split:
            for c in range(width):
                im[i, c] = x * spare[d + j, c]
            if y != 0.0:
                for c in range(width):
                    re[i, c] -= y * spare[d + j, c]
                    im[i, c] += y * spare[j, c]


@helper(LIBRARY)
def grow(re: Any, im: Any, stride: int, work: Any, real: int) -> None:
    """The product with a one-qubit state, the first column of a matrix: `stride` rows become twice as many."""
    width = work.shape[1]
    split = im.shape[0] > 0
    for i in range(stride):
        j = i + stride
        if split and not real:
            for c in range(width):
                x = re[i, c]
                u = im[i, c]
                re[i, c] = work[0, c] * x - work[16, c] * u
                im[i, c] = work[0, c] * u + work[16, c] * x
                re[j, c] = work[2, c] * x - work[18, c] * u
                im[j, c] = work[2, c] * u + work[18, c] * x
            continue
        for c in range(width):
            x = re[i, c]
            re[i, c] = work[0, c] * x
            re[j, c] = work[2, c] * x
        if split:
            for c in range(width):
                u = im[i, c]
                im[i, c] = work[0, c] * u
                im[j, c] = work[2, c] * u


@helper(LIBRARY)
def shrink(re: Any, im: Any, stride: int, work: Any, real: int) -> None:
    """The inverse of `grow`, which contracts with the conjugate of the one-qubit state."""
    width = work.shape[1]
    split = im.shape[0] > 0
    for i in range(stride):
        j = i + stride
        if split and not real:
            for c in range(width):
                x = re[i, c]
                y = re[j, c]
                u = im[i, c]
                v = im[j, c]
                re[i, c] = work[0, c] * x + work[2, c] * y + work[16, c] * u + work[18, c] * v
                im[i, c] = work[0, c] * u + work[2, c] * v - work[16, c] * x - work[18, c] * y
            continue
        for c in range(width):
            re[i, c] = work[0, c] * re[i, c] + work[2, c] * re[j, c]
        if split:
            for c in range(width):
                im[i, c] = work[0, c] * im[i, c] + work[2, c] * im[j, c]


@helper(LIBRARY)
def inverse(work: Any, d: int, real: int) -> None:
    """The matrix in `work` becomes its conjugate transpose."""
    width = work.shape[1]
    for a in range(d):
        for b in range(a, d):
            e = a * d + b
            f = b * d + a
            for c in range(width):
                x = work[e, c]
                work[e, c] = work[f, c]
                work[f, c] = x
                if not real:
                    u = work[16 + e, c]
                    work[16 + e, c] = -work[16 + f, c]
                    work[16 + f, c] = -u


@helper(LIBRARY)
def contract(
    ket_re: Any, ket_im: Any, bra_re: Any, bra_im: Any, d: int, size: int, high: int, low: int, flips: int, work: Any
) -> None:
    """K[a, b] = sum of conj(bra[a]) ket[b] over the rows that agree in all other bits, into rows of `work` from 48 on:
    real parts, and from 64 on imaginary ones."""
    width = work.shape[1]
    split = ket_im.shape[0] > 0
    for e in range(size * size):
        for c in range(width):
            work[48 + e, c] = 0.0
            work[64 + e, c] = 0.0
    for i in range(d):
        if i & high or i & low:
            continue
        for a in range(size):
            p = i + (low if a & 1 else 0) + (high if a & 2 else 0)
            for x in range(size):
                if not (flips >> x) & 1:
                    continue
                b = a ^ x
                q = i + (low if b & 1 else 0) + (high if b & 2 else 0)
                e = a * size + b
                if split:
                    for c in range(width):
                        work[48 + e, c] += bra_re[p, c] * ket_re[q, c] + bra_im[p, c] * ket_im[q, c]
                        work[64 + e, c] += bra_re[p, c] * ket_im[q, c] - bra_im[p, c] * ket_re[q, c]
                else:
                    for c in range(width):
                        work[48 + e, c] += bra_re[p, c] * ket_re[q, c]


@native(
    LIBRARY,
    "void(i8[:,::1], f8[:,::1], f8[:,::1], i8[::1], f8[::1], f8[:,::1], f8[:,::1],"
    " f8[:,::1], f8[:,::1], f8[:,::1], f8[:,::1])",
)
def forward(
    program: Any,
    coefficients: Any,
    fixed: Any,
    tables: Any,
    phases: Any,
    re: Any,
    im: Any,
    here_re: Any,
    here_im: Any,
    spare: Any,
    work: Any,
) -> None:
    """All operations of a program on a state, in place."""
    width = work.shape[1]
    d, columns = re.shape
    for start in range(0, columns, width):
        lanes = min(width, columns - start)
        for i in range(d):
            for c in range(lanes):
                here_re[i, c] = re[i, start + c]
            for c in range(lanes, width):
                here_re[i, c] = 0.0
        for i in range(im.shape[0]):
            for c in range(lanes):
                here_im[i, c] = im[i, start + c]
            for c in range(lanes, width):
                here_im[i, c] = 0.0
        for n in range(program.shape[0]):
            row = program[n]
            code = row[CODE]
            if code == GATHER:
                move(here_re, here_im, d, tables, row[TABLE], phases, row[PHASE], spare, 1.0)
                continue
            if code == ZERO:
                for i in range(row[LOW]):
                    for c in range(width):
                        here_re[i + row[LOW], c] = 0.0
                        if here_im.shape[0]:
                            here_im[i + row[LOW], c] = 0.0
                continue
            load(coefficients, fixed, row, start, lanes, work)
            if code == GROW:
                grow(here_re, here_im, row[LOW], work, row[REAL])
            elif code == ONE:
                turn_one(here_re, here_im, d, row[LOW], work, row[REAL])
            else:
                turn_two(here_re, here_im, d, row[HIGH], row[LOW], row[FLIPS], work, row[REAL])
        for i in range(d):
            for c in range(lanes):
                re[i, start + c] = here_re[i, c]
        for i in range(im.shape[0]):
            for c in range(lanes):
                im[i, start + c] = here_im[i, c]


@native(
    LIBRARY,
    "void(i8[:,::1], f8[:,::1], f8[:,::1], i8[::1], f8[::1], f8[:,::1], f8[:,::1], f8[:,::1], f8[:,::1],"
    " f8[:,::1], f8[:,::1], f8[:,::1], f8[:,::1], f8[:,::1], f8[:,::1], f8[:,::1])",
)
def backward(
    program: Any,
    coefficients: Any,
    fixed: Any,
    tables: Any,
    phases: Any,
    ket_re: Any,
    ket_im: Any,
    bra_re: Any,
    bra_im: Any,
    k_re: Any,
    k_im: Any,
    b_re: Any,
    b_im: Any,
    spare: Any,
    work: Any,
    small: Any,
) -> None:
    """All operations of a program undone on a costate (`bra`, in place) and, in blocks of columns, on its state (`ket`,
    which stays); K of the blocks with angles is written to rows of `small`, [a, b] real, then imaginary."""
    width = work.shape[1]
    d, columns = bra_re.shape
    for start in range(0, columns, width):
        lanes = min(width, columns - start)
        for i in range(d):
            for c in range(lanes):
                k_re[i, c] = ket_re[i, start + c]
                b_re[i, c] = bra_re[i, start + c]
            for c in range(lanes, width):
                k_re[i, c] = 0.0
                b_re[i, c] = 0.0
        for i in range(ket_im.shape[0]):
            for c in range(lanes):
                k_im[i, c] = ket_im[i, start + c]
                b_im[i, c] = bra_im[i, start + c]
            for c in range(lanes, width):
                k_im[i, c] = 0.0
                b_im[i, c] = 0.0
        for n in range(program.shape[0] - 1, -1, -1):
            row = program[n]
            code = row[CODE]
            if code == GATHER:
                move(k_re, k_im, d, tables, row[TABLE] + d, phases, row[PHASE], spare, -1.0)
                move(b_re, b_im, d, tables, row[TABLE] + d, phases, row[PHASE], spare, -1.0)
                continue
            if code == ZERO:
                continue
            load(coefficients, fixed, row, start, lanes, work)
            size = 4 if code == TWO else 2
            if row[SMALL] >= 0:
                reach = 2 * row[LOW] if code == GROW else d
                contract(k_re, k_im, b_re, b_im, reach, size, row[HIGH], row[LOW], row[FLIPS], work)
                for e in range(size * size):
                    for c in range(lanes):
                        small[row[SMALL] + e, start + c] = work[48 + e, c]
                        if ket_im.shape[0]:
                            small[row[SMALL] + size * size + e, start + c] = work[64 + e, c]
            if code == GROW:
                shrink(k_re, k_im, row[LOW], work, row[REAL])
                shrink(b_re, b_im, row[LOW], work, row[REAL])
                continue
            inverse(work, size, row[REAL])
            if code == ONE:
                turn_one(k_re, k_im, d, row[LOW], work, row[REAL])
                turn_one(b_re, b_im, d, row[LOW], work, row[REAL])
            else:
                turn_two(k_re, k_im, d, row[HIGH], row[LOW], row[FLIPS], work, row[REAL])
                turn_two(b_re, b_im, d, row[HIGH], row[LOW], row[FLIPS], work, row[REAL])
        for i in range(d):
            for c in range(lanes):
                bra_re[i, start + c] = b_re[i, c]
        for i in range(bra_im.shape[0]):
            for c in range(lanes):
                bra_im[i, start + c] = b_im[i, c]


@native(LIBRARY, "void(f8[:,::1], f8[:,::1])")
def features(state: Any, out: Any) -> None:
    """psi_i psi_j for i <= j of real states."""
    d, columns = state.shape
    at = 0
    for i in range(d):
        for j in range(i, d):
            for c in range(columns):
                out[at, c] = state[i, c] * state[j, c]
            at += 1


@native(LIBRARY, "void(f8[:,::1], f8[:,::1], f8[:,::1])")
def applied(summed: Any, state: Any, out: Any) -> None:
    """For each column the symmetric matrix whose upper triangle is a column of `summed`, times a real state."""
    d, columns = state.shape
    for i in range(d):
        for c in range(columns):
            out[i, c] = 0.0
    at = 0
    for i in range(d):
        for j in range(i, d):
            for c in range(columns):
                out[i, c] += summed[at, c] * state[j, c]
            if i != j:
                for c in range(columns):
                    out[j, c] += summed[at, c] * state[i, c]
            at += 1


@native(LIBRARY, "void(f8[:,::1], f8[:,::1], i8[::1], i8[::1], f8[::1], i8[::1], f8[:,::1])")
def expectations(re: Any, im: Any, flips: Any, signs: Any, coefficients: Any, results: Any, out: Any) -> None:
    """Adds the expectations of Pauli products to `out` [result, column]: term t flips the bits of flips[t] and has the
    sign of the parity of the bits in signs[t]; its number of Y is that of the bits in both."""
    d, columns = re.shape
    for t in range(flips.shape[0]):
        x = flips[t]
        z = signs[t]
        ys = parity_count(x & z)
        weight = coefficients[t] * (1.0 if ys % 4 in (0, 3) else -1.0)
        to = results[t]
        for i in range(d):
            j = i ^ x
            if j < i:
                continue
            sign = weight * (-1.0 if parity_count(z & i) & 1 else 1.0)
            if j != i:
                sign *= 2.0
            if ys % 2 == 0:
                for c in range(columns):
                    out[to, c] += sign * re[i, c] * re[j, c]
                if im.shape[0]:
                    for c in range(columns):
                        out[to, c] += sign * im[i, c] * im[j, c]
            elif im.shape[0]:
                for c in range(columns):
                    out[to, c] += sign * (re[j, c] * im[i, c] - im[j, c] * re[i, c])


@native(LIBRARY, "void(f8[:,::1], f8[:,::1], i8[::1], i8[::1], f8[::1], i8[::1], f8[:,::1], f8[:,::1], f8[:,::1])")
def expectations_back(
    re: Any, im: Any, flips: Any, signs: Any, coefficients: Any, results: Any, bars: Any, out_re: Any, out_im: Any
) -> None:
    """Adds to `out` the sum over terms of bars[result, column] times the product applied to the state."""
    d, columns = re.shape
    for t in range(flips.shape[0]):
        x = flips[t]
        z = signs[t]
        ys = parity_count(x & z)
        weight = coefficients[t] * (1.0 if ys % 4 in (0, 3) else -1.0)
        bar = results[t]
        for i in range(d):
            j = i ^ x
            sign = weight * (-1.0 if parity_count(z & i) & 1 else 1.0)
            if ys % 2 == 0:
                for c in range(columns):
                    out_re[i, c] += sign * bars[bar, c] * re[j, c]
                if im.shape[0]:
                    for c in range(columns):
                        out_im[i, c] += sign * bars[bar, c] * im[j, c]
            elif im.shape[0]:
                for c in range(columns):
                    out_re[i, c] -= sign * bars[bar, c] * im[j, c]
                    out_im[i, c] += sign * bars[bar, c] * re[j, c]


@native(LIBRARY, "void(f8[:,::1], f8[:,::1], i8[::1], i8[::1], f8[::1], i8[::1], i8[::1], f8[:,:,::1])")
def conjugated(
    re: Any, im: Any, flips: Any, signs: Any, coefficients: Any, results: Any, members: Any, out: Any
) -> None:
    """Adds the real part of U^T conjugate P U to `out` [result, i, j] for the Pauli products P, as in `expectations`;
    the matrices U are side by side, [2^wires, member * 2^wires]. Of the symmetric result only i <= j is whole."""
    d = re.shape[0]
    for t in range(flips.shape[0]):
        x = flips[t]
        z = signs[t]
        ys = parity_count(x & z)
        weight = coefficients[t] * (1.0 if ys % 4 in (0, 3) else -1.0)
        to = results[t]
        start = members[t] * d
        odd = ys % 2
        for a in range(d):
            b = a ^ x
            sign = weight * (-1.0 if parity_count(z & a) & 1 else 1.0)
            for i in range(0, d, 2):
                p = sign * (im[a, start + i] if odd else re[a, start + i])
                q = sign * (-re[a, start + i] if odd else im[a, start + i])
                r = sign * (im[a, start + i + 1] if odd else re[a, start + i + 1])
                s = sign * (-re[a, start + i + 1] if odd else im[a, start + i + 1])
                for j in range(i, d):
                    out[to, i, j] += p * re[b, start + j] + q * im[b, start + j]
                    out[to, i + 1, j] += r * re[b, start + j] + s * im[b, start + j]


@native(
    LIBRARY,
    "void(f8[:,::1], f8[:,::1], i8[::1], i8[::1], f8[::1], i8[::1], i8[::1], f8[:,:,::1], f8[:,::1],"
    " f8[:,::1], f8[:,::1])",
)
def conjugated_back(
    re: Any,
    im: Any,
    flips: Any,
    signs: Any,
    coefficients: Any,
    results: Any,
    members: Any,
    sums: Any,
    work: Any,
    out_re: Any,
    out_im: Any,
) -> None:
    """Adds P U W to `out`, side by side as U is, for the real symmetric W of each result, [result, i, j]."""
    d = re.shape[0]
    for t in range(flips.shape[0]):
        x = flips[t]
        z = signs[t]
        ys = parity_count(x & z)
        weight = coefficients[t] * (1.0 if ys % 4 in (0, 3) else -1.0)
        at = results[t]
        start = members[t] * d
        for a in range(d):
            b = a ^ x
            sign = weight * (-1.0 if parity_count(z & a) & 1 else 1.0)
            for j in range(d):
                work[0, j] = 0.0
                work[1, j] = 0.0
            for i in range(d):
                u = sign * re[b, start + i]
                v = sign * im[b, start + i]
                for j in range(d):
                    work[0, j] += u * sums[at, i, j]
                    work[1, j] += v * sums[at, i, j]
            if ys % 2 == 0:
                for j in range(d):
                    out_re[a, start + j] += work[0, j]
                    out_im[a, start + j] += work[1, j]
            else:
                for j in range(d):
                    out_re[a, start + j] -= work[1, j]
                    out_im[a, start + j] += work[0, j]


@helper(LIBRARY)
def parity_count(bits: int) -> int:
    """How many bits are set."""
    count = 0
    while bits:
        bits &= bits - 1
        count += 1
    return count
