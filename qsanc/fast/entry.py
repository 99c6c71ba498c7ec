"""How Python calls a kernel: a function in LLVM's language that unpacks its arguments.

It has the calling convention of a built-in function (METH_FASTCALL), so a call costs what it costs to call `len`, and
some 100 ns for each array. An array is taken by the buffer protocol, which says what it holds and keeps it alive; the
interpreter's lock is free while the kernel runs. Everything used belongs to Python's stable ABI.

    entry(self, arguments, count) -> None, or NULL with TypeError (an argument), RuntimeError (the kernel)

A compiled kernel takes, for each array, (0, 0, elements, bytes of one, data, shape ..., strides in bytes ...), after
two places that nothing is read from, and returns 0 where all is well.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from qsanc.fast.signature import SIZES, Argument, Signature

PYTHON = (
    "PyObject_GetBuffer",
    "PyBuffer_Release",
    "PyErr_SetString",
    "PyErr_Occurred",
    "PyLong_AsLongLong",
    "PyFloat_AsDouble",
    "PyEval_SaveThread",
    "PyEval_RestoreThread",
    "Py_IncRef",
)
"""The functions of Python that an entry calls."""

PYTHON_DATA = ("PyExc_TypeError", "PyExc_RuntimeError", "_Py_NoneStruct")

FORMATS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"f4": ("f",), "f8": ("d",), "c8": ("Zf",), "c16": ("Zd",), "i4": ("i", "l"), "i8": ("l", "q"), "u1": ("B",)}
)
"""What the buffer protocol calls an element; the number of bytes is compared as well."""

CONTIGUOUS_WITH_FORMAT = 0x0038 | 0x0004
OK, OK_NONE = 0, -2

PRELUDE = """\
%buffer = type { ptr, ptr, i64, i64, i32, i32, ptr, ptr, ptr, ptr, ptr }
declare i32 @PyObject_GetBuffer(ptr, ptr, i32)
declare void @PyBuffer_Release(ptr)
declare void @PyErr_SetString(ptr, ptr)
declare ptr @PyErr_Occurred()
declare i64 @PyLong_AsLongLong(ptr)
declare double @PyFloat_AsDouble(ptr)
declare ptr @PyEval_SaveThread()
declare void @PyEval_RestoreThread(ptr)
declare void @Py_IncRef(ptr)
declare i32 @strcmp(ptr, ptr)
@PyExc_TypeError = external global ptr
@PyExc_RuntimeError = external global ptr
@_Py_NoneStruct = external global i8
"""


def symbol_of(kernel: str) -> str:
    """What the entry of a kernel is called in the object code."""
    return f"qsanc.{kernel}"


def entry_text(symbol: str, kernel: str, name: str, signature: Signature) -> str:
    """A module that defines `symbol`, which calls the compiled function `kernel` of the Python name `name`."""
    return _Entry(symbol, kernel, name, signature).text()


class _Entry:
    def __init__(self, symbol: str, kernel: str, name: str, signature: Signature) -> None:
        self.symbol, self.kernel, self.name, self.arguments = symbol, kernel, name, signature.arguments
        self._lines: list[str] = []
        self._constants: list[str] = []
        self._count = 0

    def text(self) -> str:
        types, values = ["ptr", "ptr"], ["ptr %ret", "ptr %exc"]
        say = self._lines.append
        arrays = [k for k, argument in enumerate(self.arguments) if argument.rank]
        say(f'define ptr @"{self.symbol}"(ptr %self, ptr %arguments, i64 %count) {{')
        say("  %ret = alloca [4 x i64], align 16")
        say("  %exc = alloca [8 x i64], align 16")
        for k in arrays:
            say(f"  %view{k} = alloca %buffer, align 16")
        say(f"  %right = icmp eq i64 %count, {len(self.arguments)}")
        say("  br i1 %right, label %take0, label %number")
        say("number:")
        self._raise("PyExc_TypeError", f"the kernel {self.name} takes {len(self.arguments)} arguments", "fail0")
        taken = 0
        for k, argument in enumerate(self.arguments):
            say(f"take{k}:")
            say(f"  %at{k} = getelementptr ptr, ptr %arguments, i64 {k}")
            say(f"  %object{k} = load ptr, ptr %at{k}")
            if argument.rank:
                found = self._array(k, argument, taken)
                taken += 1
            else:
                found = self._number(k, argument, taken)
            types += [part.split(" ")[0] for part in found]
            values += found
        say(f"take{len(self.arguments)}:")
        say("  %thread = call ptr @PyEval_SaveThread()")
        say(f'  %status = call i32 @"{self.kernel}"({", ".join(values)})')
        say("  call void @PyEval_RestoreThread(ptr %thread)")
        say(f"  %well = icmp eq i32 %status, {OK}")
        say(f"  %none = icmp eq i32 %status, {OK_NONE}")
        say("  %done = or i1 %well, %none")
        say("  br i1 %done, label %finish, label %failed")
        say("failed:")
        self._raise("PyExc_RuntimeError", f"the kernel {self.name} failed", f"fail{taken}")
        say("finish:")
        for k in arrays:
            say(f"  call void @PyBuffer_Release(ptr %view{k})")
        say("  call void @Py_IncRef(ptr @_Py_NoneStruct)")
        say("  ret ptr @_Py_NoneStruct")
        for number in range(taken, 0, -1):
            say(f"fail{number}:")
            say(f"  call void @PyBuffer_Release(ptr %view{arrays[number - 1]})")
            say(f"  br label %fail{number - 1}")
        say("fail0:")
        say("  ret ptr null")
        say("}")
        declared = f'declare i32 @"{self.kernel}"({", ".join(types)})'
        return "\n".join([PRELUDE, declared, *self._constants, *self._lines, ""])

    def _number(self, k: int, argument: Argument, taken: int) -> list[str]:
        """Read a number; -1 may also mean that there is an error."""
        say = self._lines.append
        if argument.element == "i8":
            say(f"  %number{k} = call i64 @PyLong_AsLongLong(ptr %object{k})")
            say(f"  %minus{k} = icmp eq i64 %number{k}, -1")
            value = f"i64 %number{k}"
        else:
            say(f"  %number{k} = call double @PyFloat_AsDouble(ptr %object{k})")
            say(f"  %minus{k} = fcmp oeq double %number{k}, -1.0")
            value = f"double %number{k}"
        say(f"  br i1 %minus{k}, label %doubt{k}, label %take{k + 1}")
        say(f"doubt{k}:")
        say(f"  %error{k} = call ptr @PyErr_Occurred()")
        say(f"  %clean{k} = icmp eq ptr %error{k}, null")
        say(f"  br i1 %clean{k}, label %take{k + 1}, label %fail{taken}")
        return [value]

    def _array(self, k: int, argument: Argument, taken: int) -> list[str]:
        """Take the buffer of an array, and hold it to its type and rank."""
        say = self._lines.append
        say(f"  %got{k} = call i32 @PyObject_GetBuffer(ptr %object{k}, ptr %view{k}, i32 {CONTIGUOUS_WITH_FORMAT})")
        say(f"  %have{k} = icmp eq i32 %got{k}, 0")
        say(f"  br i1 %have{k}, label %hold{k}, label %fail{taken}")
        say(f"hold{k}:")
        for field, number, kind in (
            ("data", 0, "ptr"),
            ("bytes", 2, "i64"),
            ("size", 3, "i64"),
            ("rank", 5, "i32"),
            ("format", 6, "ptr"),
            ("shape", 7, "ptr"),
        ):
            say(f"  %at_{field}{k} = getelementptr %buffer, ptr %view{k}, i32 0, i32 {number}")
            say(f"  %{field}{k} = load {kind}, ptr %at_{field}{k}")
        say(f"  %ranked{k} = icmp eq i32 %rank{k}, {argument.rank}")
        say(f"  %sized{k} = icmp eq i64 %size{k}, {SIZES[argument.element]}")
        say(f"  %fits{k} = and i1 %ranked{k}, %sized{k}")
        say(f"  br i1 %fits{k}, label %letter{k}, label %wrong{k}")
        say(f"letter{k}:")
        same = self._format(k, FORMATS[argument.element])
        say(f"  br i1 {same}, label %use{k}, label %wrong{k}")
        say(f"wrong{k}:")
        self._raise(
            "PyExc_TypeError", f"argument {k + 1} of the kernel {self.name} is no {argument}", f"fail{taken + 1}"
        )
        say(f"use{k}:")
        say(f"  %elements{k} = sdiv exact i64 %bytes{k}, {SIZES[argument.element]}")
        lengths, strides = [], [f"{SIZES[argument.element]}"]
        for axis in range(argument.rank):
            say(f"  %at_length{k}.{axis} = getelementptr i64, ptr %shape{k}, i64 {axis}")
            say(f"  %length{k}.{axis} = load i64, ptr %at_length{k}.{axis}")
            lengths.append(f"%length{k}.{axis}")
        for axis in range(argument.rank - 1, 0, -1):
            say(f"  %stride{k}.{axis} = mul i64 {strides[0]}, %length{k}.{axis}")
            strides.insert(0, f"%stride{k}.{axis}")
        say(f"  br label %take{k + 1}")
        head = ["ptr null", "ptr null", f"i64 %elements{k}", f"i64 {SIZES[argument.element]}", f"ptr %data{k}"]
        return [*head, *(f"i64 {value}" for value in (*lengths, *strides))]

    def _format(self, k: int, formats: tuple[str, ...]) -> str:
        """Whether the format is one of these."""
        whole = "false"
        for number, text in enumerate(formats):
            name = self._constant(text)
            self._lines.append(f"  %compared{k}.{number} = call i32 @strcmp(ptr %format{k}, ptr {name})")
            self._lines.append(f"  %is{k}.{number} = icmp eq i32 %compared{k}.{number}, 0")
            self._lines.append(f"  %or{k}.{number} = or i1 {whole}, %is{k}.{number}")
            whole = f"%or{k}.{number}"
        return whole

    def _raise(self, exception: str, message: str, then: str) -> None:
        name = self._constant(message)
        number = len(self._constants)
        self._lines.append(f"  %exception{number} = load ptr, ptr @{exception}")
        self._lines.append(f"  call void @PyErr_SetString(ptr %exception{number}, ptr {name})")
        self._lines.append(f"  br label %{then}")

    def _constant(self, text: str) -> str:
        name = f'@"{self.symbol}.text{len(self._constants)}"'
        size = len(text.encode("ascii")) + 1
        self._constants.append(f'{name} = private constant [{size} x i8] c"{text}\\00"')
        return name
