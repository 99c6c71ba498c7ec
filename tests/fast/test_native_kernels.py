"""A kernel computes as native code what its plain function computes, and refuses what it does not take."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import small_kernels
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from small_kernels import LIBRARY

from qsanc.diagnostics import CompilerBug
from qsanc.fast import Library, Tier, helper, native
from qsanc.fast.signature import parse
from qsanc.fast.tier import Kernels


@pytest.fixture(scope="session")
def kernels(compiled: Path) -> Kernels:
    found = Tier("on", compiled).kernels(LIBRARY)
    assert found is not None
    return found


def both(kernels: Kernels, name: str, out: np.ndarray, *arguments: object) -> None:
    """The kernel fills `out` as its plain function does."""
    plain = out.copy()
    kernels[name](out, *arguments)
    with np.errstate(all="ignore"):
        getattr(small_kernels, name)(plain, *arguments)
    np.testing.assert_allclose(out, plain, rtol=1e-12 if out.itemsize > 4 else 1e-5, atol=1e-12)


def test_a_library_knows_its_kernels(kernels: Kernels) -> None:
    assert set(kernels) == set(LIBRARY.kernels) == {"waves", "turned", "mixed", "quotients", "waves_twice", "nothing"}
    assert kernels["nothing"]() is None


numbers = st.floats(-3, 3, width=32)


@settings(max_examples=50)
@given(x=arrays(np.float64, array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=9), elements=numbers))
def test_real_arrays_and_helpers(kernels: Kernels, x: np.ndarray) -> None:
    both(kernels, "waves", np.zeros(len(x)), x)
    both(kernels, "waves_twice", np.zeros(len(x)), x)


@settings(max_examples=50)
@given(x=arrays(np.complex128, st.integers(0, 9)), angle=numbers, power=st.integers(0, 3))
def test_complex_arrays_and_numbers(kernels: Kernels, x: np.ndarray, angle: float, power: int) -> None:
    x = np.where(np.isfinite(x) & (np.abs(x) < 1e6), x, 0)
    both(kernels, "turned", np.zeros_like(x), x, angle, power)
    both(kernels, "turned", np.zeros_like(x), x, np.float64(angle), np.int64(power))


def test_every_element(kernels: Kernels) -> None:
    weights = (np.arange(6) + 1j).reshape(3, 2).astype(np.complex64)
    rows, counts = np.array([2, 0], np.int32), np.arange(8).reshape(2, 4)
    both(kernels, "mixed", np.zeros((2, 2, 4), np.float32), weights, rows, counts, np.array([1, 0], np.uint8))


def test_what_is_not_finite_stays_so(kernels: Kernels) -> None:
    """The freedoms of the compiler are those of sums, not those that suppose finite numbers."""
    x, out = np.array([1.0, -1.0, 0.0, np.nan, np.inf, 1.0]), np.zeros(6)
    kernels["quotients"](out, x, np.array([0.0, 0.0, 0.0, 1.0, np.inf, np.inf]))
    np.testing.assert_array_equal(out, [np.inf, -np.inf, np.nan, np.nan, np.nan, 0.0])
    kernels["waves"](out[:2], np.array([[np.nan, 1.0], [np.inf, 1.0]]))
    assert np.isnan(out[0])


X, Z = np.ones(4), np.ones(4, np.complex128)

WRONG = {
    "too few": ((Z, Z, 0.5), TypeError, "takes 4 arguments"),
    "no array": ((Z, 1.0, 0.5, 1), TypeError, "bytes-like"),
    "no number": ((Z, Z, "x", 1), TypeError, "real number"),
    "no whole number": ((Z, Z, 0.5, 1.5), TypeError, "integer"),
    "another element": ((Z, X, 0.5, 1), TypeError, r"argument 2 of the kernel turned is no c16\[::1\]"),
    "another order of bytes": ((Z, Z.astype(">c16"), 0.5, 1), TypeError, "argument 2"),
    "as many bytes": ((Z, np.ones(4, np.longdouble), 0.5, 1), TypeError, "argument 2"),
    "another rank": ((Z.reshape(2, 2), Z, 0.5, 1), TypeError, "argument 1"),
    "holes": ((Z, np.ones(8, np.complex128)[::2], 0.5, 1), ValueError, "contiguous"),
    "huge": ((Z, Z, 0.5, 1 << 70), OverflowError, "too "),
}


@pytest.mark.parametrize("wrong", sorted(WRONG))
def test_wrong_arguments_are_refused(kernels: Kernels, wrong: str) -> None:
    """Nothing is written, and nothing is held on to."""
    arguments, error, text = WRONG[wrong]
    before = [sys.getrefcount(argument) for argument in (*arguments, None)]
    with pytest.raises(error, match=text):
        kernels["turned"](*arguments)
    assert [sys.getrefcount(argument) for argument in (*arguments[:2], *arguments[2:])] == before[:-1]
    np.testing.assert_array_equal(Z, np.ones(4))


def test_calls_hold_on_to_nothing(kernels: Kernels) -> None:
    out, x = np.zeros(3), np.ones((3, 2))
    before = sys.getrefcount(out), sys.getrefcount(x)
    for _ in range(1000):
        kernels["waves"](out, x)
    assert (sys.getrefcount(out), sys.getrefcount(x)) == before
    out.resize(0, refcheck=False)


def test_threads_share_kernels(kernels: Kernels) -> None:
    x = np.linspace(0, 1, 2000).reshape(100, 20)
    expected = np.zeros(100)
    small_kernels.waves(expected, x)

    def run(_: int) -> np.ndarray:
        out = np.zeros(100)
        for _ in range(200):
            kernels["waves"](out, x)
        return out

    with ThreadPoolExecutor(4) as pool:
        for out in pool.map(run, range(8)):
            np.testing.assert_allclose(out, expected, rtol=1e-12)


def test_the_process_that_calls_imports_no_numba(compiled: Path) -> None:
    script = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from pathlib import Path
from small_kernels import LIBRARY
from qsanc.fast import Tier
assert "llvmlite" not in sys.modules
assert Tier("auto", Path({str(compiled)!r})).kernels(LIBRARY) is not None
assert "numba" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@given(
    st.lists(
        st.sampled_from(["i8", "f8"])
        | st.tuples(st.sampled_from(["f4", "f8", "c8", "c16", "i4", "i8", "u1"]), st.integers(1, 4)).map(
            lambda found: f"{found[0]}[{':,' * (found[1] - 1)}::1]"
        )
    )
)
def test_signatures_print_and_read_back(arguments: list[str]) -> None:
    text = f"void({', '.join(arguments)})"
    assert str(parse(text)) == text
    assert parse(text.replace(" ", "")) == parse(text)


@pytest.mark.parametrize("text", ["f8(f8)", "void(f8[:])", "void(f4)", "void(f8[::1]", "void(f8 f8)", "void(x8[::1])"])
def test_what_is_no_signature(text: str) -> None:
    with pytest.raises(CompilerBug):
        parse(text)


def test_a_library_is_one_module_of_distinct_functions() -> None:
    library = Library("other")

    @native(library, "void(f8)")
    def one(x: float) -> None: ...

    with pytest.raises(CompilerBug, match="two functions one"):
        helper(library)(one)
    with pytest.raises(CompilerBug, match="stands in"):
        helper(library)(small_kernels.wave)
    with pytest.raises(CompilerBug, match="arguments of its signature"):

        @native(library, "void(f8, f8)")
        def two(x: float) -> None: ...
