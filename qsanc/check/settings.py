"""`name: value;` in train blocks, properties and tests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from qsanc.check import block_errors, errors
from qsanc.check.builtins import Formal
from qsanc.check.expressions import argument_context, expect
from qsanc.check.scope import Scope
from qsanc.check.sorts import Context
from qsanc.source import Span
from qsanc.syntax import ast


def check_settings(
    settings: Iterable[ast.Setting],
    known: Mapping[str, tuple[Formal, str]],
    scope: Scope,
    context: Context,
    owner: str,
) -> None:
    """Each setting is known (QS101), given once (QS102), and of the sort it wants (QS108)."""
    first: dict[str, Span] = {}
    for setting in settings:
        if setting.name in first:
            scope.findings.add(
                errors.duplicate(setting.name, "setting", setting.name_span, "setting", first[setting.name])
            )
        first.setdefault(setting.name, setting.name_span)
        if setting.name not in known:
            scope.findings.add(block_errors.unknown_setting(setting.name, setting.name_span, known, owner))
            continue
        formal, _ = known[setting.name]
        expect(setting.value, scope, argument_context(formal, context), formal.takes)
