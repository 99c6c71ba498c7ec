"""How a diagnostic looks: as text with the place underlined for people, as plain data for machines."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from typing import TypedDict

from qsanc.diagnostics.model import Diagnostic, Note, Severity
from qsanc.source import Span

WIDEST_LINE = 100
"""Columns of a source line that are shown; of a longer one, the part around the span."""

_TAB = 4
_RESET = "\x1b[0m"
_COLORS = {"error": "\x1b[1;31m", "warning": "\x1b[1;33m", "bold": "\x1b[1m", "frame": "\x1b[34m", "help": "\x1b[36m"}

Paint = Callable[[str, str], str]


class JsonNote(TypedDict):
    text: str
    file: str | None
    line: int | None
    column: int | None


class JsonDiagnostic(TypedDict):
    """A diagnostic as plain data. Lines and columns count from 1, the end is exclusive, None is no place."""

    code: str
    severity: str
    title: str
    file: str | None
    line: int | None
    column: int | None
    end_line: int | None
    end_column: int | None
    label: str
    expected: str
    notes: list[JsonNote]
    help: str


def render(diagnostics: Sequence[Diagnostic], *, color: bool = False) -> str:
    """The diagnostics one below the other and a line that counts them; "" for none. ANSI colours where `color`."""
    if not diagnostics:
        return ""
    paint: Paint = (lambda kind, text: f"{_COLORS[kind]}{text}{_RESET}") if color else (lambda _, text: text)
    parts = [_one(diagnostic, paint) for diagnostic in diagnostics]
    return "\n\n".join(parts) + "\n\n" + count(diagnostics) + "\n"


def count(diagnostics: Sequence[Diagnostic]) -> str:
    """`2 errors, 1 warning`."""
    errors = sum(d.is_error for d in diagnostics)
    warnings = len(diagnostics) - errors
    counts = [(errors, "error"), (warnings, "warning")]
    return ", ".join(f"{n} {word}{'s' if n > 1 else ''}" for n, word in counts if n)


def to_json(diagnostics: Sequence[Diagnostic]) -> list[JsonDiagnostic]:
    """The diagnostics as plain data for `json.dumps`."""
    return [_json(d) for d in diagnostics]


def visible(text: str) -> str:
    """The text with every character that would move or hide what is printed written as `\\x1b` or `\\u202e`."""
    return "".join(c if _is_harmless(c) else _escaped(c) for c in text)


# ---- text ---------------------------------------------------------------------------------------------------------


def _one(diagnostic: Diagnostic, paint: Paint) -> str:
    kind = diagnostic.severity.value
    lines = [paint(kind, f"{kind}[{diagnostic.code}]") + paint("bold", f": {visible(diagnostic.title)}")]
    gutter = 1
    if diagnostic.span is not None:
        line, _ = diagnostic.span.source.position(diagnostic.span.start)
        gutter = len(str(line))
        lines.append(" " * gutter + paint("frame", "-->") + f" {visible(str(diagnostic.span))}")
        lines.extend(_excerpt(diagnostic.span, diagnostic.label, gutter, kind, paint))
    if diagnostic.expected:
        lines.extend(_remark(diagnostic.expected, "", gutter, paint))
    for note in diagnostic.notes:
        lines.extend(_remark(_note(note), "note: ", gutter, paint))
    if diagnostic.help:
        lines.extend(_remark(diagnostic.help, "help: ", gutter, paint))
    return "\n".join(lines)


def _note(note: Note) -> str:
    return note.text if note.span is None else f"{note.text} ({note.span})"


def _remark(text: str, word: str, gutter: int, paint: Paint) -> list[str]:
    margin = " " * (gutter + 1)
    first, *rest = [visible(line) for line in text.split("\n")]
    colored = paint("help", word) if word else ""
    return [f"{margin}{paint('frame', '=')} {colored}{first}", *(f"{margin}  {' ' * len(word)}{line}" for line in rest)]


def _excerpt(span: Span, label: str, gutter: int, kind: str, paint: Paint) -> list[str]:
    source = span.source
    number, column = source.position(span.start)
    text = source.line(number)
    start = min(column - 1, len(text))
    last, last_column = source.position(span.end)
    end = min(last_column - 1, len(text)) if last == number else len(text)
    shown, before, width = _window(text, start, max(end, start))
    more = " …" if last > number and span.source.text[span.start : span.end].strip("\r\n") else ""
    carets = paint(kind, "^" * max(1, width) + more + (f" {visible(label)}" if label else ""))
    bar = paint("frame", "|")
    margin = " " * (gutter + 1)
    return [
        f"{margin}{bar}",
        f"{paint('frame', str(number))} {bar} {shown}".rstrip(),
        f"{margin}{bar} {' ' * before}{carets}",
    ]


def _window(text: str, start: int, end: int) -> tuple[str, int, int]:
    """The line as shown, the columns before the span, and the columns of the span."""
    cells = _cells(text)
    widths = [_width(cell) for cell in cells]
    first, after = 0, len(cells)
    if sum(widths) > WIDEST_LINE:
        room = WIDEST_LINE - min(sum(widths[start:end]), WIDEST_LINE)
        taken = 0
        first = start
        while first > 0 and taken + widths[first - 1] <= room // 2:
            first -= 1
            taken += widths[first]
        if first < _TAB and sum(widths[:first]) <= room - taken:
            first = 0
        after, taken = first, 0
        while after < len(cells) and taken + widths[after] <= WIDEST_LINE:
            taken += widths[after]
            after += 1
    head, tail = "…" if first else "", "…" if after < len(cells) else ""
    stop = min(end, after)
    return (
        head + "".join(cells[first:after]) + tail,
        len(head) + sum(widths[first:start]),
        sum(widths[start:stop]),
    )


def _cells(text: str) -> list[str]:
    """Each character as it is shown: tabs as blanks up to the next stop, what cannot be shown as its escape."""
    cells: list[str] = []
    column = 0
    for character in text:
        cell = " " * (_TAB - column % _TAB) if character == "\t" else visible(character)
        column += _width(cell)
        cells.append(cell)
    return cells


def _width(cell: str) -> int:
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in cell)


def _is_harmless(character: str) -> bool:
    return " " <= character <= "~" or unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def _escaped(character: str) -> str:
    code = ord(character)
    if character in "\n\t\r":
        return {"\n": "\\n", "\t": "\\t", "\r": "\\r"}[character]
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


# ---- data ---------------------------------------------------------------------------------------------------------


def _json(diagnostic: Diagnostic) -> JsonDiagnostic:
    file, line, column = _place(diagnostic.span)
    end_line, end_column = None, None
    if diagnostic.span is not None:
        end_line, end_column = diagnostic.span.source.position(diagnostic.span.end)
    notes: list[JsonNote] = []
    for note in diagnostic.notes:
        note_file, note_line, note_column = _place(note.span)
        notes.append({"text": note.text, "file": note_file, "line": note_line, "column": note_column})
    return {
        "code": diagnostic.code,
        "severity": Severity(diagnostic.severity).value,
        "title": diagnostic.title,
        "file": file,
        "line": line,
        "column": column,
        "end_line": end_line,
        "end_column": end_column,
        "label": diagnostic.label,
        "expected": diagnostic.expected,
        "notes": notes,
        "help": diagnostic.help,
    }


def _place(span: Span | None) -> tuple[str | None, int | None, int | None]:
    return (None, None, None) if span is None else (span.source.name, *span.source.position(span.start))
