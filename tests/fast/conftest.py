"""Builds, made once for all tests, and folders to break."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from small_kernels import LIBRARY

import qsanc
from qsanc.fast import Tier, cache

CLASSIFIER = Path(__file__).with_name("classifier.qsan")


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the build of the small library alone."""
    pytest.importorskip("numba", reason="the extra `fast` is not installed", exc_type=ImportError)
    folder = tmp_path_factory.mktemp("native") / "cache"
    Tier("on", folder).kernels(LIBRARY)
    return folder


@pytest.fixture
def folder(compiled: Path, tmp_path: Path) -> Path:
    """A copy of that folder, for this test alone."""
    return Path(shutil.copytree(compiled, tmp_path / "cache"))


@pytest.fixture
def empty(compiled: Path, tmp_path: Path) -> Path:
    """A folder that is not there yet, where things can be compiled."""
    return tmp_path / "empty"


@pytest.fixture(scope="session")
def own(compiled: Path) -> tuple[Path, ...]:
    """The builds of qsanc's own libraries that a training uses. They take long, and so lie in the user's own cache."""
    tier = Tier("on")
    qsanc.load(CLASSIFIER, jit=tier).gradient(np.zeros((4, 2)), [0, 1, 0, 1])
    return tuple(cache.file_of(cache.default_folder(), name, key) for name, key in tier.builds().items())


@pytest.fixture
def whole(folder: Path, own: tuple[Path, ...]) -> Path:
    """A folder with all that a training with the small library asks for."""
    for file in own:
        shutil.copy2(file, folder)
    return folder


@pytest.fixture
def partial(whole: Path) -> Path:
    """The same without the small library."""
    for file in whole.glob("small-*"):
        file.unlink()
    return whole
