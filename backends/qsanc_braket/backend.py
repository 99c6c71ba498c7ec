"""The entry point: from the target of a backend's name to the backend that stands for it.

Nothing of the SDK is imported here, or by anything that this module imports: a backend imports it when it first runs.
"""

from __future__ import annotations

from qsanc.diagnostics import Diagnostic, QsanError, Severity
from qsanc.target import Backend
from qsanc_braket.names import target_of


def backend(target: str | None = None) -> Backend:
    """The backend `braket:TARGET`.

    Raises QsanError: QS810 for a device that nobody knows, QS801 for the native gates of a simulator in this process.
    """
    chosen = target_of(target)
    if chosen.local:
        if chosen.native:
            title = f"the simulator `braket:{chosen.name}` has no native gates"
            help = f"leave out `+native`, or `--native`: `braket:{chosen.name}`"
            raise QsanError([Diagnostic("QS801", Severity.ERROR, title, help=help)])
        from qsanc_braket.local import LocalBackend

        return LocalBackend(chosen.name)
    from qsanc_braket.cloud.backend import CloudBackend

    return CloudBackend.of(chosen)


backend.targets = {  # type: ignore[attr-defined]
    "sv": "state vectors, in this process; the default",
    "dm": "density matrices, in this process, with channels where the IR has them (noise blocks give none yet)",
    "NAME": "a device by name or ARN (`qsanc devices` lists them); NAME+native: in its own gates",
}
