"""Which desk serves a run folder: one for each folder, opened when it is first asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Lock

from qsanc.target import Context
from qsanc_braket.cloud import device_file, errors
from qsanc_braket.cloud.desk import Desk, Manner
from qsanc_braket.cloud.journal import Journal
from qsanc_braket.cloud.session import Busy, Missing, Refused, Session
from qsanc_braket.devices.model import Device

Connect = Callable[[], Session]


class Counter:
    """`device` is what the table knows; a run folder has the device's own sheet, which is used there."""

    def __init__(self, device: Device, connect: Connect, *, native: bool, manner: Manner) -> None:
        self.device, self.native = device, native
        self._connect, self._manner = connect, manner
        self._session: Session | None = None
        self._desks: dict[Path, tuple[Desk, Device]] = {}
        self._lock = Lock()

    def desk(self, context: Context) -> tuple[Desk, Device]:
        """The desk of the context's run folder, and the device as that folder knows it. Raises QsanError."""
        if context.run_folder is None:
            raise errors.no_folder(f"braket:{self.device.name}")
        folder = context.run_folder.absolute()
        with self._lock:
            if folder not in self._desks:
                device = device_file.kept(
                    folder, self.device.arn, lambda: self._sheet(folder), lambda: Journal.begun(folder)
                )
                self._desks[folder] = Desk(folder, device, self._connected, self._manner), device
            return self._desks[folder]

    def _connected(self) -> Session:
        if self._session is None:
            self._session = self._connect()
        return self._session

    def _sheet(self, folder: Path) -> dict[str, object]:
        manner, session = self._manner, self._connected()
        began, wait = manner.clock(), manner.first_s
        while True:
            try:
                return dict(session.sheet(self.device.arn))
            except (Refused, Missing) as reason:
                raise errors.refused(f"the service does not know the device {self.device.name}: {reason}") from None
            except Busy as reason:
                if (passed := manner.clock() - began) + wait > manner.patience_s:
                    raise errors.patience_ended(folder, "describe the device", str(reason), passed) from None
            manner.sleep(wait * (0.5 + 0.5 * manner.jitter()))
            wait = min(2 * wait, manner.longest_s)
