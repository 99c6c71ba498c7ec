"""The process that compiles a library: what it is asked for stands in JSON on its standard input.

    {"module": "...", "library": "...", "key": "...", "folder": "...", "background": true}

It takes the lock of the build, looks whether another process has made it meanwhile, and otherwise imports numba,
compiles each kernel without numba's run time and without a wrapper, links the entries to them, and writes the build.
Neither Python objects nor exceptions nor memory management are left in the code: what cannot do without them is
refused here. Only kernels that call nothing but the mathematics of the C library pass.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import sys
from contextlib import suppress
from pathlib import Path
from textwrap import shorten
from typing import Any

from qsanc.fast import cache, entry
from qsanc.fast.key import key_of
from qsanc.fast.library import Library

ARITHMETIC = ("contract", "reassoc", "nsz", "arcp")
"""Freedoms of the compiler: sums in another order, products fused with sums. nan and infinity keep their meaning."""

_OUTSIDE = """
    acos acosh asin asinh atan atan2 atanh cbrt ceil copysign cos cosh erf erfc exp exp2 expm1 fabs floor fma fmod frexp
    hypot ldexp log log10 log1p log2 nearbyint pow rint round sin sincos sinh sqrt tan tanh trunc
    memcpy memmove memset memcmp strcmp
"""
OUTSIDE = frozenset(_OUTSIDE.split())
"""What a kernel may call outside itself, in double precision; with an `f` at the end in single precision."""


class Refused(Exception):
    """A library that cannot be compiled. It is a fault of the library."""


def main() -> int:
    asked = json.load(sys.stdin)
    if asked["background"]:
        _step_back()
    folder = Path(asked["folder"])
    library = _library(asked["module"], asked["library"])
    key = key_of(library)
    if key != asked["key"]:
        raise Refused(f"the source of the library {library.name} has changed since it was imported")
    path = cache.file_of(folder, library.name, key)
    with cache.locked(cache.lock_of(folder, library.name, key)):
        if cache.read(path, library.name, key) is None:
            signatures = tuple((name, str(signature)) for name, (_, signature) in library.kernels.items())
            cache.write(path, cache.Build(library.name, key, signatures, compiled(library)))
    return 0


def _step_back() -> None:
    """Let others go first: in this session, and, where Linux shares the processor among sessions, among those."""
    if hasattr(os, "nice"):
        os.nice(10)
    with suppress(OSError):
        Path("/proc/self/autogroup").write_text("10")


def compiled(library: Library) -> bytes:
    """The object code of a library, with an entry `qsanc.NAME` for each kernel."""
    for name in [name for name in os.environ if name.startswith("NUMBA_")]:
        del os.environ[name]
    os.environ["NUMBA_DISABLE_INTEL_SVML"] = "1"
    import llvmlite.binding as llvm
    import numba

    def option(function: object) -> Any:
        return numba.njit(
            nogil=True,
            error_model="numpy",
            boundscheck=False,
            fastmath=set(ARITHMETIC),
            no_cpython_wrapper=True,
            no_cfunc_wrapper=True,
            _nrt=False,
        )(function)

    functions = {**library.helpers, **{name: function for name, (function, _) in library.kernels.items()}}
    dispatchers = {name: option(function) for name, function in functions.items()}
    for scope in {id(function.__globals__): function.__globals__ for function in functions.values()}.values():
        for name, value in tuple(scope.items()):
            known = getattr(value, "__name__", None)
            if known in functions and functions[known] is value:
                scope[name] = dispatchers[known]
    names: dict[str, str] = {}
    whole = llvm.parse_assembly("")
    whole.triple = llvm.get_process_triple()
    for name, (_, signature) in library.kernels.items():
        arguments, _ = numba.core.sigutils.normalize_signature(str(signature))
        dispatcher = dispatchers[name]
        dispatcher.compile(arguments)
        text = _renamed(dispatcher.inspect_llvm(arguments), names)
        symbol = names[dispatcher.overloads[arguments].fndesc.llvm_func_name]
        whole.link_in(llvm.parse_assembly(text))
        whole.link_in(llvm.parse_assembly(entry.entry_text(entry.symbol_of(name), symbol, name, signature)))
    whole.verify()
    allowed = OUTSIDE | {f"{name}f" for name in OUTSIDE} | set(entry.PYTHON)
    for function in whole.functions:
        if function.is_declaration and not function.name.startswith("llvm.") and function.name not in allowed:
            raise Refused(f"a kernel of the library {library.name} calls {function.name}")
    return bytes(_target(llvm).emit_object(whole))


def _renamed(text: str, names: dict[str, str]) -> str:
    """The text of a module with short names for numba's, which differ from one process to the next."""
    return re.sub(r"(?<=@)_ZN\w+", lambda found: names.setdefault(found[0], f"qsanc.body.{len(names)}"), text)


def _target(llvm: Any) -> Any:
    """The processor at hand, as numba compiles for it."""
    target = llvm.Target.from_triple(llvm.get_process_triple())
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return target.create_target_machine(
        cpu=llvm.get_host_cpu_name(),
        features=llvm.get_host_cpu_features().flatten(),
        opt=3,
        reloc="static" if target.name.startswith("x86") else "default",
        codemodel="jitdefault",
        jit=True,
    )


def _library(module: str, name: str) -> Library:
    for value in vars(importlib.import_module(module)).values():
        if isinstance(value, Library) and value.name == name and value.module == module:
            return value
    raise Refused(f"the module {module} has no library {name}")


def run() -> None:
    """The whole life of the process.

    Whatever goes wrong, in numba or here, is said in the last line on stderr: the process that waits shows it, and goes
    on in NumPy or ends with QS813.
    """
    try:
        sys.exit(main())
    except Exception as failure:
        print(shorten(f"{type(failure).__name__}: {failure}", 300), file=sys.stderr)
        sys.exit(1)
