"""The HTTP side: Braket's operations, as much of S3, STS and IAM as the SDK needs, the price list, and switches."""

from __future__ import annotations

import hashlib
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from standin import sheets
from standin.faults import Faults
from standin.store import Store
from standin.tasks import ACCOUNT, STATUS, Counted, Desk, Problem, scope, stamp

SCOPE = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/,]+)/(\d{8})/([^/]+)/([^/]+)/aws4_request, ?"
    r"SignedHeaders=(\S+), ?Signature=([0-9a-f]{64})$"
)
REGION = "us-east-1"
KEYS = {"AKIDOTHER": "210987654321"}
"""Access keys of other accounts than the usual one."""
OFFERS = "/__offers__/index.csv"
XML = '<?xml version="1.0" encoding="UTF-8"?>\n'

Answer = tuple[int, dict[str, str], bytes]


class Dropped(Exception):
    """The connection is to be closed without an answer."""


class Service:
    """The stand-in, listening on loopback as soon as it is made.

    `devices`: paths of capability sheets, added to its own SV1, DM1 and Test-QPU. `state`: the folder in which tasks
    and results outlive it; without one they are kept in memory.
    """

    def __init__(
        self,
        devices: Iterable[Path | str] = (),
        faults: Faults | None = None,
        state: Path | str | None = None,
        port: int = 0,
    ) -> None:
        self.faults = faults or Faults()
        self.store = Store(Path(state) if state is not None else None)
        known = (*sheets.BUILT_IN, *(sheets.read(Path(path)) for path in devices))
        self.desk = Desk(known, self.faults, self.store)
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.service = self
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        return self._server.server_address[1]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def tasks(self) -> list[Counted]:
        """What it counted: every task created, in order."""
        return self.desk.counted()

    @property
    def total_usd(self) -> float:
        return sum(task.billed_usd for task in self.tasks)

    @property
    def calls(self) -> dict[str, int]:
        """How often each operation was called, refused and dropped calls included."""
        return dict(self.desk.calls)

    def ledger(self) -> dict[str, Any]:
        tasks = self.tasks
        return {
            "tasks": [asdict(task) for task in tasks],
            "total_usd": sum(task.billed_usd for task in tasks),
            "calls": self.calls,
        }

    def environment(self) -> dict[str, str]:
        """The variables under which the SDK, in any process, speaks to the stand-in and to nobody else."""
        return {
            "BRAKET_ENDPOINT": self.url,
            "AWS_ENDPOINT_URL": self.url,
            "BRAKET_PRICE_OFFERS_URL": self.url + OFFERS,
            "AWS_ACCESS_KEY_ID": "AKIDSTANDIN",
            "AWS_SECRET_ACCESS_KEY": "not-a-secret",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": "/nonexistent/config",
            "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent/credentials",
            "NO_PROXY": "127.0.0.1",
        }

    def reset(self) -> None:
        """Forgets tasks, objects and calls in memory and sets all switches back."""
        self.faults.clear()
        self.store.clear()
        self.desk.reset()

    def start(self) -> Service:
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()
        return self

    def serve(self) -> None:
        """Serves in this thread, until killed."""
        self._server.serve_forever()

    def stop(self) -> None:
        if self._thread is not None:
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()

    def __enter__(self) -> Service:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    service: Service

    def handle_error(self, request: Any, client_address: Any) -> None:
        import sys

        if not isinstance(sys.exc_info()[1], ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


def _json(body: Any, status: int = 200) -> Answer:
    return status, {"Content-Type": "application/json"}, json.dumps(body).encode()


def _xml(text: str, status: int = 200) -> Answer:
    return status, {"Content-Type": "application/xml"}, (XML + text).encode()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, *_: Any) -> None:
        pass

    def setup(self) -> None:
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def do_GET(self) -> None:
        self._answer()

    do_PUT = do_POST = do_HEAD = do_DELETE = do_GET  # noqa: N815

    def _answer(self) -> None:
        body = self._body()
        try:
            status, headers, data = self._routed(body)
        except Dropped:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        head = [f"HTTP/1.1 {status} {self.responses.get(status, ('',))[0]}"]
        headers = {"Content-Length": str(len(data))} | headers
        head += [f"{name}: {value}" for name, value in headers.items()]
        text = ("\r\n".join(head) + "\r\n\r\n").encode()
        self.wfile.write(text if self.command == "HEAD" else text + data)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            body = b"".join(self._chunks())
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("x-amz-content-sha256", "").startswith("STREAMING-"):
            return b"".join(_aws_chunks(body))
        return body

    def _chunks(self) -> Iterable[bytes]:
        while size := int(self.rfile.readline().split(b";")[0], 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass

    # -- who is asked

    def _routed(self, body: bytes) -> Answer:
        service = self.server.service
        split = urlsplit(self.path)
        if split.path.startswith("/__"):
            return self._control(service, split.path, body)
        signed = SCOPE.match(self.headers.get("Authorization", ""))
        if signed is None or not self.headers.get("X-Amz-Date"):
            return self._failed("AccessDeniedException", {"message": "Missing Authentication Token"})
        key, day, region, name, signed_headers, _ = signed.groups()
        account = KEYS.get(key, ACCOUNT)
        if day != self.headers["X-Amz-Date"][:8] or "host" not in signed_headers.split(";"):
            return self._failed("AccessDeniedException", {"message": "The signature does not match the request"})
        query = parse_qs(split.query, keep_blank_values=True)
        if name == "s3":
            return self._guarded(*self._s3(service, unquote(split.path), query, body))
        if name in ("sts", "iam"):
            return self._guarded(*self._identity(parse_qs(body.decode()), account))
        if name == "braket":
            return self._guarded(*self._braket(service.desk, split.path, query, body, region, account))
        return self._failed("ValidationException", {"message": f"the stand-in knows no service {name}"})

    def _guarded(self, operation: str, do: Callable[[], Answer]) -> Answer:
        """An operation, with whatever is to go wrong with it."""
        service = self.server.service
        faults = service.faults
        service.desk.calls[operation] += 1
        if faults.delay_s > 0:
            time.sleep(faults.delay_s)
        if faults.take("drop_before", operation):
            raise Dropped
        if faults.take("throttle", operation):
            return self._failed("ThrottlingException", {"message": "Rate exceeded"})
        if faults.take("internal", operation):
            return self._failed("InternalServiceException", {"message": "Internal failure on command"})
        if code := faults.refuse.get(operation):
            return self._failed(code, {"message": "Refused on command"})
        try:
            answer = do()
        except Problem as problem:
            answer = self._failed(problem.code, problem.body)
        except Exception as problem:  # a mistake of the stand-in's own must not look like a broken connection
            answer = self._failed(
                "InternalServiceException", {"message": f"stand-in: {type(problem).__name__}: {problem}"}
            )
        if faults.take("drop_after", operation):
            raise Dropped
        return answer

    def _failed(self, code: str, body: dict[str, Any]) -> Answer:
        status, headers, data = _json(body, STATUS.get(code, 400))
        if "s3/aws4_request" in self.headers.get("Authorization", ""):
            slow = {"ThrottlingException": (503, "SlowDown"), "InternalServiceException": (500, "InternalError")}
            status, code = slow.get(code, (status, code))
            return _xml(f"<Error><Code>{code}</Code><Message>{escape(body['message'])}</Message></Error>", status)
        return status, headers | {"x-amzn-ErrorType": code}, data

    # -- switches and the bill, unsigned

    def _control(self, service: Service, path: str, body: bytes) -> Answer:
        if path == "/__faults__":
            if self.command == "POST":
                try:
                    service.faults.update(json.loads(body))
                except ValueError as problem:
                    return _json({"message": str(problem)}, 400)
            return _json(service.faults.state())
        if path == "/__ledger__":
            return _json(service.ledger())
        if path == OFFERS:
            return 200, {"Content-Type": "text/csv"}, _offers(service.desk).encode()
        return _json({"message": f"nothing at {path}"}, 404)

    # -- Braket

    def _braket(
        self, desk: Desk, path: str, query: dict[str, list[str]], body: bytes, region: str, account: str
    ) -> tuple[str, Callable[[], Answer]]:
        parts = [unquote(part) for part in path.strip("/").split("/")]
        route = (self.command, parts[0], *(["*"] if len(parts) > 1 else []), *parts[2:])
        arn = parts[1] if len(parts) > 1 else ""

        def sent() -> dict[str, Any]:
            try:
                return json.loads(body)
            except json.JSONDecodeError:
                raise Problem("ValidationException", "the body is not JSON") from None

        def own() -> str:
            """A task is known where it was created alone."""
            if scope(arn) != f"{region}:{account}:":
                raise Problem("ResourceNotFoundException", f"Quantum task {arn} not found in {region}")
            return arn

        match route:
            case ("GET", "device", "*"):
                return "GetDevice", lambda: _json(desk.get_device(arn, region))
            case ("POST", "devices"):
                return "SearchDevices", lambda: _json(desk.search_devices(sent(), region))
            case ("POST", "quantum-task"):
                return "CreateQuantumTask", lambda: _json(desk.create(sent(), region, account), 201)
            case ("GET", "quantum-task", "*"):
                attributes = query.get("additionalAttributeNames", [])
                return "GetQuantumTask", lambda: _json(desk.get(own(), attributes))
            case ("PUT", "quantum-task", "*", "cancel"):
                return "CancelQuantumTask", lambda: _json(desk.cancel(own()))
            case ("POST", "quantum-tasks"):
                return "SearchQuantumTasks", lambda: _json(desk.search(sent(), region, account))
            case ("POST", "job"):
                return "CreateJob", lambda: _json(self._create_job(sent(), region), 201)
            case ("GET", "job", "*"):
                return "GetJob", lambda: _json(self._job(arn))
            case ("PUT", "job", "*", "cancel"):
                return "CancelJob", lambda: _json(self._cancel_job(arn))

        def unknown() -> Answer:
            raise Problem("ValidationException", f"the stand-in knows no operation {self.command} {path}")

        return "Unknown", unknown

    def _create_job(self, body: dict[str, Any], region: str) -> dict[str, Any]:
        """CreateJob: kept and answered; the stand-in runs no job."""
        demanded = "clientToken algorithmSpecification outputDataConfig jobName roleArn instanceConfig deviceConfig"
        for name in demanded.split():
            if name not in body:
                raise Problem("ValidationException", f"{name} is missing")
        if not re.fullmatch(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,50}", body["jobName"]):
            raise Problem("ValidationException", "jobName is malformed")
        store = self.server.service.store
        for job in store.records["job"].values():
            if job["body"]["clientToken"] == body["clientToken"]:
                if job["body"] != body:
                    raise Problem("ConflictException", "clientToken was used before with other parameters")
                return {"jobArn": job["arn"]}
        name = hashlib.sha256(body["clientToken"].encode()).hexdigest()[:32]
        arn = f"arn:aws:braket:{region}:{ACCOUNT}:job/{name}"
        store.save("job", name, {"arn": arn, "body": body, "created": time.time(), "status": "QUEUED"})
        return {"jobArn": arn}

    def _job(self, arn: str) -> dict[str, Any]:
        job = self.server.service.store.records["job"].get(arn.rsplit("/", 1)[-1])
        if job is None:
            raise Problem("ResourceNotFoundException", f"Job {arn} not found")
        body = {name: value for name, value in job["body"].items() if name != "clientToken"}
        return body | {"jobArn": arn, "status": job["status"], "createdAt": stamp(job["created"])}

    def _cancel_job(self, arn: str) -> dict[str, Any]:
        self._job(arn)
        store = self.server.service.store
        name = arn.rsplit("/", 1)[-1]
        store.save("job", name, store.records["job"][name] | {"status": "CANCELLED"})
        return {"jobArn": arn, "cancellationStatus": "CANCELLING"}

    # -- S3, STS, IAM

    def _s3(
        self, service: Service, path: str, query: dict[str, list[str]], body: bytes
    ) -> tuple[str, Callable[[], Answer]]:
        store = service.store
        bucket, _, key = path.lstrip("/").partition("/")

        def failed(code: str, status: int) -> Answer:
            return _xml(f"<Error><Code>{code}</Code><Message>{code}</Message></Error>", status)

        def put() -> Answer:
            if source := unquote(self.headers.get("x-amz-copy-source", "")).lstrip("/"):
                copied = store.get(*source.partition("/")[::2])
                if copied is None:
                    return failed("NoSuchKey", 404)
                store.put(bucket, key, copied)
                etag = hashlib.md5(copied).hexdigest()
                return _xml(f'<CopyObjectResult><ETag>"{etag}"</ETag></CopyObjectResult>')
            store.put(bucket, key, body)
            return 200, {"ETag": f'"{hashlib.md5(body).hexdigest()}"'}, b""

        def get() -> Answer:
            data = store.get(bucket, key)
            if data is None:
                return failed("NoSuchKey", 404)
            headers = {
                "Content-Type": "binary/octet-stream",
                "ETag": f'"{hashlib.md5(data).hexdigest()}"',
                "Accept-Ranges": "bytes",
                "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT",
            }
            ranged = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
            if self.command == "HEAD":
                return 200, headers | {"Content-Length": str(len(data))}, b""
            if ranged:
                first, last = int(ranged[1]), min(int(ranged[2] or len(data)), len(data) - 1)
                return 206, headers | {"Content-Range": f"bytes {first}-{last}/{len(data)}"}, data[first : last + 1]
            return 200, headers, data

        def listed() -> Answer:
            prefix = query.get("prefix", [""])[0]
            keys = sorted(k for k in store.objects.get(bucket, {}) if k.startswith(prefix))
            entries = "".join(
                f"<Contents><Key>{escape(k)}</Key><Size>{len(store.objects[bucket][k])}</Size></Contents>" for k in keys
            )
            return _xml(
                f"<ListBucketResult><Name>{bucket}</Name><Prefix>{escape(prefix)}</Prefix><KeyCount>{len(keys)}</KeyCount>"
                f"<MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated>{entries}</ListBucketResult>"
            )

        def delete() -> Answer:
            store.delete(bucket, key)
            return 204, {}, b""

        def made() -> Answer:
            store.objects.setdefault(bucket, {})
            return 200, {"Location": f"/{bucket}"}, b""

        match self.command, bool(key):
            case "PUT", True:
                return "PutObject", put
            case "GET", True:
                return "GetObject", get
            case "HEAD", True:
                return "HeadObject", get
            case "DELETE", True:
                return "DeleteObject", delete
            case "PUT", False:
                return "CreateBucket", made
            case "HEAD", False:
                return "HeadBucket", lambda: (200 if bucket in store.objects else 404, {}, b"")
            case "GET", False:
                return "ListObjectsV2", listed
        return "Unknown", lambda: failed("NotImplemented", 501)

    def _identity(self, form: dict[str, list[str]], account: str) -> tuple[str, Callable[[], Answer]]:
        operation = form.get("Action", ["Unknown"])[0]
        known = {
            "GetCallerIdentity": f"<Arn>arn:aws:iam::{account}:user/standin</Arn><UserId>STANDIN</UserId>"
            f"<Account>{account}</Account>",
            "ListRoles": "<IsTruncated>false</IsTruncated><Roles><member><Path>/service-role/</Path>"
            f"<Arn>arn:aws:iam::{ACCOUNT}:role/service-role/AmazonBraketJobsExecutionRole</Arn>"
            "<RoleName>AmazonBraketJobsExecutionRole</RoleName><RoleId>AROASTANDIN</RoleId>"
            "<CreateDate>2026-01-01T00:00:00Z</CreateDate></member></Roles>",
        }
        if operation not in known:
            error = f"<Error><Code>InvalidAction</Code><Message>{operation}</Message></Error>"
            return operation, lambda: _xml(f"<ErrorResponse>{error}</ErrorResponse>", 400)
        text = f"<{operation}Response><{operation}Result>{known[operation]}</{operation}Result></{operation}Response>"
        return operation, lambda: _xml(text)


def _aws_chunks(body: bytes) -> Iterable[bytes]:
    """The payload of a body sent as `aws-chunked`."""
    at = 0
    while True:
        end = body.index(b"\r\n", at)
        size = int(body[at:end].split(b";")[0], 16)
        if not size:
            return
        yield body[end + 2 : end + 2 + size]
        at = end + 4 + size


def _offers(desk: Desk) -> str:
    """The price list, of the columns that the SDK's cost tracker reads; prices are those of the sheets."""
    columns = ["Region Code", "DeviceName", "Device Name", "Product Family", "Version", "operation"]
    columns += ["Currency", "PricePerUnit", "Unit"]
    lines = [f'"line {n} of five about the offer"' for n in range(5)]
    lines.append(",".join(f'"{c}"' for c in columns))
    for sheet in desk.sheets.values():
        price = sheet.capabilities["service"]["deviceCost"]["price"]
        if sheet.kind == "SIMULATOR":
            for region in ("us-east-1", "us-west-1", "us-west-2", "eu-west-2", "eu-north-1"):
                row = (region, "", "", "Simulator Task", sheet.name, "CompleteTask", "USD", str(price), "minutes")
                lines.append(",".join(f'"{c}"' for c in row))
            continue
        name = sheet.name[0].upper() + sheet.name[1:]
        for family, each in (("Quantum Task", sheets.TASK_FEE_USD), ("Quantum Task-Shot", price)):
            row = (sheet.region, name, "", family, "", "", "USD", f"{each:.10f}", "task")
            lines.append(",".join(f'"{c}"' for c in row))
    return "\n".join(lines) + "\n"
