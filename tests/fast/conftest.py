"""Builds of the small library, made once for all tests, and folders to break."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from small_kernels import LIBRARY

from qsanc.fast import Tier


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the build of the small library."""
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
