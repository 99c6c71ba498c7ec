"""`qsanc export` and `qsanc import`: what they print, write and refuse."""

from __future__ import annotations

from pathlib import Path

import pytest

from qsanc.cli import main

BELL = """qsan 1.0

circuit bell(t: angle) on q: qubit[2] -> real {
  rx(t) q[0];
  cx q[0], q[1];
  return expval(Z(q[0]) @ Z(q[1]));
}
"""

EXPORTED = """OPENQASM 3.0;
include "stdgates.inc";
// bell
input float t_; // t
bit[2] b;
qubit[2] q;
rx(t_) q[0];
cx q[0], q[1];
b[0] = measure q[0];
b[1] = measure q[1];
"""

IMPORTED = """qsan 1.0

/// Read from OpenQASM 3.
circuit bell(t_: angle) on q: qubit[2] -> prob[4] {
  rx(t_) q[0];
  cx q[0], q[1];
  return probs(q);
}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("bell.qsan").write_text(BELL)
    return tmp_path


def printed(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    capsys.readouterr()
    assert main(arguments) == code
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    return captured.out if code == 0 else captured.err


def test_a_circuit_there_and_back(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """O1: the passes of O2 also use that qubits start in zero and that nobody reads phases."""
    assert printed(capsys, "export", "bell.qsan", "--to", "openqasm3", "--opt", "O1") == EXPORTED
    assert printed(capsys, "export", "bell.qsan", "bell", "--to", "openqasm3", "--opt", "O1", "-o", "bell.qasm") == ""
    assert Path("bell.qasm").read_text() == EXPORTED
    assert printed(capsys, "import", "bell.qasm") == IMPORTED
    assert printed(capsys, "import", "bell.qasm", "-o", "back.qsan", "--name", "back") == ""
    assert Path("back.qsan").read_text() == IMPORTED.replace("circuit bell", "circuit back")
    assert main(["fmt", "--check", "back.qsan"]) == 0
    assert main(["check", "back.qsan"]) == 0
    assert printed(capsys, "run", "back.qsan", "back", "t_=pi").strip().startswith("[")


def test_braket_has_no_include_and_gates_that_every_device_takes(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("v.qsan").write_text(BELL.replace("cx q[0], q[1];", "cz q[0], q[1]; v q[1];"))
    text = printed(capsys, "export", "v.qsan", "--to", "openqasm3", "--dialect", "braket", "--opt", "O0")
    assert "include" not in text
    assert "cnot q[0], q[1];" in text
    assert "v q[1];" not in text
    every = printed(
        capsys, "export", "v.qsan", "--to", "openqasm3", "--dialect", "braket", "--all-gates", "--opt", "O0"
    )
    assert "cz q[0], q[1];\nv q[1];" in every
    assert "for --dialect braket" in printed(capsys, "export", "v.qsan", "--to", "openqasm3", "--all-gates", code=2)


def test_a_model_is_several_programs(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = str(root / "models" / "vqe_h2.qsan")
    message = printed(capsys, "export", model, "--to", "openqasm3", code=2)
    assert "2 programs" in message
    assert "h2_energy.1" in message
    one = printed(capsys, "export", model, "--to", "openqasm3", "--program", "h2_energy.1")
    assert "measured in X0 X1" in one
    told = printed(capsys, "export", model, "--to", "openqasm3", "-o", str(tmp_path / "out"))
    assert told.splitlines() == [f"wrote {tmp_path / 'out' / f'h2_energy.{k}.qasm'}" for k in range(2)]
    assert (tmp_path / "out" / "h2_energy.1.qasm").read_text() == one
    message = printed(capsys, "export", model, "--to", "openqasm3", "--program", "other", code=1)
    assert "it has h2_energy.0, h2_energy.1" in message


def test_an_ansatz_and_an_attention_block_are_exported(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ring = str(root / "qsanc" / "std" / "ring.qsan")
    text = printed(capsys, "export", ring, "ring", "--to", "openqasm3", "--set", "n=3", "--opt", "O0")
    assert "qubit[3] q;" in text
    model = str(root / "models" / "qsann.qsan")
    assert "gpqsa.query" in printed(capsys, "export", model, "--to", "openqasm3", code=2)


def test_a_model_without_a_circuit_has_nothing_to_export(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    controls = next((root / "qsanc" / "std").glob("control*.qsan"))
    message = printed(capsys, "export", str(controls), "linear", "--to", "openqasm3", code=1)
    assert "QS826" in message
    assert "`linear` has no circuit to export" in message


def test_a_warning_is_told_beside_the_text(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("p.qasm").write_text("qubit q; h q;\n#pragma braket result state_vector\n")
    assert main(["import", "p.qasm"]) == 0
    captured = capsys.readouterr()
    assert "warning[QS821]" in captured.err
    assert captured.out.startswith("qsan 1.0\n")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("qubit[2] q; h q[2];", ("p.qasm:1:", "QS823")),
        ("h q[", ("p.qasm:1:", "QS820")),
        ("", ("QS822", "no qubits")),
        (b"\xff\xfe", ("QS007",)),
        (bytes(range(256)), ("QS0",)),
    ],
)
def test_wrong_files_are_told(
    folder: Path, content: str | bytes, says: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    Path("p.qasm").write_bytes(content.encode() if isinstance(content, str) else content)
    message = printed(capsys, "import", "p.qasm", code=1)
    assert all(word in message for word in says)


def test_files_that_cannot_be_read_or_written(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "none.qasm" in printed(capsys, "import", "none.qasm", code=1)
    Path("p.qasm").write_text("qubit q; h q;")
    assert "QS936" in printed(capsys, "import", "p.qasm", "-o", "none/p.qsan", code=1)
    assert "QS936" in printed(capsys, "export", "bell.qsan", "--to", "openqasm3", "-o", "none/b.qasm", code=1)


@pytest.mark.parametrize("name", ["circuit.qasm", "1st.qasm", "π.qasm", "rx.qasm", ".qasm", "q.qasm"])
def test_any_file_name_gives_a_circuit_that_compiles(
    name: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "input float circuit; input float pi_; qubit[2] q; qubit for_; rx(circuit + pi_) q; h for_;"
    Path(name).write_text(text)
    assert main(["import", name, "-o", "out.qsan"]) == 0
    assert main(["check", "out.qsan"]) == 0
    assert main(["fmt", "--check", "out.qsan"]) == 0
