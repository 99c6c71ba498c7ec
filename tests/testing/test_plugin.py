"""The pytest plug-in, run on small projects: what is collected, what a failure looks like, options, fixtures."""

from __future__ import annotations

import json
import re
import shlex
import sys
from pathlib import Path

import numpy  # noqa: F401  (a run inside this process must find it loaded: NumPy cannot be loaded twice)
import pytest

import qsanc.api
import qsanc.testing.blocks.search  # noqa: F401
from qsanc.diagnostics import Diagnostic, QsanError, Severity

LAWS = """\
qsan 1.0

circuit up(th: angle[2]) on q: qubit -> real {
  ry(th[0]) q;
  ry(th[1]) q;
  return expval(Z(q));
}

property angles_add(th: angle[2]) {
  examples: 5;
  assert up(th) ~= cos(th[0] + th[1]) tol 1e-9;
}

property angles_do_not_count(th: angle[2]) {
  examples: 20;
  assert up(th) ~= 1 tol 1e-9, "it stays up";
}

test starts_up {
  assert up([0, 0]) ~= 1 tol 1e-9;
}
"""

MODEL = """\
qsan 1.0

circuit up(t: angle) on q: qubit -> real {
  ry(t) q;
  return expval(Z(q));
}

model coin {
  data { t: real in -pi..=pi; label: bit; }
  params { shift: real = 0; }
  flow { predict (1 + up(t + shift)) / 2; }
  loss mse(predict, label);
}
"""

PRICED = """\
from dataclasses import replace
from qsanc_numpy.backend import NumpyBackend

class Priced(NumpyBackend):
    @property
    def capabilities(self):
        return replace(super().capabilities, name="priced", billed=True)
"""


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    """A project with one file: two properties, the second of them false, and a test."""
    (pytester.path / "laws.qsan").write_text(LAWS, encoding="utf-8")
    pytester.makeini("[pytest]\n")
    return pytester


@pytest.fixture
def priced(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """The project with a backend installed that costs money."""
    site = project.mkdir("site")
    (site / "priced.py").write_text(PRICED, encoding="utf-8")
    info = site / "priced-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: priced\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text("[qsanc.backends]\npriced = priced:Priced\n", encoding="utf-8")
    monkeypatch.syspath_prepend(site)
    return project


def source(project: pytest.Pytester, name: str, text: str) -> Path:
    path = project.path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


# ---- what is collected ----------------------------------------------------------------------------------------------


def test_blocks_are_items_with_file_and_line(project: pytest.Pytester) -> None:
    items, _ = project.inline_genitems()
    assert [item.nodeid for item in items] == [
        "laws.qsan::angles_add",
        "laws.qsan::angles_do_not_count",
        "laws.qsan::starts_up",
    ]
    for item in items:
        file, line, name = item.location
        assert file == "laws.qsan"
        assert line is not None
        assert re.match(rf"(property|test) {name}\b", LAWS.splitlines()[line])


@pytest.mark.parametrize(
    ("arguments", "chosen"),
    [
        (["-k", "angles"], ["angles_add", "angles_do_not_count"]),
        (["-k", "laws and not count"], ["angles_add", "starts_up"]),
        (["laws.qsan::starts_up"], ["starts_up"]),
        (["--deselect", "laws.qsan::starts_up"], ["angles_add", "angles_do_not_count"]),
    ],
)
def test_blocks_are_chosen_like_other_tests(project: pytest.Pytester, arguments: list[str], chosen: list[str]) -> None:
    done = project.runpytest_inprocess("--collect-only", "-q", *arguments)
    assert [line for line in done.stdout.lines if "::" in line] == [f"laws.qsan::{name}" for name in chosen]


def test_a_run_stops_at_a_failure_and_runs_what_failed_again(project: pytest.Pytester) -> None:
    project.runpytest_inprocess("-x").assert_outcomes(passed=1, failed=1)
    done = project.runpytest_inprocess("--lf", "-v")
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines(["laws.qsan::angles_do_not_count FAILED*"])


def test_a_model_without_blocks_is_no_item_even_if_it_is_wrong(project: pytest.Pytester) -> None:
    source(project, "model.qsan", MODEL)
    source(project, "wrong.qsan", "qsan 1.0\ncircuit {")
    project.runpytest_inprocess("-k", "starts_up").assert_outcomes(passed=1, deselected=2, errors=0)


def test_patterns_of_the_ini_file_say_which_files_hold_blocks(project: pytest.Pytester) -> None:
    source(project, "laws/up.qsan", LAWS)
    project.makeini("[pytest]\nqsan_files = laws/*.qsan other_*.qsan\n")
    items, _ = project.inline_genitems()
    assert {item.nodeid.partition("::")[0] for item in items} == {"laws/up.qsan"}
    named, _ = project.inline_genitems("laws.qsan")
    assert len(named) == 3, "a file that is named is collected whatever the patterns say"


def test_kept_failures_are_collected_only_where_they_are_named(project: pytest.Pytester) -> None:
    project.makeini("[pytest]\nnorecursedirs = nothing\n")
    source(project, ".qsanc/failures/old.qsan", LAWS)
    items, _ = project.inline_genitems()
    assert len(items) == 3
    named, _ = project.inline_genitems(".qsanc/failures")
    assert {item.nodeid.partition("::")[0] for item in named} == {".qsanc/failures/old.qsan"}


def test_warnings_of_a_file_are_warnings_of_the_run(project: pytest.Pytester) -> None:
    idle = MODEL.replace("on q: qubit", "on q: qubit, spare: qubit").replace("ry(t) q;", "ry(t) q; rx(t) spare;")
    source(project, "idle.qsan", idle + "\ntest starts_up { assert up(0) ~= 1 tol 1e-9; }\n")
    done = project.runpytest_inprocess("idle.qsan")
    done.assert_outcomes(passed=1, warnings=1)
    done.stdout.re_match_lines([r".*idle\.qsan:\d+: QsanWarning: QS306: "])
    pytest.importorskip("xdist", reason="pytest-xdist is not installed")
    shared_out = project.runpytest_subprocess("idle.qsan", "-n", "1")
    shared_out.stdout.re_match_lines([r".*idle\.qsan:\d+: .*QS306: "])
    strict = project.runpytest_inprocess("idle.qsan", "-W", "error::qsanc.testing.plugin.QsanWarning")
    strict.assert_outcomes(errors=1)
    assert_no_traceback(strict)


# ---- what a failure looks like --------------------------------------------------------------------------------------


def assert_no_traceback(done: pytest.RunResult) -> None:
    """No line of Python code is shown."""
    text = done.stdout.str() + done.stderr.str()
    assert "Traceback" not in text
    assert not re.search(r"(?<!test_model)\.py:\d+", text), text


def test_a_failure_is_a_diagnostic_with_the_line_and_the_way_to_repeat_it(project: pytest.Pytester) -> None:
    done = project.runpytest_inprocess("--qsan-seed", "3", "--qsan-examples", "7")
    done.assert_outcomes(passed=2, failed=1)
    assert_no_traceback(done)
    done.stdout.fnmatch_lines(
        [
            "error[[]QS703[]]: it stays up",
            " *--> laws.qsan:16:10",
            "16 |   assert up(th) ~= 1 tol 1e-9, *",
            "   |          ^^^^^^^^^^^^^^^^^^^^ * apart, tol 1e-09",
            "*note: with th = *",
            "*note: seed 3*",
            "*help: qsanc test .qsanc/failures/angles-do-not-count-*.qsan",
            "smallest program that fails:",
            "    circuit up(*",
            "again: pytest laws.qsan::angles_do_not_count --qsan-seed 3 --qsan-examples 7",
            "FAILED laws.qsan::angles_do_not_count - QS703: it stays up",
        ]
    )


def test_the_line_that_repeats_a_failure_repeats_it_from_where_pytest_was_started(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    source(project, "deep down/more laws.qsan", LAWS)
    monkeypatch.chdir(project.mkdir("elsewhere"))
    first = project.runpytest_inprocess("../deep down", "--qsan-seed=5", "-k", "count")
    again = next(line for line in first.stdout.lines if line.startswith("again: "))
    program, *arguments = shlex.split(again.removeprefix("again: "))
    assert (program, arguments[0]) == ("pytest", "../deep down/more laws.qsan::angles_do_not_count")
    second = project.runpytest_inprocess(*arguments)
    second.assert_outcomes(failed=1)
    notes = [[line for line in run.stdout.lines if "note: with th" in line] for run in (first, second)]
    assert notes[0] == notes[1] != []


def test_failures_are_kept_in_the_root_of_the_project_and_go_when_they_are_mended(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = project.path / ".qsanc" / "failures"
    with monkeypatch.context() as elsewhere:
        elsewhere.chdir(project.mkdir("elsewhere"))
        project.runpytest_inprocess("--rootdir=..", "..")
        (program,) = folder.glob("*.qsan")
        assert "from: laws.qsan::angles_do_not_count" in program.read_text(encoding="utf-8")
        before = sorted(folder.iterdir())
        project.runpytest_inprocess("--rootdir=..", program).assert_outcomes(failed=1)
        assert sorted(folder.iterdir()) == before, "a kept program is a failure already"
    source(project, "laws.qsan", LAWS.replace("~= 1 tol 1e-9, ", "<= 1.1, "))
    project.runpytest_inprocess().assert_outcomes(passed=3)
    assert not list(folder.glob("*.qsan"))


GIVEN = """
from hypothesis import given, settings, strategies as st
from qsanc.ir.circuit import Angle, Gate
from qsanc.testing import Bound, assert_equivalent

@settings(database=None, max_examples=20)
@given(st.integers(1, 9))
def test_turns(k):
    assert_equivalent(Bound(1, (Gate("ry", (0,), (Angle(k / 8),)),)), Bound(1), tol={tol})
"""


def test_of_a_python_test_the_smallest_failure_stays_until_it_passes(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = project.path / ".qsanc" / "failures"

    def run(test: str, **outcome: int) -> list[str]:
        project.makepyfile(test_it=test)
        project.runpytest_inprocess("--rootdir=..", "../test_it.py").assert_outcomes(**outcome)
        return [path.read_text(encoding="utf-8") for path in folder.glob("*.qsan")]

    monkeypatch.chdir(project.mkdir("elsewhere"))
    project.makepyfile(test_other=GIVEN.format(tol=0))
    project.runpytest_inprocess("--rootdir=..", "../test_other.py").assert_outcomes(failed=1)
    (other,) = folder.glob("*.qsan")
    before = other.read_text(encoding="utf-8")
    assert before.startswith("// from: test_other.py::test_turns\n")
    (mine,) = {*run(GIVEN.format(tol=0), failed=1)} - {before}
    assert "  ry(0.1) q[0];" in mine, "of k = 1, rounded"
    assert len(list(folder.iterdir())) == 2
    marked = GIVEN.replace("@settings", "import pytest\n@pytest.mark.{}\n@settings")
    for mark, outcome in (("skip", "skipped"), ("xfail", "xfailed")):
        assert set(run(marked.format(mark, tol=0), **{outcome: 1})) == {before, mine}
    project.runpytest_inprocess("--rootdir=..", "../test_it.py", "--collect-only")
    assert set(run(GIVEN.format(tol=9) + "    raise KeyError", failed=1)) == {before, mine}
    assert run(GIVEN.format(tol=9), passed=1) == [before]
    assert not list(Path.cwd().iterdir()), "nothing was kept where pytest was started"


def test_a_failure_that_was_expected_is_not_kept(project: pytest.Pytester) -> None:
    project.makepyfile(
        test_it="""
        import pytest
        import unittest
        from qsanc.ir.circuit import Gate
        from qsanc.testing import Bound, CheckFailed, assert_equivalent

        FLIP = Bound(1, (Gate("x", (0,)),))

        def test_expected():
            with pytest.raises(CheckFailed) as caught:
                assert_equivalent(FLIP, Bound(1))
            assert caught.value.reproduction.exists()

        class TestOld(unittest.TestCase):
            def test_fails(self):
                assert_equivalent(FLIP, Bound(1))

        @pytest.fixture
        def wrong():
            assert_equivalent(FLIP, Bound(1))

        def test_of_a_fixture(wrong): ...
        """
    )
    project.runpytest_inprocess("test_it.py").assert_outcomes(passed=1, failed=1, errors=1)
    heads = {path.read_text().partition("\n")[0] for path in (project.path / ".qsanc" / "failures").iterdir()}
    assert heads == {"// from: test_it.py::TestOld::test_fails", "// from: test_it.py::test_of_a_fixture"}


def test_a_failure_is_shown_where_it_cannot_be_kept(project: pytest.Pytester) -> None:
    source(project, ".qsanc", "a file in the place of the folder")
    project.makepyfile(test_it=GIVEN.format(tol=0))
    done = project.runpytest_inprocess()
    done.assert_outcomes(passed=2, failed=2)
    done.stdout.fnmatch_lines_random(
        [
            "error[[]QS703[]]: it stays up",
            "*note: could not be kept in *",
            "E *CheckFailed*",
            "E *could not be kept in *",
        ]
    )


def test_no_error_while_a_failure_is_kept_takes_its_place(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    from qsanc.testing.blocks import reproduction

    too_deep = Diagnostic("QS008", Severity.ERROR, "nested too deep", None)
    for error, said in ((QsanError([too_deep]), "QS008: nested too deep"), (ValueError("too large"), "too large")):

        def keep(*given: object, error: Exception = error, **more: object) -> None:
            raise error

        monkeypatch.setattr(reproduction, "keep", keep)
        done = project.runpytest_inprocess()
        done.assert_outcomes(passed=2, failed=1)
        done.stdout.fnmatch_lines(["error[[]QS703[]]: it stays up", f"*note: could not be kept in *: {said}"])


GARBAGE = [
    b"",
    b"\xff\x00{",
    b"[" * 10_000,
    b"// from: laws.qsan::angles_add\nqsan 1.0\n}",
    b"// from: test_it.py::test_it\n" + b"\x00" * 100,
    *(
        b'{"format": "qsanc example", "from": "laws.qsan::angles_add", "arguments": %s}' % arguments
        for arguments in (b"{}", b'{"th": 1e300}', b'{"th": [1e308, -1e308]}', b'{"th": {"a": 1}}', b'{"th": [[1], 2]}')
    ),
]


def test_garbage_among_kept_failures_harms_no_run(project: pytest.Pytester) -> None:
    project.makepyfile(test_it="def test_it(): ...")
    folder = project.mkdir(".qsanc") / "failures"
    folder.mkdir()
    for k, content in enumerate(GARBAGE):
        for suffix in ("qsan", "json"):
            (folder / f"{k}.{suffix}").write_bytes(content)
    (folder / "folder.qsan").mkdir()
    (folder / "loop.json").symlink_to(folder / "loop.json")
    done = project.runpytest_inprocess("-W", "error")
    done.assert_outcomes(passed=3, failed=1)
    done.stdout.no_fnmatch_line("*INTERNALERROR*")


def test_a_wrong_file_is_a_diagnostic_too(project: pytest.Pytester) -> None:
    source(project, "laws.qsan", LAWS.replace("ry(th[1])", "ry(th[2])"))
    done = project.runpytest_inprocess()
    done.assert_outcomes(errors=1)
    assert_no_traceback(done)
    done.stdout.fnmatch_lines(["error[[]QS*", "*--> laws.qsan:5:*", "5 |   ry(th[[]2[]]) q;", "ERROR laws.qsan - QS*"])


def test_failures_cross_from_other_processes(project: pytest.Pytester) -> None:
    """As pytest-xdist sends them: as JSON, with the place and the message for the summary."""
    reports = project.inline_run("-k", "count").getreports("pytest_runtest_logreport")
    (failed,) = [report for report in reports if report.failed]
    sent = json.loads(json.dumps(failed._to_json()))
    received = pytest.TestReport._from_json(sent)
    assert received.longreprtext == failed.longreprtext
    assert "error[QS703]: it stays up" in received.longreprtext
    assert str(received.longrepr.reprcrash) == "laws.qsan:16: QS703: it stays up"


def test_colours_are_for_terminals(project: pytest.Pytester) -> None:
    source(project, "laws.qsan", "qsan 1.0\ntest broken {")
    assert "\x1b" not in project.runpytest_inprocess().stdout.str()
    assert "\x1b[1;31merror[QS" in project.runpytest_inprocess("--color=yes").stdout.str()


# ---- options --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    ["shots=0", "shots=1.5", "seed=-1", "alpha=0", "alpha=1", "alpha=x", "examples=0", "examples=٣", "backend= "],
)
def test_wrong_values_are_usage_errors(pytester: pytest.Pytester, wrong: str) -> None:
    name, _, value = wrong.partition("=")
    with pytest.raises(pytest.UsageError, match=f"--qsan-{name}: .*{value}"):
        pytester.parseconfigure(f"--qsan-{wrong}")
    if value.strip():
        pytester.makeini(f"[pytest]\nqsan_{name} = {value}\n")
        with pytest.raises(pytest.UsageError, match=f"qsan_{name} of the ini file: .*{value}"):
            pytester.parseconfigure()


@pytest.mark.parametrize("wrong", ["-1", "inf", "nan", "much"])
def test_a_cost_limit_is_an_amount(pytester: pytest.Pytester, wrong: str) -> None:
    with pytest.raises(pytest.UsageError, match=f"'{wrong}' is not an amount of US dollars"):
        pytester.parseconfigure(f"--qsan-cost-limit={wrong}")


def test_a_cost_limit_is_not_kept_in_a_file(pytester: pytest.Pytester) -> None:
    """Money is allowed for one run at a time."""
    pytester.makeini("[pytest]\nqsan_cost_limit = 5\n")
    done = pytester.runpytest_inprocess("--strict-config")
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines(["*Unknown config option: qsan_cost_limit"])


def test_an_unknown_backend_is_a_usage_error(project: pytest.Pytester) -> None:
    done = project.runpytest_inprocess("--qsan-backend", "numqy:fast")
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines(["*QS810*there is no backend `numqy`", "*did you mean `numpy`?"])
    assert_no_traceback(done)


@pytest.mark.parametrize(("ini", "arguments", "tried"), [("", [], 20), ("9", [], 9), ("9", ["--qsan-examples=4"], 4)])
def test_the_command_line_goes_before_the_ini_file_and_that_before_the_block(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, ini: str, arguments: list[str], tried: int
) -> None:
    from qsanc.testing.blocks import search

    seen = []

    def watched(*given: object) -> search.Outcome:
        seen.append(check(*given))  # type: ignore[arg-type]
        return seen[-1]

    check = search.check
    monkeypatch.setattr(search, "check", watched)
    source(project, "laws.qsan", LAWS.replace("~= 1 tol 1e-9", "<= 1.1"))
    project.makeini(f"[pytest]\nqsan_examples = {ini}\n")
    project.runpytest_inprocess("-k", "count", *arguments).assert_outcomes(passed=1, deselected=2)
    assert [outcome.tried for outcome in seen] == [tried]


def test_one_engine_serves_all_blocks(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    from qsanc import registry

    loaded = []
    load = registry.load
    monkeypatch.setattr(registry, "load", lambda name: loaded.append(name) or load(name))
    source(project, "more.qsan", LAWS)
    project.runpytest_inprocess("-k", "not count").assert_outcomes(passed=4, deselected=2)
    assert loaded == ["numpy"]


def test_nothing_that_costs_money_runs_without_a_limit(priced: pytest.Pytester) -> None:
    priced.makepyfile(test_model="def test_backend(qsan_backend):\n    assert qsan_backend.capabilities.billed\n")
    refused = priced.runpytest_inprocess("--qsan-backend=priced", "-k", "starts_up or test_backend")
    refused.assert_outcomes(failed=1, errors=1, deselected=2)
    assert_no_traceback(refused)
    message = [
        "error[[]QS802[]]: the backend priced costs money, and the cost limit is 0",
        "*help: --qsan-cost-limit 5",
    ]
    refused.stdout.fnmatch_lines(message * 2)
    allowed = priced.runpytest_inprocess("--qsan-backend=priced", "--qsan-cost-limit=5", "-k", "starts_up or backend")
    allowed.assert_outcomes(passed=2, deselected=2)


def test_a_package_that_is_missing_is_named(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy", None)
    done = project.runpytest_inprocess()
    done.assert_outcomes(errors=1)
    done.stdout.fnmatch_lines(["error[[]QS706[]]: *scipy*", "*pip install 'qsanc[[]testing[]]'"])


# ---- fixtures -------------------------------------------------------------------------------------------------------


def test_models_are_loaded_from_the_folder_of_the_test(project: pytest.Pytester) -> None:
    source(project, "parts/models/coin.qsan", MODEL)
    source(
        project,
        "parts/test_model.py",
        """
import math

def test_exact(qsan_model, qsan_backend):
    model = qsan_model("models/coin.qsan")
    assert qsan_backend.capabilities.name == "numpy"
    assert abs(model.predict_proba([1.0])[0, 1] - (1 + math.cos(1.0)) / 2) < 1e-12

def test_sampled(qsan_model):
    values = qsan_model("models/coin.qsan", shots=8).predict_proba([1.0])
    assert float(values[0, 1] * 8).is_integer()

def test_text(qsan_model):
    text = open(__file__.replace("test_model.py", "models/coin.qsan")).read()
    assert qsan_model(text).name == "coin"
""",
    )
    project.runpytest_inprocess("parts/test_model.py").assert_outcomes(passed=3)
    sampled = project.runpytest_inprocess("parts/test_model.py", "--qsan-shots=4")
    sampled.assert_outcomes(passed=2, failed=1)


def test_a_mistake_in_a_python_test_is_a_diagnostic_below_its_line(project: pytest.Pytester) -> None:
    source(project, "coin.qsan", MODEL.replace("ry(t) q", "ry(t) p"))
    call = 'model = qsan_model("coin.qsan")'
    project.makepyfile(test_model=f"def test_it(qsan_model):\n    {call}\n")
    done = project.runpytest_inprocess("test_model.py")
    done.assert_outcomes(failed=1)
    assert_no_traceback(done)
    done.stdout.fnmatch_lines([f"test_model.py:2: {call}", "error[[]QS*", " --> coin.qsan:4:9", "4 |   ry(t) p;"])
    project.runpytest_inprocess("test_model.py", "--tb=long").stdout.fnmatch_lines(["E *QsanError: QS101: *"])


def test_an_assertion_that_fails_points_at_the_line_of_the_test(project: pytest.Pytester) -> None:
    source(project, "coin.qsan", MODEL + "\nansatz up_only on q: qubit { ry(0) q; }\n")
    project.makepyfile(
        test_model="""
        import qsanc
        from qsanc.testing import assert_state

        def test_it():
            assert_state(qsanc.compile("coin.qsan", "up_only"), [0, 1])
        """
    )
    done = project.runpytest_inprocess("test_model.py")
    done.assert_outcomes(failed=1)
    assert_no_traceback(done)
    done.stdout.fnmatch_lines([">       assert_state(*", "E *CheckFailed: the circuit prepares another state *"])
    long = project.runpytest_inprocess("test_model.py", "--tb=long").stdout.str()
    assert "raise CheckFailed(" in long


def test_a_mistake_while_a_python_file_is_collected_is_a_diagnostic_too(project: pytest.Pytester) -> None:
    source(project, "coin.qsan", MODEL.replace("ry(t) q", "ry(t) p"))
    call = 'MODEL = qsanc.load("coin.qsan")'
    project.makepyfile(test_model=f"import qsanc\n\n{call}\n\ndef test_it(): ...\n")
    done = project.runpytest_inprocess("test_model.py")
    done.assert_outcomes(errors=1)
    assert_no_traceback(done)
    done.stdout.fnmatch_lines([f"test_model.py:3: {call}", "error[[]QS101[]]*", "ERROR test_model.py - QS101: *"])


def test_the_fixtures_are_explained(project: pytest.Pytester) -> None:
    shown = project.runpytest_inprocess("--fixtures").stdout
    shown.fnmatch_lines(["qsan_backend [[]session scope[]]*", "    The backend of this run*"])
    shown.fnmatch_lines(["qsan_model*", '    `qsan_model("models/qsann.qsan", n=2)`*'])


# ---- what it costs those who do not use it --------------------------------------------------------------------------


def test_a_run_without_such_files_loads_nothing_of_the_compiler(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import sys

        def test_loaded(pytestconfig):
            assert pytestconfig.pluginmanager.get_plugin("qsanc") is not None
            heavy = {"numpy", "scipy", "lark", "hypothesis", "qsanc.api", "qsanc.syntax", "qsanc.check", "qsanc.target"}
            assert not heavy & set(sys.modules)
        """
    )
    pytester.runpytest_subprocess().assert_outcomes(passed=1)


def test_the_plugin_can_be_switched_off(project: pytest.Pytester) -> None:
    done = project.runpytest_subprocess("-p", "no:qsanc")
    assert done.ret == pytest.ExitCode.NO_TESTS_COLLECTED
