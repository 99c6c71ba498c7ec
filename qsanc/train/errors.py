"""Every message of this floor: data files (QS901 to QS920), training (QS921 to QS929), run folders (QS930 to QS939)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from qsanc.diagnostics import Diagnostic, Note, QsanError, Severity
from qsanc.source import Span


def error(
    code: str,
    title: str,
    span: Span | None = None,
    *,
    label: str = "",
    expected: str = "",
    notes: Iterable[str] = (),
    help: str = "",
) -> Diagnostic:
    return Diagnostic(
        code,
        Severity.ERROR,
        title,
        span,
        label=label,
        expected=expected,
        notes=tuple(Note(text) for text in notes),
        help=help,
    )


def fail(diagnostic: Diagnostic) -> QsanError:
    return QsanError((diagnostic,))


def shown(value: object, most: int = 60) -> str:
    """A value as it stands in a message: quoted if text, a list if a sequence, never longer than `most` characters."""
    text = str(value).lower() if isinstance(value, bool) else repr(list(value) if isinstance(value, tuple) else value)
    return text if len(text) <= most else text[: most - 4] + "..." + text[0]


def listed(names: Iterable[str], most: int = 12) -> str:
    names = list(names)
    if not names:
        return "none"
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def near(name: str, known: Sequence[str]) -> str:
    """`did you mean ...?` for a near name, else nothing."""
    matches = get_close_matches(name, known, n=1)
    return f"did you mean `{matches[0]}`?" if matches else ""


# files


def unreadable(name: str, reason: str) -> Diagnostic:
    return error(
        "QS901",
        f"cannot read the data file {name}: {reason}",
        help="check the name; for a run whose data was moved, `--resume RUN --data FILE` names its new place",
    )


def unknown_format(name: str) -> Diagnostic:
    return error(
        "QS902",
        f"cannot tell the format of the data file {name}",
        expected="a name that ends in .tsv, .csv or .jsonl",
        help="rename the file after its format",
    )


def too_large(name: str, size: int, most: int) -> Diagnostic:
    return error(
        "QS903",
        f"the data file {name} holds {size / 2**20:.0f} MiB; at most {most / 2**20:.0f} MiB are read",
        help="train on a part of the file",
    )


def binary(name: str, line: int) -> Diagnostic:
    return error(
        "QS904",
        f"the data file {name} is not text: line {line} holds a zero byte",
        help="give a text file in UTF-8: .tsv, .csv or .jsonl",
    )


def not_utf8(name: str, span: Span, byte: int) -> Diagnostic:
    return error(
        "QS904",
        f"the data file {name} is not UTF-8",
        span,
        label=f"byte 0x{byte:02x}",
        help="convert the file to UTF-8",
    )


def empty(name: str, missing: str) -> Diagnostic:
    return error("QS905", f"the data file {name} holds no {missing}", expected="a header line and one record a line")


def missing_column(
    name: str, field: str, wanted: str, present: Sequence[str], span: Span | None, elements: Sequence[str] = ()
) -> Diagnostic:
    """`elements` are the names of the columns of an array field, which `--column` takes one by one."""
    guess = near(wanted, present)
    help = f"name the column with --column {field}=NAME"
    if elements:
        each = " ".join(f"--column {element}=NAME" for element in elements[:2])
        more = f" and so on to {elements[-1]}" if len(elements) > 2 else ""
        help = f"name the column of each number with {each}{more}, or one column of lists with --column {field}=NAME"
    if len(present) == 1 and ";" in present[0]:
        help, guess = "the cells of a .csv file are divided by commas, not by semicolons: write the file so", ""
    return error(
        "QS906",
        f"{name} has no column `{wanted}` for the field `{field}`",
        span,
        notes=(f"columns of the file: {listed(present)}",),
        help=help + (f"; {guess}" if guess else ""),
    )


def duplicate_column(column: str, span: Span) -> Diagnostic:
    return error("QS907", f"the column `{column}` occurs twice", span, help="rename one of the two")


def ragged(found: int, wanted: int, span: Span, help: str) -> Diagnostic:
    cells = "cell" if found == 1 else "cells"
    return error("QS908", f"this row has {found} {cells}, the header has {wanted}", span, help=help)


def malformed(title: str, span: Span, help: str) -> Diagnostic:
    return error("QS909", title, span, help=help)


def unknown_field(field: str, fields: Sequence[str]) -> Diagnostic:
    return error(
        "QS920",
        f"--column names `{field}`, which is no field of the model",
        notes=(f"fields of the model: {listed(fields)}",),
        help=near(field, fields) or "write --column FIELD=NAME with a field of the model's data block",
    )


def too_few(name: str, found: int, wanted: int, reason: str) -> Diagnostic:
    records = "record" if found == 1 else "records"
    return error(
        "QS918",
        f"{name} has {found} {records}, too few {reason}",
        expected=f"at least {wanted}",
        help="give more data, or files of their own for validation and test",
    )


def label_count(name: str, found: Sequence[str], classes: int, span: Span | None, label: str) -> Diagnostic:
    fewer = len(found) < classes
    return error(
        "QS916",
        f"the model has {classes} classes, the training data {'only ' if fewer else ''}{len(found)}",
        span,
        label=label,
        notes=(f"labels in {name}: {listed(found)}",),
        help="check the labels" if fewer else "correct the label, or change the range of the label field of the model",
    )


def vocabulary_size(size: int, high: int, field: str) -> Diagnostic:
    return error(
        "QS917",
        f"the vocabulary needs {size} rows (one for unknown words), `{field}` has {high}",
        help=f"leave `vocab` to the data, or give --set vocab={size}",
    )


def no_vocabulary(field: str, span: Span | None) -> Diagnostic:
    return error(
        "QS917",
        f"`{field}` was trained on word numbers: there is no vocabulary for text",
        span,
        help="give lists of word numbers",
    )


# training


def not_finite(what: str, epoch: int, step: int, notes: Iterable[str]) -> Diagnostic:
    return error(
        "QS921",
        f"{what} in epoch {epoch}, step {step}",
        notes=notes,
        help="try a smaller learning rate, or give the parameters ranges; the weights before this step are kept",
    )


def bad_setting(title: str, expected: str = "", help: str = "") -> Diagnostic:
    return error("QS922", title, expected=expected, help=help)


def data_mismatch(model: str, needs: bool) -> Diagnostic:
    if needs:
        return error("QS923", f"the model `{model}` has a data block: training needs data", help="give --data FILE")
    return error("QS923", f"the model `{model}` takes no data", help="leave --data out")


def weights_mismatch(title: str, *, expected: str = "", notes: Iterable[str] = (), help: str = "") -> Diagnostic:
    return error("QS924", title, expected=expected, notes=notes, help=help)


# run folders


def foreign_folder(path: str) -> Diagnostic:
    return error(
        "QS930",
        f"the folder {path} is not empty and is not a run",
        help="give --out a new folder",
    )


def existing_run(path: str) -> Diagnostic:
    return error(
        "QS931",
        f"the folder {path} already holds a run",
        help="go on with --resume, or give --out a new folder",
    )


def not_a_run(path: str, missing: str) -> Diagnostic:
    return error(
        "QS932",
        f"{path} is not a run folder: it has no {missing}",
        help="give the folder that `qsanc train --out` made",
    )


def damaged(file: str, reason: str) -> Diagnostic:
    return error("QS933", f"{file} is damaged: {reason}", help="restore the file, or train again")


def changed_file(file: str, expected: str, found: str) -> Diagnostic:
    return error(
        "QS933",
        f"{file} is damaged: it is not the file that the run wrote",
        expected=f"the SHA-256 {expected[:16]}..., as run.json says; it has {found[:16]}...",
        help="restore the file, or train again",
    )


def changed_source(file: str) -> Diagnostic:
    return error(
        "QS934",
        f"{file} is not the text that was trained",
        help="train again: a run keeps the source of its weights",
    )


def resume_mismatch(title: str, help: str) -> Diagnostic:
    return error("QS935", title, help=help)


def unwritable(file: str, reason: str) -> Diagnostic:
    return error("QS936", f"cannot write {file}: {reason}")


def newer_format(file: str, found: int, known: int) -> Diagnostic:
    return error(
        "QS937",
        f"{file} has format {found}; this qsanc reads formats up to {known}",
        help="use the qsanc that wrote it, or a newer one",
    )


def finished_run(path: str) -> Diagnostic:
    return error(
        "QS938",
        f"the run in {path} is finished: its test part has been read",
        help="train into a new folder",
    )


def run_in_use(path: str) -> Diagnostic:
    return error(
        "QS939",
        f"another process is writing the run in {path}",
        help="wait for it or stop it, then go on with --resume",
    )
