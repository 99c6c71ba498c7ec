"""From object code to functions: llvmlite puts it into memory, and Python calls its entries as built-in functions."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping
from functools import lru_cache
from types import MappingProxyType

import llvmlite.binding as llvm

from qsanc.fast import entry

METH_FASTCALL = 0x0080


class _Method(ctypes.Structure):
    """PyMethodDef."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("function", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )


class Loaded:
    """Object code in memory. Each of its functions keeps it there. Raises OSError where no code may be put there."""

    def __init__(self, code: bytes) -> None:
        llvm.check_jit_execution()
        _offer_python()
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        machine = llvm.Target.from_triple(llvm.get_process_triple()).create_target_machine(jit=True)
        self._engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
        self._engine.add_object_file(llvm.ObjectFileRef.from_data(code))
        self._engine.finalize_object()
        self._methods: list[_Method] = []

    def function(self, name: str) -> Callable[..., None]:
        address = self._engine.get_function_address(entry.symbol_of(name))
        if not address:
            raise ValueError(f"the object code has no kernel {name}")
        method = _Method(name.encode(), address, METH_FASTCALL, None)
        self._methods.append(method)
        make = ctypes.pythonapi.PyCFunction_NewEx
        make.argtypes = (ctypes.POINTER(_Method), ctypes.py_object, ctypes.c_void_p)
        make.restype = ctypes.py_object
        made: Callable[..., None] = make(ctypes.byref(method), self, None)
        return made


@lru_cache(maxsize=64)
def functions(code: bytes, names: tuple[str, ...]) -> Mapping[str, Callable[..., None]]:
    """The kernels of a build by name. The same code is put into memory once."""
    loaded = Loaded(code)
    return MappingProxyType({name: loaded.function(name) for name in names})


def _offer_python() -> None:
    """Name the parts of Python that entries use, wherever they stand in this process."""
    for name in entry.PYTHON:
        address = ctypes.cast(getattr(ctypes.pythonapi, name), ctypes.c_void_p).value
        llvm.add_symbol(name, address)
    for name in entry.PYTHON_DATA:
        llvm.add_symbol(name, ctypes.addressof(ctypes.c_char.in_dll(ctypes.pythonapi, name)))
