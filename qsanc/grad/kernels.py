"""The operations of the model graph as native code: one kernel that interprets a table of instructions.

Each instruction is a row of int64: what to do, the buffers it concerns, and sizes that no batch changes. Reals of all
buffers stand in one array `f8`, ints in another; a batch is described by where each buffer begins there, by the number
of rows of each row space and by the lengths of its dims. So nothing here belongs to a program or to a batch.

    column 0   what to do, a number of `OPCODES`
           1   0 sets the result, 1 adds to it
           2   the buffer of the result
           3.. up to three buffers of operands, given as 0 where there are none
           6   the row space
           7   the depth of the rows of an operand within it
           8.. sizes, by instruction

In row space (record, d1, ..., dk), segments at depth p are those of `ir.layout`: in a record they are all of one
length, the product of the lengths of the dims from p on, and the product of those before is their number.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from qsanc.fast import Library, helper, native

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]
Table: TypeAlias = NDArray[np.int64]

LIBRARY = Library("graph")

COLUMNS = 14

# what to do

COPY, NEG, EXP, LOG, SQRT, SIN, COS, TANH, SIGMOID, RELU, ABS = range(11)
ADD, SUB, MUL, DIV, POW = range(11, 16)
SQRT_BACK, SIN_BACK, COS_BACK, TANH_BACK, SIGMOID_BACK, RELU_BACK, ABS_BACK = range(16, 23)
DIV_RIGHT, POW_BASE, POW_EXPONENT = range(23, 26)
MOVE, ZERO, SEED, BROADCAST, BROADCAST_BACK = range(26, 31)
SUM, SUM_BACK, SOFTMAX, SOFTMAX_BACK, LAYERNORM, LAYERNORM_BACK = range(31, 37)
SUM_TOKENS, SUM_TOKENS_BACK, SOFTMAX_TOKENS, SOFTMAX_TOKENS_BACK = range(37, 41)
TOKEN, TOKEN_BACK, NORMALIZE, NORMALIZE_BACK = range(41, 45)
GATHER, GATHER_BACK, PICK, PICK_BACK = range(45, 49)
MATMUL, MATMUL_LEFT, MATMUL_RIGHT = range(49, 52)
SPREAD_LEFT, SPREAD_LEFT_BACK, SPREAD_RIGHT, SPREAD_RIGHT_BACK, CAUSAL, CAUSAL_BACK = range(52, 58)
ATTEND, ATTEND_WEIGHTS, ATTEND_VALUES = range(58, 61)
SIGMOID_CE, SIGMOID_CE_LOGIT, SIGMOID_CE_LABEL, SOFTMAX_CE, SOFTMAX_CE_BACK = range(61, 66)


@helper(LIBRARY)
def lengths_from(lengths: Table, dims: Table, space: int, record: int, first: int, last: int) -> int:
    """The product of the lengths, in a record, of dims first .. last - 1 of a row space; dim 0 follows `record`."""
    product = 1
    for k in range(first, last):
        product *= lengths[dims[space, k], record]
    return product


BLOCK = 256
"""Numbers whose exponentials are taken at once."""
LOWEST, HIGHEST = -750.0, 710.0
LOG_2_HIGH, LOG_2_LOW = 0.6931471803691238, 1.9082149292705877e-10
"""Their sum is log 2, and the first has 32 digits, so that its multiples are exact."""
INVERSE_LOG_2 = 1.4426950408889634
C3, C4, C5, C6 = 1 / 6, 1 / 24, 1 / 120, 1 / 720
C7, C8, C9, C10 = 1 / 5040, 1 / 40320, 1 / 362880, 1 / 3628800
C11, C12, C13 = 1 / 39916800, 1 / 479001600, 1 / 6227020800


# element by element: y from x (and z); with `add` to what is there


@helper(LIBRARY)
def copy(y: Floats, x: Floats, add: int) -> None:
    if add:
        for i in range(y.shape[0]):
            y[i] += x[i]
    else:
        for i in range(y.shape[0]):
            y[i] = x[i]


@helper(LIBRARY)
def neg(y: Floats, x: Floats, add: int) -> None:
    if add:
        for i in range(y.shape[0]):
            y[i] -= x[i]
    else:
        for i in range(y.shape[0]):
            y[i] = -x[i]


@helper(LIBRARY)
def sigmoid_of(x: float) -> float:
    """1 / (1 + exp(-x)), without overflow."""
    e = np.exp(-abs(x))
    return (1.0 if x >= 0.0 else e) / (1.0 + e) if x == x else x


@helper(LIBRARY)
def softplus_of(x: float) -> float:
    """log(1 + exp x), without overflow."""
    return (x if x > 0.0 else 0.0) + np.log1p(np.exp(-abs(x))) if x == x else x


@helper(LIBRARY)
def exponential(y: Floats, x: Floats, less: float, bits: Ints, powers: Floats) -> None:
    """y = exp(x - less), to a few units in the last place; `bits` and `powers` are the same 2 `BLOCK` words.

    With k = round(x / log 2) and r = x - k log 2, exp x = 2^k exp r, and |r| is so small that a polynomial gives exp r.
    log 2 is subtracted in two parts (Cody and Waite), with memory between them: in one sum a compiler that may change
    the order of sums makes them one again. The power is a product of two that are numbers in all cases, and made from
    their bits. All of this is done for many numbers at once, which the exponential of the C library is not.
    """
    for first in range(0, x.shape[0], BLOCK):
        some, to = x[first : first + BLOCK], y[first : first + BLOCK]
        count = some.shape[0]
        for i in range(count):
            value = some[i] - less
            inside = min(max(value, LOWEST), HIGHEST) if value == value else 0.0
            k = np.floor(inside * INVERSE_LOG_2 + 0.5)
            to[i] = inside - k * LOG_2_HIGH if value == value else value
            bits[i] = np.int32(k)
        for i in range(count):
            r = to[i] - np.int32(bits[i]) * LOG_2_LOW
            p = C13
            p = p * r + C12
            p = p * r + C11
            p = p * r + C10
            p = p * r + C9
            p = p * r + C8
            p = p * r + C7
            p = p * r + C6
            p = p * r + C5
            p = p * r + C4
            p = p * r + C3
            p = p * r + 0.5
            p = p * r + 1.0
            to[i] = p * r + 1.0
        for i in range(count):
            bits[BLOCK + i] = ((bits[i] - (bits[i] >> 1)) + 1023) << 52
            bits[i] = ((bits[i] >> 1) + 1023) << 52
        for i in range(count):
            to[i] = to[i] * powers[i] * powers[BLOCK + i]


@helper(LIBRARY)
def unary(what: int, y: Floats, x: Floats, bits: Ints, powers: Floats) -> None:
    n = y.shape[0]
    if what == EXP:
        exponential(y, x, 0.0, bits, powers)
    elif what == LOG:
        for i in range(n):
            y[i] = np.log(x[i])
    elif what == SQRT:
        for i in range(n):
            y[i] = np.sqrt(x[i])
    elif what == SIN:
        for i in range(n):
            y[i] = np.sin(x[i])
    elif what == COS:
        for i in range(n):
            y[i] = np.cos(x[i])
    elif what == TANH:
        for i in range(n):
            y[i] = np.tanh(x[i])
    elif what == SIGMOID:
        for i in range(n):
            y[i] = sigmoid_of(x[i])
    elif what == RELU:
        for i in range(n):
            y[i] = 0.0 if x[i] <= 0.0 else x[i]
    elif what == ABS:
        for i in range(n):
            y[i] = abs(x[i])


@helper(LIBRARY)
def binary(what: int, y: Floats, x: Floats, z: Floats, add: int) -> None:
    n = y.shape[0]
    if what == MUL:
        if add:
            for i in range(n):
                y[i] += x[i] * z[i]
        else:
            for i in range(n):
                y[i] = x[i] * z[i]
    elif what == ADD:
        for i in range(n):
            y[i] = x[i] + z[i]
    elif what == SUB:
        for i in range(n):
            y[i] = x[i] - z[i]
    elif what == DIV:
        if add:
            for i in range(n):
                y[i] += x[i] / z[i]
        else:
            for i in range(n):
                y[i] = x[i] / z[i]
    elif what == POW:
        for i in range(n):
            y[i] = x[i] ** z[i]


@helper(LIBRARY)
def slope(what: int, x: float, z: float, y: float, g: float) -> float:
    """The cotangent of x (of z where so named) from that of y, g."""
    if what == SQRT_BACK:
        return 0.5 * g / y
    if what == SIN_BACK:
        return g * float(np.cos(x))
    if what == COS_BACK:
        return -g * float(np.sin(x))
    if what == TANH_BACK:
        return g * (1.0 - y * y)
    if what == SIGMOID_BACK:
        return g * y * (1.0 - y)
    if what == RELU_BACK:
        return g if x > 0.0 else 0.0
    if what == ABS_BACK:
        return g if x > 0.0 else -g if x < 0.0 else g * x
    if what == DIV_RIGHT:
        return -g * y / z
    if what == POW_BASE:
        return g * 0.0 if z == 0.0 else g * z * x ** (z - 1.0)
    return g * 0.0 if x == 0.0 else g * y * np.log(x)


@helper(LIBRARY)
def elementwise_back(what: int, out: Floats, g: Floats, x: Floats, z: Floats, y: Floats, add: int) -> None:
    for i in range(out.shape[0]):
        value = slope(what, x[i], z[i], y[i], g[i])
        out[i] = out[i] + value if add else value


# places within the static axes


@helper(LIBRARY)
def move(
    y: Floats, x: Floats, count: int, width: int, y_stride: int, y_first: int, x_stride: int, x_first: int, add: int
) -> None:
    """y[k, y_first:][:width] = x[k, x_first:][:width], for rows of these strides."""
    for k in range(count):
        to, of = k * y_stride + y_first, k * x_stride + x_first
        if add:
            for i in range(width):
                y[to + i] += x[of + i]
        else:
            for i in range(width):
                y[to + i] = x[of + i]


@helper(LIBRARY)
def zero(y: Floats) -> None:
    for i in range(y.shape[0]):
        y[i] = 0.0


# reductions along a static axis: x is [outer, axis, inner]


@helper(LIBRARY)
def sum_static(y: Floats, x: Floats, outer: int, axis: int, inner: int, divisor: float) -> None:
    for o in range(outer):
        to = y[o * inner : (o + 1) * inner]
        zero(to)
        for a in range(axis):
            of = x[(o * axis + a) * inner : (o * axis + a + 1) * inner]
            for i in range(inner):
                to[i] += of[i]
        for i in range(inner):
            to[i] /= divisor


@helper(LIBRARY)
def sum_static_back(out: Floats, g: Floats, outer: int, axis: int, inner: int, divisor: float, add: int) -> None:
    for o in range(outer):
        of = g[o * inner : (o + 1) * inner]
        for a in range(axis):
            to = out[(o * axis + a) * inner : (o * axis + a + 1) * inner]
            if add:
                for i in range(inner):
                    to[i] += of[i] / divisor
            else:
                for i in range(inner):
                    to[i] = of[i] / divisor


@helper(LIBRARY)
def softmax_run(y: Floats, x: Floats, count: int, stride: int, bits: Ints, powers: Floats) -> None:
    """Softmax of x[0], x[stride], x[2 stride], ..., so many of them."""
    largest = -np.inf
    for a in range(count):
        value = x[a * stride]
        if value > largest or value != value:
            largest = value
    if largest == -np.inf:
        largest = 0.0
    total = 0.0
    if stride == 1:
        exponential(y[:count], x[:count], largest, bits, powers)
        for a in range(count):
            total += y[a]
    else:
        for a in range(count):
            y[a * stride] = np.exp(x[a * stride] - largest)
            total += y[a * stride]
    if total == 0.0:
        total = 1.0
    for a in range(count):
        y[a * stride] /= total


@helper(LIBRARY)
def softmax_run_back(out: Floats, g: Floats, y: Floats, count: int, stride: int, add: int) -> None:
    along = 0.0
    for a in range(count):
        along += y[a * stride] * g[a * stride]
    for a in range(count):
        value = y[a * stride] * (g[a * stride] - along)
        out[a * stride] = out[a * stride] + value if add else value


@helper(LIBRARY)
def layernorm(y: Floats, x: Floats, outer: int, axis: int, epsilon: float) -> None:
    for o in range(outer):
        of, to = x[o * axis : (o + 1) * axis], y[o * axis : (o + 1) * axis]
        mean = 0.0
        for a in range(axis):
            mean += of[a]
        mean /= axis
        variance = 0.0
        for a in range(axis):
            to[a] = of[a] - mean
            variance += to[a] * to[a]
        deviation = np.sqrt(variance / axis + epsilon)
        for a in range(axis):
            to[a] /= deviation


@helper(LIBRARY)
def layernorm_back(
    out: Floats, g: Floats, x: Floats, y: Floats, outer: int, axis: int, epsilon: float, add: int
) -> None:
    for o in range(outer):
        mean = mean_x = 0.0
        along = variance = 0.0
        for a in range(o * axis, (o + 1) * axis):
            mean += g[a]
            along += g[a] * y[a]
            mean_x += x[a]
        mean /= axis
        along /= axis
        mean_x /= axis
        for a in range(o * axis, (o + 1) * axis):
            variance += (x[a] - mean_x) * (x[a] - mean_x)
        deviation = np.sqrt(variance / axis + epsilon)
        for a in range(o * axis, (o + 1) * axis):
            value = (g[a] - mean - y[a] * along) / deviation
            out[a] = out[a] + value if add else value


# lookups


@helper(LIBRARY)
def gather(y: Floats, table: Floats, index: Ints, width: int) -> None:
    for k in range(index.shape[0]):
        if width == 1:
            y[k] = table[index[k]]
        else:
            copy(y[k * width : (k + 1) * width], table[index[k] * width : (index[k] + 1) * width], 0)


@helper(LIBRARY)
def gather_back(out: Floats, g: Floats, index: Ints, width: int, add: int) -> None:
    if not add:
        zero(out)
    for k in range(index.shape[0]):
        if width == 1:
            out[index[k]] += g[k]
        else:
            copy(out[index[k] * width : (index[k] + 1) * width], g[k * width : (k + 1) * width], 1)


@helper(LIBRARY)
def pick(y: Floats, x: Floats, index: Ints, inner: int, axis: int) -> None:
    """y[row, i] = x[row, i, index[row]]."""
    for k in range(index.shape[0]):
        for i in range(inner):
            y[k * inner + i] = x[(k * inner + i) * axis + index[k]]


@helper(LIBRARY)
def pick_back(out: Floats, g: Floats, index: Ints, inner: int, axis: int, add: int) -> None:
    if not add:
        zero(out)
    for k in range(index.shape[0]):
        for i in range(inner):
            out[(k * inner + i) * axis + index[k]] += g[k * inner + i]


@helper(LIBRARY)
def softmax_ce(y: Floats, z: Floats, label: Ints, axis: int) -> None:
    """y = log sum_c exp z[c] - z[label]."""
    for k in range(label.shape[0]):
        row = z[k * axis : (k + 1) * axis]
        y[k] = log_total(row, axis) - row[label[k]]


@helper(LIBRARY)
def log_total(z: Floats, axis: int) -> float:
    largest = -np.inf
    for a in range(axis):
        if z[a] > largest or z[a] != z[a]:
            largest = z[a]
    if largest == np.inf or largest == -np.inf or largest != largest:
        return largest
    total = 0.0
    for a in range(axis):
        total += np.exp(z[a] - largest)
    return largest + float(np.log(total))


@helper(LIBRARY)
def softmax_ce_back(out: Floats, g: Floats, z: Floats, label: Ints, axis: int, add: int) -> None:
    for k in range(label.shape[0]):
        row = z[k * axis : (k + 1) * axis]
        log = log_total(row, axis)
        for a in range(axis):
            value = (np.exp(row[a] - log) - (1.0 if a == label[k] else 0.0)) * g[k]
            out[k * axis + a] = out[k * axis + a] + value if add else value


# products of [row, a, k] with [row, k, b]


@helper(LIBRARY)
def product(y: Floats, x: Floats, z: Floats, a: int, k: int, b: int) -> None:
    """y[a, b] = x[a, k] z[k, b]."""
    if b == 1:
        for i in range(a):
            total = 0.0
            of = x[i * k : (i + 1) * k]
            for m in range(k):
                total += of[m] * z[m]
            y[i] = total
        return
    weighted(y, x, k, 1, z, a, k, b, 0)


@helper(LIBRARY)
def product_left(out: Floats, g: Floats, z: Floats, a: int, k: int, b: int, add: int) -> None:
    """out[a, k] = g[a, b] z[k, b]^T."""
    if b == 1:
        for i in range(a):
            to = out[i * k : (i + 1) * k]
            factor = g[i]
            if add:
                for m in range(k):
                    to[m] += factor * z[m]
            else:
                for m in range(k):
                    to[m] = factor * z[m]
        return
    for i in range(a):
        of = g[i * b : (i + 1) * b]
        for m in range(k):
            right = z[m * b : (m + 1) * b]
            total = 0.0
            for j in range(b):
                total += of[j] * right[j]
            out[i * k + m] = out[i * k + m] + total if add else total


@helper(LIBRARY)
def product_right(out: Floats, x: Floats, g: Floats, a: int, k: int, b: int) -> None:
    """out[k, b] += x[a, k]^T g[a, b]."""
    if b == 1:
        for i in range(a):
            factor = g[i]
            of = x[i * k : (i + 1) * k]
            for m in range(k):
                out[m] += factor * of[m]
        return
    for i in range(a):
        of = g[i * b : (i + 1) * b]
        for m in range(k):
            factor = x[i * k + m]
            to = out[m * b : (m + 1) * b]
            for j in range(b):
                to[j] += factor * of[j]


# attention in one block: weights [m, n], values [n, width]


@helper(LIBRARY)
def weighted(
    out: Floats, w: Floats, row: int, place: int, x: Floats, rows: int, places: int, width: int, add: int
) -> None:
    """out[s] = sum over places j of w[s row + j place] x[j], where out and x have rows of this width.

    Two rows of the result and four of x at a time: what is loaded is used more than once.
    """
    if not add:
        zero(out[: rows * width])
    for s in range(0, rows - 1, 2):
        first, second = out[s * width : (s + 1) * width], out[(s + 1) * width : (s + 2) * width]
        whole = places - places % 4
        for j in range(0, whole, 4):
            some = x[j * width : (j + 4) * width]
            p = s * row + j * place
            a, b, c, d = w[p], w[p + place], w[p + 2 * place], w[p + 3 * place]
            p += row
            e, f, g, h = w[p], w[p + place], w[p + 2 * place], w[p + 3 * place]
            for i in range(width):
                x0, x1, x2, x3 = some[i], some[i + width], some[i + 2 * width], some[i + 3 * width]
                first[i] += a * x0 + b * x1 + c * x2 + d * x3
                second[i] += e * x0 + f * x1 + g * x2 + h * x3
        for j in range(whole, places):
            one = x[j * width : (j + 1) * width]
            p = s * row + j * place
            a, b = w[p], w[p + row]
            for i in range(width):
                first[i] += a * one[i]
                second[i] += b * one[i]
    if rows % 2:
        last = out[(rows - 1) * width : rows * width]
        for j in range(places):
            one = x[j * width : (j + 1) * width]
            a = w[(rows - 1) * row + j * place]
            for i in range(width):
                last[i] += a * one[i]


@helper(LIBRARY)
def attend_weights(out: Floats, g: Floats, v: Floats, turned: Floats, m: int, n: int, width: int, add: int) -> None:
    """out[s, j] = <g[s], v[j]>, by way of `turned`, which becomes v transposed."""
    for j in range(n):
        for i in range(width):
            turned[i * n + j] = v[j * width + i]
    weighted(out, g, width, 1, turned, m, width, n, add)


# rows of tokens: what one instruction does, record by record


@helper(LIBRARY)
def repeat_row(y: Floats, x: Floats, first: int, last: int, width: int) -> None:
    """The rows first .. last - 1 of y are x, which is one row."""
    if width == 1:
        value = x[0]
        to = y[first:last]
        for k in range(last - first):
            to[k] = value
        return
    for k in range(first, last):
        to = y[k * width : (k + 1) * width]
        for i in range(width):
            to[i] = x[i]


@helper(LIBRARY)
def add_rows(out: Floats, g: Floats, first: int, last: int, width: int) -> None:
    """out += the rows first .. last - 1 of g."""
    if width == 1:
        total = 0.0
        of = g[first:last]
        for k in range(last - first):
            total += of[k]
        out[0] += total
        return
    for k in range(first, last):
        of = g[k * width : (k + 1) * width]
        for i in range(width):
            out[i] += of[i]


@helper(LIBRARY)
def broadcast(
    y: Floats, x: Floats, lengths: Table, dims: Table, space: int, count: int, depth: int, repeats: int, width: int
) -> None:
    """y[row, k, :] = x[owner of the row, :]: its own place where the depth is that of the rows, given as -1."""
    if depth == 0:
        repeat_row(y, x, 0, count * repeats, width)
    elif depth < 0:
        for k in range(count):
            repeat_row(y, x[k * width : (k + 1) * width], k * repeats, (k + 1) * repeats, width)
    else:
        last = dims[space, dims.shape[1] - 1]
        at = of = 0
        for r in range(lengths.shape[1]):
            inner = lengths_from(lengths, dims, space, r, depth - 1, last)
            for _ in range(lengths_from(lengths, dims, space, r, 0, depth - 1)):
                repeat_row(y, x[of * width : (of + 1) * width], at * repeats, (at + inner) * repeats, width)
                at += inner
                of += 1


@helper(LIBRARY)
def broadcast_back(
    out: Floats, g: Floats, lengths: Table, dims: Table, space: int, count: int, depth: int, repeats: int, width: int
) -> None:
    """out[owner of the row, :] += g[row, k, :]."""
    if depth == 0:
        add_rows(out, g, 0, count * repeats, width)
    elif depth < 0:
        for k in range(count):
            add_rows(out[k * width : (k + 1) * width], g, k * repeats, (k + 1) * repeats, width)
    else:
        last = dims[space, dims.shape[1] - 1]
        at = of = 0
        for r in range(lengths.shape[1]):
            inner = lengths_from(lengths, dims, space, r, depth - 1, last)
            for _ in range(lengths_from(lengths, dims, space, r, 0, depth - 1)):
                add_rows(out[of * width : (of + 1) * width], g, at * repeats, (at + inner) * repeats, width)
                at += inner
                of += 1


@helper(LIBRARY)
def matmul(
    what: int,
    out: Floats,
    x: Floats,
    z: Floats,
    lengths: Table,
    dims: Table,
    space: int,
    count: int,
    depth: int,
    a: int,
    k: int,
    b: int,
    add: int,
) -> None:
    """One of the three products of `matmul`, of each row with the right factor of its owner."""
    if depth == 0:
        row_product(what, out, x, z, 0, 0, count * a, k, b, add)
        return
    if depth < 0:
        for row in range(count):
            row_product(what, out, x, z, row, row, a, k, b, add)
        return
    last = dims[space, dims.shape[1] - 1]
    at = of = 0
    for r in range(lengths.shape[1]):
        inner = lengths_from(lengths, dims, space, r, depth - 1, last)
        for _ in range(lengths_from(lengths, dims, space, r, 0, depth - 1)):
            for row in range(at, at + inner):
                row_product(what, out, x, z, row, of, a, k, b, add)
            at += inner
            of += 1


@helper(LIBRARY)
def row_product(
    what: int, out: Floats, x: Floats, z: Floats, row: int, of: int, a: int, k: int, b: int, add: int
) -> None:
    """For `MATMUL` out = x z; for `MATMUL_LEFT` x is the cotangent, out = x z^T; else z is it, out += x^T z."""
    if what == MATMUL:
        product(
            out[row * a * b : (row + 1) * a * b],
            x[row * a * k : (row + 1) * a * k],
            z[of * k * b : (of + 1) * k * b],
            a,
            k,
            b,
        )
    elif what == MATMUL_LEFT:
        product_left(
            out[row * a * k : (row + 1) * a * k],
            x[row * a * b : (row + 1) * a * b],
            z[of * k * b : (of + 1) * k * b],
            a,
            k,
            b,
            add,
        )
    else:
        product_right(
            out[of * k * b : (of + 1) * k * b],
            x[row * a * k : (row + 1) * a * k],
            z[row * a * b : (row + 1) * a * b],
            a,
            k,
            b,
        )


@helper(LIBRARY)
def segment(
    what: int,
    out: Floats,
    g: Floats,
    x: Floats,
    y: Floats,
    first: int,
    stop: int,
    width: int,
    of: int,
    mean: int,
    add: int,
    bits: Ints,
    powers: Floats,
) -> None:
    """What a reduction over tokens does in one segment, the rows first .. stop - 1; `of` is its number.

    For one token of a segment, `mean` is its place, which counts from the end where it is negative.
    """
    if what == SUM_TOKENS:
        to = out[of * width : (of + 1) * width]
        zero(to)
        add_rows(to, x, first, stop, width)
        if mean and stop > first:
            for i in range(width):
                to[i] /= stop - first
    elif what == SUM_TOKENS_BACK:
        divisor = 1.0 * (stop - first) if mean else 1.0
        from_row = g[of * width : (of + 1) * width]
        for k in range(first, stop):
            to = out[k * width : (k + 1) * width]
            for i in range(width):
                value = from_row[i] / divisor
                to[i] = to[i] + value if add else value
    elif what == TOKEN:
        at = (stop + mean if mean < 0 else first + mean) * width
        copy(out[of * width : (of + 1) * width], x[at : at + width], 0)
    elif what == TOKEN_BACK:
        at = (stop + mean if mean < 0 else first + mean) * width
        if not add:
            zero(out[first * width : stop * width])
        copy(out[at : at + width], g[of * width : (of + 1) * width], 1)
    elif what == SOFTMAX_TOKENS:
        for i in range(width):
            softmax_run(
                out[first * width + i : stop * width],
                x[first * width + i : stop * width],
                stop - first,
                width,
                bits,
                powers,
            )
    elif what == SOFTMAX_TOKENS_BACK:
        for i in range(width):
            softmax_run_back(
                out[first * width + i : stop * width],
                g[first * width + i : stop * width],
                y[first * width + i : stop * width],
                stop - first,
                width,
                add,
            )
    elif what == NORMALIZE:
        for i in range(width):
            normalize_far(
                out[first * width + i : stop * width], x[first * width + i : stop * width], stop - first, width
            )
    else:
        for i in range(width):
            normalize_far_back(
                out[first * width + i : stop * width],
                g[first * width + i : stop * width],
                x[first * width + i : stop * width],
                y[first * width + i : stop * width],
                stop - first,
                width,
                add,
            )


@helper(LIBRARY)
def normalize_run(y: Floats, x: Floats, count: int) -> None:
    total = 0.0
    for a in range(count):
        total += x[a]
    inverse = 1.0 / total if total != 0.0 else 0.0
    for a in range(count):
        y[a] = x[a] * inverse


@helper(LIBRARY)
def normalize_run_back(out: Floats, g: Floats, x: Floats, y: Floats, count: int) -> None:
    total = along = 0.0
    for a in range(count):
        total += x[a]
        along += y[a] * g[a]
    inverse = 1.0 / total if total != 0.0 else 0.0
    for a in range(count):
        out[a] = (g[a] - along) * inverse


@helper(LIBRARY)
def normalize_far(y: Floats, x: Floats, count: int, stride: int) -> None:
    """`normalize_run` of every `stride`-th number."""
    total = 0.0
    for a in range(count):
        total += x[a * stride]
    inverse = 1.0 / total if total != 0.0 else 0.0
    for a in range(count):
        y[a * stride] = x[a * stride] * inverse


@helper(LIBRARY)
def normalize_far_back(out: Floats, g: Floats, x: Floats, y: Floats, count: int, stride: int, add: int) -> None:
    total = along = 0.0
    for a in range(count):
        total += x[a * stride]
        along += y[a * stride] * g[a * stride]
    inverse = 1.0 / total if total != 0.0 else 0.0
    for a in range(count):
        value = (g[a * stride] - along) * inverse
        out[a * stride] = out[a * stride] + value if add else value


@helper(LIBRARY)
def over_tokens(
    what: int,
    out: Floats,
    g: Floats,
    x: Floats,
    y: Floats,
    lengths: Table,
    dims: Table,
    space: int,
    width: int,
    mean: int,
    add: int,
    bits: Ints,
    powers: Floats,
) -> None:
    """A reduction over the last run-time axis, segment by segment.

    What has one number for each row, as weights have, is done at once: there are many segments, and they are short.
    """
    last = dims[space, dims.shape[1] - 1]
    at = of = 0
    for r in range(lengths.shape[1]):
        inner = lengths[dims[space, last - 1], r]
        segments = lengths_from(lengths, dims, space, r, 0, last - 1)
        if width == 1 and what == NORMALIZE:
            for _ in range(segments):
                normalize_run(out[at : at + inner], x[at : at + inner], inner)
                at += inner
            continue
        if width == 1 and what == NORMALIZE_BACK and not add:
            for _ in range(segments):
                end = at + inner
                normalize_run_back(out[at:end], g[at:end], x[at:end], y[at:end], inner)
                at = end
            continue
        for _ in range(segments):
            segment(what, out, g, x, y, at, at + inner, width, of, mean, add, bits, powers)
            at += inner
            of += 1


@helper(LIBRARY)
def block(
    what: int,
    out: Floats,
    x: Floats,
    z: Floats,
    scratch: Floats,
    m: int,
    n: int,
    pair: int,
    left: int,
    right: int,
    width: int,
    fill: float,
    add: int,
) -> None:
    """What an operation on pairs does in one m by n block, of which these are the first rows."""
    if what == SPREAD_LEFT:
        for s in range(m):
            repeat_row(out, x[(left + s) * width : (left + s + 1) * width], pair + s * n, pair + (s + 1) * n, width)
    elif what == SPREAD_LEFT_BACK:
        for s in range(m):
            to = out[(left + s) * width : (left + s + 1) * width]
            if not add:
                zero(to)
            add_rows(to, x, pair + s * n, pair + (s + 1) * n, width)
    elif what == SPREAD_RIGHT:
        values = x[right * width : (right + n) * width]
        for s in range(m):
            copy(out[(pair + s * n) * width : (pair + (s + 1) * n) * width], values, 0)
    elif what == SPREAD_RIGHT_BACK:
        to = out[right * width : (right + n) * width]
        if not add:
            zero(to)
        for s in range(m):
            copy(to, x[(pair + s * n) * width : (pair + (s + 1) * n) * width], 1)
    elif what == CAUSAL:
        for s in range(m):
            row = (pair + s * n) * width
            future = row + min(s + 1, n) * width
            copy(out[row:future], x[row:future], 0)
            for k in range(future, row + n * width):
                out[k] = fill
    elif what == CAUSAL_BACK:
        for s in range(m):
            row = (pair + s * n) * width
            future = row + min(s + 1, n) * width
            copy(out[row:future], x[row:future], add)
            if not add:
                zero(out[future : row + n * width])
    elif what == ATTEND:
        values = z[right * width : (right + n) * width]
        weighted(out[left * width : (left + m) * width], x[pair : pair + m * n], n, 1, values, m, n, width, 0)
    elif what == ATTEND_WEIGHTS:
        attend_weights(
            out[pair : pair + m * n],
            x[left * width : (left + m) * width],
            z[right * width : (right + n) * width],
            scratch,
            m,
            n,
            width,
            add,
        )
    else:
        cotangents = z[left * width : (left + m) * width]
        weighted(out[right * width : (right + n) * width], x[pair : pair + m * n], 1, n, cotangents, n, m, width, add)


@helper(LIBRARY)
def over_pairs(
    what: int,
    out: Floats,
    x: Floats,
    z: Floats,
    scratch: Floats,
    lengths: Table,
    dims: Table,
    space: int,
    width: int,
    fill: float,
    add: int,
) -> None:
    """An operation on row space (..., d, e), block by block."""
    last = dims[space, dims.shape[1] - 1]
    pair = left = right = 0
    for r in range(lengths.shape[1]):
        m, n = lengths[dims[space, last - 2], r], lengths[dims[space, last - 1], r]
        for _ in range(lengths_from(lengths, dims, space, r, 0, last - 2)):
            block(what, out, x, z, scratch, m, n, pair, left, right, width, fill, add)
            pair += m * n
            left += m
            right += n


@native(
    LIBRARY,
    "void(i8[:,::1], i8, i8, f8[::1], i8[::1], i8[::1], i8[::1], i8[::1], i8[:,::1], i8[:,::1], i8[::1], f8[::1])",
)
def run(
    code: Table,
    first: int,
    stop: int,
    reals: Floats,
    ints: Ints,
    begin: Ints,
    sizes: Ints,
    counts: Ints,
    dims: Table,
    lengths: Table,
    bits: Ints,
    powers: Floats,
) -> None:
    """Do the instructions first .. stop - 1.

    Buffer b is `reals[begin[b]:][:sizes[b]]`, or a stretch of `ints`. Row space s has `counts[s]` rows; `dims[s]` are
    the numbers of the dims of a space that begins with `record`, with how many they are in its last column, and
    `lengths[d, r]` is the length of dim d in record r. `bits` and `powers` are the same 2 `BLOCK` words, as ints and as
    reals.
    """
    for number in range(first, stop):
        what, add, space, depth = code[number, 0], code[number, 1], code[number, 6], code[number, 7]
        p, q, t = code[number, 8], code[number, 9], code[number, 10]
        count = counts[space]
        out = reals[begin[code[number, 2]] : begin[code[number, 2]] + sizes[code[number, 2]]]
        a, b, c = code[number, 3], code[number, 4], code[number, 5]
        x = reals[begin[a] : begin[a] + sizes[a]]
        z = reals[begin[b] : begin[b] + sizes[b]]
        y = reals[begin[c] : begin[c] + sizes[c]]
        if what == COPY:
            copy(out, x, add)
        elif what == NEG:
            neg(out, x, add)
        elif what <= ABS:
            unary(what, out, x, bits, powers)
        elif what <= POW:
            binary(what, out, x, z, add)
        elif what <= POW_EXPONENT:
            other = reals[begin[p] : begin[p] + sizes[p]]
            elementwise_back(what, out, x, z, other, y, add)
        elif what == MOVE:
            strides = code[number, 10:14]
            move(out, x, count * p, q, strides[0], strides[1], strides[2], strides[3], add)
        elif what == ZERO:
            zero(out)
        elif what == SEED:
            for i in range(out.shape[0]):
                out[i] = 1.0 / out.shape[0]
        elif what == BROADCAST:
            broadcast(out, x, lengths, dims, space, count, depth, p, q)
        elif what == BROADCAST_BACK:
            if not add:
                zero(out)
            broadcast_back(out, x, lengths, dims, space, count, depth, p, q)
        elif what == SUM:
            sum_static(out, x, count * p, q, t, 1.0 * code[number, 11])
        elif what == SUM_BACK:
            sum_static_back(out, x, count * p, q, t, 1.0 * code[number, 11], add)
        elif what == SOFTMAX:
            for k in range(count * p):
                for i in range(t):
                    at = k * q * t + i
                    softmax_run(out[at : (k + 1) * q * t], x[at : (k + 1) * q * t], q, t, bits, powers)
        elif what == SOFTMAX_BACK:
            for k in range(count * p):
                for i in range(t):
                    at, end = k * q * t + i, (k + 1) * q * t
                    softmax_run_back(out[at:end], x[at:end], y[at:end], q, t, add)
        elif what == LAYERNORM:
            layernorm(out, x, count * p, q, y[0])
        elif what == LAYERNORM_BACK:
            layernorm_back(out, x, z, y, count * p, q, reals[begin[t]], add)
        elif what <= NORMALIZE_BACK:
            over_tokens(
                what, out, x, z if what == NORMALIZE_BACK else x, y, lengths, dims, space, p, q, add, bits, powers
            )
        elif what == GATHER:
            gather(out, x, ints[begin[b] : begin[b] + sizes[b]], p)
        elif what == GATHER_BACK:
            gather_back(out, x, ints[begin[b] : begin[b] + sizes[b]], p, add)
        elif what == PICK:
            pick(out, x, ints[begin[b] : begin[b] + sizes[b]], p, q)
        elif what == PICK_BACK:
            pick_back(out, x, ints[begin[b] : begin[b] + sizes[b]], p, q, add)
        elif what <= MATMUL_RIGHT:
            if what == MATMUL_RIGHT and not add:
                zero(out)
            matmul(what, out, x, z, lengths, dims, space, count, depth, p, q, t, add)
        elif what <= ATTEND_VALUES:
            over_pairs(what, out, x, z, y, lengths, dims, space, p, reals[begin[q]], add)
        elif what == SIGMOID_CE:
            for i in range(out.shape[0]):
                out[i] = softplus_of(x[i]) - z[i] * x[i]
        elif what == SIGMOID_CE_LOGIT:
            for i in range(out.shape[0]):
                value = x[i] * (sigmoid_of(z[i]) - y[i])
                out[i] = out[i] + value if add else value
        elif what == SIGMOID_CE_LABEL:
            for i in range(out.shape[0]):
                value = -x[i] * z[i]
                out[i] = out[i] + value if add else value
        elif what == SOFTMAX_CE:
            softmax_ce(out, x, ints[begin[b] : begin[b] + sizes[b]], p)
        elif what == SOFTMAX_CE_BACK:
            softmax_ce_back(out, x, z, ints[begin[c] : begin[c] + sizes[c]], p, add)


@native(LIBRARY, "void(i8[::1], i8[::1], i8[::1], i8[::1], i8[::1])")
def distinct(given: Ints, marks: Ints, values: Ints, places: Ints, count: Ints) -> None:
    """The distinct values of `given` in order, and the place of each of them there.

    `count[0]` becomes their number, or -1 where one is not a place of `marks`, whose contents are lost.
    """
    largest = -1
    for k in range(given.shape[0]):
        if given[k] < 0 or given[k] >= marks.shape[0]:
            count[0] = -1
            return
        largest = max(largest, given[k])
    for v in range(largest + 1):
        marks[v] = 0
    for k in range(given.shape[0]):
        marks[given[k]] = 1
    found = 0
    for v in range(largest + 1):
        if marks[v]:
            marks[v] = found
            values[found] = v
            found += 1
    for k in range(given.shape[0]):
        places[k] = marks[given[k]]
    count[0] = found
