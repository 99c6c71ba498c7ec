"""What each command prints, writes and returns."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from qsanc.cli import main
from qsanc.cli.commands import COMMANDS, Commands
from qsanc.cli.shell import group

UNTIDY = "qsan 1.0\n// kept\nconst   k=1;\n"


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == 0
    assert f"Usage: qsanc {name}" in capsys.readouterr().out
    assert isinstance(group, Commands)


def test_the_version_is_that_of_the_distribution(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert lines(capsys)[0].startswith("qsanc 0.")


def test_check_reports_every_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.qsan").write_text(f"qsan 1.0\nconst k = {name}1;\nconst l = {name}2;\n")
    assert main(["check", str(tmp_path / "a.qsan"), str(tmp_path / "b.qsan")]) == 1
    message = capsys.readouterr().err
    assert all(f"`{name}`" in message for name in ("a1", "a2", "b1", "b2"))
    assert "4 errors" in message


def test_check_speaks_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "a.qsan"
    file.write_text("qsan 1.0\nconst k = nowhere;\n")
    assert main(["check", "--json", str(file)]) == 1
    captured = capsys.readouterr()
    (found,) = json.loads(captured.out)["diagnostics"]
    assert (found["file"], found["line"], found["column"], found["severity"]) == (str(file), 2, 11, "error")
    assert captured.err == ""


def test_errors_of_other_commands_are_json_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--json", str(tmp_path / "none.qsan"), "c"]) == 1
    (found,) = json.loads(capsys.readouterr().out)["diagnostics"]
    assert "none.qsan" in found["title"]


def test_fmt_changes_a_file_once_and_check_changes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "a.qsan"
    file.write_text(UNTIDY)
    file.chmod(0o640)
    assert main(["fmt", "--check", str(file)]) == 1
    assert file.read_text() == UNTIDY
    assert main(["fmt", str(file)]) == 0
    assert file.read_text() == "qsan 1.0\n\n// kept\nconst k = 1;\n"
    assert file.stat().st_mode & 0o777 == 0o640
    assert lines(capsys) == [f"would change {file}", f"changed {file}"]
    assert main(["fmt", "--check", str(file)]) == 0


def test_the_shipped_files_are_laid_out_and_free_of_errors(root: Path) -> None:
    files = [str(path) for folder in ("models", "qsanc/std") for path in sorted((root / folder).glob("*.qsan"))]
    assert main(["fmt", "--check", *files]) == 0
    assert main(["check", *files]) == 0


@pytest.mark.parametrize(
    ("stage", "words"),
    [
        ("ast", ["File(version='1.0')", "Circuit(", "name='h2_energy'"]),
        ("model", ["function @vqe_h2", "parameter th"]),
        ("circuit", ["circuit @h2_energy", "ry", "cx"]),
        ("plan", ["h2_energy"]),
    ],
)
def test_ir_shows_each_stage(stage: str, words: list[str], root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ir", str(root / "models" / "vqe_h2.qsan"), "--stage", stage, "--verify-passes"]) == 0
    printed = capsys.readouterr().out
    assert all(word in printed for word in words), printed


def test_draw_a_generic_circuit_with_its_sizes(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = str(root / "models" / "kernel_attention.qsan")
    assert main(["draw", model, "fidelity", "--set", "n=2", "--set", "d=0", "--width", "80"]) == 0
    drawn = lines(capsys)
    assert any(line.startswith("0: ─h─rx(x[0, 0])") for line in drawn)


def test_run_infers_generics_and_takes_expressions(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = str(root / "models" / "kernel_attention.qsan")
    point = "[[0.1, pi / 2], [90deg, -0.3]]"
    assert main(["run", model, "fidelity", f"x={point}", f"y={point}"]) == 0
    assert float(lines(capsys)[0]) == pytest.approx(1.0)


def test_run_with_shots_repeats_itself_by_seed(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["run", str(root / "models" / "vqe_h2.qsan"), "h2_energy", "th=[0.4,0.2]", "--shots", "500"]
    for seed in ("1", "1", "2"):
        assert main([*arguments, "--seed", seed]) == 0
    first, again, other = lines(capsys)
    assert first == again != other


def test_run_an_ansatz_prints_its_state(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    std = str(root / "qsanc" / "std" / "encoders.qsan")
    assert main(["run", std, "angle_rx", "x=[pi,0]"]) == 0
    assert [line.split()[0] for line in lines(capsys)] == ["00", "01", "10", "11"]
    assert main(["run", std, "angle_rx", "x=[pi,0]", "--json"]) == 0
    state = json.loads(capsys.readouterr().out)
    assert state["imag"] == pytest.approx([0, 0, -1, 0])


def test_backends_lists_numpy(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["backends", "--json"]) == 0
    (numpy,) = [row for row in json.loads(capsys.readouterr().out) if row["name"] == "numpy"]
    assert numpy["capabilities"]["gradients"] == ["adjoint", "parameter_shift"]
    assert main(["backends"]) == 0


def test_train_evaluate_and_predict(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    data, run = root / "models" / "data" / "food_or_computing.tsv", tmp_path / "run"
    model = root / "models" / "qsann_multihead.qsan"
    settings = ["--set", "n=2", "--epochs", "6", "--lr", "0.05", "--seed", "1", "--jit", "off"]
    assert main(["train", str(model), "--data", str(data), "--out", str(run), *settings]) == 0
    printed = lines(capsys)
    assert printed[0].startswith("epoch 1/6  train loss")
    assert any(line.startswith("majority (control)") for line in printed)
    assert any(line.startswith("mean_embedding (control)") for line in printed)
    told = json.loads((run / "run.json").read_text())
    assert told["status"] == "finished"
    assert told["test"]["accuracy"] > 0.8
    assert set(told["baselines"]) == {"majority", "mean_embedding"}
    assert set(told["source"]["files"]) == {"qsann.qsan", "qsann_multihead.qsan"}

    assert main(["eval", str(run), "--data", str(data), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["report"]["records"] == 130

    assert main(["predict", str(run), "patient chef bakes spicy bread", "--json"]) == 0
    (prediction,) = json.loads(capsys.readouterr().out)["predictions"]
    assert prediction["label"] == 1
    assert prediction["probabilities"]["1"] > 0.5
    monkeypatch.setattr(sys, "stdin", io.StringIO("patient chef bakes spicy bread\nquick student tests script\n"))
    assert main(["predict", str(run), "-"]) == 0
    assert [line.split("\t")[0] for line in lines(capsys)] == ["1", "0"]
    monkeypatch.setattr(sys, "stdin", io.StringIO("patient chef bakes spicy bread\n\nquick student tests script\n"))
    assert main(["predict", str(run), "-"]) == 1
    captured = capsys.readouterr()
    assert "<stdin>:2:1" in captured.err
    assert captured.out == ""

    assert main(["predict", str(run), "--data", str(data)]) == 0
    assert len(lines(capsys)) == 130
    unlabelled = tmp_path / "some.jsonl"
    unlabelled.write_text('{"text": "patient chef bakes spicy bread"}\n')
    assert main(["predict", str(run), "--data", str(unlabelled), "--json"]) == 0
    (again,) = json.loads(capsys.readouterr().out)["predictions"]
    assert again == {"record": 1} | {name: prediction[name] for name in ("label", "probabilities")}

    long = " ".join(["chef"] * 1000)
    assert main(["predict", str(run), long]) == 1
    assert "--truncate" in capsys.readouterr().err
    assert main(["predict", str(run), long, "--truncate"]) == 0


def test_predict_with_a_model_of_numbers(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, run, bare = root / "models" / "data" / "two_moons.csv", str(tmp_path / "run"), tmp_path / "bare.tsv"
    arguments = ["--data", str(data), "--out", run, "--epochs", "2", "--no-controls", "--json"]
    assert main(["train", str(root / "models" / "vqc.qsan"), *arguments]) == 0
    bare.write_text("x_0\tx_1\n1.7632\t-0.4208\n0.8352\t-1.1775\n")
    capsys.readouterr()
    assert main(["predict", run, "--data", str(bare)]) == 0
    by_file = lines(capsys)
    assert main(["predict", run, "--data", str(data)]) == 0
    assert lines(capsys)[:2] == by_file
    assert main(["predict", run, "1.7632 -0.4208", "0.8352,-1.1775"]) == 0
    assert [line.rsplit("\t", 1)[0] for line in lines(capsys)] == by_file
    for text, told in (("0.1", "QS912"), ("0.1 north", "'north' is no number"), ("0.1 4", "QS913"), (" ", "blank")):
        assert main(["predict", run, "0 0", text]) == 1
        message = capsys.readouterr().err
        assert told in message
        assert "<arguments>:2:1" in message
    assert main(["predict", run, "0 0", "--data", str(data)]) == 2


def test_a_model_without_data_predicts_nothing(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, data = str(tmp_path / "run"), str(root / "models" / "data" / "two_moons.csv")
    assert main(["train", str(root / "models" / "vqe_h2.qsan"), "--epochs", "1", "--out", run]) == 0
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    for arguments in (
        ["predict", run],
        ["predict", run, "x"],
        ["predict", run, "--data", data],
        ["eval", run, "--data", data],
    ):
        capsys.readouterr()
        assert main(arguments) == 1
        assert "QS923" in capsys.readouterr().err


def test_train_speaks_json(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["train", str(root / "models" / "vqe_h2.qsan"), "--epochs", "3", "--json"]
    assert main(arguments) == 0
    assert json.loads(capsys.readouterr().out)["epochs"] == 3


def test_files_of_their_own_for_validation_and_test(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = str(root / "models" / "data" / "two_moons.csv")
    arguments = ["--data", data, "--valid", data, "--test", data, "--epochs", "2", "--no-controls", "--json"]
    assert main(["train", str(root / "models" / "vqc.qsan"), *arguments]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["valid"] == told["test"]
    assert told["baselines"] == {}


def test_a_reader_that_leaves_early_gets_no_traceback(root: Path) -> None:
    command = f"{sys.executable} -m qsanc ir {root / 'models' / 'qsann.qsan'} --set n=8 --stage ast | head -1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert done.stderr == ""
    assert done.stdout.count("\n") == 1


def test_parameters_may_have_any_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "a.qsan"
    file.write_text(
        "qsan 1.0\ncircuit c[shots: nat](seed: angle, self: angle) on q: qubit[shots] -> real "
        "{ ry(seed) q[0]; ry(self) q[0]; return expval(Z(q[0])); }\n"
    )
    assert main(["run", str(file), "c", "seed=pi/2", "self=pi/2", "--set", "shots=2"]) == 0
    assert float(lines(capsys)[0]) == pytest.approx(-1)
    assert main(["run", str(file), "c", "seed=0", "self=0", "shots=2", "--set", "shots=2"]) == 2
    assert "`shots` is given twice" in capsys.readouterr().err


NOISY = """qsan 1.0
noise noisy { after x: depolarizing(0.01); }
property holds(n: nat in 1..=3) { assert n > 0; }
circuit c() on q: qubit -> real { x q; return expval(Z(q)); }
"""


def test_noise_is_never_passed_over_in_silence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "a.qsan"
    file.write_text(NOISY)
    assert main(["run", str(file), "c", "--json"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["value"] == -1
    assert "warning[QS505]" in captured.err
    assert f"{file}:2:7" in captured.err
    assert main(["run", str(file), "noisy"]) == 1
    assert "error[QS505]: noise `noisy` is checked, but" in capsys.readouterr().err
    assert main(["run", str(file), "holds"]) == 1
    told = capsys.readouterr().err
    assert "error[QS108]: `holds` is a property, which returns nothing" in told
    assert f"qsanc test {file} -k holds" in told
    assert main(["test", str(file)]) == 0
    assert "warning[QS505]: noise `noisy`" in capsys.readouterr().err


def test_train_warns_of_noise(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "a.qsan"
    file.write_text((root / "models" / "vqe_h2.qsan").read_text() + "noise noisy { after cx: depolarizing(0.01); }\n")
    assert main(["train", str(file), "--epochs", "1", "--json"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["epochs"] == 1
    assert "warning[QS505]: noise `noisy`" in captured.err


def test_an_empty_choice_is_no_help(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "a.qsan"
    file.write_text("qsan 1.0\n")
    for arguments in (["run", str(file), "c"], ["train", str(file), "--model", "m"], ["draw", str(file), "c"]):
        assert main(arguments) == 1
        assert "help:" not in capsys.readouterr().err


@pytest.mark.parametrize("stage", ["ast", "model", "circuit", "plan"])
def test_an_unknown_backend_is_told_at_every_stage(stage: str, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ir", str(root / "models" / "vqe_h2.qsan"), "--stage", stage, "--backend", "foo"]) == 1
    assert "QS810" in capsys.readouterr().err


def test_independent_shots_need_shots(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", str(root / "models" / "vqe_h2.qsan"), "--independent-shots"]) == 2
    assert "--shots" in capsys.readouterr().err


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize(("arguments", "code"), [("backends", 0), ("check none.qsan", 1)])
def test_closed_streams_are_no_crash(closed: str, arguments: str, code: int, tmp_path: Path) -> None:
    command = f"{sys.executable} -m qsanc {arguments} {closed}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == code
    assert "Traceback" not in done.stderr


def test_ctrl_c_while_modules_load_is_quiet() -> None:
    program = (
        "import builtins, sys\nfrom qsanc.cli import main\nload = builtins.__import__\n"
        "def stopped(name, *rest):\n    if name == 'click':\n        raise KeyboardInterrupt\n"
        "    return load(name, *rest)\n"
        "builtins.__import__ = stopped\nsys.exit(main(['backends']))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (130, "")


def test_run_takes_sizes_settings_and_defaults(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "a.qsan"
    file.write_text(
        "qsan 1.0\nsize m = 1;\nhyper g: real = 0.5;\n"
        "circuit c(x: angle = 0.25turn, y: angle) on q: qubit -> real {\n"
        "  for i in 0..m { rx(g * x + y) q; }\n  return expval(Z(q));\n}\n"
    )
    for options, angle in (
        (["y=0.3"], np.pi / 4 + 0.3),
        (["y=0.3", "x=0", "--set", "m=2"], 0.6),
        (["y=0.3", "--set", "g=0.25", "--set", "m=3"], 3 * (np.pi / 8 + 0.3)),
    ):
        assert main(["run", str(file), "c", *options]) == 0
        assert float(capsys.readouterr().out) == pytest.approx(np.cos(angle), abs=1e-12)
