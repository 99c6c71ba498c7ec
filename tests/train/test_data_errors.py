"""Wrong data files, and what is said about each: `data_errors/*` against `data_errors.golden`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from toys import LABEL, TOKENS, model_of, numbers

from qsanc.diagnostics import Diagnostic, QsanError
from qsanc.train import tables
from qsanc.train.data import Part, divide, learn
from qsanc.train.encoding import encode
from qsanc.train.tables import read_table, table_of

FOLDER = Path(__file__).parent / "data_errors"
TEXT = model_of(TOKENS, LABEL)
NUMBERS = model_of(numbers("x", 2, low=-1.0, high=1.0, closed=False), LABEL)


def told(diagnostic: Diagnostic) -> str:
    lines = [f"{diagnostic.code}: {diagnostic.title}"]
    if diagnostic.span is not None:
        lines.append(f"  at {diagnostic.span}: {diagnostic.span.text!r} {diagnostic.label}".rstrip())
    lines += [f"  expected {diagnostic.expected}"] if diagnostic.expected else []
    lines += [f"  note: {note.text}" for note in diagnostic.notes]
    lines += [f"  help: {diagnostic.help}"] if diagnostic.help else []
    return "\n".join(lines) + "\n"


def findings(file: Path) -> tuple[Diagnostic, ...]:
    with pytest.raises(QsanError) as caught:
        read_and_encode(file)
    return caught.value.diagnostics


def read_and_encode(file: Path) -> None:
    table = read_table(file, name=file.name)
    model = NUMBERS if "x_0" in table.columns or "x" in table.columns else TEXT
    encode(model, Part.whole(table), learn(model, Part.whole(table)))


def test_what_is_said_about_wrong_files(golden: Callable[[Path, str], None]) -> None:
    text = ""
    for file in sorted(FOLDER.iterdir()):
        text += f"--- {file.name}\n" + "".join(map(told, findings(file)))
    golden(FOLDER.with_suffix(".golden"), text)


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    for path, code in ((tmp_path / "no.tsv", "QS901"), (tmp_path, "QS902")):
        with pytest.raises(QsanError) as caught:
            read_table(path)
        assert [found.code for found in caught.value.diagnostics] == [code]
        assert str(path) in caught.value.diagnostics[0].title


def test_a_file_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "LARGEST", 10)
    (tmp_path / "d.tsv").write_text("text\tlabel\nmeal\t1\n")
    with pytest.raises(QsanError, match="QS903"):
        read_table(tmp_path / "d.tsv")


def test_no_more_than_twenty_findings_and_the_rest_counted() -> None:
    table = table_of({"text": ["!"] * 50 + ["a", "b"], "label": ["0", "1"] * 26})
    with pytest.raises(QsanError) as caught:
        encode(TEXT, Part.whole(table), learn(TEXT, Part.whole(table)))
    assert len(caught.value.diagnostics) == 20
    assert caught.value.diagnostics[-1].notes[-1].text == "and 30 more in the data"
    assert caught.value.diagnostics[3].title == "record 3: no word in this text"


def test_an_unseen_label_names_its_line(tmp_path: Path) -> None:
    train = table_of({"text": ["a", "b"], "label": ["no", "yes"]})
    (tmp_path / "t.tsv").write_text("text\tlabel\na\tyes\nb\tmaybe\n")
    coding = learn(TEXT, Part.whole(train))
    with pytest.raises(QsanError) as caught:
        encode(TEXT, Part.whole(read_table(tmp_path / "t.tsv")), coding)
    assert [found.code for found in caught.value.diagnostics] == ["QS915"]
    assert str(caught.value.diagnostics[0].span).endswith("t.tsv:3:3")


def test_a_column_for_a_field_that_is_not_there() -> None:
    table = table_of({"text": ["a", "b"], "label": [0, 1]})
    with pytest.raises(QsanError, match="QS920"):
        divide(TEXT, table, columns={"tokns": "text"})


def test_too_few_records_to_split() -> None:
    with pytest.raises(QsanError, match="QS918"):
        divide(TEXT, table_of({"text": ["a", "b"], "label": [0, 1]}))


def test_text_for_a_model_trained_on_word_numbers() -> None:
    numbered = table_of({"text": [[1, 2], [3]], "label": [0, 1]})
    coding = learn(TEXT, Part.whole(numbered))
    assert coding.vocabulary is None
    with pytest.raises(QsanError, match="QS917"):
        encode(TEXT, Part.whole(table_of({"text": ["words"]})), coding, labelled=False)
