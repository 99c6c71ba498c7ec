"""Seeds are whole numbers of 63 bits and shots have a top, in every command and from Python."""

from __future__ import annotations

from pathlib import Path

import pytest
from malformed import CLASSIFIER

from qsanc.api import compile as compiled
from qsanc.api import load, load_run
from qsanc.cli import main
from qsanc.diagnostics import QsanError

CIRCUIT = "qsan 1.0\ncircuit c(x: angle) on q: qubit -> real { rx(x) q; return expval(Z(q)); }\n"
LARGEST = 2**63 - 1


@pytest.mark.parametrize(
    ("option", "beyond", "commands"),
    [
        ("--seed", [str(LARGEST + 1), str(10**42), "-1"], "run eval predict profile train test mutate explain job"),
        ("--shots", [str(2**30 + 1), str(10**19), "0"], "run eval predict profile train test explain job"),
    ],
)
def test_no_command_takes_more_than_can_be_drawn(
    option: str, beyond: list[str], commands: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in commands.split():
        for value in beyond:
            assert main([command, str(tmp_path), option, value]) == 2, (command, value)
            assert "is not in the range" in capsys.readouterr().err, (command, value)


def test_the_largest_seed_draws(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "c.qsan").write_text(CIRCUIT)
    command = ["run", str(tmp_path / "c.qsan"), "c", "x=1", "--shots", "9", "--seed"]
    assert main([*command, str(LARGEST)]) == 0


@pytest.mark.parametrize("seed", [LARGEST + 1, 10**42, -1, 0.5, "1"])
def test_python_is_told_what_a_seed_is(seed: int, tmp_path: Path) -> None:
    with pytest.raises(QsanError, match="cannot be a seed"):
        compiled(CIRCUIT, shots=9)(0.1, seed=seed)
    with pytest.raises(QsanError, match="cannot be a seed"):
        load(CLASSIFIER).fit([[0.1, 0.2], [0.3, 0.4]] * 4, [0, 1] * 4, seed=seed)
    with pytest.raises(QsanError, match="cannot be a seed"):
        load_run(tmp_path, seed=seed)
