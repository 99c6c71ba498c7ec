"""A library of its own for these tests: each kind of argument, calls among functions, and what arithmetic must keep."""

from __future__ import annotations

import math

from qsanc.fast import Library, helper, native

LIBRARY = Library("small")

OFFSET = 0.25


@helper(LIBRARY)
def wave(x):
    return math.sin(x) * math.exp(-x) + OFFSET


@helper(LIBRARY)
def total(row):
    found = 0.0
    for k in range(row.shape[0]):
        found += wave(row[k])
    return found


@native(LIBRARY, "void(f8[::1], f8[:,::1])")
def waves(out, x):
    for i in range(x.shape[0]):
        out[i] = total(x[i])


@native(LIBRARY, "void(c16[::1], c16[::1], f8, i8)")
def turned(out, x, angle, power):
    factor = math.cos(angle) + 1j * math.sin(angle)
    for i in range(x.shape[0]):
        out[i] = x[i]
        for _ in range(power):
            out[i] *= factor


@native(LIBRARY, "void(f4[:,:,::1], c8[:,::1], i4[::1], i8[:,::1], u1[::1])")
def mixed(out, weights, rows, counts, mask):
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            for k in range(out.shape[2]):
                if mask[i]:
                    w = weights[rows[i], j]
                    out[i, j, k] = (w.real * w.real + w.imag * w.imag) * counts[i, k]


@native(LIBRARY, "void(f8[::1], f8[::1], f8[::1])")
def quotients(out, x, y):
    for i in range(x.shape[0]):
        out[i] = x[i] / y[i]


@native(LIBRARY, "void(f8[::1], f8[:,::1])")
def waves_twice(out, x):
    waves(out, x)
    for i in range(out.shape[0]):
        out[i] *= 2


@native(LIBRARY, "void()")
def nothing():
    pass
