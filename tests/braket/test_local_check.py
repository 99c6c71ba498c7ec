"""What Braket's local simulators refuse, before anything runs, and what is said where the SDK is missing."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from qsanc import registry
from qsanc.cli import main
from qsanc.ir.circuit import Channel, CircuitModule, Overlap, Segment, State
from qsanc.target.memory import readable
from qsanc_braket import local
from qsanc_braket.local import LocalBackend, needed

BIT_FLIP, THERMAL = Channel("bit_flip", (0,), (0.1,)), Channel("thermal", (0,), (1.0, 2.0))


def module(wires: int, *results: object, segments: int = 1, body: tuple = ()) -> CircuitModule:
    tree = tuple(Segment(f"s{k}", k - 1 if k else None, body) for k in range(segments))
    return CircuitModule("m", wires, (), (), tree, results)  # type: ignore[arg-type]


def said(name: str, module: CircuitModule, *, shots: int | None = None) -> list[tuple[str, str]]:
    return [(d.code, d.title) for d in LocalBackend(name).check(module, shots=shots)]


@pytest.fixture
def no_sdk(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where the extra is not installed: importing `braket` fails."""
    for name in [name for name in sys.modules if name.split(".")[0] == "braket"] + ["braket"]:
        monkeypatch.setitem(sys.modules, name, None)


def test_what_fits_is_accepted() -> None:
    assert said("sv", module(12, State(0))) == []
    assert said("dm", module(5, body=(BIT_FLIP,)), shots=100) == []


def test_more_qubits_than_the_simulators_take(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "available", lambda: 1 << 60)
    assert said("sv", module(26)) == said("dm", module(13)) == []
    assert said("sv", module(27)) == [
        ("QS307", "the state of `m` is too large: 27 qubits, and `braket:sv` simulates 26")
    ]
    assert said("dm", module(14)) == [
        ("QS307", "the density matrix of `m` is too large: 14 qubits, and `braket:dm` simulates 13")
    ]


@pytest.mark.parametrize("name", ["sv", "dm"])
def test_the_limits_are_those_of_the_simulators(name: str) -> None:
    from braket.default_simulator import DensityMatrixSimulator, StateVectorSimulator

    simulator = {"sv": StateVectorSimulator, "dm": DensityMatrixSimulator}[name]()
    assert LocalBackend(name).capabilities.max_wires == simulator.properties.paradigm.qubitCount


def test_states_that_do_not_fit_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "available", lambda: 1 << 30)
    assert said("sv", module(24)) == [("QS307", "the state of `m` is too large: 24 qubits need 1.5 GiB of memory")]
    assert said("dm", module(12)) == [
        ("QS307", "the density matrix of `m` is too large: 12 qubits need 2 GiB of memory")
    ]
    assert said("sv", module(20)) == []


def test_what_is_counted() -> None:
    """A state for each segment on the longest path, five or seven to work on, and reduced matrices of an overlap."""
    assert needed(module(10), mixed=False) == 6 * 16 * 2**10
    assert needed(module(10, segments=3), mixed=False) == 8 * 16 * 2**10
    assert needed(module(5), mixed=True) == 8 * 16 * 4**5
    assert needed(module(10, Overlap(0, 0, (0, 1, 2))), mixed=False) == 6 * 16 * 2**10 + 2 * 16 * 4**3
    assert readable(needed(module(20), mixed=False)) == "96 MiB"


def test_noise_is_for_density_matrices() -> None:
    (found,) = LocalBackend("sv").check(module(1, body=(BIT_FLIP,)), shots=None)
    assert (found.code, found.help) == ("QS505", "use `braket:dm`")
    (found,) = LocalBackend("dm").check(module(1, body=(BIT_FLIP, THERMAL)), shots=None)
    assert (found.code, found.help) == ("QS505", "")
    assert "`thermal`" in found.title


def test_states_and_shots() -> None:
    assert said("sv", module(1, State(0)), shots=10) == [("QS801", "shots cannot give the state of `m`")]
    assert said("dm", module(1, State(0))) == [
        ("QS801", "the backend `braket:dm` keeps density matrices and has no state of `m`")
    ]
    assert [code for code, _ in said("sv", module(1), shots=0)] == ["QS801"]


@pytest.mark.usefixtures("no_sdk")
def test_without_the_sdk_the_error_says_what_to_install(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "c.qsan"
    file.write_text("qsan 1.0\n\ncircuit c on q: qubit[1] -> real { h q; return expval(Z(q[0])); }\n")
    (found,) = registry.load("braket:sv").check(module(1), shots=None)
    assert (found.code, found.help) == ("QS812", "pip install 'qsanc[braket]'")
    for name in ("braket", "braket:sv", "braket:dm"):
        assert main(["run", str(file), "c", "--backend", name]) == 1
        message = capsys.readouterr().err
        assert "QS812" in message
        assert "pip install 'qsanc[braket]'" in message


@pytest.mark.usefixtures("no_sdk")
def test_without_the_sdk_the_list_of_backends_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["backends"]) == 0
    assert "(pip install 'qsanc[braket]')" in listed(capsys.readouterr().out)


def listed(text: str) -> str:
    """The part of the list that is about this backend."""
    return text[text.index("braket  (") : text.index("numpy  (")]


def test_the_list_of_backends_names_the_targets(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["backends"]) == 0
    said = listed(capsys.readouterr().out)
    assert "cannot be used" not in said
    assert all(f"  braket:{target}: " in said for target in ("sv", "dm", "NAME"))


@pytest.mark.parametrize("name", ["sv", "dm"])
def test_simulators_have_no_native_gates(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As SV1 and NumPy say it; the circuit did run, in the gates it had."""
    (tmp_path / "c.qsan").write_text("qsan 1.0\ncircuit c() on q: qubit -> real { x q; return expval(Z(q)); }\n")
    command = ["run", str(tmp_path / "c.qsan"), "c", "--backend"]
    for arguments in ([f"braket:{name}+native"], [f"braket:{name}", "--native"]):
        assert main([*command, *arguments]) == 1
        message = capsys.readouterr().err
        assert f"QS801]: the simulator `braket:{name}` has no native gates" in message
        assert "leave out `+native`" in message


def test_channels_are_not_promised_to_noise_blocks(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`qsanc backends`, the README and what a command says of a noise block agree."""
    assert main(["backends"]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "braket:dm:" in line]
    assert "noise blocks give none yet" in line
    limits = (root / "README.md").read_text(encoding="utf-8").partition("## Limits")[2]
    assert "`noise` blocks of a file are parsed and checked, but not compiled to channels yet" in limits
