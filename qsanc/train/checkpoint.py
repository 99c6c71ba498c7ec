"""A `Progress` on disk: `checkpoint.json`, which names the arrays file that belongs to it by the hash of its content.

The arrays are written first, under a name of their own; renaming `checkpoint.json` then switches to them at once, and
older arrays are deleted after that. So there is a whole checkpoint at any moment, whatever is killed. `checkpoint.json`
ends with the hash of its own entries, so that a changed digit does not change what follows.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qsanc.ir.program import Model, Recipe
from qsanc.train import atomic, errors
from qsanc.train.json_fields import Fields, Json, file_text, text_of
from qsanc.train.optimizers import State, rule_of
from qsanc.train.parameters import trained
from qsanc.train.progress import EpochRecord, Progress
from qsanc.train.run_info import metrics_json, metrics_of
from qsanc.train.weights import packed, stored, unpacked

KIND = "qsanc checkpoint"
VERSION = 1
NAME = "checkpoint.json"
_ARRAYS = re.compile(r"state-[0-9a-f]{16}\.safetensors")


def write(folder: Path, progress: Progress) -> None:
    """Make this the checkpoint in the folder."""
    atomic.make_folder(folder)
    arrays: dict[str, NDArray[np.generic]] = {}
    arrays.update({f"parameters/{name}": value for name, value in progress.parameters.items()})
    arrays.update({f"best/{name}": value for name, value in progress.best.items()})
    arrays.update({f"optimizer/{name}": value for name, value in progress.optimizer.items()})
    content = packed(arrays)
    digest = hashlib.sha256(content).hexdigest()
    file = folder / f"state-{digest[:16]}.safetensors"
    atomic.write(file, content)
    value: dict[str, Json] = {
        "format": KIND,
        "version": VERSION,
        "arrays": file.name,
        "sha256": digest,
        "epoch": progress.epoch,
        "step": progress.step,
        "total": progress.total,
        "loss_sum": progress.loss_sum,
        "hits": progress.hits,
        "best_epoch": progress.best_epoch,
        "best_loss": progress.best_loss,
        "seconds": progress.seconds,
        "history": [epoch_json(epoch) for epoch in progress.history],
    }
    atomic.write(folder / NAME, file_text({**value, "check": _digest(value)}))
    for old in folder.glob("state-*.safetensors"):
        if old.name != file.name:
            old.unlink(missing_ok=True)


def read(folder: Path, model: Model, recipe: Recipe) -> Progress:
    """The checkpoint in the folder. Raises QsanError unless it is whole and fits the model and its optimiser."""
    path = folder / NAME
    fields = Fields.read(path, KIND, VERSION)
    name = fields.text("arrays")
    if not _ARRAYS.fullmatch(name):
        fields.wrong("arrays", "the name of an arrays file beside it")
    content = atomic.read(folder / name)
    if hashlib.sha256(content).hexdigest() != fields.text("sha256"):
        raise errors.fail(errors.damaged(str(folder / name), "it does not have the hash that checkpoint.json gives"))
    groups: dict[str, dict[str, NDArray[np.generic]]] = {"parameters": {}, "best": {}, "optimizer": {}}
    for key, array in unpacked(content, str(folder / name)).items():
        group, _, rest = key.partition("/")
        if group not in groups:
            raise errors.fail(errors.damaged(str(folder / name), f"it holds an array `{key}`"))
        groups[group][rest] = array
    origin = str(folder / name)
    history = tuple(_epoch(epoch) for epoch in fields.objects("history"))
    if [record.epoch for record in history] != list(range(1, fields.integer("epoch", 0) + 1)):
        fields.wrong("history", "one entry for each finished epoch")
    if fields.integer("best_epoch", 0) > len(history):
        fields.wrong("best_epoch", "a finished epoch")
    progress = Progress(
        stored(model, groups["parameters"], origin),
        _state(model, recipe, groups["optimizer"], origin),
        stored(model, groups["best"], origin),
        len(history),
        fields.integer("step", 0),
        fields.integer("total", 0),
        fields.number("loss_sum"),
        fields.integer("hits", 0),
        fields.integer("best_epoch", 0),
        fields.number("best_loss") if fields.has("best_loss") else None,
        history,
        fields.number("seconds"),
    )
    entries = {name: fields.value(name) for name in fields.names() if name != "check"}
    if "check" in fields.names() and fields.text("check") != _digest(entries):
        fields.wrong("check", "the hash of the other entries")
    return progress


def _digest(entries: dict[str, Json]) -> str:
    """Checkpoints of before there was a check have none, and are read without."""
    return hashlib.sha256(json.dumps(entries, ensure_ascii=False).encode("utf-8")).hexdigest()


def epoch_line(epoch: EpochRecord) -> str:
    """The line of an epoch in `metrics.jsonl`."""
    return text_of(epoch_json(epoch))


def epoch_json(epoch: EpochRecord) -> Json:
    valid: Json = None if epoch.valid_loss is None else {"loss": epoch.valid_loss, **metrics_json(epoch.valid)}
    return {
        "epoch": epoch.epoch,
        "train": {"loss": epoch.train_loss, "accuracy": epoch.train_accuracy},
        "valid": valid,
        "best": epoch.best,
        "seconds": epoch.seconds,
    }


def _epoch(fields: Fields) -> EpochRecord:
    train = fields.inner("train")
    valid = fields.inner("valid") if fields.has("valid") else None
    return EpochRecord(
        fields.integer("epoch", 1),
        train.number("loss"),
        train.number("accuracy") if train.has("accuracy") else None,
        None if valid is None else valid.number("loss"),
        metrics_of(Fields("", {})) if valid is None else metrics_of(valid),
        fields.flag("best"),
        fields.number("seconds"),
    )


def _state(model: Model, recipe: Recipe, arrays: dict[str, NDArray[np.generic]], origin: str) -> State:
    shapes = {parameter.name: np.zeros(parameter.shape) for parameter in model.parameters}
    wanted = rule_of(recipe.optimizer).start({name: shapes[name] for name in trained(model)})
    state: dict[str, NDArray[np.float64] | NDArray[np.int64]] = {}
    for name, like in wanted.items():
        array = arrays.get(name)
        if array is None or array.shape != like.shape or array.dtype != like.dtype or not np.isfinite(array).all():
            title = f"{origin} does not hold the state of the optimiser {recipe.optimizer.name}: `{name}`"
            raise errors.fail(errors.resume_mismatch(title, "resume with the optimiser of the run"))
        state[name] = array.astype(np.int64) if like.dtype == np.int64 else array.astype(np.float64)
    return state
