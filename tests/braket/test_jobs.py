"""`qsanc job`: what is packaged, what the entry point makes of it, and what the service is told.

The entry point runs in processes of its own, under the variables that a Hybrid Job has, from the copy of qsanc in the
package.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from standin import Service

from qsanc.cli import main
from qsanc.diagnostics import QsanError
from qsanc_braket import job_entry
from qsanc_braket.cloud.journal import Journal
from qsanc_braket.job import Job, device_of, environment, requirements, write

ENTRY = "import sys; sys.path.insert(0, sys.argv[1]); import qsanc_job; qsanc_job.main()"


def job(root: Path, *options: object, epochs: int = 2, device: str = "local:qsanc/numpy") -> list[str]:
    return ["job", "--device", device, *training(root, *options, epochs=epochs)]


def training(root: Path, *options: object, epochs: int = 2) -> list[str]:
    model, data = root / "models" / "vqc.qsan", root / "models" / "data" / "two_moons.csv"
    given = ["--epochs", epochs, "--jit", "off", "--no-controls", "--set", "L=2", "--seed", 7, *options]
    return [str(model), "--data", str(data), *map(str, given)]


def weights(run: Path) -> bytes:
    return (run / "weights.safetensors").read_bytes()


def epochs(run: Path) -> list[dict[str, Any]]:
    """What each epoch came to, but for its time."""
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    return [{name: value for name, value in line.items() if name != "seconds"} for line in lines]


def started(folder: Path, device: str = "local:qsanc/numpy") -> subprocess.Popen[bytes]:
    """The entry point of the package in a folder, under the variables of a job."""
    variables = environment(Job("a-job", device, {}, {}), folder)
    return subprocess.Popen(
        [sys.executable, "-c", ENTRY, str(folder / "code")],
        env={**os.environ, **variables},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def killed_after(process: subprocess.Popen[bytes], file: Path, lines: int) -> None:
    """Kill a process as soon as a file that it writes has so many lines."""
    deadline = time.monotonic() + 60
    while not file.exists() or len(file.read_bytes().splitlines()) < lines:
        assert process.poll() is None, process.stderr and process.stderr.read().decode()
        assert time.monotonic() < deadline
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.communicate()


@pytest.fixture
def package(root: Path, tmp_path: Path) -> Path:
    """A package of two epochs."""
    folder = tmp_path / "package"
    assert main(job(root, "--package", folder)) == 0
    return folder


# What is packaged


def test_a_package_holds_all_that_the_job_needs(root: Path, package: Path) -> None:
    assert json.loads((package / "hyperparameters.json").read_text()) == {
        "file": "vqc.qsan",
        "data": "data.csv",
        "set": '["L=2"]',
        "seed": "7",
        "epochs": "2",
        "jit": "off",
        "no-controls": "true",
    }
    assert (package / "input/model/vqc.qsan").read_bytes() == (root / "models/vqc.qsan").read_bytes()
    assert (package / "input/data/data.csv").read_bytes() == (root / "models/data/two_moons.csv").read_bytes()
    code = package / "code" / "qsanc_job"
    assert {path.name for path in code.iterdir()} == {"__init__.py", "inputs.json", "requirements.txt", "lib"}
    assert json.loads((code / "inputs.json").read_text())["files"].keys() == {"model/vqc.qsan", "data/data.csv"}
    assert (code / "requirements.txt").read_text().splitlines() == requirements()
    assert not [path for path in package.rglob("*") if path.suffix in (".pyc", ".pkl", ".pickle")]
    about = json.loads((package / "job.json").read_text())
    assert about["entry_point"] == "qsanc_job:main"
    assert about["device"] == "local:qsanc/numpy"


def test_requirements_are_those_of_the_backends_and_no_test_tools() -> None:
    names = {line.partition("==")[0].partition(">")[0] for line in requirements()}
    assert {"numpy", "click", "numba", "amazon-braket-sdk"} <= names
    assert not names & {"pytest", "ruff", "scikit-learn"}


def test_a_file_comes_with_all_that_it_imports(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (root / "models" / "vqc.qsan").read_text(encoding="utf-8")
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "more.qsan").write_text(
        "qsan 1.0\n\nansatz turned(t: angle) on q: qubit[1] {\n  ry(t) q[0];\n}\n", encoding="utf-8"
    )
    (tmp_path / "mine.qsan").write_text(
        text.replace("qsan 1.0\n", 'qsan 1.0\nfrom "parts/more.qsan" import turned;\n', 1), encoding="utf-8"
    )
    folder = tmp_path / "package"
    given = ["--data", str(root / "models/data/two_moons.csv"), "--device", "local:qsanc/numpy", "--epochs", "1"]
    assert main(["job", str(tmp_path / "mine.qsan"), *given, "--package", str(folder)]) == 0, capsys.readouterr().err
    assert sorted(path.name for path in (folder / "input" / "model").rglob("*.qsan")) == ["mine.qsan", "more.qsan"]
    assert started(folder).wait() == 0
    assert (folder / "results" / "run" / "source" / "parts" / "more.qsan").exists()


@pytest.mark.parametrize("device", ["braket:Garnet", "braket:sv"])
def test_a_package_is_written_without_the_sdk(
    device: str, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As where the extra is not installed; all else that is wrong is found all the same."""
    for name in [name for name in sys.modules if name.split(".")[0] == "braket"] + ["braket"]:
        monkeypatch.setitem(sys.modules, name, None)
    billed = ["--max-cost", "5"] if device == "braket:Garnet" else []
    package, shots = ["--package", tmp_path / "p"], ["--shots", "100", *billed]
    assert main(job(root, *package, *shots, device=device)) == 0, capsys.readouterr().err
    assert (tmp_path / "p" / "job.json").is_file()
    assert main(job(root, *shots, "--max-hours", "1", device=device)) == 1
    assert "QS812" in capsys.readouterr().err, "what is to run needs it"
    if billed:
        too_many = ["--shots", "30000", *billed]
        assert main(job(root, "--package", tmp_path / "q", *too_many, device=device)) == 1
        assert "QS801" in capsys.readouterr().err


def test_the_job_runs_the_qsanc_of_its_package(package: Path) -> None:
    """Not the one that is installed here: what is uploaded works by itself."""
    told = package / "code" / "qsanc_job" / "lib" / "qsanc" / "cli" / "__init__.py"
    told.write_text('import sys\n\n\ndef main(arguments):\n    sys.exit("it is the copy")\n', encoding="utf-8")
    process = started(package)
    assert b"it is the copy" in process.communicate()[1]


def test_a_package_takes_no_folder_that_holds_something(
    root: Path, package: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(job(root, "--package", package)) == 1
    assert "QS930" in capsys.readouterr().err


# What the entry point makes of it


def test_a_job_gives_the_weights_of_train_to_the_byte(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", *training(root), "--out", str(tmp_path / "run")]) == 0
    assert main(job(root, "--local", tmp_path / "job")) == 0
    results = tmp_path / "job" / "results"
    assert weights(results / "run") == weights(tmp_path / "run")
    assert epochs(results / "run") == epochs(tmp_path / "run")
    assert str(results) in capsys.readouterr().out
    assert main(["eval", str(results / "run"), "--data", str(root / "models/data/two_moons.csv")]) == 0


def test_sampled_settings_reach_the_job(root: Path, tmp_path: Path) -> None:
    options = ["--shots", 50, "--batch", 40, "--lr", 0.03, "--column", "label=label", "--independent-shots"]
    assert main(["train", *training(root, *options, epochs=1), "--out", str(tmp_path / "run")]) == 0
    assert main(job(root, *options, "--local", tmp_path / "job", epochs=1)) == 0
    assert weights(tmp_path / "job" / "results" / "run") == weights(tmp_path / "run")


def test_a_killed_job_goes_on_from_its_checkpoints(root: Path, tmp_path: Path) -> None:
    """Nothing of it is there but package and checkpoints, which may have come to another machine."""
    assert main(["train", *training(root, epochs=40), "--out", str(tmp_path / "run")]) == 0
    assert main(job(root, "--package", tmp_path / "job", epochs=40)) == 0
    killed_after(started(tmp_path / "job"), tmp_path / "job" / "checkpoints" / "run" / "metrics.jsonl", 3)
    assert not (tmp_path / "job" / "results" / "results.json").exists()
    (tmp_path / "job").rename(tmp_path / "elsewhere")
    assert started(tmp_path / "elsewhere").wait() == 0
    assert weights(tmp_path / "elsewhere" / "results" / "run") == weights(tmp_path / "run")
    assert epochs(tmp_path / "elsewhere" / "results" / "run") == epochs(tmp_path / "run")


def test_a_finished_job_that_is_started_again_delivers_and_trains_nothing(root: Path, tmp_path: Path) -> None:
    assert main(job(root, "--local", tmp_path)) == 0
    first = (tmp_path / "checkpoints" / "run" / "run.json").read_bytes()
    shutil.rmtree(tmp_path / "results")
    assert main(job(root, "--local", tmp_path)) == 0
    assert (tmp_path / "results" / "run" / "run.json").read_bytes() == first


def test_checkpoints_and_results_are_plain(root: Path, tmp_path: Path) -> None:
    """JSON, safetensors and source text: nothing that is executed when it is read."""
    assert main(job(root, "--local", tmp_path)) == 0
    for folder in ("checkpoints", "results"):
        kinds = {path.suffix for path in (tmp_path / folder).rglob("*") if path.is_file() and path.name != "lock"}
        assert kinds == {".json", ".jsonl", ".safetensors", ".qsan"}
        for file in (tmp_path / folder).rglob("*.json"):
            json.loads(file.read_text(encoding="utf-8"))


def test_the_sdk_reads_the_results(root: Path, tmp_path: Path) -> None:
    pytest.importorskip("braket.jobs", reason="needs the extra `braket`")
    from braket.jobs.data_persistence import load_job_result

    assert main(job(root, "--local", tmp_path)) == 0
    found = load_job_result(tmp_path / "results" / "results.json")
    info = json.loads((tmp_path / "results" / found["run"] / "run.json").read_text())
    assert found["test"] == info["test"]
    assert found["best_epoch"] == info["best_epoch"]


# What is refused


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"epohcs": "3"}, "no setting 'epohcs'"),
        ({"out": "elsewhere"}, "no setting 'out'"),
        ({"resume": "elsewhere"}, "no setting 'resume'"),
        ({"epochs": "many"}, "--epochs"),
        ({"epochs": "-1"}, "--epochs"),
        ({"epochs": ""}, "`epochs`"),
        ({"lr": "nan"}, "--lr"),
        ({"grad": "guess"}, "--grad"),
        ({"set": "L=2"}, "--set"),
        ({"set": '["L"]'}, "--set"),
        ({"set": "[" * 2000}, "--set"),
        ({"set": '{"L": 2}'}, "JSON list"),
        ({"native": "no"}, "true"),
        ({"file": "../vqc.qsan"}, "within the inputs"),
        ({"file": "/etc/passwd"}, "within the inputs"),
        ({"data": "a\\b.csv"}, "within the inputs"),
        ({"data": "data.csv/"}, "within the inputs"),
        ({"data": "other.csv"}, "`data`"),
        ({"model": "m" * 2501}, "`model`"),
        ({"backend": "nowhere"}, "nowhere"),
    ],
)
def test_settings_that_train_does_not_take_are_diagnostics(package: Path, settings: dict[str, str], said: str) -> None:
    file = package / "hyperparameters.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | settings), encoding="utf-8")
    code, message = inside(package)
    assert code == 1
    assert said in message
    assert "error[QS" in message
    assert not (package / "checkpoints" / "run").exists()


@pytest.mark.parametrize("content", ["", "[]", '{"epochs": 2}', "[" * 5000])
def test_settings_that_are_no_texts_are_diagnostics(package: Path, content: str) -> None:
    (package / "hyperparameters.json").write_text(content, encoding="utf-8")
    code, message = inside(package)
    assert (code, "QS933" in message) == (1, True)


def test_inputs_are_those_that_were_packaged(package: Path) -> None:
    data = package / "input" / "data" / "data.csv"
    content = data.read_bytes()
    data.write_bytes(content + b"0,0,1\n")
    assert "not the file that was packaged" in inside(package)[1]
    data.unlink()
    assert "no input data/data.csv" in inside(package)[1]
    (package / "elsewhere.csv").write_bytes(content)
    data.symlink_to(package / "elsewhere.csv")
    assert "leads out of the inputs" in inside(package)[1]
    data.unlink()
    (package / "input" / "data" / "data").mkdir()
    (package / "input" / "data" / "data" / "data.csv").write_bytes(content)
    assert inside(package)[0] == 0, "a channel may come in a folder of its own name"


@pytest.mark.parametrize("name", ["../data.csv", "/data.csv", "other/data.csv", "data"])
def test_a_manifest_leads_to_inputs_alone(package: Path, name: str) -> None:
    file = package / "code" / "qsanc_job" / "inputs.json"
    manifest = json.loads(file.read_text())
    manifest["files"][name] = manifest["files"].pop("data/data.csv")
    file.write_text(json.dumps(manifest), encoding="utf-8")
    code, message = inside(package)
    assert (code, "QS933" in message) == (1, True)


def test_checkpoints_of_another_job_are_left_alone(package: Path) -> None:
    assert inside(package)[0] == 0
    file = package / "hyperparameters.json"
    settings = json.loads(file.read_text())
    file.write_text(json.dumps(settings | {"seed": "8"}), encoding="utf-8")
    code, message = inside(package)
    assert (code, "QS935" in message) == (1, True)
    (package / "checkpoints" / "job.json").unlink()
    code, message = inside(package)
    assert (code, "QS933" in message) == (1, True), "a run that nobody can vouch for"


def test_a_folder_of_another_job_is_left_alone(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(job(root, "--local", tmp_path)) == 0
    assert main(job(root, "--local", tmp_path, "--lr", "0.5")) == 1
    assert "other settings" in capsys.readouterr().err
    assert main(job(root, "--local", tmp_path, "--valid", str(root / "models/data/two_moons.csv"))) == 1
    assert "other" in capsys.readouterr().err
    assert main(job(root, "--local", tmp_path, device="local:braket/braket_sv")) == 1
    assert "another device" in capsys.readouterr().err


def test_outside_of_a_job_the_entry_point_says_so(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(QsanError) as refused:
        job_entry.found({}, package / "code" / "qsanc_job" / "inputs.json")
    assert "AMZN_BRAKET_HP_FILE is not set" in refused.value.diagnostics[0].title


def test_names_and_devices_of_jobs(tmp_path: Path) -> None:
    assert device_of("braket:SV1") == "arn:aws:braket:::device/quantum-simulator/amazon/sv1"
    assert device_of("Garnet") == "arn:aws:braket:eu-north-1::device/qpu/iqm/Garnet"
    assert device_of("braket:dm") == "local:braket/braket_dm"
    assert device_of("local:me/mine") == "local:me/mine"
    assert job_entry.backend_of("arn:aws:braket:::device/x") == "braket:arn:aws:braket:::device/x"
    assert job_entry.backend_of("local:braket/braket_sv") == "braket:sv"
    assert job_entry.backend_of("local:qsanc/numpy") == "numpy"
    for device in ("", "local:me/mine", "local:numpy", "sv1"):
        with pytest.raises(QsanError):
            job_entry.backend_of(device)
    for name in ("", "a_job", "-a", "a-", "a" * 51):
        with pytest.raises(QsanError):
            write(Job(name, "local:qsanc/numpy", {"file": "f.qsan"}, {}), tmp_path / "package")
    assert not (tmp_path / "package").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--device", "braket:SV1", "--shots", 10], "give --max-cost"),
        (["--device", "local:qsanc/numpy", "--max-cost", 3], "costs nothing"),
        (["--device", "local:qsanc/numpy", "--max-hours", "no"], "not a positive number"),
        (["--device", "local:qsanc/numpy", "--backend", "other:x"], "carries the backends"),
        (["--device", "local:qsanc/numpy", "--package", "a", "--local", "b"], "give one of them"),
        (["--device", "local:qsanc/numpy", "--independent-shots"], "--shots"),
        (["--device", "local:qsanc/numpy"], "give --max-hours"),
    ],
)
def test_wrong_usage(
    root: Path, options: list[Any], said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", open(os.devnull))  # noqa: SIM115 - for the length of the test
    assert main(["job", *training(root), *map(str, options)]) == 2
    assert said in capsys.readouterr().err


def test_mistakes_are_found_before_anything_is_packaged(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(job(root, "--package", tmp_path / "a", "--set", "N=3")) == 1
    assert main(job(root, "--package", tmp_path / "a", "--column", "nothing=x")) == 1
    assert main(job(root, "--package", tmp_path / "a", device="braket:Granet")) == 1
    assert "did you mean `braket:Garnet`?" in capsys.readouterr().err
    assert not (tmp_path / "a").exists()


def inside(package: Path) -> tuple[int, str]:
    """Exit code and messages of the entry point in this process, which is quicker than one of its own."""
    import contextlib
    import io

    output = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stderr(output), contextlib.redirect_stdout(output):
        for name, value in environment(Job("a-job", "local:qsanc/numpy", {}, {}), package).items():
            patch.setenv(name, value)
        code = job_entry.main(package / "code" / "qsanc_job" / "inputs.json")
    return code, output.getvalue()


# What the service is told


@pytest.fixture
def service() -> Iterator[Service]:
    pytest.importorskip("braket.aws", reason="needs the extra `braket`")
    with Service() as running, pytest.MonkeyPatch.context() as patch:
        for name, value in running.environment().items():
            patch.setenv(name, value)
        patch.delenv("AWS_PROFILE", raising=False)
        patch.delenv("BRAKET_JOBS_ROLE_ARN", raising=False)
        yield running


def jobs(service: Service) -> list[dict[str, Any]]:
    return [record["body"] for record in service.store.records["job"].values()]


def downloaded(service: Service, body: dict[str, Any], folder: Path) -> None:
    """A folder like that of a package, made of what is in the buckets, by the SDK's own rules for its container."""
    from braket.aws import AwsSession
    from braket.jobs.local.local_job_container_setup import _download_input_data

    bucket, key = AwsSession.parse_s3_uri(body["algorithmSpecification"]["scriptModeConfig"]["s3Uri"])
    with tarfile.open(fileobj=BytesIO(service.store.get(bucket, key) or b"")) as archive:
        archive.extractall(folder / "code", filter="data")
    (folder / "input").mkdir()
    for channel in body["inputDataConfig"]:
        _download_input_data(AwsSession(), str(folder / "input"), channel)
    (folder / "hyperparameters.json").write_text(json.dumps(body["hyperParameters"]), encoding="utf-8")


def test_a_job_is_created_and_what_was_uploaded_runs(
    service: Service, root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(job(root, "--max-hours", 2, "--name", "two-moons", "--instance", "ml.c5.large", "--json")) == 0
    told = json.loads(capsys.readouterr().out)
    (body,) = jobs(service)
    assert told["name"] == body["jobName"] == "two-moons"
    assert told["arn"].startswith("arn:aws:braket:us-east-1:")
    assert body["deviceConfig"] == {"device": "local:qsanc/numpy"}
    assert body["instanceConfig"]["instanceType"] == "ml.c5.large"
    assert body["stoppingCondition"] == {"maxRuntimeInSeconds": 7200}
    assert body["algorithmSpecification"]["scriptModeConfig"]["entryPoint"] == "qsanc_job:main"
    assert body["roleArn"].endswith("AmazonBraketJobsExecutionRole")
    assert body["hyperParameters"]["epochs"] == "2"
    assert [channel["channelName"] for channel in body["inputDataConfig"]] == ["data", "model"]
    downloaded(service, body, tmp_path / "there")
    assert started(tmp_path / "there").wait() == 0
    assert main(["train", *training(root), "--out", str(tmp_path / "run")]) == 0
    assert weights(tmp_path / "there" / "results" / "run") == weights(tmp_path / "run")


def test_one_name_and_one_content_are_one_job(service: Service, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["--max-hours", 2, "--name", "once"]
    service.faults.drop_after = {"CreateJob": 1}
    assert main(job(root, *given)) == 0, "an answer that was lost is asked for again, under the same token"
    assert len(jobs(service)) == 1
    assert main(job(root, *given)) == 1
    assert "submitted before under this name" in capsys.readouterr().err
    assert len(jobs(service)) == 1
    assert main(job(root, *given[:2], "--name", "twice")) == 0
    assert len(jobs(service)) == 2


def test_checkpoints_of_an_earlier_job_are_gone_on_from(service: Service, root: Path, tmp_path: Path) -> None:
    assert main(job(root, "--max-hours", 2, "--name", "first")) == 0
    (first,) = jobs(service)
    from braket.aws import AwsSession

    bucket, prefix = AwsSession.parse_s3_uri(first["checkpointConfig"]["s3Uri"])
    service.store.put(bucket, f"{prefix}/run/run.json", b"{}")
    (arn,) = [record["arn"] for record in service.store.records["job"].values()]
    assert main(job(root, "--max-hours", 2, "--name", "second", "--after", arn)) == 0
    second = next(body for body in jobs(service) if body["jobName"] == "second")
    bucket, prefix = AwsSession.parse_s3_uri(second["checkpointConfig"]["s3Uri"])
    assert service.store.get(bucket, f"{prefix}/run/run.json") == b"{}"


def test_refusals_are_diagnostics(service: Service, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    service.faults.refuse = {"CreateJob": "AccessDeniedException"}
    assert main(job(root, "--max-hours", 2)) == 1
    assert "QS803" in capsys.readouterr().err
    service.faults.refuse = {"CreateJob": "ServiceQuotaExceededException"}
    assert main(job(root, "--max-hours", 2)) == 1
    assert "QS801" in capsys.readouterr().err
    service.faults.refuse = {"PutObject": "AccessDeniedException"}
    assert main(job(root, "--max-hours", 2)) == 1
    assert "no job was created" in capsys.readouterr().err
    assert jobs(service) == []


def test_nobody_is_asked_without_credentials_or_sdk(
    service: Service, root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    assert main(job(root, "--max-hours", 2)) == 1
    assert "QS803" in capsys.readouterr().err
    monkeypatch.setattr("qsanc_braket.sdk.find_spec", lambda name: None)
    assert main(job(root, "--max-hours", 2)) == 1
    assert "pip install 'qsanc[braket]'" in capsys.readouterr().err


def test_a_job_that_its_limit_stopped_goes_on_with_a_higher_one(
    service: Service, root: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    model = str(root / "models" / "vqe_h2.qsan")
    given = ["--device", "braket:SV1", "--shots", "40", "--grad", "spsa", "--epochs", "1", "--local", str(tmp_path)]
    assert main(["job", model, *given, "--max-cost", "0.02"]) == 1
    assert "QS802" in capfd.readouterr().err
    assert service.total_usd <= 0.02
    before = [task.token for task in service.tasks]
    assert main(["job", model, *given, "--max-cost", "5", "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["results"] == str(tmp_path / "results"), "stdout is JSON alone"
    assert [task.token for task in service.tasks][: len(before)] == before
    assert set(Journal.read(tmp_path / "results" / "run").tasks) == {task.token for task in service.tasks}


def test_a_killed_job_on_a_device_pays_for_each_task_once(service: Service, root: Path, tmp_path: Path) -> None:
    """A job with the same run id that nobody kills asks for the very same tasks, which the service knows already."""
    model, folder, straight = str(root / "models" / "vqe_h2.qsan"), tmp_path / "job", tmp_path / "straight"
    given = ["--shots", "40", "--grad", "spsa", "--epochs", "2", "--seed", "5", "--max-cost", "5"]
    assert main(["job", model, *given, "--device", "braket:SV1", "--package", str(folder)]) == 0
    assert service.tasks == [], "packaging submits nothing"
    journal = folder / "code" / "qsanc_job" / "lib" / "qsanc_braket" / "cloud" / "journal.py"
    text = journal.read_text(encoding="utf-8")
    assert "secrets.token_hex(16)" in text
    journal.write_text(text.replace("secrets.token_hex(16)", "'a' * 32"), encoding="utf-8")
    shutil.copytree(folder, straight)
    arn = device_of("braket:SV1")
    killed_after(started(folder, arn), folder / "checkpoints" / "run" / "tasks.jsonl", 6)
    before = len(service.tasks)
    assert started(folder, arn).wait() == 0
    tasks = [task.token for task in service.tasks]
    assert 0 < before < len(tasks)
    assert set(Journal.read(folder / "results" / "run").tasks) == set(tasks)
    assert started(straight, arn).wait() == 0
    assert [task.token for task in service.tasks] == tasks
    assert set(Journal.read(straight / "results" / "run").tasks) == set(tasks)
    assert weights(folder / "results" / "run") == weights(straight / "results" / "run")
    assert json.loads((folder / "results/run/run.json").read_text())["backend"] == f"braket:{arn}"
