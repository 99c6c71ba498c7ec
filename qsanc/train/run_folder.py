"""A training on disk.

run.json             settings, versions, hashes, results          `run_info`
metrics.jsonl        one line an epoch
weights.safetensors  the best weights, by parameter name
vocabulary.json      words, labels and columns: what turns text into numbers
parts.json           which records trained, validated and tested, from 1
model.qsan           the source, for reading
source/              the source with all that it imports, for loading
checkpoint/          where to go on from                          `checkpoint`
lock                 held while a training writes here            `lock`
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from qsanc.diagnostics import CompilerBug
from qsanc.ir.program import Model
from qsanc.target import Floats, Ints
from qsanc.train import atomic, checkpoint, errors, lock, run_info
from qsanc.train.data import Coding
from qsanc.train.json_fields import Fields, Json, file_text, text_of
from qsanc.train.labels import Labels
from qsanc.train.progress import EpochRecord, Progress
from qsanc.train.run_info import DataSource, Results, RunInfo, Status
from qsanc.train.weights import read_weights, write_weights
from qsanc.train.words import Vocabulary

CODING_KIND = "qsanc vocabulary"
CODING_VERSION = 1
PARTS_KIND = "qsanc parts"
PARTS_VERSION = 1


class RunFolder:
    """One run. Keeps the progress of a training (it is a `Keeper`) and gives back all that was kept, checked.

    Whatever is missing, damaged or does not fit raises QsanError and names the file.
    """

    def __init__(self, path: Path, info: RunInfo) -> None:
        self.path = path
        self.info = info
        self._written: int | None = None

    @classmethod
    def create(cls, path: Path, info: RunInfo, sources: Mapping[str, str], coding: Coding) -> RunFolder:
        """A new run in a folder that does not exist or is empty. `sources` are the texts of `info.files` by name."""
        _check_free(path)
        if dict(info.files) != hashes(sources):
            raise CompilerBug("the hashes of a run are not those of its source files")
        with atomic.new_folder(path) as made:
            for name, text in sources.items():
                file = made / "source" / name
                atomic.make_folder(file.parent)
                atomic.write(file, text.encode("utf-8"))
            atomic.write(made / "model.qsan", sources[info.entry].encode("utf-8"))
            content = _coding_json(coding)
            atomic.write(made / "vocabulary.json", content)
            info = replace(info, written=(("vocabulary.json", hashlib.sha256(content).hexdigest()),))
            cls(made, info).note(info)
        return cls(path, info)

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """A run that exists."""
        if not path.is_dir():
            raise errors.fail(errors.not_a_run(str(path), "run.json"))
        return cls(path, run_info.from_json(path / "run.json"))

    @contextmanager
    def held(self) -> Iterator[None]:
        """Written by this process alone, as the run stands now. Raises QsanError (QS939) if it is taken."""
        with lock.held(self.path):
            self.info = run_info.from_json(self.path / "run.json")
            yield

    @property
    def entry(self) -> Path:
        """The source file that holds the model."""
        return self.path / "source" / self.info.entry

    def sources(self) -> dict[str, str]:
        """The texts of the source files by name, which are those that were trained."""
        texts = {}
        copies = [(name, self.path / "source" / name, digest) for name, digest in self.info.files]
        copies.append((self.info.entry, self.path / "model.qsan", dict(self.info.files)[self.info.entry]))
        for name, file, digest in copies:
            content = atomic.read(file)
            if hashlib.sha256(content).hexdigest() != digest:
                raise errors.fail(errors.changed_source(str(file)))
            texts[name] = content.decode("utf-8", "strict")
        return texts

    def coding(self) -> Coding:
        """What the words, labels and columns meant in training."""
        fields = Fields.read(self.path / "vocabulary.json", CODING_KIND, CODING_VERSION)
        coding = _coding(fields)
        self._check("vocabulary.json")
        for size in self.info.sizes:
            rows = None if coding.vocabulary is None or size.name != "vocab" else coding.vocabulary.size
            if rows is not None and (rows > size.value or (size.origin == "data" and rows != size.value)):
                most = "" if size.origin == "data" else "at most "
                fields.wrong("words", f"a list of {most}{size.value - 1:g} words, but of {rows - 1}: run.json says so")
        return coding

    def weights(self, model: Model) -> dict[str, Floats]:
        """The best weights, fit for the model."""
        weights = read_weights(self.path / "weights.safetensors", model)
        self._check("weights.safetensors")
        return weights

    def progress(self, model: Model) -> Progress | None:
        """Where to go on from (None: from the start), with `metrics.jsonl` set back to there.

        Raises QsanError where the run is finished, since its test part must not be read again.
        """
        if self.info.status == "finished":
            raise errors.fail(errors.finished_run(str(self.path)))
        folder = self.path / "checkpoint"
        found = checkpoint.read(folder, model, self.info.recipe) if (folder / checkpoint.NAME).exists() else None
        epochs = found.history if found is not None else ()
        lines = "".join(checkpoint.epoch_line(epoch) + "\n" for epoch in epochs)
        atomic.write(self.path / "metrics.jsonl", lines.encode("utf-8"))
        return found

    def check_data(self, data: Iterable[DataSource]) -> None:
        """Raises QsanError unless these are the files, with the content, that the run was begun with."""
        known = {source.part: source for source in self.info.data}
        given = {source.part: source for source in data}
        if known.keys() != given.keys():
            title = f"the run in {self.path} was begun with data for {', '.join(known) or 'nothing'}"
            raise errors.fail(errors.resume_mismatch(title, "give the same files"))
        for part, source in given.items():
            if source.digest != known[part].digest or source.records != known[part].records:
                title = f"{source.file} is not the {part} data that the run in {self.path} was begun with"
                raise errors.fail(errors.resume_mismatch(title, f"give {known[part].file} as it was, or train again"))

    def keep(self, progress: Progress) -> None:
        checkpoint.write(self.path / "checkpoint", progress)
        if self._written != progress.best_epoch:
            write_weights(self.path / "weights.safetensors", progress.best)
            self._written = progress.best_epoch

    def record(self, epoch: EpochRecord) -> None:
        atomic.append(self.path / "metrics.jsonl", checkpoint.epoch_line(epoch))

    def note_parts(self, origins: Mapping[str, tuple[str, Ints]]) -> None:
        """Write `parts.json`: by part, the file and its records, from 1 (in TSV record k is line k + 1)."""
        parts: dict[str, Json] = {
            name: {"file": file, "records": [int(row) + 1 for row in rows]} for name, (file, rows) in origins.items()
        }
        if parts:
            content = text_of({"format": PARTS_KIND, "version": PARTS_VERSION, "parts": parts}) + "\n"
            atomic.write(self.path / "parts.json", content.encode("utf-8"))

    def mark(self, status: Status) -> None:
        self.note(replace(self.info, status=status, written=self._settled(status)))

    def finish(self, results: Results) -> None:
        """The last word of a run: its results. It cannot be resumed after that."""
        self.note(replace(self.info, status="finished", results=results, written=self._settled("finished")))

    def note(self, info: RunInfo) -> None:
        """Replace `run.json`."""
        atomic.write(self.path / "run.json", run_info.to_json(info))
        self.info = info

    def _settled(self, status: Status) -> tuple[tuple[str, str], ...]:
        """The hashes of the files that do not change in this status.

        The weights change as long as a training runs. A process that is killed leaves the status `running`, and with it
        no hash that weights of a later epoch could contradict.
        """
        others = tuple((name, digest) for name, digest in self.info.written if name != "weights.safetensors")
        file = self.path / "weights.safetensors"
        if status == "running" or not file.exists():
            return others
        return (*others, (file.name, hashlib.sha256(atomic.read(file)).hexdigest()))

    def _check(self, name: str) -> None:
        expected = dict(self.info.written).get(name)
        found = hashlib.sha256(atomic.read(self.path / name)).hexdigest()
        if expected is not None and found != expected:
            raise errors.fail(errors.changed_file(str(self.path / name), expected, found))


def hashes(sources: Mapping[str, str]) -> dict[str, str]:
    """The SHA-256 of each source text in UTF-8, by name."""
    return {name: hashlib.sha256(text.encode("utf-8")).hexdigest() for name, text in sources.items()}


def _check_free(path: Path) -> None:
    try:
        present = {entry.name for entry in path.iterdir()}
    except FileNotFoundError:
        return
    except OSError as failure:
        raise errors.fail(errors.unwritable(str(path), failure.strerror or type(failure).__name__)) from None
    if "run.json" in present:
        raise errors.fail(errors.existing_run(str(path)))
    if present:
        raise errors.fail(errors.foreign_folder(str(path)))


def _coding_json(coding: Coding) -> bytes:
    labels: Json = None
    if coding.labels is not None:
        labels = {"names": list(coding.labels.names), "numeric": coding.labels.numeric}
    value: dict[str, Json] = {
        "format": CODING_KIND,
        "version": CODING_VERSION,
        "tokeniser": "lower case, [a-z0-9']+",
        "order": "row 0 is the unknown word, row i + 1 is words[i]",
        "columns": dict(coding.columns),
        "truncate": coding.truncate,
        "labels": labels,
        "words": None if coding.vocabulary is None else list(coding.vocabulary.words),
    }
    return file_text(value)


def _coding(fields: Fields) -> Coding:
    columns = fields.inner("columns")
    labels = None
    if fields.has("labels"):
        inner = fields.inner("labels")
        names = inner.texts("names")
        labels = Labels.checked(names, inner.flag("numeric"))
        if labels is None:
            inner.wrong("names", "a list of distinct labels")
    words = fields.texts("words") if fields.has("words") else None
    if words is not None and len(set(words)) != len(words):
        fields.wrong("words", "a list of distinct words")
    return Coding(
        tuple((name, columns.text(name)) for name in columns.names()),
        None if words is None else Vocabulary(words),
        labels,
        fields.flag("truncate"),
    )
