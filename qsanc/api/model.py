"""Models that are trained and predict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import accumulate
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from qsanc import registry
from qsanc.api.circuit import Circuit
from qsanc.api.names import model_named, module_of
from qsanc.api.native import tier_of
from qsanc.api.parameters import Parameters
from qsanc.check.imports import load as load_file
from qsanc.check.module import Module
from qsanc.driver import Compiled, compile_entry
from qsanc.fast import OFF, Mode, Tier
from qsanc.ir.program import DataField
from qsanc.target import Backend, Context, Floats
from qsanc.train import errors, seeds
from qsanc.train.data import Coding, Part
from qsanc.train.encoding import encode
from qsanc.train.labels import Labels
from qsanc.train.loop import fit, label_of, report
from qsanc.train.metrics import by_class, chosen_class
from qsanc.train.parameters import initial, trained
from qsanc.train.progress import History, Report
from qsanc.train.records import ONE, Records
from qsanc.train.run_folder import RunFolder
from qsanc.train.run_info import Ran
from qsanc.train.saving import save_model
from qsanc.train.tables import Findings, Table, table_of
from qsanc.train.task import Choices, Grad, Tables, assemble, method_for, objective_of
from qsanc.train.words import Vocabulary

Inputs: TypeAlias = "Sequence[str] | Sequence[Sequence[int]] | NDArray[np.generic] | Mapping[str, Sequence[object]]"
"""Records: texts, lists of word numbers, rows of numbers, or columns by field for a model with several fields."""


def load(
    source: str | Path,
    *,
    model: str | None = None,
    backend: str = "numpy",
    vocab: int | Sequence[str] | None = None,
    shots: int | None = None,
    jit: Mode | Tier = "auto",
    folder: str | Path | None = None,
    max_cost: float | None = None,
    **sizes: int | float,
) -> Model:
    """A model, compiled, with its initial parameters.

    `source` is a file, or program text (a `str` with a line break). `model` is needed where the file has several.
    `vocab` is the number of rows of the embedding or the list of words: row 0 is the unknown word, row i + 1 words[i];
    without it, it comes from the data of `fit`. Every other keyword is a size or a hyper setting of the model. `shots`
    samples each circuit instead of taking exact values. `jit` says whether kernels run as native code: `off` never,
    `on` always (compiled here where that is still to be done, an error where it cannot be), `auto` as soon as another
    process has compiled it. `off` and `on` give the same bits in every repetition; `auto` agrees with both to 1e-9. A
    `Tier` also says where compiled code is kept. A backend that is billed keeps its tasks in `folder` and spends at
    most `max_cost` US dollars there, which must be given (`math.inf` for no limit). Raises QsanError.

    >>> import qsanc
    >>> model = qsanc.load("models/vqe_h2.qsan")
    >>> round(model.fit().epochs[-1].valid_loss, 4)
    -1.8573
    """
    module = module_of(source)
    words = None if vocab is None or isinstance(vocab, int) else Vocabulary(tuple(vocab))
    given = dict(sizes)
    if vocab is not None:
        given["vocab"] = words.size if words is not None else int(vocab)  # type: ignore[arg-type]
    entry = model_named(module, model)
    coding = Coding(vocabulary=words)
    context = Context(run_folder=None if folder is None else Path(folder), budget_usd=max_cost)
    return Model(module, entry, backend, sizes=given, coding=coding, shots=shots, tier=tier_of(jit), context=context)


def load_run(
    folder: str | Path,
    *,
    backend: str | None = None,
    shots: int | None = None,
    seed: int = 0,
    jit: Mode | Tier | None = None,
    max_cost: float | None = None,
    again: bool = False,
) -> Model:
    """The model of a run folder with its best weights. Raises QsanError for what is missing, damaged or changed.

    `backend`, `shots` and `jit` are as in training where they are None; `seed` is that of samples. A backend that is
    billed keeps its tasks in the folder and makes the run cost no more than `max_cost` US dollars in all, which must be
    given (`math.inf` for no limit); work that it failed to do is submitted anew only with `again`.
    """
    seeds.need(seed)
    run = RunFolder.open(Path(folder))
    run.sources()
    info = run.info
    model = Model(
        load_file(run.entry),
        info.model,
        backend or info.backend,
        sizes={size.name: size.value for size in info.sizes if size.origin == "set"},
        coding=run.coding(),
        shots=shots or info.shots,
        context=Context(seed=seed, run_folder=run.path, budget_usd=max_cost, again=again),
        found={size.name: int(size.value) for size in info.sizes if size.origin == "data"},
        tier=tier_of(jit or info.jit.mode),
    )
    model._become(model._compiled, run.weights(model._model))
    return model


class Model:
    """A model of a `.qsan` file with the values of its parameters. Made by `load` and `load_run`."""

    def __init__(
        self,
        module: Module,
        entry: str,
        backend: str,
        *,
        sizes: Mapping[str, int | float],
        coding: Coding,
        shots: int | None = None,
        found: Mapping[str, int] | None = None,
        tier: Tier = OFF,
        context: Context | None = None,
    ) -> None:
        self._module, self._entry, self._backend_name, self._shots = module, entry, backend, shots
        self._context = replace(context or Context(), purpose="inference")
        self._backend: Backend = registry.load(backend)
        self._sizes, self._coding, self._tier = dict(sizes), coding, tier
        self._history: History | None = None
        self._ran: tuple[Ran, ...] = ()
        self._become(self._compile(found or {}))

    @property
    def name(self) -> str:
        return self._entry

    @property
    def sizes(self) -> dict[str, int | float]:
        """The sizes and settings the model is compiled with; those that wait for data are left out."""
        return {size.name: size.value for size in self._model.sizes if size.origin != "placeholder"}

    @property
    def params(self) -> Parameters:
        """The trained arrays by name: `model.params["tq"] = array` sets one.

        Raises QsanError where sizes still wait for the data of `fit`.
        """
        self._settled()
        return self._params

    def __repr__(self) -> str:
        sizes = ", ".join(f"{name}={value}" for name, value in self.sizes.items())
        return f"<qsanc model {self.name}({sizes})>"

    def fit(
        self,
        inputs: Inputs | None = None,
        labels: Sequence[object] | None = None,
        *,
        valid: tuple[Inputs, Sequence[object]] | None = None,
        valid_share: float = 0.2,
        epochs: int | None = None,
        batch: int | None = None,
        lr: float | None = None,
        seed: int | None = None,
        patience: int | None = None,
        grad: Grad = "auto",
    ) -> History:
        """Train from the initial values of `seed` and keep the weights of the epoch with the lowest validation loss.

        `valid` are records and labels to validate with; without it a share of the training records is drawn, stratified
        by label. Settings that are None are those of the file. Vocabulary and classes come from the training records,
        unless `load` was told. A model without data takes neither inputs nor labels. Raises QsanError.
        """
        tables = None
        if inputs is not None:
            columns = self._columns(inputs, labels)
            held = table_of(self._columns(*valid), name="the validation data") if valid is not None else None
            tables = Tables(table_of(columns), valid=held, valid_share=valid_share, test_share=0.0)
        task = assemble(
            self._module,
            self._entry,
            self._backend,
            tables,
            sizes=self._sizes,
            choices=Choices(epochs, batch, lr, seed, patience, grad),
            shots=self._shots,
            vocabulary=self._coding.vocabulary if "vocab" in self._sizes else None,
            tier=self._tier,
        )
        history = fit(
            task.model,
            task.objective,
            train=task.parts.get("train"),
            valid=task.parts.get("valid"),
            recipe=task.recipe,
            context=replace(self._context, purpose="forward"),
        )
        self._coding, self._history, self._ran = task.coding, history, task.objective.ran
        self._become(task.compiled, history.parameters)
        return history

    def predict_proba(
        self, inputs: Inputs | Table, *, columns: Mapping[str, str] | None = None, truncate: bool = False
    ) -> Floats:
        """The probability of each class, float64[record, class]; classes are in the order of `classes`.

        `inputs` are texts, lists of word numbers, rows of numbers, or a table as `read_table` gives it, whose label
        column is not read. `columns` names the columns of fields of a table, `truncate` cuts long sentences. Raises
        QsanError for what cannot be read, and for a model without classes.
        """
        classes = label_of(self._model)[1]
        if classes is None:
            raise errors.fail(errors.bad_setting(f"the model `{self.name}` has no classes", help="use predict"))
        return by_class(self._predicted(inputs, columns, truncate), classes)

    def predict(
        self,
        inputs: Inputs | Table | None = None,
        *,
        columns: Mapping[str, str] | None = None,
        truncate: bool = False,
    ) -> NDArray[np.generic]:
        """The likeliest label of each record; where there are no classes the predicted value itself, [record, ...].

        Records are given as to `predict_proba`; a model without data takes none.
        """
        classes = label_of(self._model)[1]
        if classes is None:
            return self._predicted(inputs, columns, truncate)
        return np.asarray(self.classes)[chosen_class(self._predicted(inputs, columns, truncate), classes)]

    @property
    def classes(self) -> tuple[object, ...]:
        """The label of each class: as in the training data, or 0, 1, ... where there were none."""
        labels, count = self._coding.labels, label_of(self._model)[1]
        if labels is None:
            return tuple(range(count or 0))
        return tuple(_number(name) for name in labels.names) if labels.numeric else labels.names

    def gradient(
        self, inputs: Inputs | None = None, labels: Sequence[object] | None = None, *, grad: Grad = "auto"
    ) -> dict[str, Floats]:
        """The gradient of the mean loss over the records, by the name of the parameter and shaped like it.

        `grad` is `adjoint` or `parameter_shift`; `auto` takes the first where the backend offers it. Raises QsanError.
        """
        self._settled()
        method = method_for(self._compiled, grad, self._shots)
        objective = objective_of(self._compiled, method, shots=self._shots)
        records = ONE if inputs is None else self._records(inputs, labels)
        wrt = trained(self._model)
        return dict(
            objective.gradient(self._params, records, wrt=wrt, context=replace(self._context, purpose="gradient"))[1]
        )

    def lines(self, texts: Sequence[str], name: str) -> Table:
        """Records written as texts, one a line: sentences, or the numbers of the only field in order, as `0.1, 0.2`.

        `name` stands for the lines in messages. Raises QsanError for a blank line and for a model with several fields.
        """
        field = self._single("give a data file with a column for each field")
        texts = [text.encode("utf-8", "replace").decode("utf-8") for text in texts]
        ends = [end - 1 for end in accumulate(len(text) + 1 for text in texts)]
        starts = [end - len(text) for end, text in zip(ends, texts, strict=True)]
        cells = texts if field.role == "tokens" else [tuple(text.replace(",", " ").split()) for text in texts]
        table = Table(name, {field.name: cells}, len(texts), "\n".join(texts), starts, ends)
        findings = Findings(table)
        for row, text in enumerate(texts):
            if not text.strip():
                findings.add("QS910", "this line is blank", row, help="each line is a record")
        findings.raise_any()
        return table

    def evaluate(self, table: Table, *, columns: Mapping[str, str] | None = None, truncate: bool = False) -> Report:
        """Mean loss and metrics on labelled records, as `read_table` gives them. Raises QsanError.

        `columns` names the columns of fields, `truncate` cuts long sentences; without them it is as in training.
        """
        self._settled()
        self._takes_data()
        coding = self._coding_of(columns, truncate)
        records = encode(self._model, Part.whole(table), replace(coding, labels=coding.labels or self._numbered()))
        outputs = self._objective.outputs(self._params, records, context=self._context)
        return report(self._model, outputs, records)

    def inspect(self, record: str | Sequence[int] | NDArray[np.generic]) -> dict[str, NDArray[np.generic]]:
        """What happens inside for one record: every probe by name.

        An attention block `a` has `a.query`, `a.key`, float64[token, ...], `a.value`, float64[token, feature], and
        `a.weights`, float64[token, token] after masking and normalisation; in a `repeat` the round follows the name, as
        in `a[0].query`.
        """
        self._settled()
        records = self._records(_one(record))
        function = self._compiled.program.function(self._model.name)
        types, probes = function.types(), dict(function.probes)
        found = self._objective.values(tuple(probes), self._params, records, context=self._context)
        lengths = {dim: int(length[0]) for dim, length in records.lengths.items()}
        return {
            name: found[name].reshape(*(lengths[dim] for dim in types[value].rows[1:]), *types[value].static)
            for name, value in probes.items()
        }

    def circuit(self, name: str) -> Circuit:
        """A circuit or ansatz that the model's file defines or imports, as a function of arrays."""
        return Circuit(self._module, name, self._backend_name, self._shots, self._tier, self._context)

    def save(self, folder: str | Path) -> None:
        """Keep the model in a new run folder, for `load_run`, `qsanc predict` and `qsanc eval`. Raises QsanError."""
        self._settled()
        save_model(
            Path(folder),
            self._module,
            self._compiled,
            self._params,
            self._coding,
            backend=self._backend_name,
            shots=self._shots,
            history=self._history,
            ran=self._ran,
        )

    # Compiled state: what follows from sizes, and changes as a whole when data bring new ones.

    def _compile(self, found: Mapping[str, int]) -> Compiled:
        return compile_entry(
            self._module,
            self._entry,
            self._backend,
            sizes=self._sizes,
            data_sizes=found,
            shots=self._shots,
            tier=self._tier,
        )

    def _become(self, compiled: Compiled, values: Mapping[str, Floats] | None = None) -> None:
        self._compiled = compiled
        self._model = compiled.program.models[0]
        self._objective = objective_of(compiled, method_for(compiled, "auto", self._shots), shots=self._shots)
        start = initial(self._model, self._model.recipe.seed) if values is None else values
        self._params = Parameters(self._model, start)

    def _settled(self) -> None:
        waiting = [size.name for size in self._model.sizes if size.origin == "placeholder"]
        if waiting:
            names, verb = " and ".join(f"`{name}`" for name in waiting), "comes" if len(waiting) == 1 else "come"
            raise errors.fail(
                errors.bad_setting(
                    f"the model `{self.name}` is not complete: {names} {verb} from data",
                    help=f"call fit first, or load with {waiting[0]}=...",
                )
            )

    def _predicted(self, inputs: Inputs | Table | None, columns: Mapping[str, str] | None, truncate: bool) -> Floats:
        self._settled()
        if inputs is None:
            records = ONE
        elif isinstance(inputs, Table):
            self._takes_data()
            records = encode(self._model, Part.whole(inputs), self._coding_of(columns, truncate), labelled=False)
        else:
            records = self._records(inputs, truncate=truncate)
        return self._objective.predict(self._params, records, context=self._context)

    def _coding_of(self, columns: Mapping[str, str] | None, truncate: bool) -> Coding:
        chosen = self._coding.columns if columns is None else tuple(sorted(columns.items()))
        return replace(self._coding, columns=chosen, truncate=truncate or self._coding.truncate)

    def _records(self, inputs: Inputs, labels: Sequence[object] | None = None, *, truncate: bool = False) -> Records:
        table = table_of(self._columns(inputs, labels))
        coding = replace(self._coding_of({}, truncate), labels=self._coding.labels or self._numbered())
        return encode(self._model, Part.whole(table), coding, labelled=labels is not None)

    def _numbered(self) -> Labels:
        """Classes as labels, for a model that was never trained."""
        return Labels(tuple(map(str, range(label_of(self._model)[1] or 0))), numeric=True)

    def _columns(self, inputs: Inputs, labels: Sequence[object] | None = None) -> dict[str, Sequence[object]]:
        self._takes_data()
        if isinstance(inputs, str):
            raise errors.fail(errors.bad_setting("one text where several records belong", help="give a list: [text]"))
        if isinstance(inputs, Mapping):
            columns: dict[str, Sequence[object]] = dict(inputs)
        else:
            columns = {self._single("give columns by field").name: list(inputs)}
        label = label_of(self._model)[0]
        if labels is not None and label is not None:
            columns[label] = list(labels)
        return columns

    def _single(self, help: str) -> DataField:
        """The only field beside the label."""
        self._takes_data()
        fields = [field for field in self._model.fields if field.role != "label"]
        if len(fields) != 1:
            names = errors.listed(field.name for field in fields)
            raise errors.fail(errors.bad_setting(f"the model `{self.name}` has the fields {names}", help=help))
        return fields[0]

    def _takes_data(self) -> None:
        if not self._model.fields:
            title = f"the model `{self.name}` has no data block: there are no records to evaluate or to predict"
            raise errors.fail(errors.error("QS923", title, help="`qsanc train` prints the result of its training"))


def _one(record: str | Sequence[int] | NDArray[np.generic]) -> Inputs:
    """One record as a list of records."""
    if isinstance(record, str):
        return [record]
    return np.asarray(record)[np.newaxis]


def _number(text: str) -> int | float:
    value = float(text)
    return int(value) if value.is_integer() else value
