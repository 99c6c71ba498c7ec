"""A backend for the length of the session: `made.named` says which."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from made import MADE

from qsanc.target import Backend


@pytest.fixture(scope="session")
def backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    with MADE[request.param].make() as made:
        yield made


@pytest.fixture(scope="session")
def wires(backend: Backend) -> int:
    return MADE[backend.capabilities.name].wires
