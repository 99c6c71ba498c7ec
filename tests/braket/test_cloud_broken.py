"""Between us and the service: no network, proxies and captive portals, answers in another language, refusals.

Each ends in a diagnostic or in a failure that can be resumed; never in a traceback, and nothing is lost or paid twice.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from standin import Service

pytest.importorskip("braket.aws", reason="needs the extra `braket`")

from botocore import exceptions

from qsanc.diagnostics import QsanError
from qsanc.target import BackendFailure, Context
from qsanc_braket.cloud import session as session_module
from qsanc_braket.cloud.desk import Desk, Manner, Part, Sent
from qsanc_braket.cloud.executable import parts
from qsanc_braket.cloud.journal import Journal
from qsanc_braket.cloud.session import BraketSession, Busy, Missing, Refused, Unclear
from qsanc_braket.devices.table import find
from qsanc_braket.text import Program

IMPATIENT = Manner(
    patience_s=0.3, first_s=0.005, longest_s=0.05, created_a_second=1e4, polled_a_second=1e4, settled_s=0.01
)
SV1 = find("SV1")
BIT = "OPENQASM 3.0;\nbit[1] b;\nqubit[1] q;\nx q[0];\nb[0] = measure q[0];\n"


@pytest.fixture
def service() -> Iterator[Service]:
    with Service() as running, pytest.MonkeyPatch.context() as patch:
        for name, value in running.environment().items():
            patch.setenv(name, value)
        patch.delenv("AMZN_BRAKET_OUT_S3_BUCKET", raising=False)
        yield running


class Portal:
    """Answers everything with a page of its own, as a captive portal or a proxy does."""

    def __init__(self, status: int, page: bytes = b"<html><body>Please log in</body></html>") -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                self.send_response(status)
                self.send_header("Content-Type", "text/html")
                self.send_header("Content-Length", str(len(page)))
                self.end_headers()
                self.wfile.write(page)

            do_POST = do_PUT = do_GET  # noqa: N815

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> str:
        self._thread.start()
        return self.url

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def closed_port() -> str:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}"


def at(url: str, patch: pytest.MonkeyPatch) -> BraketSession:
    """A session whose every call goes there."""
    patch.setenv("BRAKET_ENDPOINT", url)
    patch.setenv("AWS_ENDPOINT_URL", url)
    return BraketSession(SV1.arn)


def asked(folder: Path, **context: Any) -> tuple[Part, ...]:
    wanted = {"run_folder": folder, "budget_usd": 1.0} | context
    return parts([Sent(Program(BIT, (0,), (0,)))], 10, SV1, Context(**wanted))


def run(folder: Path, session: Any, **context: Any) -> None:
    mine, desk = asked(folder, **context), Desk(folder, SV1, lambda: session, IMPATIENT)
    desk.submit(mine)
    desk.collect(mine)


def entries(folder: Path) -> list[tuple[str, float]]:
    return [(task.state, task.billed_usd) for task in Journal.read(folder).entries()]


def agree(folder: Path, service: Service) -> None:
    ours = [(task.arn, task.cost_usd) for task in Journal.read(folder).entries()]
    assert ours == [(task.arn, pytest.approx(task.billed_usd)) for task in service.tasks]


def every_call(session: BraketSession) -> dict[str, Any]:
    fields = {
        "clientToken": "a" * 64,
        "deviceArn": SV1.arn,
        "shots": 10,
        "action": "{}",
        "outputS3Bucket": "amazon-braket-b",
        "outputS3KeyPrefix": "p",
        "tags": {},
    }
    return {
        "bucket": lambda: session.bucket,
        "create": lambda: session.create(fields),
        "task": lambda: session.task("arn:aws:braket:us-east-1:1:quantum-task/x"),
        "search": lambda: list(session.search(SV1.arn, "2026-01-01T00:00:00+00:00")),
        "sheet": lambda: session.sheet(SV1.arn),
    }


# what comes in place of an answer


CALLS = ("create", "task", "search", "sheet")


def test_nobody_listens(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    session = at(closed_port(), monkeypatch)
    for call in (*CALLS, "bucket"):
        with pytest.raises(Busy, match="connection"):
            every_call(session)[call]()


def test_who_waits_is_told_so_once(service: Service, tmp_path: Path) -> None:
    """Not at the first silence, and before patience ends."""

    class Silent:
        @property
        def bucket(self) -> str:
            raise Busy("no answer")

        def __getattr__(self, name: str) -> Any:
            raise Busy("no answer")

    time, told = [0.0], []
    manner = replace(
        IMPATIENT,
        patience_s=120.0,
        clock=lambda: time[0],
        sleep=lambda seconds: time.__setitem__(0, time[0] + max(seconds, 1.0)),
        tell=lambda text: told.append((time[0], text)),
    )
    desk = Desk(tmp_path, SV1, Silent, manner)
    with pytest.raises(BackendFailure, match="no answer"):
        desk.submit(asked(tmp_path))
    ((when, text),) = told
    assert 10 < when < 20
    assert "no answer; trying for 2 minutes" in text


@pytest.mark.parametrize("status", [200, 400, 403, 404, 407, 502])
def test_something_else_answers(service: Service, monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    """Whatever it says, it is not the service that says so."""
    with Portal(status) as url:
        session = at(url, monkeypatch)
        for call in CALLS:
            with pytest.raises(Busy):
                every_call(session)[call]()


@pytest.mark.parametrize("page", [b"{}", b"[]", b'{"message": "hello"}', b"\xff", b""])
def test_an_answer_without_what_it_has_to_have(service: Service, monkeypatch: pytest.MonkeyPatch, page: bytes) -> None:
    with Portal(200, page) as url:
        session = at(url, monkeypatch)
        for call in CALLS:
            with pytest.raises(Busy):
                every_call(session)[call]()


def test_a_page_in_place_of_who_we_are(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """STS is asked for the account, whose bucket it is; what answers is no XML."""
    with Portal(200) as url, pytest.raises(Busy, match="cannot be read"):
        _ = at(url, monkeypatch).bucket


@pytest.mark.parametrize(
    "failure",
    [
        exceptions.EndpointConnectionError(endpoint_url="u"),
        exceptions.ConnectTimeoutError(endpoint_url="u"),
        exceptions.ReadTimeoutError(endpoint_url="u"),
        exceptions.SSLError(endpoint_url="u", error="certificate"),
        exceptions.ProxyConnectionError(proxy_url="u"),
        exceptions.ConnectionClosedError(endpoint_url="u"),
        ConnectionResetError(),
        TimeoutError(),
    ],
    ids=lambda failure: type(failure).__name__,
)
def test_every_way_in_which_a_connection_fails(failure: Exception) -> None:
    def call() -> None:
        raise failure

    with pytest.raises(Busy, match=type(failure).__name__):
        session_module._sorted("to test", call)


def test_a_connection_that_cannot_be_configured_is_told() -> None:
    def call() -> None:
        raise exceptions.InvalidProxiesConfigError()

    with pytest.raises(QsanError, match="QS803"):
        session_module._sorted("to test", call)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("ValidationException", Refused),
        ("DeviceRetiredException", Refused),
        ("ResourceNotFoundException", Missing),
        ("ConflictException", Unclear),
        ("SomethingNew", Unclear),
        ("ServiceQuotaExceededException", Busy),
        ("DeviceOfflineException", Busy),
        ("AccessDeniedException", QsanError),
    ],
)
def test_what_the_codes_of_the_service_mean(
    service: Service, monkeypatch: pytest.MonkeyPatch, code: str, kind: type[Exception]
) -> None:
    service.faults.refuse = {"CreateQuantumTask": code}
    with pytest.raises(kind) as caught:
        every_call(at(service.url, monkeypatch))["create"]()
    assert caught.type is kind


# what becomes of a run


def test_a_run_without_a_network_can_be_resumed(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BackendFailure, match="EndpointConnectionError") as caught:
        run(tmp_path, at(closed_port(), monkeypatch))
    assert caught.value.retryable
    assert entries(tmp_path) == []
    run(tmp_path, at(service.url, monkeypatch))
    assert len(service.tasks) == 1
    agree(tmp_path, service)


def test_the_network_goes_while_a_task_is_queued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The service is gone, and comes back at the same address with its tasks."""
    state, folder = tmp_path / "state", tmp_path / "run"
    first = Service(state=state).start()
    for name, value in first.environment().items():
        monkeypatch.setenv(name, value)
    session, mine = BraketSession(SV1.arn), asked(folder)
    first.faults.queued_s = 0.3
    desk = Desk(folder, SV1, lambda: session, IMPATIENT)
    desk.submit(mine)
    first.stop()
    with pytest.raises(BackendFailure, match="connection failed") as caught:
        desk.collect(mine)
    assert caught.value.retryable
    with Service(state=state, port=first.port) as second:
        run(folder, session)
        assert len(second.tasks) == 1
        agree(folder, second)


@pytest.mark.parametrize("status", [200, 403, 407])
def test_a_portal_between_two_calls(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    """It answers in place of the service when the task is created: nobody can tell, and the reservation stays."""
    real = at(service.url, monkeypatch)

    class Captured:
        """The portal stands before the creation of tasks alone."""

        def __getattr__(self, name: str) -> Any:
            return getattr(portal if name == "create" else real, name)

    with Portal(status) as url:
        portal = at(url, monkeypatch)
        monkeypatch.setenv("AWS_ENDPOINT_URL", service.url)
        with pytest.raises(BackendFailure, match="not the service") as caught:
            run(tmp_path, Captured())
    assert caught.value.retryable
    ((state, usd),) = entries(tmp_path)
    assert state == "INTENDED"
    assert usd > 0
    run(tmp_path, real)
    assert len(service.tasks) == 1
    agree(tmp_path, service)


@pytest.mark.parametrize("code", ["ValidationException", "NoSuchBucket", "InvalidBucketName", "AccessDenied"])
def test_a_bucket_that_is_refused(service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    service.faults.refuse = {"CreateBucket": code}
    with pytest.raises(QsanError) as caught:
        run(tmp_path, at(service.url, monkeypatch))
    (found,) = caught.value.diagnostics
    assert found.code == "QS803"
    assert code in found.title
    assert entries(tmp_path) == []
    service.faults.clear()
    run(tmp_path, at(service.url, monkeypatch))
    agree(tmp_path, service)


@pytest.mark.parametrize("code", ["ValidationException", "Novel"])
def test_tasks_that_are_not_listed(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    """A client died without an answer, and the next one is not told which tasks there are: it submits none."""
    session = at(service.url, monkeypatch)
    service.faults.drop_after = {"CreateQuantumTask": 1000}
    with pytest.raises(BackendFailure):
        run(tmp_path, session)
    service.faults.clear()
    service.faults.refuse = {"SearchQuantumTasks": code}
    with pytest.raises(BackendFailure, match="does not list") as caught:
        run(tmp_path, session)
    assert caught.value.retryable
    service.faults.clear()
    run(tmp_path, session)
    assert len(service.tasks) == 1
    agree(tmp_path, service)
