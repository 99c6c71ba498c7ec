"""What lies in the cache is trusted only if it is whole and ours; builds survive each other, and being killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from small_kernels import LIBRARY

from qsanc.diagnostics import QsanError
from qsanc.fast import Library, Tier, cache, key, obtain, process
from qsanc.grad.kernels import LIBRARY as GRAPH

HERE = Path(__file__).parent


def works(tier: Tier) -> bool:
    kernels = tier.kernels(LIBRARY)
    if kernels is None:
        return False
    out = np.zeros(2)
    kernels["quotients"](out, np.ones(2), np.full(2, 4.0))
    return bool((out == 0.25).all())


def the_build(folder: Path) -> Path:
    (found,) = folder.glob("*.native")
    return found


def refused(tier: Tier, library: Library = LIBRARY) -> str:
    with pytest.raises(QsanError) as caught:
        tier.kernels(library)
    (found,) = caught.value.diagnostics
    assert found.code == "QS813"
    assert found.help
    return found.title


class Starts:
    """Counts the processes that compile."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count, start = 0, process.start

        def counted(*arguments: object, **named: object) -> object:
            self.count += 1
            return start(*arguments, **named)

        monkeypatch.setattr(obtain.process, "start", counted)


def test_a_build_is_made_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    starts = Starts(monkeypatch)
    assert works(Tier("on", folder))
    assert works(Tier("auto", folder))
    assert starts.count == 0


def cut(content: bytes) -> bytes:
    return content[:-100]


def one_bit(content: bytes) -> bytes:
    return content[:-500] + bytes([content[-500] ^ 1]) + content[-499:]


def of_another(content: bytes) -> bytes:
    return content.replace(b'"small"', b'"large"', 1)


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "cut": cut,
    "one bit": one_bit,
    "empty": lambda content: b"",
    "no manifest": lambda content: b"\x7fELF" + content,
    "json of another kind": lambda content: b"[1]\n" + content.split(b"\n", 1)[1],
    "of another library": of_another,
    "another kernel": lambda content: content.replace(b'"nothing"', b'"anything"', 1),
    "a longer manifest": lambda content: content.replace(b"{", b'{"more":1,', 1),
}


@pytest.mark.parametrize("damage", sorted(DAMAGE))
def test_a_damaged_build_counts_as_none(folder: Path, damage: str) -> None:
    file = the_build(folder)
    small, found = file.name.removesuffix(".native").split("-")
    assert cache.read(file, small, found) is not None
    file.write_bytes(DAMAGE[damage](file.read_bytes()))
    assert cache.read(file, small, found) is None


def test_a_damaged_build_is_made_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = the_build(folder).read_bytes()
    the_build(folder).write_bytes(one_bit(whole))
    starts, said = Starts(monkeypatch), list[str]()
    assert works(Tier("on", folder, said.append))
    assert starts.count == 1
    assert the_build(folder).read_bytes() == whole, "compiling is repeatable"
    assert len(said) == 1
    assert "compiling" in said[0]


@pytest.mark.skipif(sys.platform == "win32", reason="permissions are another thing on Windows")
def test_code_that_others_could_have_written_is_not_run(folder: Path) -> None:
    file = the_build(folder)
    file.chmod(0o620)
    assert cache.read(file, *file.name.removesuffix(".native").split("-")) is None
    folder.chmod(0o770)
    assert "written by others" in refused(Tier("on", folder))
    said: list[str] = []
    assert Tier("auto", folder, said.append).kernels(LIBRARY) is None
    assert len(said) == 1
    assert "written by others" in said[0]


def test_a_folder_that_cannot_be_made(tmp_path: Path, compiled: Path) -> None:
    (tmp_path / "file").write_text("")
    folder = tmp_path / "file" / "cache"
    assert "cannot be used" in refused(Tier("on", folder))
    said: list[str] = []
    tier = Tier("auto", folder, said.append)
    assert [tier.kernels(LIBRARY) for _ in range(3)] == [None] * 3
    assert len(said) == 1, "said once"
    assert tier.kernels(GRAPH) is None
    assert len(said) == 1, "and not again for each library"


@pytest.mark.skipif(sys.platform == "win32", reason="no symbolic links without rights")
def test_a_link_is_no_folder(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(folder)
    assert "no folder of its own" in refused(Tier("on", tmp_path / "link"))


def test_the_folder_is_the_users_alone(compiled: Path) -> None:
    if sys.platform != "win32":
        assert compiled.stat().st_mode & 0o777 == 0o700
        assert the_build(compiled).stat().st_mode & 0o777 == 0o600


def test_without_numba(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise key.PackageNotFoundError(name)

    monkeypatch.setattr(key, "version", missing)
    key.versions.cache_clear()
    said: list[str] = []
    try:
        assert refused(Tier("on", folder)) == "there is no native code: numba is not installed"
        assert Tier("auto", folder, said.append).kernels(LIBRARY) is None
        assert not said
        assert Tier("off", folder).kernels(LIBRARY) is None
    finally:
        key.versions.cache_clear()


def test_another_source_or_version_is_another_build(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("llvmlite")
    before = key.key_of(LIBRARY)
    assert key.key_of(LIBRARY) == before
    assert LIBRARY.source is not None
    with monkeypatch.context() as patch:
        patch.setattr(LIBRARY, "source", LIBRARY.source.replace(b"0.25", b"0.26"))
        assert key.key_of(LIBRARY) != before
    with monkeypatch.context() as patch:
        patch.setattr(key, "versions", lambda: {"numba": "99", "llvmlite": "99"})
        assert key.key_of(LIBRARY) != before


def test_a_source_that_changed_after_its_import_is_refused(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert LIBRARY.source is not None
    monkeypatch.setattr(LIBRARY, "source", LIBRARY.source + b"# as it was once")
    assert "has changed since it was imported" in refused(Tier("on", empty))


BAD = {
    "allocates": ("out[:] = np.zeros(out.shape[0])", "zeros"),
    "an array expression": ("out[:] = out + out", "allocate"),
    "calls what is no helper": ("unknown(out)", "unknown"),
    "objects": ("out[0] = len({1: 2}) + id(out)", ""),
}


@pytest.mark.parametrize("bad", sorted(BAD))
def test_what_cannot_be_compiled_is_refused(
    bad: str, empty: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line, text = BAD[bad]
    name = f"bad_kernels_{sorted(BAD).index(bad)}"
    (tmp_path / f"{name}.py").write_text(
        "import numpy as np\nfrom qsanc.fast import Library, native\nLIBRARY = Library('bad')\n"
        f"def unknown(x): return None\n@native(LIBRARY, 'void(f8[::1])')\ndef kernel(out):\n    {line}\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    title = refused(Tier("on", empty), import_module(name).LIBRARY)
    assert "compiling failed" in title
    assert text in title
    assert not list(empty.glob("*.native"))


def program(folder: Path) -> list[str]:
    script = f"""
import sys
sys.path.insert(0, {str(HERE)!r})
from pathlib import Path
import numpy as np
from small_kernels import LIBRARY
from qsanc.fast import Tier
out = np.zeros(1)
Tier("on", Path({str(folder)!r}), print).kernels(LIBRARY)["quotients"](out, np.ones(1), np.full(1, 8.0))
print(out[0])
"""
    return [sys.executable, "-c", script]


def test_two_processes_build_at_once(empty: Path) -> None:
    both = [subprocess.Popen(program(empty), stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [one.communicate(timeout=120)[0].splitlines() for one in both]
    assert [lines[-1] for lines in said] == ["0.125"] * 2
    assert sorted(path.suffix for path in empty.iterdir()) == [".lock", ".native"]


def test_a_build_goes_on_when_the_program_ends(empty: Path) -> None:
    """The next one finds it."""
    script = f"""
import sys
sys.path.insert(0, {str(HERE)!r})
from pathlib import Path
from small_kernels import LIBRARY
from qsanc.fast import Tier
assert Tier("auto", Path({str(empty)!r})).kernels(LIBRARY) is None
"""
    subprocess.run([sys.executable, "-c", script], check=True)
    end = time.monotonic() + 60
    while not list(empty.glob("*.native")) and time.monotonic() < end:
        time.sleep(0.05)
    assert Tier("auto", empty).kernels(LIBRARY) is not None


def test_one_waits_for_the_build_of_another(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.prepare_folder(empty)
    compiling = process.start(LIBRARY, key.key_of(LIBRARY), empty, background=True)
    lock = cache.lock_of(empty, LIBRARY.name, key.key_of(LIBRARY))
    while not cache.is_locked(lock):
        assert compiling.poll() is None
        time.sleep(0.01)
    starts = Starts(monkeypatch)
    native, wait = obtain.cached(LIBRARY, empty, print)
    assert native is None
    assert wait is not None
    assert wait() is not None
    assert starts.count == 0
    process.finish(compiling)


def test_threads_ask_at_once(empty: Path) -> None:
    tier = Tier("on", empty)
    with ThreadPoolExecutor(3) as pool:
        assert all(pool.map(lambda _: works(tier), range(3)))


@pytest.mark.skipif(sys.platform == "win32", reason="no locks on Windows")
def test_a_build_that_is_killed_leaves_no_trace(empty: Path) -> None:
    cache.prepare_folder(empty)
    found = key.key_of(LIBRARY)
    lock = cache.lock_of(empty, LIBRARY.name, found)
    compiling = process.start(LIBRARY, found, empty, background=True)
    while not cache.is_locked(lock):
        assert compiling.poll() is None
        time.sleep(0.01)
    compiling.send_signal(signal.SIGKILL)
    compiling.communicate()
    half = empty / f".small-{found}.native.123"
    half.write_bytes(b"half of it")
    os.utime(half, (0, 0))
    assert not cache.is_locked(lock)
    assert works(Tier("on", empty))
    assert sorted(path.suffix for path in empty.iterdir()) == [".lock", ".native"]


def test_ctrl_c_while_compiling_stops_it(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[str]] = []
    start = process.start

    def kept(*arguments: object, **named: object) -> subprocess.Popen[str]:
        started.append(start(*arguments, **named))
        return started[0]

    def interrupted(self: object) -> object:
        raise KeyboardInterrupt

    monkeypatch.setattr(obtain.process, "start", kept)
    monkeypatch.setattr(subprocess.Popen, "communicate", interrupted)
    with pytest.raises(KeyboardInterrupt):
        Tier("on", empty).kernels(LIBRARY)
    assert started[0].returncode is not None
    assert not list(empty.glob("*.native"))


def test_old_builds_go(folder: Path) -> None:
    for number in range(cache.KEPT + 3):
        build = cache.Build("small", f"{number:032x}", (("k", "void()"),), b"code")
        cache.write(cache.file_of(folder, "small", build.key), build)
        os.utime(cache.file_of(folder, "small", build.key), (number, number))
    assert len(list(folder.glob("*.native"))) <= cache.KEPT + 1


def test_what_another_process_is_writing_stays(tmp_path: Path) -> None:
    """A build of another version may be on its way to the disk while this one comes to its end."""
    written, left = tmp_path / f".small-{1:032x}.native.123", tmp_path / f".small-{2:032x}.native.124"
    for path in (written, left):
        path.write_bytes(b"half of it")
    minute = time.time() - 60
    os.utime(written, (minute, minute))
    os.utime(left, (minute - cache.ABANDONED,) * 2)
    build = cache.Build("small", f"{3:032x}", (("k", "void()"),), b"code")
    cache.write(cache.file_of(tmp_path, "small", build.key), build)
    assert written.exists()
    assert not left.exists()


def test_builds_that_another_process_removes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stat = Path.stat

    def gone(self: Path, **named: bool) -> os.stat_result:
        if self.name.endswith(f"{1:032x}.native"):
            self.unlink(missing_ok=True)
        return stat(self, **named)

    (tmp_path / f"small-{1:032x}.native").write_bytes(b"")
    monkeypatch.setattr(Path, "stat", gone)
    build = cache.Build("small", f"{2:032x}", (("k", "void()"),), b"code")
    cache.write(cache.file_of(tmp_path, "small", build.key), build)
    assert [path.name for path in tmp_path.iterdir()] == [f"small-{2:032x}.native"]
