"""How much work the pieces of a plan are, counted from the plan and the number of columns.

Flops are real additions and multiplications: a product of two real numbers is 1, of a real and a complex one 2, of two
complex ones 6; a sum is 1 or 2. Per piece, with d = 2^wires amplitudes in each of so many columns:

    block            a product for each amplitude and each x it flips, and the sums between them
    permutation      none, or a product for each amplitude where it has phases
    product          of the one-qubit states, by halves
    matrix           d^2 products and sums a column
    observables      d (d + 1) / 2 products of amplitudes a column, and for each result a product and sum with those
    expectations     a product and sum a column and amplitude, for each set of wires that the observables flip

Undoing a block is the same on state and costate; where it has angles, there is one more product and sum for each
amplitude and x. Bytes are those that such a piece has to read and write once: states, matrices and features, but no
temporaries. What is carried out otherwise (in blocks, fused, side by side) is counted alike, so that strategies can be
compared.
"""

from __future__ import annotations

from collections.abc import Iterable

from qsanc.ir.circuit import CircuitModule, Expectation, Overlap
from qsanc.target.profile import Work
from qsanc_numpy.paulis import split
from qsanc_numpy.permutations import Gather
from qsanc_numpy.plan import Block, Kind, Operation, Plan, Product


def size(real: bool) -> int:
    """Bytes of a number."""
    return 8 if real else 16


def times(left: bool, right: bool) -> int:
    """Flops of a product of two numbers, each real or not."""
    return 1 if left and right else 2 if left or right else 6


def plus(real: bool) -> int:
    """Flops of a sum."""
    return 1 if real else 2


def meets(left: bool, right: bool) -> int:
    """Flops of a product that is added to a sum."""
    return times(left, right) + plus(left and right)


def piece(flops: float, moved: float) -> Work:
    """Work done in one go."""
    return Work(flops, moved, reach=moved)


def operations(plan: Plan, chosen: Iterable[Operation], columns: int, *, real: bool, before: int = 0) -> Work:
    """Operations one by one, on states that are `real` at first. There are `columns` of them, and `before` until the
    first block with item slots (0: as many)."""
    total = Work()
    now = before or columns
    for operation in chosen:
        work, real = _operation(plan, operation, now, columns, real)
        now = columns if _per_row(plan, operation) else now
        total = total + work
    return total


def back(plan: Plan, chosen: Iterable[Operation], columns: int, *, real: bool, at_root: bool = False) -> Work:
    """The same operations undone on state and costate. The first one behind |0...0> is not undone."""
    d = 1 << plan.wires
    total = Work()
    for at, operation in enumerate(chosen):
        if isinstance(operation, Product):
            made = _product(plan, operation, columns, real)
            total = total + piece(3 * made.flops + 2 * d * columns * meets(real, real), 2 * made.bytes)
            continue
        if isinstance(operation, Block) and plan.kinds[operation.kind].trained:
            met = d * columns * len(operation.flips) * meets(real, real)
            total = total + piece(met, 2 * d * columns * size(real))
        if at or not at_root:
            undone, _ = _operation(plan, operation, 2 * columns, 2 * columns, real)
            total = total + undone
    return total


def matrix(plan: Plan, columns: int, *, real_matrix: bool, real: bool) -> Work:
    """A dense matrix on states."""
    d = 1 << plan.wires
    after = real_matrix and real
    moved = d * d * size(real_matrix) + d * columns * (size(real) + size(after))
    return piece(d * d * columns * meets(real_matrix, real), moved)


def matrix_back(plan: Plan, columns: int, *, real_matrix: bool, real: bool, real_costate: bool) -> Work:
    """Its inverse on costates, and the sum of costate times state over the columns."""
    d = 1 << plan.wires
    summed = piece(
        d * d * columns * meets(real_costate, real),
        d * columns * (size(real_costate) + size(real)) + d * d * size(real_costate and real),
    )
    return summed + matrix(plan, columns, real_matrix=real_matrix, real=real_costate)


def features(plan: Plan, columns: int, *, real: bool) -> Work:
    d = 1 << plan.wires
    count = d * (d + 1) // 2
    return piece(count * columns * times(real, real), columns * (d + count) * size(real))


def observed(plan: Plan, results: int, columns: int, *, real: bool) -> Work:
    """Tails by their observables, on states."""
    d = 1 << plan.wires
    count = d * (d + 1) // (2 if real else 1)
    product = piece(2.0 * results * count * columns, 8 * (results * count + count * columns + results * columns))
    return features(plan, columns, real=real) + product


def observed_back(plan: Plan, results: int, columns: int, *, real: bool) -> Work:
    """The costate before them: for each column its sum of observables, on its state; and the sums over columns."""
    d = 1 << plan.wires
    parts = 1 if real else 2
    sums = piece(
        2.0 * parts * results * d * d * columns,
        8 * (parts * d * d * (results + columns) + results * columns),
    )
    turned = piece(
        d * d * columns * (2 if real else 8),
        columns * (8 * parts * d * d + 2 * d * size(real)),
    )
    return observed(plan, results, columns, real=real) + sums + turned


def observables(plan: Plan, chosen: Iterable[Operation], results: int, members: int) -> Work:
    """Making them: the matrices of all tails side by side, P U and U^T conjugate P U."""
    d = 1 << plan.wires
    made = operations(plan, chosen, d * members, real=True)
    products = piece(results * d**3 * 2.0 * meets(False, False), 16 * d * d * (3 * results + members))
    return made + products


def observables_back(plan: Plan, chosen: Iterable[Operation], results: int, members: int, *, real: bool) -> Work:
    d = 1 << plan.wires
    products = piece(results * d**3 * meets(False, real), d * d * (16 * members + results * (16 + size(real))))
    return products + back(plan, chosen, d * members, real=False)


def expectations(module: CircuitModule, results: Iterable[int], columns: int, *, real: bool) -> Work:
    """Readings of final states, by result number; distributions and states are one pass over the state each."""
    d = 1 << module.wires
    flipped: set[frozenset[int]] = set()
    passes = 0
    for k in results:
        result = module.results[k]
        if isinstance(result, Expectation):
            flipped |= {split(pauli)[0] for _, pauli in result.observable.terms if pauli.factors}
        else:
            passes += 1
    passes += len(flipped)
    return piece(passes * d * columns * meets(real, real), max(passes, 1) * d * columns * size(real))


def overlaps(module: CircuitModule, results: Iterable[int], pairs: int, *, real: bool) -> Work:
    """Inner products of pairs of states, or of what is left of them on the wires compared."""
    total = Work()
    for k in results:
        result = module.results[k]
        assert isinstance(result, Overlap)
        d = 1 << (module.wires if len(result.wires) == module.wires else 2 * len(result.wires))
        total = total + piece(d * pairs * meets(real, real), 2 * d * pairs * size(real))
    return total


def matrices(kinds: Iterable[Kind], rows: int) -> Work:
    """The matrices of all blocks of these kinds, for so many rows: a few flops for each entry and exponential."""
    total = Work()
    for kind in kinds:
        entries = kind.dimension**2 * kind.count * rows
        products = len(kind.factors) - 1
        flops = entries * (2 * kind.sites.shape[1] + products * kind.dimension * meets(kind.real, kind.real))
        total = total + piece(flops, entries * size(kind.real) + 8 * kind.sites.size * rows)
    return total


def _operation(plan: Plan, operation: Operation, before: int, columns: int, real: bool) -> tuple[Work, bool]:
    """The work, and whether states are real behind it."""
    d = 1 << plan.wires
    if isinstance(operation, Product):
        return _product(plan, operation, columns, real), real and _product_is_real(plan, operation)
    if isinstance(operation, Gather):
        after = real and (operation.phases is None or operation.phases.dtype.kind == "f")
        phases = 0 if operation.phases is None else d * before * times(operation.phases.dtype.kind == "f", real)
        return piece(phases, d * before * (size(real) + size(after))), after
    kind = plan.kinds[operation.kind]
    after, flips = real and kind.real, len(operation.flips)
    out = columns if kind.per_row else before
    flops = d * out * (flips * times(kind.real, real) + (flips - 1) * plus(after))
    members = 1 if isinstance(operation.place, int) else len(operation.place)
    entries = flips * kind.dimension * (out if kind.per_row else members)
    return piece(flops, d * (before * size(real) + out * size(after)) + entries * size(kind.real)), after


def _product(plan: Plan, operation: Product, columns: int, real: bool) -> Work:
    made_real = real and _product_is_real(plan, operation)

    def flops(wires: int) -> float:
        """The products of all halves, down to one wire."""
        if wires == 1:
            return 0.0
        left = (wires + 1) // 2
        return flops(left) + flops(wires - left) + (1 << wires) * columns * times(made_real, made_real)

    wires = len(operation.blocks)
    return piece(flops(wires), columns * ((1 << wires) + 2 * wires) * size(made_real))


def _product_is_real(plan: Plan, operation: Product) -> bool:
    return all(block is None or plan.kinds[block.kind].real for block in operation.blocks)


def _per_row(plan: Plan, operation: Operation) -> bool:
    if isinstance(operation, Gather):
        return False
    blocks = operation.blocks if isinstance(operation, Product) else (operation,)
    return any(block is not None and plan.kinds[block.kind].per_row for block in blocks)
