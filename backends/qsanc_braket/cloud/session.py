"""The SDK's session, as far as it is needed: tasks are created with a token of ours, by one call at a time.

`AwsDevice.run` is never used: it draws a token of its own for each call, so that a call that is tried again is a second
task. What the service answers is sorted into three kinds of trouble; nothing is tried again here.
"""

from __future__ import annotations

import json
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
    """The service did not answer, or said that it will do so later: throttled, offline, out of places, broken off."""


class Refused(Exception):
    """The service will not do this, however often it is asked. Nothing was done."""


class Missing(Exception):
    """There is no such task, file or device."""


class Session(Protocol):
    """What the desk asks of the service. All of it raises `Busy`, `Refused`, `Missing` and QsanError (QS803)."""

    @property
    def bucket(self) -> str:
        """Where results go."""
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
    """The service itself, by the SDK's normal chain of credentials; in the device's region, where it has one.

    `bucket` None takes the SDK's default. Raises QsanError (QS803) without credentials or region.
    """

    def __init__(self, device: str, bucket: str | None = None) -> None:
        import boto3
        from botocore.config import Config
        from braket.aws import AwsSession

        parts = device.split(":")
        region = parts[3] if len(parts) > 3 else ""
        config = Config(retries={"total_max_attempts": 1}, connect_timeout=10, read_timeout=60)
        self._config = config

        def made() -> Any:
            chosen = boto3.Session(region_name=region) if region else None
            return AwsSession(boto_session=chosen, config=config, default_bucket=bucket)

        self._aws = _sorted("to open a session", made)
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

    def create(self, fields: Mapping[str, Any]) -> str:
        return str(_sorted("to create a task (CreateQuantumTask)", lambda: self._aws.create_quantum_task(**fields)))

    def task(self, arn: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = _sorted(
            "to look at a task (GetQuantumTask)", lambda: self._aws.braket_client.get_quantum_task(quantumTaskArn=arn)
        )
        return found

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
        while True:
            page = _sorted(
                "to look for tasks (SearchQuantumTasks)", lambda: self._aws.braket_client.search_quantum_tasks(**wanted)
            )
            for task in page["quantumTasks"]:
                if token := (task.get("tags") or {}).get(TAG):
                    yield token, task["quantumTaskArn"]
            if not page.get("nextToken"):
                return
            wanted["nextToken"] = page["nextToken"]

    def sheet(self, device: str) -> Mapping[str, Any]:
        answer = _sorted("to look at a device (GetDevice)", lambda: self._aws.get_device(device))
        sheet = answer["deviceCapabilities"]
        return {
            "arn": answer["deviceArn"],
            "name": answer["deviceName"],
            "status": str(answer["deviceStatus"]).lower(),
            "capabilities": json.loads(sheet) if isinstance(sheet, str) else sheet,
        }

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
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidAccessKeyId",
        "InvalidSignatureException",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
        "InvalidClientTokenId",
        "AuthFailure",
    }
)
_MISSING = frozenset({"ResourceNotFoundException", "NoSuchKey", "NoSuchBucket", "404"})


def _sorted(what: str, call: Callable[[], T]) -> T:
    """What `call` gives. Raises `Busy`, `Refused`, `Missing` and QsanError (QS803) for what botocore raises."""
    from botocore import exceptions
    from urllib3.exceptions import HTTPError

    try:
        return call()
    except exceptions.ClientError as failure:
        code = str(failure.response.get("Error", {}).get("Code", ""))
        status = int(failure.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        reason = str(failure.response.get("Error", {}).get("Message") or failure)
        first = failure.response.get("programSetValidationFailures") or []
        detail = "; ".join(str(each) for each in first[:1])
        told = f"{code}: {reason}{f' ({detail})' if detail else ''}"
        if code in _DENIED:
            raise errors.not_allowed(what, told) from None
        if code in _BUSY or status >= 500:
            raise Busy(told) from None
        if code in _MISSING:
            raise Missing(told) from None
        raise Refused(told) from None
    except (exceptions.NoCredentialsError, exceptions.CredentialRetrievalError, exceptions.NoRegionError) as failure:
        raise errors.no_credentials(str(failure)) from None
    except exceptions.ProfileNotFound as failure:
        raise errors.no_credentials(str(failure)) from None
    except exceptions.PartialCredentialsError as failure:
        raise errors.no_credentials(str(failure)) from None
    except (exceptions.HTTPClientError, exceptions.IncompleteReadError, HTTPError, ConnectionError) as failure:
        raise Busy(f"the connection broke off ({type(failure).__name__})") from None
    except exceptions.ParamValidationError as failure:
        raise Refused(str(failure)) from None
    except ValueError as failure:
        if isinstance(failure, QsanError):
            raise
        raise Refused(str(failure)) from None
