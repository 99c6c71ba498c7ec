"""The gate table: the one place where a gate is described.

Wire 0 of a gate is the most significant bit of its matrix: `cx` flips wire 1 where wire 0 reads 1. Rotations are
exp(-i theta P / 2). A gate with angles is a product of exponentials exp(-i angle G), and its matrix, its derivatives
and its shift rule follow from the generators G; a gate without angles is its matrix. Rules between gates (inverses,
decompositions) are circuits over this very table. Each column is proven from the others in `tests/gates`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from qsanc.ir.circuit import Angle, Gate
from qsanc.ir.gatedef import GateDef, Generator, Matrix, Rewrite, substitute

__all__ = ["GATES", "GateDef", "Generator", "Matrix", "Rewrite", "substitute"]


def _frozen(matrix: Matrix) -> Matrix:
    matrix.setflags(write=False)
    return matrix


def _matrix(*rows: tuple[complex, ...], scale: complex = 1) -> Matrix:
    return _frozen(np.array(rows, np.complex128) * np.complex128(scale))


def _controlled(matrix: Matrix) -> Matrix:
    """|0><0| x 1 + |1><1| x matrix."""
    whole = np.eye(2 * len(matrix), dtype=np.complex128)
    whole[len(matrix) :, len(matrix) :] = matrix
    return _frozen(whole)


_X, _Y, _Z = _matrix((0, 1), (1, 0)), _matrix((0, -1j), (1j, 0)), _matrix((1, 0), (0, -1))
_H = _matrix((1, 1), (1, -1), scale=math.sqrt(0.5))
_SWAP = _matrix((1, 0, 0, 0), (0, 0, 1, 0), (0, 1, 0, 0), (0, 0, 0, 1))
_ISWAP = _matrix((1, 0, 0, 0), (0, 0, 1j, 0), (0, 1j, 0, 0), (0, 0, 0, 1))
_EIGHTH = math.sqrt(0.5) * (1 + 1j)


def _half(*paulis: Matrix) -> Generator:
    """P/2 for a product P of Paulis: eigenvalues -1/2 and 1/2, gap 1."""
    product: Matrix = np.array([[0.5 + 0j]])
    for pauli in paulis:
        product = np.kron(product, pauli).astype(np.complex128)
    return Generator(_frozen(product), (-0.5, 0.5))


def _controlled_half(pauli: Matrix) -> Generator:
    """|1><1| x P/2: eigenvalues -1/2, 0 and 1/2, gaps 1/2 and 1."""
    matrix = np.kron(np.diag([0.0, 1.0]), 0.5 * pauli).astype(np.complex128)
    return Generator(_frozen(matrix), (-0.5, 0.0, 0.5))


def _phase(wires: int) -> Generator:
    """-|1..1><1..1|, which multiplies that state alone by e^(i angle): eigenvalues -1 and 0, gap 1."""
    return Generator(_frozen(np.diag([0.0j] * ((1 << wires) - 1) + [-1.0 + 0j])), (-1.0, 0.0))


def _on(name: str, *operands: int | Angle) -> Gate:
    """A step of a rewrite: `_on("crz", _A, 0, 1)` is crz(a) on wires 0 and 1."""
    wires = tuple(operand for operand in operands if isinstance(operand, int))
    return Gate(name, wires, tuple(operand for operand in operands if isinstance(operand, Angle)))


def _to(*body: Gate, phase: Angle | float = 0.0) -> Rewrite:
    return Rewrite(body, phase if isinstance(phase, Angle) else Angle(phase))


def _gate(
    name: str,
    wires: int,
    doc: str,
    unitary: Matrix | Generator | tuple[tuple[int, Generator], ...],
    *ways: Rewrite,
    qasm: str | None,
    braket: str | None,
    angles: tuple[str, ...] = (),
    inverse: Rewrite | None = None,
    control: tuple[int, str] | None = None,
    symmetric: tuple[int, ...] = (),
    diagonal: bool = False,
    permutation: bool = False,
    real: bool = False,
) -> GateDef:
    """A row. `unitary` is the matrix, the only generator, or the factors; `ways` are the decompositions.

    Where no inverse is given, a gate of one generator is undone by the opposite angle, and a matrix by itself.
    """
    fixed = unitary if isinstance(unitary, np.ndarray) else None
    if isinstance(unitary, Generator):
        factors: tuple[tuple[int, Generator], ...] = ((0, unitary),)
        angles = angles or ("theta",)
    else:
        factors = () if isinstance(unitary, np.ndarray) else unitary
    if inverse is None:
        inverse = _to(_on(name, *([] if fixed is not None else [-_A]), *range(wires)))
    controls, base = control or (0, name)
    return GateDef(
        name, wires, doc, inverse, ways, qasm, braket, angles, factors, fixed, controls, base,
        symmetric, diagonal, permutation, real,
    )  # fmt: skip


_A, _B, _C = Angle.slot(0), Angle.slot(1), Angle.slot(2)
_HALF, _MINUS_HALF = _A.scaled(0.5), _A.scaled(-0.5)
_PI, _PI2, _PI4 = Angle(math.pi), Angle(math.pi / 2), Angle(math.pi / 4)


def _echo(axis: str, flip: str) -> Rewrite:
    """Controlled exp(-i a P/2) as half a turn, and half a turn back between two controlled flips Q with QPQ = -P."""
    return _to(_on(axis, _HALF, 1), _on(flip, 0, 1), _on(axis, _MINUS_HALF, 1), _on(flip, 0, 1))


def _between(name: str, before: Gate, after: Gate | None = None) -> Rewrite:
    """A two-wire gate without angles as `name` between two one-wire gates (the same one, if one is given)."""
    return _to(before, _on(name, 0, 1), after or before)


def _both(name: str, before: tuple[Gate, Gate], after: tuple[Gate, Gate]) -> Rewrite:
    """A two-wire rotation as another one, `name`, between gates on both wires."""
    return _to(*before, _on(name, _A, 0, 1), *after)


_HH = (_on("h", 0), _on("h", 1))

# fmt: off
_ROWS = (
    _gate("i", 1, "The identity.", _matrix((1, 0), (0, 1)), _to(),
        qasm="id", braket="i", diagonal=True, permutation=True, real=True),
    _gate("x", 1, "Pauli X, the bit flip.", _X,
        _to(_on("rx", _PI, 0), phase=math.pi / 2),
        _to(_on("v", 0), _on("v", 0)),
        _to(_on("h", 0), _on("z", 0), _on("h", 0)),
        _to(_on("u3", _PI, Angle(), _PI, 0)),
        qasm="x", braket="x", permutation=True, real=True),
    _gate("y", 1, "Pauli Y, bit and phase flip.", _Y,
        _to(_on("ry", _PI, 0), phase=math.pi / 2),
        _to(_on("z", 0), _on("x", 0), phase=math.pi / 2),
        _to(_on("u3", _PI, _PI2, _PI2, 0)),
        qasm="y", braket="y"),
    _gate("z", 1, "Pauli Z, the phase flip.", _Z,
        _to(_on("rz", _PI, 0), phase=math.pi / 2),
        _to(_on("phaseshift", _PI, 0)),
        _to(_on("s", 0), _on("s", 0)),
        _to(_on("h", 0), _on("x", 0), _on("h", 0)),
        qasm="z", braket="z", diagonal=True, real=True),
    _gate("h", 1, "Hadamard: exchanges the axes X and Z.", _H,
        _to(_on("rz", _PI, 0), _on("ry", _PI2, 0), phase=math.pi / 2),
        _to(_on("rz", _PI2, 0), _on("rx", _PI2, 0), _on("rz", _PI2, 0), phase=math.pi / 2),
        _to(_on("rz", _PI2, 0), _on("v", 0), _on("rz", _PI2, 0), phase=math.pi / 4),
        _to(_on("s", 0), _on("v", 0), _on("s", 0), phase=-math.pi / 4),
        _to(_on("u3", _PI2, Angle(), _PI, 0)),
        qasm="h", braket="h", real=True),
    _gate("s", 1, "The square root of Z: diag(1, i).", _matrix((1, 0), (0, 1j)),
        _to(_on("rz", _PI2, 0), phase=math.pi / 4),
        _to(_on("phaseshift", _PI2, 0)),
        _to(_on("t", 0), _on("t", 0)),
        qasm="s", braket="s", inverse=_to(_on("si", 0)), diagonal=True),
    _gate("si", 1, "The inverse of s: diag(1, -i).", _matrix((1, 0), (0, -1j)),
        _to(_on("rz", -_PI2, 0), phase=-math.pi / 4),
        _to(_on("phaseshift", -_PI2, 0)),
        _to(_on("z", 0), _on("s", 0)),
        _to(_on("ti", 0), _on("ti", 0)),
        qasm="sdg", braket="si", inverse=_to(_on("s", 0)), diagonal=True),
    _gate("t", 1, "The square root of s: diag(1, e^(i pi/4)).", _matrix((1, 0), (0, _EIGHTH)),
        _to(_on("rz", _PI4, 0), phase=math.pi / 8),
        _to(_on("phaseshift", _PI4, 0)),
        qasm="t", braket="t", inverse=_to(_on("ti", 0)), diagonal=True),
    _gate("ti", 1, "The inverse of t: diag(1, e^(-i pi/4)).", _matrix((1, 0), (0, _EIGHTH.conjugate())),
        _to(_on("rz", -_PI4, 0), phase=-math.pi / 8),
        _to(_on("phaseshift", -_PI4, 0)),
        _to(_on("si", 0), _on("t", 0)),
        qasm="tdg", braket="ti", inverse=_to(_on("t", 0)), diagonal=True),
    _gate("v", 1, "The square root of X.", _matrix((1 + 1j, 1 - 1j), (1 - 1j, 1 + 1j), scale=0.5),
        _to(_on("rx", _PI2, 0), phase=math.pi / 4),
        _to(_on("h", 0), _on("s", 0), _on("h", 0)),
        qasm="sx", braket="v", inverse=_to(_on("vi", 0))),
    _gate("vi", 1, "The inverse of v.", _matrix((1 - 1j, 1 + 1j), (1 + 1j, 1 - 1j), scale=0.5),
        _to(_on("rx", -_PI2, 0), phase=-math.pi / 4),
        _to(_on("x", 0), _on("v", 0)),
        _to(_on("h", 0), _on("si", 0), _on("h", 0)),
        qasm="inv @ sx", braket="vi", inverse=_to(_on("v", 0))),
    _gate("rx", 1, "Rotation about X: exp(-i theta X / 2).", _half(_X),
        _to(_on("h", 0), _on("rz", _A, 0), _on("h", 0)),
        _to(_on("rz", _PI2, 0), _on("ry", _A, 0), _on("rz", -_PI2, 0)),
        _to(_on("rz", _PI2, 0), _on("v", 0), _on("rz", _A.shifted(math.pi), 0), _on("v", 0), _on("rz", _PI2, 0),
            phase=math.pi / 2),
        _to(_on("u3", _A, -_PI2, _PI2, 0)),
        qasm="rx", braket="rx"),
    _gate("ry", 1, "Rotation about Y: exp(-i theta Y / 2).", _half(_Y),
        _to(_on("rz", -_PI2, 0), _on("rx", _A, 0), _on("rz", _PI2, 0)),
        _to(_on("v", 0), _on("rz", _A, 0), _on("vi", 0)),
        _to(_on("v", 0), _on("rz", _A.shifted(math.pi), 0), _on("v", 0), _on("rz", _PI, 0), phase=math.pi / 2),
        _to(_on("u3", _A, Angle(), Angle(), 0)),
        qasm="ry", braket="ry", real=True),
    _gate("rz", 1, "Rotation about Z: exp(-i theta Z / 2).", _half(_Z),
        _to(_on("phaseshift", _A, 0), phase=_MINUS_HALF),
        _to(_on("h", 0), _on("rx", _A, 0), _on("h", 0)),
        _to(_on("rx", -_PI2, 0), _on("ry", _A, 0), _on("rx", _PI2, 0)),
        _to(_on("u3", Angle(), Angle(), _A, 0), phase=_MINUS_HALF),
        qasm="rz", braket="rz", diagonal=True),
    _gate("phaseshift", 1, "Phase of the one state: diag(1, e^(i theta)).", _phase(1),
        _to(_on("rz", _A, 0), phase=_HALF),
        _to(_on("u3", Angle(), Angle(), _A, 0)),
        qasm="p", braket="phaseshift", diagonal=True),
    _gate("u3", 1,
        "Any one-wire gate: phaseshift(lambda), then ry(theta), then phaseshift(phi). Its first entry is cos(theta/2), "
        "as in Braket's and Qiskit's U; the U of OpenQASM 3 is this times e^(i theta/2).",
        ((2, _phase(1)), (0, _half(_Y)), (1, _phase(1))),
        _to(_on("rz", _C, 0), _on("ry", _A, 0), _on("rz", _B, 0), phase=(_B + _C).scaled(0.5)),
        _to(_on("phaseshift", _C, 0), _on("ry", _A, 0), _on("phaseshift", _B, 0)),
        qasm="U", braket="U", angles=("theta", "phi", "lambda"), inverse=_to(_on("u3", -_A, -_C, -_B, 0))),
    _gate("cx", 2, "Controlled X: flips wire 1 where wire 0 reads 1.", _controlled(_X),
        _between("cz", _on("h", 1)),
        _to(_on("ry", _PI2, 0), _on("rxx", _PI2, 0, 1), _on("rx", -_PI2, 0), _on("rx", -_PI2, 1), _on("ry", -_PI2, 0),
            phase=-math.pi / 4),
        qasm="cx", braket="cnot", control=(1, "x"), permutation=True, real=True),
    _gate("cy", 2, "Controlled Y.", _controlled(_Y),
        _between("cx", _on("si", 1), _on("s", 1)),
        qasm="cy", braket="cy", control=(1, "y")),
    _gate("cz", 2, "Controlled Z: the sign of the state 11.", _controlled(_Z),
        _between("cx", _on("h", 1)),
        _to(_on("cphaseshift", _PI, 0, 1)),
        _to(_on("rz", _PI2, 0), _on("rz", _PI2, 1), _on("rzz", -_PI2, 0, 1), phase=math.pi / 4),
        qasm="cz", braket="cz", control=(1, "z"), symmetric=(0, 1), diagonal=True, real=True),
    _gate("ch", 2, "Controlled Hadamard.", _controlled(_H),
        _between("cz", _on("ry", -_PI4, 1), _on("ry", _PI4, 1)),
        _to(_on("s", 1), _on("h", 1), _on("t", 1), _on("cx", 0, 1), _on("ti", 1), _on("h", 1), _on("si", 1)),
        qasm="ch", braket=None, control=(1, "h"), real=True),
    _gate("swap", 2, "Exchanges two wires.", _SWAP,
        _to(_on("cx", 0, 1), _on("cx", 1, 0), _on("cx", 0, 1)),
        qasm="swap", braket="swap", symmetric=(0, 1), permutation=True, real=True),
    _gate("iswap", 2, "Exchanges two wires, with a factor i on 01 and 10.", _ISWAP,
        _to(_on("s", 0), _on("s", 1), _on("h", 0), _on("cx", 0, 1), _on("cx", 1, 0), _on("h", 1)),
        _to(_on("rxx", -_PI2, 0, 1), _on("ryy", -_PI2, 0, 1)),
        qasm=None, braket="iswap", inverse=_to(_on("z", 0), _on("z", 1), _on("iswap", 0, 1)), symmetric=(0, 1)),
    _gate("crx", 2, "Controlled rx.", _controlled_half(_X),
        _echo("rx", "cz"),
        _to(_on("h", 1), _on("crz", _A, 0, 1), _on("h", 1)),
        qasm="crx", braket=None, control=(1, "rx")),
    _gate("cry", 2, "Controlled ry.", _controlled_half(_Y),
        _echo("ry", "cx"),
        _echo("ry", "cz"),
        qasm="cry", braket=None, control=(1, "ry"), real=True),
    _gate("crz", 2, "Controlled rz.", _controlled_half(_Z),
        _echo("rz", "cx"),
        _to(_on("rz", _HALF, 1), _on("rzz", _MINUS_HALF, 0, 1)),
        _to(_on("h", 1), _on("crx", _A, 0, 1), _on("h", 1)),
        _to(_on("cphaseshift", _A, 0, 1), _on("phaseshift", _MINUS_HALF, 0)),
        qasm="crz", braket=None, control=(1, "rz"), diagonal=True),
    _gate("cphaseshift", 2, "Phase of the state 11 alone.", _phase(2),
        _to(_on("crz", _A, 0, 1), _on("phaseshift", _HALF, 0)),
        _to(_on("phaseshift", _HALF, 0), _on("phaseshift", _HALF, 1),
            _on("cx", 0, 1), _on("phaseshift", _MINUS_HALF, 1), _on("cx", 0, 1)),
        _to(_on("rz", _HALF, 0), _on("rz", _HALF, 1), _on("rzz", _MINUS_HALF, 0, 1), phase=_A.scaled(0.25)),
        qasm="cp", braket="cphaseshift", control=(1, "phaseshift"), symmetric=(0, 1), diagonal=True),
    _gate("rxx", 2, "Rotation about XX: exp(-i theta XX / 2).", _half(_X, _X),
        _both("rzz", _HH, _HH),
        qasm=None, braket="xx", symmetric=(0, 1)),
    _gate("ryy", 2, "Rotation about YY: exp(-i theta YY / 2).", _half(_Y, _Y),
        _both("rzz", (_on("v", 0), _on("v", 1)), (_on("vi", 0), _on("vi", 1))),
        _both("rxx", (_on("si", 0), _on("si", 1)), (_on("s", 0), _on("s", 1))),
        qasm=None, braket="yy", symmetric=(0, 1)),
    _gate("rzz", 2, "Rotation about ZZ: exp(-i theta ZZ / 2).", _half(_Z, _Z),
        _to(_on("cx", 0, 1), _on("rz", _A, 1), _on("cx", 0, 1)),
        _to(_on("h", 1), _on("cz", 0, 1), _on("rx", _A, 1), _on("cz", 0, 1), _on("h", 1)),
        _both("rxx", _HH, _HH),
        qasm=None, braket="zz", symmetric=(0, 1), diagonal=True),
    _gate("ccx", 3, "Toffoli: flips wire 2 where wires 0 and 1 read 1.", _controlled(_controlled(_X)),
        _to(_on("h", 2), _on("cx", 1, 2), _on("ti", 2), _on("cx", 0, 2), _on("t", 2), _on("cx", 1, 2), _on("ti", 2),
            _on("cx", 0, 2), _on("t", 1), _on("t", 2), _on("h", 2), _on("cx", 0, 1), _on("t", 0), _on("ti", 1),
            _on("cx", 0, 1)),
        qasm="ccx", braket="ccnot", control=(2, "x"), symmetric=(0, 1), permutation=True, real=True),
    _gate("cswap", 3, "Fredkin: exchanges wires 1 and 2 where wire 0 reads 1.", _controlled(_SWAP),
        _to(_on("cx", 2, 1), _on("ccx", 0, 1, 2), _on("cx", 2, 1)),
        qasm="cswap", braket="cswap", control=(1, "swap"), symmetric=(1, 2), permutation=True, real=True),
)
# fmt: on

GATES: Mapping[str, GateDef] = MappingProxyType({row.name: row for row in _ROWS})
