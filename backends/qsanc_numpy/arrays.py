"""Names for the arrays of this backend."""

from __future__ import annotations

from types import EllipsisType
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Complex: TypeAlias = NDArray[np.complex128]
Floats: TypeAlias = NDArray[np.float64]
Numbers: TypeAlias = NDArray[Any]
"""float64 or complex128: real as long as all that an array came from is real."""
Ints: TypeAlias = NDArray[np.int64]
Index: TypeAlias = tuple[slice | int | EllipsisType, ...]
