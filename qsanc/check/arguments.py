"""Which argument of a call is which: by position first, then by name."""

from __future__ import annotations

from collections.abc import Iterable

from qsanc.check import errors
from qsanc.check.builtins import Formal
from qsanc.check.scope import Findings
from qsanc.source import Span
from qsanc.syntax import ast


def matched(
    args: tuple[ast.Arg, ...],
    formals: Iterable[Formal],
    callee: str,
    span: Span,
    findings: Findings,
    *,
    code: str,
    thing: str = "argument",
    signature: str = "",
    free: bool = False,
) -> list[tuple[Formal | None, ast.Arg]]:
    """Each argument with what it is for; None for names beyond the formals, which only a `free` callee has.

    Reports under `code` too many and missing ones, QS101 an unknown name, QS102 what is given twice.
    """
    formals = tuple(formals)
    pairs: list[tuple[Formal | None, ast.Arg]] = []
    given: dict[str, ast.Arg] = {}
    positional = [formal for formal in formals if not formal.named_only]
    surplus: list[ast.Arg] = []
    named_seen = False
    for place, arg in enumerate(args):
        if arg.name is not None:
            named_seen = True
            continue
        if named_seen:
            findings.add(errors.positional_after_named(arg, callee))
        formal = positional[place] if place < len(positional) else None
        if formal is None and positional and positional[-1].repeated:
            formal = positional[-1]
        if formal is None:
            surplus.append(arg)
        else:
            given.setdefault(formal.name, arg)
            pairs.append((formal, arg))
    for arg in args:
        if arg.name is None:
            continue
        formal = next((f for f in formals if f.name == arg.name), None)
        if formal is None and not free:
            findings.add(errors.unknown_argument(arg, callee, [f.name for f in formals if f.name not in given], thing))
        elif formal is not None and formal.place_only:
            findings.add(errors.named_by_place(arg, callee))
            given.setdefault(formal.name, arg)
        elif arg.name in given:
            findings.add(errors.given_twice(arg, given[arg.name], callee, thing))
        else:
            given[arg.name] = arg
            pairs.append((formal, arg))
    missing = [formal for formal in formals if formal.required and formal.name not in given]
    unknown_names = any(arg.name is not None and arg.name not in {f.name for f in formals} for arg in args) and not free
    if surplus:
        findings.add(errors.too_many(code, callee, surplus, len(positional), len(args), thing, signature))
    elif missing and not unknown_names:
        findings.add(errors.missing_arguments(code, callee, span, missing, thing, signature))
    return pairs


def by_name(args: tuple[ast.Arg, ...], formals: Iterable[Formal]) -> dict[str, ast.Expr]:
    """The arguments of a checked call by name; of a repeated one, the last."""
    positional = [formal.name for formal in formals if not formal.named_only]
    return {arg.name or positional[min(place, len(positional) - 1)]: arg.value for place, arg in enumerate(args)}
