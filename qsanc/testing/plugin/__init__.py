"""The pytest plug-in: the properties and tests of `.qsan` files among the tests of a project, and two fixtures.

settings.py  options of the command line and of the ini file
items.py     files and blocks
shown.py     diagnostics in the place of tracebacks

It is loaded in every pytest run where qsanc is installed, so nothing of the compiler is imported before the first
`.qsan` file is collected.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from qsanc.diagnostics import QsanError
from qsanc.testing import failures
from qsanc.testing.failed import CheckFailed
from qsanc.testing.plugin import settings
from qsanc.testing.plugin.items import SETTINGS, QsanBlock, QsanFile, QsanWarning, engine_of, near
from qsanc.testing.plugin.shown import Shown, caller, end_at_the_user

if TYPE_CHECKING:
    from qsanc import Model
    from qsanc.target import Backend

__all__ = ["QsanWarning"]

_KEPT = ".qsanc"


def pytest_addoption(parser: pytest.Parser) -> None:
    settings.declare(parser)


def pytest_configure(config: pytest.Config) -> None:
    config.stash[SETTINGS] = settings.read(config)


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Kept failures are collected where they are named on the command line."""
    return True if collection_path.name == _KEPT else None


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> QsanFile | None:
    """A `.qsan` file that is named on the command line or fits `qsan_files`."""
    if file_path.suffix != ".qsan":
        return None
    patterns = parent.config.stash[SETTINGS].files
    if parent.session.isinitpath(file_path) or any(file_path.match(pattern) for pattern in patterns):
        return QsanFile.from_parent(parent, path=file_path)
    return None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """What an assertion keeps while a test is set up, runs and is taken down is that test's."""
    with failures.of_test(item.nodeid, item.config.rootpath / failures.FOLDER):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What fails in Python is shown without the lines of qsanc that it went through.

    `--tb=long`, `--tb=native` and `--full-trace` show them. What was kept for a Python test goes when it passes.
    """
    if call.excinfo is not None and isinstance(call.excinfo.value, CheckFailed) and not _whole(item.config):
        end_at_the_user(call.excinfo)
    report = yield
    if not isinstance(item, QsanBlock):
        _show_diagnostics(report, call, item.config)
        if report.when == "call" and report.passed:
            failures.clear(item.nodeid, folder=item.config.rootpath / failures.FOLDER)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The same for what goes wrong while a Python file is imported."""
    report = yield
    call: pytest.CallInfo[Any] | None = getattr(report, "call", None)
    if call is not None and not isinstance(collector, QsanFile):
        _show_diagnostics(report, call, collector.config)
    return report


def _show_diagnostics(
    report: pytest.TestReport | pytest.CollectReport, call: pytest.CallInfo[Any], config: pytest.Config
) -> None:
    """A `QsanError` in Python is shown as its diagnostics, below the user's line that it came from."""
    if call.excinfo is not None and isinstance(call.excinfo.value, QsanError) and report.failed and not _whole(config):
        report.longrepr = Shown(call.excinfo.value.diagnostics, before=caller(call.excinfo))


def _whole(config: pytest.Config) -> bool:
    """Whether whole tracebacks are asked for."""
    return config.getoption("tbstyle", "auto") in ("long", "native") or config.getoption("fulltrace", False)


@pytest.fixture(scope="session")
def qsan_backend(pytestconfig: pytest.Config) -> Backend:
    """The backend of this run, as `--qsan-backend` names it.

    One that costs money is refused (QS802) unless `--qsan-cost-limit` allows for it.
    """
    return engine_of(pytestconfig, pytestconfig.stash[SETTINGS].backend).backend


@pytest.fixture(scope="module")
def qsan_model(request: pytest.FixtureRequest) -> Callable[..., Model]:
    """`qsan_model("models/qsann.qsan", n=2)`: `qsanc.load` on the backend and with the shots of this run.

    A file is looked for in the folder of the test. Keywords are those of `qsanc.load`; `backend` and `shots` there go
    before the options of this run.
    """
    folder, chosen = request.path.parent, request.config.stash[SETTINGS]

    def load(source: str | Path, **keywords: Any) -> Model:
        import qsanc

        found = {"backend": chosen.backend, "shots": chosen.shots, **keywords}
        engine_of(request.config, found["backend"])
        is_text = isinstance(source, str) and "\n" in source
        return qsanc.load(source if is_text else near(folder / source), **found)

    return load
