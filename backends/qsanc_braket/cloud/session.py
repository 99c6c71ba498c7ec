"""The SDK's session, as far as it is needed: tasks are created with a token of ours, by one call at a time.

`AwsDevice.run` is never used: it draws a token of its own for each call, so that a call that is tried again is a second
task. What the service answers is sorted into kinds of trouble; nothing is tried again here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, TypeVar

from qsanc.diagnostics import QsanError
from qsanc_braket.cloud import errors

T = TypeVar("T")

TAG = "qsanc-token"
"""The tag by which a task is found again."""
_SKEW = timedelta(hours=1)
"""How far the clock of this machine may be off."""


class Busy(Exception):
    """The service did not answer, or said that it will do so later: throttled, offline, out of places, broken off, or
    something before it answered in its place. What was asked may have been done."""


class Refused(Exception):
    """The service will not do this, however often it is asked. Nothing was done by this call."""


class Unclear(Refused):
    """It is refused for a reason that is not known here: nobody can say that nothing was done."""


class Missing(Exception):
    """There is no such task, file or device."""


class Session(Protocol):
    """What the desk asks of the service. All of it raises `Busy`, `Refused`, `Missing` and QsanError (QS803)."""

    @property
    def bucket(self) -> str:
        """Where results go."""
        ...

    @property
    def region(self) -> str: ...

    @property
    def account(self) -> str:
        """Twelve digits. Tokens and lists of tasks are those of one account in one region."""
        ...

    def at(self, region: str) -> Session:
        """The same in another region, if there is such."""
        ...

    def create(self, fields: Mapping[str, Any]) -> str:
        """The ARN of the task with the token `fields["clientToken"]`, which is created unless it exists."""
        ...

    def task(self, arn: str) -> Mapping[str, Any]: ...

    def cancel(self, arn: str) -> None: ...

    def search(self, device: str, since: str) -> Iterator[tuple[str, str]]:
        """(token, ARN) of each task of ours on a device since an ISO time."""
        ...

    def sheet(self, device: str) -> Mapping[str, Any]:
        """The answer of GetDevice."""
        ...

    def file(self, bucket: str, key: str) -> bytes: ...


class BraketSession:
    """The service itself, by the SDK's normal chain of credentials; in the device's region, where it has one, or
    else in `region`, or in that of the environment.

    `bucket` None takes the SDK's default. Raises QsanError (QS803) without credentials or region.
    """

    def __init__(self, device: str, bucket: str | None = None, region: str = "") -> None:
        import boto3
        from botocore.config import Config
        from braket.aws import AwsSession

        parts = device.split(":")
        region = (parts[3] if len(parts) > 3 else "") or region
        self._device, self._bucket = device, bucket
        config = Config(retries={"total_max_attempts": 1}, connect_timeout=10, read_timeout=60)
        self._config = config

        def made() -> Any:
            chosen = boto3.Session(region_name=region) if region else None
            return AwsSession(boto_session=chosen, config=config, default_bucket=bucket)

        try:
            self._aws = _sorted("to open a session", made)
        except (Refused, Missing) as reason:
            raise errors.no_credentials(str(reason)) from None
        if self._aws.boto_session.get_credentials() is None:
            raise errors.no_credentials("there are no AWS credentials")
        self._s3: Any = None
        places = self._aws.boto_session.get_available_regions("braket")
        own = str(self._aws.braket_client.meta.endpoint_url).endswith(".amazonaws.com")
        if own and not region and self._aws.region not in places:
            raise errors.no_credentials(f"it is not in the region {self._aws.region}, but in {', '.join(places)}")

    @property
    def bucket(self) -> str:
        found = _sorted("to find the bucket for results", self._aws.default_bucket)
        return str(found)

    @property
    def region(self) -> str:
        return str(self._aws.region)

    @property
    def account(self) -> str:
        return str(_sorted("to say whose they are (sts:GetCallerIdentity)", lambda: self._aws.account_id))

    def at(self, region: str) -> Session:
        return BraketSession(self._device, self._bucket, region)

    def create(self, fields: Mapping[str, Any]) -> str:
        return str(_sorted("to create a task (CreateQuantumTask)", lambda: self._aws.create_quantum_task(**fields)))

    def task(self, arn: str) -> Mapping[str, Any]:
        def asked() -> Mapping[str, Any]:
            found: Mapping[str, Any] = self._aws.braket_client.get_quantum_task(quantumTaskArn=arn)
            _ = found["status"]
            return found

        return _sorted("to look at a task (GetQuantumTask)", asked)

    def cancel(self, arn: str) -> None:
        _sorted("to cancel a task (CancelQuantumTask)", lambda: self._aws.cancel_quantum_task(arn))

    def search(self, device: str, since: str) -> Iterator[tuple[str, str]]:
        # A clock that was set back since then must not hide what was created before.
        first = min(datetime.fromisoformat(since).astimezone(UTC), datetime.now(UTC)) - _SKEW
        wanted: dict[str, Any] = {
            "filters": [
                {"name": "deviceArn", "operator": "EQUAL", "values": [device]},
                {"name": "createdAt", "operator": "GTE", "values": [first.strftime("%Y-%m-%dT%H:%M:%S.000Z")]},
            ],
            "maxResults": 100,
        }

        def asked() -> tuple[list[tuple[str, str]], str | None]:
            page = self._aws.braket_client.search_quantum_tasks(**wanted)
            ours = [
                (token, t["quantumTaskArn"]) for t in page["quantumTasks"] if (token := (t.get("tags") or {}).get(TAG))
            ]
            return ours, page.get("nextToken")

        while True:
            found, onward = _sorted("to look for tasks (SearchQuantumTasks)", asked)
            yield from found
            if not onward:
                return
            wanted["nextToken"] = onward

    def sheet(self, device: str) -> Mapping[str, Any]:
        def asked() -> Mapping[str, Any]:
            answer = self._aws.get_device(device)
            sheet = answer["deviceCapabilities"]
            return {
                "arn": answer["deviceArn"],
                "name": answer["deviceName"],
                "status": str(answer["deviceStatus"]).lower(),
                "capabilities": json.loads(sheet) if isinstance(sheet, str) else sheet,
            }

        return _sorted("to look at a device (GetDevice)", asked)

    def file(self, bucket: str, key: str) -> bytes:
        def read() -> bytes:
            if self._s3 is None:
                boto = self._aws.boto_session
                self._s3 = boto.client("s3", region_name=self._aws.region, config=self._config)
            content: bytes = self._s3.get_object(Bucket=bucket, Key=key)["Body"].read()
            return content

        return _sorted("to read results (s3:GetObject)", read)


_BUSY = frozenset(
    {
        "ThrottlingException",
        "Throttling",
        "TooManyRequestsException",
        "RequestLimitExceeded",
        "SlowDown",
        "ServiceQuotaExceededException",
        "DeviceOfflineException",
        "InternalServiceException",
        "InternalError",
        "ServiceUnavailable",
        "RequestTimeout",
        "OperationAborted",
    }
)
_DENIED = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "AuthFailure",
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "OptInRequired",
        "RequestExpired",
        "RequestTimeTooSkewed",
        "SignatureDoesNotMatch",
        "SubscriptionRequiredException",
        "UnrecognizedClientException",
    }
)
_MISSING = frozenset({"ResourceNotFoundException", "NoSuchKey", "NoSuchBucket"})
_REFUSED = frozenset({"ValidationException", "DeviceRetiredException"})
"""By these codes, of those in the service's model, a task was not created. A conflict is none of them: it says that the
token is known already."""
_NAMED = re.compile(r"[A-Za-z][\w.]*")
"""The code of an error that AWS told; where something else answered, botocore gives the HTTP status, or nothing."""


def _sorted(what: str, call: Callable[[], T]) -> T:
    """What `call` gives. Raises `Busy`, `Refused`, `Missing` and QsanError (QS803) for what botocore raises, and `Busy`
    for an answer that is not the service's: without the fields that it has to have, or in another language."""
    from botocore import exceptions
    from botocore.parsers import ResponseParserError
    from urllib3.exceptions import HTTPError

    try:
        return call()
    except exceptions.ClientError as failure:
        raise _told(what, failure.response) from None
    except (
        exceptions.HTTPClientError,
        exceptions.ConnectionError,
        exceptions.IncompleteReadError,
        HTTPError,
        ConnectionError,
        TimeoutError,
    ) as failure:
        raise Busy(f"the connection failed ({type(failure).__name__})") from None
    except (
        ResponseParserError,
        json.JSONDecodeError,
        UnicodeDecodeError,
        KeyError,
        TypeError,
        AttributeError,
    ) as failure:
        raise Busy(f"what answered is not the service: its answer cannot be read ({type(failure).__name__})") from None
    except exceptions.ParamValidationError as failure:
        raise Refused(str(failure)) from None
    except exceptions.BotoCoreError as failure:
        raise errors.no_credentials(str(failure)) from None
    except ValueError as failure:
        if isinstance(failure, QsanError):
            raise
        raise Unclear(str(failure)) from None


def _told(what: str, answer: Mapping[str, Any]) -> Exception:
    """What an error of the service means."""
    code = str(answer.get("Error", {}).get("Code", ""))
    status = int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if not _NAMED.fullmatch(code):
        return Busy(f"what answered is not the service (HTTP status {status})")
    first = answer.get("programSetValidationFailures") or []
    detail = "; ".join(str(each) for each in first[:1])
    told = f"{code}: {answer['Error'].get('Message') or 'no reason given'}{f' ({detail})' if detail else ''}"
    if code in _DENIED:
        return errors.not_allowed(what, told)
    if code in _BUSY or status >= 500:
        return Busy(told)
    if code in _MISSING:
        return Missing(told)
    return (Refused if code in _REFUSED else Unclear)(told)
