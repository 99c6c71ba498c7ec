"""Names in force at a place of the program, each with its value and what is worth saying about it in an error."""

from __future__ import annotations

from dataclasses import dataclass

from qsanc.check.module import Module
from qsanc.elaborate.values import Value
from qsanc.source import Span
from qsanc.syntax import ast


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """A name's value; `text` is how it was given (`d_enc`), `declared` its written type, `per_token` whether that type
    has a run-time axis that the value, seen from inside a circuit, has lost."""

    value: Value
    text: str | None = None
    declared: ast.Type | None = None
    span: Span | None = None
    per_token: bool = False


class Scope:
    """A chain of name tables that ends at a module."""

    def __init__(self, module: Module, parent: Scope | None = None) -> None:
        self.module = module
        self.parent = parent
        self.entries: dict[str, Entry] = {}

    def inner(self) -> Scope:
        return Scope(self.module, self)

    def bind(
        self,
        name: str,
        value: Value,
        *,
        text: str | None = None,
        declared: ast.Type | None = None,
        span: Span | None = None,
        per_token: bool = False,
    ) -> None:
        self.entries[name] = Entry(value, text, declared, span, per_token)

    def find(self, name: str) -> Entry | None:
        scope: Scope | None = self
        while scope is not None:
            if name in scope.entries:
                return scope.entries[name]
            scope = scope.parent
        return None
