"""How much memory there is, and the refusal of what does not fit."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from qsanc.diagnostics import Diagnostic, Severity
from qsanc.ir.circuit import CircuitModule

_UNLIMITED = 1 << 62


def available() -> int:
    """Bytes that can be had without swapping: what Linux says is available, else the machine's memory; less where the
    process or its group may not have so much."""
    return min(_of_machine(), _of_process(), of_group())


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


def of_group(root: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")) -> int:
    """What is left of the limits of a container: of the process's control group, and of those that hold it.

    `root` is where control groups are mounted, `own` says which the process is in: of version 2 (`0::/path`), of
    version 1 (`4:memory:/path`), or of both. What is cached of files can be had.
    """
    try:
        lines = [line.split(":", 2) for line in own.read_text().splitlines()]
    except OSError:
        lines = []
    left = _UNLIMITED
    for folder, path in [(root, ""), *((root / base, line[2]) for line in lines for base in _mounts(line))]:
        for group in [folder / path.strip("/"), *(folder / path.strip("/")).parents]:
            left = min(left, _of_one_group(group))
            if group == folder:
                break
    return left


def _mounts(line: Sequence[str]) -> tuple[str, ...]:
    """Where below the root the groups of a line of /proc/self/cgroup lie."""
    if len(line) < 3:
        return ()
    if line[:2] == ["0", ""]:
        return ("", "unified")
    return ("memory",) if "memory" in line[1].split(",") else ()


def _of_one_group(folder: Path) -> int:
    names = (
        ("memory.max", "memory.current", "inactive_file"),
        ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    )
    for most, current, cached in names:
        try:
            limit, used = ((folder / name).read_text().strip() for name in (most, current))
            if limit == "max":
                return _UNLIMITED
            return max(0, int(limit) - int(used) + _listed(folder / "memory.stat", cached))
        except (OSError, ValueError):
            continue
    return _UNLIMITED


def _listed(file: Path, name: str) -> int:
    """The number behind a name in a file of names and numbers; 0 where there is none."""
    try:
        found = [line.split() for line in file.read_text().splitlines()]
    except OSError:
        return 0
    return next((int(line[1]) for line in found if len(line) == 2 and line[0] == name), 0)


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


def ran_out(module: CircuitModule, what: str) -> Diagnostic:
    """QS307: memory ran out, although it had seemed to be enough."""
    return Diagnostic(
        "QS307",
        Severity.ERROR,
        f"memory ran out for {what} of `{module.name}`: {module.wires} qubits",
        help="use fewer qubits or fewer records at once, or allow the process more memory",
    )


def readable(size: int) -> str:
    """Bytes for people: `1.5 GiB`."""
    power = min(max(size, 1).bit_length() - 1, 49) // 10
    return f"{size / 1024**power:.3g} {('bytes', 'KiB', 'MiB', 'GiB', 'TiB')[power]}"
