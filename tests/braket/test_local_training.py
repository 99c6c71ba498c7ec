"""A training on Braket's local simulators is the training on NumPy, by other means."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from qsanc.cli import main

SHOTS = ["--shots", "50"]


def weights(root: Path, out: Path, backend: str, *options: str) -> dict[str, np.ndarray]:
    data = out.parent / "some.tsv"
    lines = (root / "models/data/food_or_computing.tsv").read_text(encoding="utf-8").splitlines(keepends=True)
    data.write_text("".join(lines[:31]), encoding="utf-8")
    model = str(root / "models/qsann.qsan")
    arguments = ["train", model, "--data", str(data), "--set", "n=2", "--epochs", "1", "--backend", backend]
    assert main([*arguments, "--no-controls", "--out", str(out), *options]) == 0
    return load_file(out / "weights.safetensors")


@pytest.mark.parametrize("name", ["braket:sv", "braket:dm"])
@pytest.mark.parametrize("options", [[], SHOTS], ids=["exact", "shots"])
def test_an_epoch_gives_the_weights_of_numpy(name: str, options: list[str], root: Path, tmp_path: Path) -> None:
    """Exactly, where NumPy goes back through the state and Braket shifts angles; and with shots, where samples, and so
    gradients, follow from the seed."""
    by_numpy = weights(root, tmp_path / "numpy", "numpy", *options)
    by_braket = weights(root, tmp_path / "braket", name, *options)
    assert by_numpy.keys() == by_braket.keys()
    for key, value in by_numpy.items():
        np.testing.assert_allclose(by_braket[key], value, atol=1e-8, err_msg=key)
