"""Whole program texts."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TypeAlias

from hypothesis import strategies as st

from qsanc.testing.strategies.gatelines import Names, Piece, bodies
from qsanc.testing.strategies.models import models

ITEMS = ("const", "size", "hyper", "ansatz", "circuit", "noise", "model", "property", "test")
_SIGNATURE = "(th: angle[depth + 1, n]) on q: qubit[n]"
_OBSERVABLES = ("Z(q[0])", "X(q[0]) @ Y(q[1])", "0.5 * Z(q[n - 1]) - 1", "Y(q[0]) + 2 * Z(q[0]) @ Z(q[1])")
_RETURNS = (
    ("real", "expval({0})"),
    ("real[2]", "[expval({0}), expval({1})]"),
    ("real[2]", "expval([{0}, {1}])"),
    ("real[n]", "expval(paulis(q, count = n))"),
    ("real[n]", "[expval(Z(q[i])) for i in 0..n]"),
    ("prob", "prob_of(q, 0)"),
    ("prob[4]", "probs(q[0..2])"),
)
_CONSTANTS = ("1", "pi / 3", "0.25", "2 * pi - 1", "45deg", "sqrt(2)")
_RULES = (
    "after rz: depolarizing(p);",
    "before cx, cz: two_qubit_depolarizing(p);",
    "after * on [0, 1]: amplitude_damping(gamma = p);",
    "idle: thermal(t1 = t, t2 = t, dt = 35ns);",
    "prepare: bit_flip(p / 10);",
    "readout: confusion([[1 - p, p], [2 * p, 1 - 2 * p]]);",
)
_LAWS = (
    "assert unitary({0}[n, 1](th));",
    "assert {0}[n, 1](th) >> inv({0}[n, 1](th)) ~= identity(n) tol 1e-9;",
    'assert {0}[n, 1](th) ~= {0}[n, 1](th), "it is itself";',
)
_TESTS = ("assert pi > 3;", 'assert 1 + 1 == 2 and not false, "sums";', "let a = [1, 2]; assert sum(a) ~= 3 tol 1e-9;")

_Item: TypeAlias = Callable[[Names, int], str]
"""An item of a file, from the names above it and its number there."""


def qsan_source(
    *, max_items: int = 4, max_statements: int = 4, items: Collection[str] = ITEMS
) -> st.SearchStrategy[str]:
    """Texts of whole legal programs, which `qsanc check` takes without an error (warnings there may be).

    At most `max_items` items above the model (constants, sizes, settings, ansaetze that call each other, circuits,
    noise), at most one model with all it needs, and up to two properties or tests. `items` are the kinds to choose
    from: const, size, hyper, ansatz, circuit, noise, model, property, test. Shrinks to fewer items of fewer statements.
    Raises ValueError for an unknown kind.

    >>> @given(qsan_source(items=["ansatz", "circuit"]))
    ... def test_printer(text): assert_roundtrip(text)
    """
    if unknown := [kind for kind in items if kind not in ITEMS]:
        raise ValueError(f"there is no item {unknown[0]!r}: {', '.join(ITEMS)}")
    if max_items < 0 or max_statements < 0:
        raise ValueError("no file has fewer than 0 items or statements")
    above = _several(
        {
            "const": st.sampled_from(_CONSTANTS).map(_const),
            "size": st.integers(1, 4).map(_size),
            "hyper": st.sampled_from(["0.5", "0", "1e-2"]).map(_hyper),
            "ansatz": bodies(max_statements).map(_ansatz),
            "circuit": st.tuples(
                bodies(max_statements),
                st.sampled_from(_RETURNS),
                st.sampled_from(_OBSERVABLES),
                st.sampled_from(_OBSERVABLES),
            ).map(lambda found: _circuit(*found)),
            "noise": st.lists(st.sampled_from(_RULES), max_size=3).map(_noise),
        },
        items,
        max_items,
    )
    checks = _several(
        {
            "property": st.tuples(st.integers(0, 7), st.sampled_from(_LAWS)).map(lambda found: _property(*found)),
            "test": st.sampled_from(_TESTS).map(_test),
        },
        items,
        2,
    )
    model = st.just("") | models().map(lambda written: written.text.removeprefix("qsan 1.0\n"))
    return st.tuples(above, model if "model" in items else st.just(""), checks).map(lambda found: _file(*found))


def _several(
    kinds: dict[str, st.SearchStrategy[_Item]], chosen: Collection[str], most: int
) -> st.SearchStrategy[list[_Item]]:
    ways = [way for kind, way in kinds.items() if kind in chosen]
    return st.lists(st.one_of(ways), max_size=most) if ways and most else st.just([])


def _file(above: list[_Item], model: str, checks: list[_Item]) -> str:
    names = Names()
    parts = [item(names, place) for place, item in enumerate(above)]
    parts += [model] if model else []
    parts += [item(names, place) for place, item in enumerate(checks)]
    return "\n".join(["qsan 1.0", "from std.ring import ring_of_cx;", *parts, ""])


def _const(value: str) -> _Item:
    return _declared("k", f"const {{}} = {value};")


def _size(value: int) -> _Item:
    return _declared("s", f"size {{}} in 1..=4 = {value};")


def _hyper(value: str) -> _Item:
    return _declared("h", f"hyper {{}}: real in 0..=1 = {value};")


def _declared(letter: str, form: str) -> _Item:
    def item(names: Names, place: int) -> str:
        names.numbers.append(f"{letter}{place}")
        return form.format(names.numbers[-1])

    return item


def _ansatz(body: Piece) -> _Item:
    def item(names: Names, place: int) -> str:
        text = f"ansatz a{place}[n: nat, depth: nat = 1]{_SIGNATURE} {{\n{body(names)}}}"
        names.ansaetze.append(f"a{place}")
        return text

    return item


def _circuit(body: Piece, returned: tuple[str, str], one: str, other: str) -> _Item:
    def item(names: Names, place: int) -> str:
        head = f"circuit c{place}[n: nat in 2..=4, depth: nat = 1]{_SIGNATURE} -> {returned[0]}"
        return f"{head} {{\n{body(names)}  return {returned[1].format(one, other)};\n}}"

    return item


def _noise(rules: list[str]) -> _Item:
    lines = "".join(f"  {rule}\n" for rule in rules)
    return lambda names, place: f"noise noise{place}(p: prob = 1e-3, t: time = 50us) {{\n{lines}}}"


def _property(number: int, law: str) -> _Item:
    def item(names: Names, place: int) -> str:
        if not names.ansaetze:
            return f"property law{place}(n: nat in 1..=3) {{ assert n * n >= n; }}"
        ansatz = names.ansaetze[-1 - number % len(names.ansaetze)]
        return f"property law{place}(n: nat in 2..=3, th: angle[2, n]) {{\n  examples: 10;\n  {law.format(ansatz)}\n}}"

    return item


def _test(body: str) -> _Item:
    return lambda names, place: f"test case{place} {{ {body} }}"
