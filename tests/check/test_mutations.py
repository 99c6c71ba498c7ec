"""Whatever becomes of a valid program, loading it gives a module or diagnostics with a place, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qsanc.check.builtins import BUILTINS
from qsanc.check.imports import load, load_text
from qsanc.check.module import Module
from qsanc.diagnostics import QsanError
from qsanc.ir.gates import GATES
from qsanc.source import Source

PROGRAMS = Path(__file__).parent / "programs"
TOKEN = re.compile(r"[A-Za-z_]\w*|\d+(?:\.\d+)?(?:[eE][+-]?\d+)?\w*|\.\.=?|[~=!<>]=|>>|->|\"[^\"]*\"|\S")
SPACE = re.compile(r"//[^\n]*")


def tokens(path: Path) -> list[str]:
    return TOKEN.findall(SPACE.sub("", path.read_text(encoding="utf-8")))


TOKENS = {path.name: tokens(path) for path in sorted(PROGRAMS.glob("*.qsan"))}
ANYWHERE = sorted({token for found in TOKENS.values() for token in found} | set(GATES) | {row.name for row in BUILTINS})
NAMES = [token for token in ANYWHERE if token.isidentifier()]


def outcome(text: str) -> Module | QsanError:
    """What loading gives; each diagnostic of an error has a place in the text, or in a file that it imports."""
    try:
        return load_text(Source("mutated.qsan", text), PROGRAMS)
    except QsanError as error:
        found = error
    assert any(diagnostic.is_error for diagnostic in found.diagnostics)
    assert all(d.span is not None and d.span.end <= len(d.span.source.text) for d in found.diagnostics)
    return found


@pytest.mark.parametrize("name", TOKENS)
def test_programs_have_no_findings(name: str) -> None:
    assert load(PROGRAMS / name).warnings == ()


@pytest.mark.parametrize("name", TOKENS)
def test_layout_means_nothing(name: str) -> None:
    assert isinstance(outcome("\n".join(TOKENS[name]).replace("qsan\n1.0", "qsan 1.0")), Module)


def text_of(mutated: list[str]) -> str:
    return " ".join(mutated)


@given(st.data())
@settings(max_examples=80)
def test_tokens_removed_repeated_or_replaced(data: st.DataObject) -> None:
    mutated = list(TOKENS[data.draw(st.sampled_from(sorted(TOKENS)))])
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(2, len(mutated) - 1))
        match data.draw(st.sampled_from(("remove", "repeat", "replace", "exchange"))):
            case "remove":
                del mutated[place]
            case "repeat":
                mutated.insert(place, mutated[place])
            case "replace":
                mutated[place] = data.draw(st.sampled_from(ANYWHERE))
            case _:
                mutated[place - 1], mutated[place] = mutated[place], mutated[place - 1]
    outcome(text_of(mutated))


@given(st.data())
@settings(max_examples=120)
def test_names_replaced_by_other_names(data: st.DataObject) -> None:
    """Such programs mostly parse, and so reach the checks."""
    mutated = list(TOKENS[data.draw(st.sampled_from(sorted(TOKENS)))])
    places = [place for place, token in enumerate(mutated) if token.isidentifier() and place > 1]
    for place in data.draw(st.lists(st.sampled_from(places), min_size=1, max_size=6)):
        mutated[place] = data.draw(st.sampled_from(NAMES))
    outcome(text_of(mutated))


@given(st.data())
@settings(max_examples=60)
def test_statements_removed_or_moved(data: st.DataObject) -> None:
    """Whole statements, from one `;` to the next, where the program stays one that parses."""
    name = data.draw(st.sampled_from(sorted(TOKENS)))
    statements = text_of(TOKENS[name]).split(" ; ")
    place, target = (data.draw(st.integers(1, len(statements) - 1)) for _ in range(2))
    moved = statements.pop(place)
    if data.draw(st.booleans()):
        statements.insert(target, moved)
    outcome(" ; ".join(statements))


@pytest.mark.parametrize(
    "deep",
    [
        "(" * 190 + "1" + ")" * 190,
        "1" + " + 1" * 190,
        "exp(" * 190 + "1" + ")" * 190,
        "[" * 190 + "1" + "]" * 190,
        "-" * 190 + "1",
        "1" + "[0]" * 190,
    ],
)
def test_what_may_be_nested_may_be_checked(deep: str) -> None:
    outcome(f"qsan 1.0\nconst k = {deep};\n")
    model = f"model m {{ params {{ a: real = 1; }} flow {{ predict a * {deep}; }} loss predict + {deep}; }}"
    outcome(f"qsan 1.0\n{model}\n")
    outcome(f"qsan 1.0\ncircuit f() on q: qubit -> real {{ rx({deep}) q; return expval({deep} * Z(q)); }}\n")
