"""What goes wrong between us and the service, as the user reads it."""

from __future__ import annotations

from pathlib import Path

from qsanc.diagnostics import Diagnostic, Note, QsanError, Severity
from qsanc.target import BackendFailure


def _fail(code: str, title: str, *, expected: str = "", notes: tuple[str, ...] = (), help: str = "") -> QsanError:
    told = tuple(Note(text) for text in notes)
    return QsanError([Diagnostic(code, Severity.ERROR, title, expected=expected, notes=told, help=help)])


def damaged(file: Path, line: int | None, reason: str) -> QsanError:
    where = f"{file}, line {line}," if line is not None else f"{file}"
    return _fail(
        "QS933", f"{where} is damaged: {reason}", help="restore the file from a copy: it says what was paid for"
    )


def lost(file: Path, reason: str) -> QsanError:
    return _fail(
        "QS933",
        f"{file} does not say what this run paid for: {reason}",
        notes=("without the journal all tasks of the run would be paid again",),
        help=f"restore {file.name} from a backup, or begin in a new folder",
    )


def unwritable(file: Path, failure: OSError) -> QsanError:
    return _fail("QS936", f"cannot write {file}: {failure.strerror or type(failure).__name__}")


def unreadable(file: Path, failure: OSError) -> QsanError:
    return _fail("QS933", f"cannot read {file}: {failure.strerror or type(failure).__name__}")


def newer(file: Path, found: object, known: int) -> QsanError:
    help = "use the qsanc that wrote it, or a newer one"
    return _fail("QS937", f"{file} has format {found}; this qsanc reads formats up to {known}", help=help)


def in_use(file: Path) -> QsanError:
    return _fail("QS939", f"another process is writing {file}", help="wait for it or stop it, then go on")


def over_budget(folder: Path, spent: float, reserved: float, needed: float, limit: float) -> QsanError:
    return _fail(
        "QS802",
        f"this would cost {needed:.4f} USD, and {limit - spent - reserved:.4f} USD of {limit:.4f} are left",
        notes=(f"{folder}: {spent:.4f} USD spent, {reserved:.4f} USD reserved for tasks that are not finished",),
        help=f"nothing of it was submitted; `--max-cost {spent + reserved + needed:.2f}` or more would allow it",
    )


def no_limit(given: float | None) -> QsanError:
    title = "nobody has said what this may cost" if given is None else f"nothing can cost {given} USD at most"
    return _fail(
        "QS802",
        title,
        expected="an amount of US dollars, 0 or more",
        notes=("nothing was submitted",),
        help="give max_cost=..., or math.inf; `--max-cost` for a command",
    )


def no_folder(name: str) -> QsanError:
    return _fail("QS802", f"{name} is billed, and there is no folder to keep its tasks in", help="give a run folder")


def no_credentials(reason: str) -> QsanError:
    return _fail(
        "QS803",
        f"Amazon Braket cannot be asked: {reason}",
        expected="credentials of an AWS account, and for simulators a region",
        help="run `aws configure`, or set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY with AWS_REGION",
    )


def no_bucket(reason: str) -> QsanError:
    return _fail(
        "QS803",
        f"Amazon Braket has no bucket for results: {reason}",
        notes=("nothing was submitted",),
        help="set AMZN_BRAKET_OUT_S3_BUCKET to a bucket of this account whose name begins with amazon-braket-",
    )


def elsewhere(folder: Path, name: str, there: str, here: str) -> QsanError:
    return _fail(
        "QS803",
        f"the tasks of {folder} on {name} are in {there}, and these credentials lead to {here}",
        notes=("nobody there knows what was paid for here: all of it would be paid again",),
        help="use the credentials of that account (AWS_PROFILE), or begin in a new folder",
    )


def not_allowed(operation: str, reason: str) -> QsanError:
    return _fail(
        "QS803",
        f"these AWS credentials are not allowed {operation}: {reason}",
        help="use a role with the policy AmazonBraketFullAccess; nothing is lost, the run can be resumed after that",
    )


def refused(title: str, help: str = "") -> QsanError:
    return _fail("QS801", title, help=help)


def onward(folder: Path, more: str = "") -> str:
    """What the user does to go on: a training is resumed, all else is asked again with the same folder."""
    if (folder / "run.json").exists():
        return f"`qsanc resume {folder}{more}` goes on"
    return f"give the same command again{f', with `{more.strip()}`' if more else ''}"


def patience_ended(folder: Path, what: str, reason: str, seconds: float) -> BackendFailure:
    return BackendFailure(
        f"the service did not {what} for {seconds:.0f} s: {reason}. Nothing is lost or paid for twice: "
        f"{onward(folder)}",
        retryable=True,
    )


def undelivered(folder: Path, name: str, state: str, reason: str) -> BackendFailure:
    return BackendFailure(
        f"the task {name} is {state}: {reason}. It is not submitted anew unasked, since that may be paid for again: "
        f"{onward(folder, ' --again')}",
        retryable=False,
    )


def unreadable_result(folder: Path, name: str, reason: str) -> BackendFailure:
    return BackendFailure(
        f"the task {name} was paid for, and {reason}. It is not submitted anew unasked: {onward(folder)}, which "
        "reads it once more; with `--again`, it is paid anew, and it alone",
        retryable=False,
    )


def unclear(folder: Path, reason: str) -> BackendFailure:
    return BackendFailure(
        f"the service did not create a task, and this does not say whether it will: {reason}. What the task may cost "
        f"stays put aside: {onward(folder)}, and `qsanc tasks {folder} --cancel` gives it up",
        retryable=True,
    )


def not_listed(folder: Path, reason: str) -> BackendFailure:
    return BackendFailure(
        f"the service does not list its tasks: {reason}. Without that nobody can tell which of them exist, so that "
        f"none is submitted: {onward(folder)}",
        retryable=True,
    )
