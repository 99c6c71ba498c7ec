"""Devices of the stand-in service as backends under test: through the real SDK, over HTTP on loopback.

A test knows no run folder and no budget; here each request gets both.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from qsanc.diagnostics import Diagnostic
from qsanc.fast import OFF, Tier
from qsanc.ir.circuit import CircuitModule
from qsanc.target import (
    Backend,
    Capabilities,
    Context,
    Differentiable,
    Executable,
    Handle,
    Pullback,
    Request,
    Results,
)

BUDGET_USD = 10_000.0
BUCKET = "amazon-braket-tests"


@dataclass(frozen=True)
class InFolder:
    """A backend whose requests all belong to one run folder."""

    backend: Backend
    folder: Path

    @property
    def capabilities(self) -> Capabilities:
        return self.backend.capabilities

    def check(self, module: CircuitModule, *, shots: int | None) -> tuple[Diagnostic, ...]:
        return self.backend.check(module, shots=shots)

    def lower(self, module: CircuitModule, *, tier: Tier = OFF) -> Executable:
        executable = self.backend.lower(module, tier=tier)
        if isinstance(executable, Differentiable):
            return DifferentiableInFolder(executable, self.folder)
        return ExecutableInFolder(executable, self.folder)


@dataclass(frozen=True)
class ExecutableInFolder:
    executable: Executable
    folder: Path

    @property
    def module(self) -> CircuitModule:
        return self.executable.module

    def plan(self) -> str:
        return self.executable.plan()

    def submit(self, request: Request, context: Context) -> Handle:
        return self.executable.submit(request, self.within(context))

    def collect(self, handle: Handle) -> Results:
        return self.executable.collect(handle)

    def within(self, context: Context) -> Context:
        return replace(context, run_folder=self.folder, budget_usd=BUDGET_USD)


class DifferentiableInFolder(ExecutableInFolder):
    def vjp(self, request: Request, context: Context) -> tuple[Results, Pullback]:
        assert isinstance(self.executable, Differentiable)
        return self.executable.vjp(request, self.within(context))


@contextmanager
def device(name: str) -> Iterator[Backend]:
    """A device of a stand-in of its own, with a run of a known name, so that samples repeat themselves. Only the
    session is made under the stand-in's environment: no other test sees that."""
    pytest.importorskip("braket.aws", reason="needs the extra `braket`")
    from standin import Service
    from standin.sheets import BUILT_IN

    from qsanc_braket.cloud.backend import CloudBackend
    from qsanc_braket.cloud.desk import Manner
    from qsanc_braket.cloud.journal import KIND, VERSION
    from qsanc_braket.cloud.session import BraketSession, Missing
    from qsanc_braket.devices.sheet import device_of

    (sheet,) = [each for each in BUILT_IN if each.name == name]
    manner = Manner(first_s=0.002, longest_s=0.02, created_a_second=1e4, polled_a_second=1e4)
    with Service() as service, TemporaryDirectory(prefix="run-") as folder:
        with pytest.MonkeyPatch.context() as patch:
            for variable, value in service.environment().items():
                patch.setenv(variable, value)
            session = BraketSession(sheet.arn, BUCKET)
            assert session.account
            with suppress(Missing):
                session.file(BUCKET, "nothing")
        header = {"kind": KIND, "version": VERSION, "run": "0" * 32}
        Path(folder, "tasks.jsonl").write_text(json.dumps(header) + "\n", encoding="utf-8")
        known = device_of(sheet.capabilities, sheet.arn, sheet.name, "online")
        yield InFolder(CloudBackend(known, connect=lambda: session, manner=manner), Path(folder))
