"""Every code of the syntax group, as it is shown: `tests/errors/syntax/*.qsan` and the `.err` beside each."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from qsanc.diagnostics.model import Diagnostic, Note, QsanError, Severity
from qsanc.diagnostics.render import render, to_json, visible
from qsanc.source import Source
from qsanc.syntax.parse import parse
from qsanc.syntax.read import LARGEST_FILE, read_source

CASES = Path(__file__).resolve().parents[1] / "errors" / "syntax"
FILES = sorted(CASES.glob("*.qsan"))
MISSING = "qs008_missing.qsan"


def refusal(name: str) -> tuple[Diagnostic, ...]:
    with pytest.raises(QsanError) as refused:
        parse(read_source(name))
    return refused.value.diagnostics


@pytest.mark.parametrize("name", [*(path.name for path in FILES), MISSING])
def test_is_shown(name: str, golden: Callable[[Path, str], None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(CASES)
    diagnostics = refusal(name)
    assert name[:5].upper() in {d.code for d in diagnostics}
    golden(CASES / name.replace(".qsan", ".err"), render(diagnostics))
    json.dumps(to_json(diagnostics))


def test_every_code_has_a_case() -> None:
    assert {f"qs00{n}" for n in range(1, 10)} <= {name[:5] for name in [*(path.name for path in FILES), MISSING]}


def test_files_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    Path("large.qsan").write_bytes(b" " * (LARGEST_FILE + 1))
    cases = {
        "none.qsan": "cannot read none.qsan: there is no such file",
        "folder": "cannot read folder: this is a folder",
        "large.qsan": "cannot read large.qsan: it is larger than 8 MiB",
        "none.qsan/a.qsan": "cannot read none.qsan/a.qsan: there is no such file",
        "a\0b": "cannot read a\0b: embedded null byte",
        "x" * 300: f"cannot read {'x' * 300}: File name too long",
    }
    for name, title in cases.items():
        with pytest.raises(QsanError) as refused:
            read_source(name)
        (diagnostic,) = refused.value.diagnostics
        assert (diagnostic.code, diagnostic.title, diagnostic.span) == ("QS008", title, None)
        assert "\0" not in render([diagnostic])
    if os.geteuid():
        Path("closed.qsan").touch(mode=0)
        with pytest.raises(QsanError):
            read_source("closed.qsan")


def test_a_byte_order_mark_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "bom.qsan"
    path.write_bytes(b"\xef\xbb\xbfqsan 1.0\r\nconst a = 1;\r\n")
    assert len(parse(read_source(path)).items) == 1


# ---- the drawing --------------------------------------------------------------------------------------------------


def drawn(text: str, start: int, end: int, label: str = "here", **more: str) -> str:
    span = Source("m.qsan", text).span(start, end)
    return render([Diagnostic("QS201", Severity.ERROR, "title", span, label, **more)])  # type: ignore[arg-type]


def test_the_form_of_the_language_design() -> None:
    line = "  encode { h q; entangler[depth = d_enc](x) q; }"
    source = Source("model.qsan", "\n" * 17 + "        x\n" + "\n" * 5 + line)
    span = source.span(source.text.rindex("(x)") + 1, source.text.rindex("(x)") + 2)
    note = Note("x is angle[S, d + 2, n] with d = 0", source.span(25, 26))
    error = Diagnostic(
        "QS201", Severity.ERROR, "shapes do not fit in the call of `entangler`", span, "angle[2, 4] for each token",
        expected="expected angle[3, 4]: [depth + 2, n] with depth = d_enc = 1, n = 4",
        notes=(note,), help="declare x as angle[S, d_enc + 2, n]",
    )  # fmt: skip
    assert render([error]) == (
        "error[QS201]: shapes do not fit in the call of `entangler`\n"
        "  --> model.qsan:24:42\n"
        "   |\n"
        "24 |   encode { h q; entangler[depth = d_enc](x) q; }\n"
        "   |                                          ^ angle[2, 4] for each token\n"
        "   = expected angle[3, 4]: [depth + 2, n] with depth = d_enc = 1, n = 4\n"
        "   = note: x is angle[S, d + 2, n] with d = 0 (model.qsan:18:9)\n"
        "   = help: declare x as angle[S, d_enc + 2, n]\n"
        "\n"
        "1 error\n"
    )


def test_tabs_and_wide_characters_keep_the_carets_in_place() -> None:
    assert "1 |     a b\n  |       ^ here" in drawn("\ta b", 3, 4)
    assert "1 | 語語 b\n  | ^^^^ here" in drawn("語語 b", 0, 2)
    assert "1 | 語語 b\n  |      ^ here" in drawn("語語 b", 3, 4)
    assert "1 | e\u0301 b\n  |   ^ here" in drawn("e\u0301 b", 3, 4)


def test_control_characters_are_never_emitted() -> None:
    text = "a\x1b[31m\x00\u202e b\r"
    shown = drawn(text, text.index("b"), text.index("b") + 1, label="\x07", help="\x1b]0;x\x07")
    assert all(c.isprintable() or c == "\n" for c in shown)
    assert "a\\x1b[31m\\x00\\u202e b" in shown
    assert visible("\ud800") == "\\ud800"


def test_long_lines_are_cut_around_the_span() -> None:
    text = "x" * 500 + "HERE" + "y" * 500
    excerpt, carets = drawn(text, 500, 504).split("\n")[3:5]
    assert len(excerpt) < 120
    assert excerpt[carets.index("^") :].startswith("HERE")
    assert carets.count("^") == 4
    assert excerpt.endswith("…")
    assert excerpt[4] == "…"
    assert drawn(text, 0, 4).split("\n")[3].startswith("1 | xxxx")
    assert len(drawn(text, 0, 1004).split("\n")[4]) < 120


def test_empty_places_and_spans_of_several_lines() -> None:
    assert "1 | ab\n  |   ^ here" in drawn("ab\ncd", 2, 2)
    assert "1 | ab\n  |  ^ … here" in drawn("ab\ncd", 1, 4)
    assert "1 |\n  | ^ here" in drawn("", 0, 0)


def test_counts_and_colors() -> None:
    warning = Diagnostic("QS110", Severity.WARNING, "unused")
    error = Diagnostic("QS101", Severity.ERROR, "unknown", help="one\ntwo")
    text = render([error, warning, error])
    assert text.endswith("\n\n2 errors, 1 warning\n")
    assert text.startswith("error[QS101]: unknown\n  = help: one\n          two\n\nwarning[QS110]: unused\n\n")
    assert render([]) == ""
    colored = render([error, warning], color=True)
    assert "\x1b[1;31merror[QS101]\x1b[0m" in colored
    assert "\x1b[1;33mwarning[QS110]\x1b[0m" in colored


def test_plain_data() -> None:
    span = Source("m.qsan", "ab\ncd").span(3, 5)
    error = Diagnostic("QS101", Severity.ERROR, "t", span, "l", "e", (Note("n", span), Note("m")), "h")
    assert to_json([error]) == [
        {
            "code": "QS101", "severity": "error", "title": "t", "file": "m.qsan", "line": 2, "column": 1,
            "end_line": 2, "end_column": 3, "label": "l", "expected": "e",
            "notes": [
                {"text": "n", "file": "m.qsan", "line": 2, "column": 1},
                {"text": "m", "file": None, "line": None, "column": None},
            ],
            "help": "h",
        }
    ]  # fmt: skip
    assert to_json([Diagnostic("QS008", Severity.ERROR, "t")])[0]["line"] is None
