"""How much memory there is, and the refusal of what does not fit."""

from __future__ import annotations

import os
from pathlib import Path

from qsanc.diagnostics import Diagnostic, Severity
from qsanc.ir.circuit import CircuitModule

_UNLIMITED = 1 << 62


def available() -> int:
    """Bytes that can be had without swapping: what Linux says is available, else the machine's memory; less where the
    process or its group may not have so much."""
    return min(_of_machine(), _of_process(), _of_group())


def _of_process() -> int:
    """What is left of a limit on the address space (`ulimit -v`)."""
    try:
        import resource
    except ImportError:
        return _UNLIMITED
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    statm = Path("/proc/self/statm")
    if limit == resource.RLIM_INFINITY or not statm.exists():
        return _UNLIMITED
    return max(0, limit - int(statm.read_text().split()[0]) * resource.getpagesize())


def _of_group() -> int:
    """What is left of the limit of a container (control groups, version 2)."""
    folder = Path("/sys/fs/cgroup")
    try:
        limit, used = ((folder / name).read_text().strip() for name in ("memory.max", "memory.current"))
        return _UNLIMITED if limit == "max" else max(0, int(limit) - int(used))
    except (OSError, ValueError):
        return _UNLIMITED


def _of_machine() -> int:
    meminfo = Path("/proc/meminfo")
    if meminfo.exists():
        for line in meminfo.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    if hasattr(os, "sysconf"):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return _UNLIMITED


def too_large(module: CircuitModule, what: str, need: int, have: int) -> Diagnostic:
    """QS307: `what` of a state does not fit in memory."""
    return Diagnostic(
        "QS307",
        Severity.ERROR,
        f"{what} of `{module.name}` is too large: {module.wires} qubits need {readable(need)} of memory",
        expected=f"at most the {readable(have)} that are free",
    )


def readable(size: int) -> str:
    """Bytes for people: `1.5 GiB`."""
    power = min(max(size, 1).bit_length() - 1, 49) // 10
    return f"{size / 1024**power:.3g} {('bytes', 'KiB', 'MiB', 'GiB', 'TiB')[power]}"
