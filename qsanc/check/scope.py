"""Names in force at a place, what each stands for, and what has been found out on the way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from qsanc.check import errors
from qsanc.check.builtins import BUILTINS
from qsanc.check.module import Declaration, Module
from qsanc.check.sorts import Context, Sort
from qsanc.diagnostics import Diagnostic, Note
from qsanc.source import Span
from qsanc.syntax import ast


@dataclass(frozen=True, slots=True)
class Meaning:
    """What an expression is. `item` is the definition it comes from, where there is one, or the imported file."""

    sort: Sort
    item: Declaration | Module | None = None


UNKNOWN = Meaning(Sort.ANY)
NUMBER = Meaning(Sort.NUMBER)
TRUTH = Meaning(Sort.TRUTH)


@dataclass(frozen=True, slots=True, eq=False)
class Binding:
    """A name: `role` is the word for it in messages ("loop variable"). `watched`: an unused one is worth a warning."""

    name: str
    role: str
    meaning: Meaning
    span: Span | None
    type: ast.Type | None = None
    watched: bool = False


@dataclass(slots=True)
class Findings:
    """What a check has come upon: `uses` are the names at the top of the file that each item there refers to."""

    diagnostics: list[Diagnostic] = field(default_factory=list)
    uses: dict[str, dict[str, Span]] = field(default_factory=dict)
    current: str = ""

    def add(self, diagnostic: Diagnostic) -> None:
        self.diagnostics.append(diagnostic)


# Where a name of this sort is looked for, so that it would hide a built-in; all others everywhere.
_HIDES: Mapping[Sort, frozenset[Context]] = MappingProxyType(
    {
        Sort.ANSATZ: frozenset({Context.CHECK}),
        Sort.CIRCUIT: frozenset({Context.FLOW, Context.SCORE, Context.CHECK}),
        Sort.ATTENTION: frozenset({Context.FLOW, Context.SCORE, Context.CHECK}),
        Sort.MODEL: frozenset({Context.CHECK}),
        Sort.NOISE: frozenset(),
        Sort.PROPERTY: frozenset(),
        Sort.TEST: frozenset(),
    }
)


class Scope:
    """A chain of name tables. The outermost is the top of the file; `contexts` are the vocabularies met inside.

    `beyond` says of names that are known nearby, but not here, where they are known.
    """

    def __init__(
        self, findings: Findings, parent: Scope | None = None, contexts: frozenset[Context] | None = None
    ) -> None:
        self.findings = findings
        self.parent = parent
        self.contexts: frozenset[Context] = contexts or (parent.contexts if parent else frozenset(Context))
        self.beyond: dict[str, Note] = {}
        self._names: dict[str, Binding] = {}
        self._used: set[str] = set()

    def inner(self, *contexts: Context) -> Scope:
        return Scope(self.findings, self, frozenset(contexts) if contexts else None)

    def declare(self, binding: Binding) -> None:
        """Add a name. The first of two equal ones stays."""
        contexts = _HIDES.get(binding.meaning.sort, self.contexts) & self.contexts
        first = self._names.get(binding.name)
        if first is not None:
            self.findings.add(errors.duplicate(binding.name, binding.role, binding.span, first.role, first.span))
            return
        outer = self.parent.peek(binding.name) if self.parent else None
        if outer is not None:
            self.findings.add(errors.shadowing(binding.name, binding.role, binding.span, outer.role, outer.span))
        elif any(row.name == binding.name and row.contexts & contexts for row in BUILTINS):
            self.findings.add(errors.hides_builtin(binding.name, binding.role, binding.span))
        self._names[binding.name] = binding

    def peek(self, name: str) -> Binding | None:
        """The innermost binding of a name, without counting as a use of it."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope._names:
                return scope._names[name]
            scope = scope.parent
        return None

    def find(self, name: str, span: Span) -> Binding | None:
        """The innermost binding of a name used at `span`."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope._names:
                scope._used.add(name)
                if scope.parent is None:
                    self.findings.uses.setdefault(self.findings.current, {}).setdefault(name, span)
                return scope._names[name]
            scope = scope.parent
        return None

    def known_beyond(self, name: str) -> Note | None:
        scope: Scope | None = self
        while scope is not None:
            if name in scope.beyond:
                return scope.beyond[name]
            scope = scope.parent
        return None

    def visible(self) -> Iterator[Binding]:
        """All bindings in force, innermost first."""
        seen: set[str] = set()
        scope: Scope | None = self
        while scope is not None:
            for name, binding in reversed(scope._names.items()):
                if name not in seen:
                    seen.add(name)
                    yield binding
            scope = scope.parent

    def close(self) -> None:
        """Warn of the names of this table that nothing used. A name with a leading underscore is meant to be unused."""
        for name, binding in self._names.items():
            if binding.watched and name not in self._used and not name.startswith("_"):
                self.findings.add(errors.unused(name, binding.role, binding.span))
