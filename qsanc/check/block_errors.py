"""Messages about blocks and their parts, settings, imports, losses and noise."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from qsanc.check.errors import gate_suggestion
from qsanc.check.report import a_or_an, error, first_here, instead, quoted, suggestion, warning
from qsanc.diagnostics import Diagnostic, Note
from qsanc.source import Span
from qsanc.syntax import ast

# ---- parts -------------------------------------------------------------------------------------------------------


def missing_part(role: str, span: Span, owner: str, example: str) -> Diagnostic:
    return error("QS601", f"{owner} has no `{role}`", span, f"`{role}` is missing", help=f"add `{example}`")


def repeated_part(role: str, span: Span, first: Span, owner: str) -> Diagnostic:
    return error(
        "QS601",
        f"{owner} has more than one `{role}`",
        span,
        "once more",
        notes=first_here(first),
        help="keep one of them",
    )


def return_missing(circuit: ast.Circuit, qubit: str) -> Diagnostic:
    return error(
        "QS601",
        f"circuit `{circuit.name}` has no `return`",
        circuit.name_span,
        "measures nothing",
        help=f"end it with `return expval(Z({qubit}));`, or make it an ansatz",
    )


def return_not_last(found: ast.Return, circuit: str) -> Diagnostic:
    return error(
        "QS601",
        f"`return` is not the last statement of circuit `{circuit}`",
        found.span,
        "a circuit measures at its end",
        help="move it behind everything else, out of loops and branches",
    )


def return_misplaced(found: ast.Return, owner: str) -> Diagnostic:
    in_attention = owner.startswith("`")
    return error(
        "QS601",
        f"{owner} cannot have a `return`",
        found.span,
        "only circuits return something",
        help=f"write the observables behind the block: `-> {found.value.span.text};`"
        if in_attention
        else "remove it, or make the ansatz a circuit with a result type",
    )


def predict_in_repeat(found: ast.Predict) -> Diagnostic:
    return error(
        "QS601",
        "`predict` stands inside `repeat`",
        found.span,
        "would predict once a round",
        help="move it behind the loop",
    )


def value_unmeasured(part: ast.Part, qubit: str) -> Diagnostic:
    return error(
        "QS601",
        "`value` has no observables",
        part.span,
        "what a token passes on are numbers, not a state",
        help=instead(f"{part.span.text} -> [Z({qubit})];"),
    )


def query_key_differ(measured: ast.Part, state: ast.Part) -> Diagnostic:
    result = measured.result.span.text if measured.result is not None else ""
    return error(
        "QS602",
        f"`{measured.role}` is measured and `{state.role}` is a state",
        state.span,
        "no observables here",
        notes=(Note(f"`{measured.role}` ends in `-> {result}`", measured.span),),
        help=instead(f"{state.span.text} -> {result};"),
    )


def no_assertion(name: str, kind: str, span: Span) -> Diagnostic:
    return error(
        "QS701",
        f"the {kind} `{name}` asserts nothing",
        span,
        "would pass whatever happens",
        help="add an assertion, as in `assert a ~= b tol 1e-9;`",
    )


def unknown_setting(name: str, span: Span, known: Iterable[str], owner: str) -> Diagnostic:
    known = tuple(known)
    return error(
        "QS101",
        f"unknown setting `{name}` in {a_or_an(owner)} block",
        span,
        "no such setting",
        notes=(Note(f"settings here: {', '.join(known)}"),),
        help=suggestion(name, known),
    )


def assigned(name: str, span: Span, role: str, first: Span | None) -> Diagnostic:
    return error(
        "QS108",
        f"`{name}` is {a_or_an(role)} and cannot be bound again",
        span,
        "a new value under an old name",
        notes=first_here(first, f"the {role} is here"),
        help="give the new value a name of its own",
    )


# ---- recursion and imports ---------------------------------------------------------------------------------------


def recursion(chain: Sequence[str], span: Span, role: str) -> Diagnostic:
    path = " -> ".join(chain)
    title = f"`{chain[0]}` uses itself" if len(chain) == 2 else f"`{chain[0]}` uses itself by way of `{chain[1]}`"
    return error(
        "QS106",
        title,
        span,
        f"{path}",
        notes=(Note("everything is expanded before it runs, and this would never end"),),
        help="repeat with `for i in 0..n`" if role == "ansatz" else "give one of them a value of its own",
    )


def unknown_import(part: ast.ImportName, target: str, known: Iterable[str]) -> Diagnostic:
    span = Span(part.span.source, part.span.start, part.span.start + len(part.name))
    title = f"`{target}` has no `{part.name}`"
    return error("QS101", title, span, "not declared there", help=suggestion(part.name, known))


def import_missing(item: ast.Import, why: str, known: Iterable[str] = (), *, help: str = "") -> Diagnostic:
    close = suggestion(item.target, known)
    if close and item.is_file:
        close = close.replace("`", '`"', 1)[:-1] + '"`'
    return error("QS104", f"cannot import `{item.target}`", item.target_span, why, help=help or close)


def import_cycle(item: ast.Import, chain: Sequence[str]) -> Diagnostic:
    return error(
        "QS104",
        f"`{chain[0]}` imports itself" + (f" by way of `{chain[1]}`" if len(chain) > 2 else ""),
        item.target_span,
        " -> ".join(chain),
        help="move what both need into a file of its own",
    )


def import_unnamed(item: ast.Import, name: str, proposal: str) -> Diagnostic:
    return error(
        "QS104",
        f"`{name}` cannot be the name of an imported file",
        item.target_span,
        "letters, digits and `_` are allowed",
        help=f'write `"{item.target}" as {proposal}`',
    )


# ---- loss --------------------------------------------------------------------------------------------------------


def step_function(expr: ast.Expr) -> Diagnostic:
    return error(
        "QS405",
        f"{quoted(expr)} cannot be differentiated",
        expr.span,
        "constant but for jumps: its gradient is zero wherever there is one",
        help="use a smooth function in its place, such as `sigmoid`",
    )


def loss_without_predict(loss: ast.Loss) -> Diagnostic:
    return error(
        "QS405",
        "the loss depends on no trained parameter",
        loss.value.span,
        "the same number whatever the parameters are",
        help=instead("mse(predict, label)"),
    )


# ---- noise -------------------------------------------------------------------------------------------------------


def unknown_noise_gate(name: str, span: Span) -> Diagnostic:
    return error("QS101", f"unknown gate `{name}`", span, "not a gate", help=gate_suggestion(name))


def gate_never_applied(name: str, span: Span) -> Diagnostic:
    return warning(
        "QS503",
        f"this rule never matches `{name}`",
        span,
        f"no circuit here applies `{name}`, not even after decomposition",
        help=f"remove `{name}` from the rule",
    )


def rule_repeated(rule: ast.NoiseRule, first: ast.NoiseRule) -> Diagnostic:
    return warning(
        "QS503",
        "this rule stands here already",
        rule.span,
        "the same channel is applied twice",
        notes=first_here(first.span),
        help="remove one of them",
    )


def readout_only(rule: ast.NoiseRule, channel: str) -> Diagnostic:
    return error(
        "QS502",
        f"`{channel}` describes the reading of bits, and stands behind `{rule.when}`",
        rule.channel.span,
        "no channel on qubits",
        help=f"use it as `readout: {rule.channel.span.text};`",
    )


def channel_without_pair(rule: ast.NoiseRule, channel: str) -> Diagnostic:
    return error(
        "QS502",
        f"`{channel}` acts on two qubits, and `{rule.when}` concerns one",
        rule.channel.span,
        "a channel on one qubit is wanted",
        help=instead(
            rule.channel.span.text.replace("two_qubit_depolarizing", "depolarizing").replace(
                "two_qubit_dephasing", "phase_flip"
            )
        ),
    )


def channel_arity(rule: ast.NoiseRule, channel: str, gate: str, wires: int | None, span: Span) -> Diagnostic:
    acts = "any gate" if wires is None else f"`{gate}`, which acts on {wires} qubit{'s' if wires > 1 else ''}"
    return error(
        "QS502",
        f"`{channel}` acts on two qubits, and stands behind {acts}",
        span,
        "a gate on two qubits is wanted",
        notes=(Note("the channel is here", rule.channel.span),),
        help=instead("cx, cz") if gate == "*" else "give gates on one qubit a rule of their own",
    )
