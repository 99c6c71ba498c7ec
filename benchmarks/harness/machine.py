"""Where a measurement was taken."""

from __future__ import annotations

import os
import platform
from pathlib import Path

ROOT = Path(__file__).parents[2]


def threads() -> int:
    """Threads that every engine may use: two, or as many processors as there are if that is less."""
    return min(2, len(os.sched_getaffinity(0)))


def machine() -> dict[str, str | int | float]:
    """Processor, processors, memory in GiB, threads of an engine, system and Python."""
    return {
        "processor": _processor(),
        "processors": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "threads": threads(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
