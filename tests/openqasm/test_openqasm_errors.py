"""Programs that are wrong, or not read: `tests/openqasm/errors/*.qasm` and what is said about each, in the `.err`."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qsanc.diagnostics import Diagnostic, QsanError
from qsanc.diagnostics.render import render
from qsanc.openqasm.names import words
from qsanc.openqasm.reader import read
from qsanc.source import Source

CASES = Path(__file__).parent / "errors"
FILES = sorted(CASES.glob("*.qasm"))


def findings(text: str, name: str = "program.qasm") -> tuple[Diagnostic, ...]:
    try:
        return read(Source(name, text)).warnings
    except QsanError as error:
        return error.diagnostics


@pytest.mark.parametrize("case", FILES, ids=lambda case: case.stem)
def test_is_shown(case: Path, golden: Callable[[Path, str], None]) -> None:
    found = findings(case.read_text(encoding="utf-8"), case.name)
    golden(case.with_suffix(".err"), render(found))
    assert case.stem[:5].upper() in {diagnostic.code for diagnostic in found}
    assert all(d.span is not None and d.help and d.expected.startswith("expected ") for d in found)


NESTED = {
    "signs": "qubit q; rx(" + "-" * 5000 + "1) q;",
    "sums": "qubit q; rx(" + "1+" * 5000 + "1) q;",
    "powers": "qubit q; rx(" + "2**" * 5000 + "1) q;",
    "loops": "qubit q; " + "for int i in {1} " * 5000 + "h q;",
    "controls": "qubit[2] q; " + "inv @ " * 5000 + "pow(100) @ " * 50 + "h q[0];",
    "gates": "".join(f"gate g{k} a {{ {f'g{k - 1}' if k else 'h'} a; }}\n" for k in range(3000)) + "qubit q; g2999 q;",
    "expressions": "input float t; gate g0(a) q { rx(a) q; }\n"
    + "".join(f"gate g{k}(a) q {{ g{k - 1}(a * a) q; }}\n" for k in range(1, 40))
    + "qubit q; g39(t) q;",
    "digits": "qubit q; rx(" + "9" * 100_000 + ") q;",
    "empty powers": "gate g a { } qubit q; " + "pow(100000000) @ " * 5 + "g q;",
    "empty loops": "qubit q; " + "for int i in [1:100] " * 8 + "h q;",
    "many controls": "qubit[14] q; " + "ctrl @ " * 13 + "h " + ", ".join(f"q[{k}]" for k in range(14)) + ";",
    "indices": "qubit[2] q; h q[0:9007199254740991];",
    "text": "qubit q; h q;\n" + "// nothing\n" * 400_000,
    "inputs": "".join(f"input float t{k};" for k in range(10_001)) + "qubit q;",
}


@pytest.mark.parametrize("name", NESTED)
def test_what_is_deep_or_large_is_refused_soon(name: str) -> None:
    began = time.thread_time()
    found = findings(NESTED[name])
    assert found
    assert {d.code for d in found} <= {"QS820", "QS823", "QS824", "QS825"}
    assert time.thread_time() - began < 10


WORDS = sorted(
    words(
        """OPENQASM 3.0 ; qubit [ 2 ] q input float t bit b = measure h cx ctrl @ inv pow ( ) , -> gate g a { } for
        int i in : 0 1 -1 pi + * ** / -- 1e5 U gphase negctrl barrier # " // /* $1 \n stdgates.inc const pragma
        box $2 ms"""
    )
)


@given(st.lists(st.sampled_from(WORDS), max_size=40) | st.text(max_size=60).map(lambda text: [text]))
def test_no_text_ends_in_a_traceback(words: list[str]) -> None:
    for found in findings(" ".join(words)):
        assert found.code.startswith("QS82")


def test_brackets_alone_are_not_deep() -> None:
    assert findings("qubit q; rx(" + "(" * 5000 + "1" + ")" * 5000 + ") q;") == ()


def test_what_follows_from_a_wrong_declaration_is_not_told() -> None:
    (found,) = findings("qubit[0] q;\nh q;\nx q;")
    assert (found.code, found.span.text if found.span else "") == ("QS823", "0")
