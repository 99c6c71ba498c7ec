"""Native code: kernels declared as plain functions, compiled in another process, kept on disk, loaded when asked for.

`library` declares, `signature` says what a kernel takes; `key`, `cache`, `process` and `build` make and keep a build;
`entry` and `load` make it callable; a `Tier` says whether it is used. Of these only `build` imports numba, and it runs
in a process of its own.
"""

from __future__ import annotations

from qsanc.fast.library import Library, helper, native
from qsanc.fast.tier import OFF, Kernels, Mode, Tier

__all__ = ["OFF", "Kernels", "Library", "Mode", "Tier", "helper", "native"]
