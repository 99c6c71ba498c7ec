"""Gate blocks: loops unrolled, templates expanded in place, every operand checked."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from qsanc.diagnostics import Note
from qsanc.elaborate.circuits import CircuitBuilder
from qsanc.elaborate.declared import fits
from qsanc.elaborate.expressions import Evaluator
from qsanc.elaborate.indexing import wires as wires_at
from qsanc.elaborate.limits import DEEPEST_CALLS, MOST_GATES, STEPS_OF_A_CALL, TooLarge
from qsanc.elaborate.scope import Scope
from qsanc.elaborate.signature import Binding, arguments
from qsanc.elaborate.values import Deferred, Scalar, Template, Unknown, Value, Wires, describe, is_number
from qsanc.ir.circuit import Angle, Gate, Instruction
from qsanc.ir.gates import GATES
from qsanc.ir.inverse import inverse
from qsanc.source import Span
from qsanc.syntax import ast


@dataclass(slots=True)
class Body:
    """What a block of statements amounts to: its gates, and what it returns."""

    ev: Evaluator
    circuit: CircuitBuilder
    gates: list[Instruction] = field(default_factory=list)
    returned: Value = None  # type: ignore[assignment]
    depth: int = 0

    def run(self, block: ast.Block, scope: Scope) -> None:
        """Elaborate the statements of a block in a scope of their own."""
        inner = scope.inner()
        for statement in block.body:
            self._statement(statement, inner)

    def _statement(self, node: ast.Stmt, scope: Scope) -> None:
        match node:
            case ast.Let():
                let(self.ev, node, scope)
            case ast.Require():
                require(self.ev, node, scope)
            case ast.For():
                for k in self.ev.repetitions(node.over, scope) or ():
                    inner = scope.inner()
                    inner.bind(node.name, k, span=node.name_span)
                    self.run(node.body, inner)
            case ast.If():
                condition = self.ev.expr(node.condition, scope)
                if isinstance(condition, bool):
                    if condition:
                        self.run(node.then, scope)
                    elif node.orelse is not None:
                        self.run(node.orelse, scope)
                elif not isinstance(condition, Unknown):
                    self.ev.report.error(
                        "QS206",
                        "`if` needs a condition known at compile time",
                        node.condition.span,
                        label=describe(condition),
                    )
            case ast.Return():
                self.returned = self.ev.expr(node.value, scope)
            case ast.Apply():
                self._apply(node, scope)

    # ---- gate lines -----------------------------------------------------------------------------------------------

    def _apply(self, node: ast.Apply, scope: Scope) -> None:
        operands = [self._operand(operand, scope) for operand in node.operands]
        if any(operand is None for operand in operands):
            return
        wires = [operand for operand in operands if operand is not None]
        if not self._distinct(node, wires, scope):
            return
        if node.callee in GATES and scope.module.lookup(node.callee) is None:
            added = self._gate(node, wires, scope)
        else:
            added = self._template(node, wires, scope)
        for modifier in reversed(node.modifiers):
            if isinstance(modifier, ast.Inverse):
                added = inverse(added)
                continue
            exponent = self.ev.integer(modifier.exponent, scope, "the exponent of `pow`")
            if exponent is None:
                return
            if added:
                _affordable(abs(exponent) * len(added), node.span)
                added = (inverse(added) if exponent < 0 else added) * abs(exponent)
        _affordable(len(self.gates) + len(added), node.span)
        self.gates.extend(added)

    def _operand(self, node: ast.Operand, scope: Scope) -> Wires | None:
        entry = scope.find(node.name) or self.ev.entry(ast.Name(node.name, span=node.span), scope)
        if isinstance(entry.value, Unknown):
            return None
        if not isinstance(entry.value, Wires):
            self.ev.report.error("QS108", f"`{node.name}` is no register", node.span, label=describe(entry.value))
            return None
        if not node.index:
            return entry.value
        found = wires_at(self.ev, entry.value, node.index, node.span, scope)
        return found if isinstance(found, Wires) else None

    def _distinct(self, node: ast.Apply, operands: list[Wires], scope: Scope) -> bool:
        seen: dict[int, int] = {}
        for position, operand in enumerate(operands):
            for wire in operand.wires:
                if wire in seen:
                    first = node.operands[seen[wire]]
                    indices = [arg.value for operand in (first, node.operands[position]) for arg in operand.index]
                    self.ev.report.error(
                        "QS302",
                        f"`{node.callee}` uses one qubit twice",
                        node.operands[position].span,
                        label=f"the same qubit as `{first.span.text}`",
                        notes=self.ev.where(tuple(indices), scope),
                    )
                    return False
                seen[wire] = position
        return True

    def _gate(self, node: ast.Apply, operands: list[Wires], scope: Scope) -> tuple[Instruction, ...]:
        gate = GATES[node.callee]
        if len(operands) != gate.wires:
            self.ev.report.error(
                "QS303",
                f"`{gate.name}` acts on {_count(gate.wires, 'qubit')}",
                node.span,
                label=f"{len(operands)} given",
            )
            return ()
        if len(node.args) != len(gate.angles):
            self.ev.report.error(
                "QS303",
                f"`{gate.name}` takes {_count(len(gate.angles), 'angle')}",
                node.span,
                label=f"{len(node.args)} given",
            )
            return ()
        angles = []
        for arg in node.args:
            angle = self._angle(arg.value, scope)
            if angle is None:
                return ()
            angles.append(angle)
        if gate.wires == 1:
            return tuple(Gate(gate.name, (wire,), tuple(angles), node.span) for wire in operands[0].wires)
        for operand, written in zip(operands, node.operands, strict=True):
            if not operand.single:
                self.ev.report.error(
                    "QS304",
                    f"`{gate.name}` needs single qubits",
                    written.span,
                    label=f"a register of {len(operand.wires)}",
                    help=f"write `{written.name}[0]`",
                )
                return ()
        return (Gate(gate.name, tuple(operand.wires[0] for operand in operands), tuple(angles), node.span),)

    def _angle(self, node: ast.Expr, scope: Scope) -> Angle | None:
        value = self.ev.expr(node, scope)
        if isinstance(value, Unknown):
            return None
        if is_number(value) or isinstance(value, (Angle, Deferred)):
            scalar: Scalar = value  # type: ignore[assignment]
            return self.circuit.angle(scalar)
        self.ev.report.error(
            "QS201", "an angle is one number", node.span, label=describe(value), notes=self.ev.where(node, scope)
        )
        return None

    def _template(self, node: ast.Apply, operands: list[Wires], scope: Scope) -> tuple[Instruction, ...]:
        path = node.callee.split(".")
        entry = scope.find(path[0]) if len(path) == 1 else None
        definition = scope.module.lookup(node.callee)
        template = (
            entry.value if entry and isinstance(entry.value, Template) else Template(definition) if definition else None
        )
        if template is None:
            self.ev.report.error("QS101", f"unknown gate or ansatz `{node.callee}`", node.callee_span)
            return ()
        item = template.definition.item
        if not isinstance(item, ast.Ansatz):
            self.ev.report.error("QS108", f"`{node.callee}` is no ansatz", node.callee_span, label=describe(template))
            return ()
        bound = self.ev.with_generics(template, node.generics, scope)
        if not isinstance(bound, Template):
            return ()
        if len(operands) != len(item.registers):
            self.ev.report.error(
                "QS303",
                f"`{item.name}` acts on {_count(len(item.registers), 'register')}",
                node.span,
                label=f"{len(operands)} given",
            )
            return ()
        given = arguments(self.ev, item.params, node.args, node.span, item.name, scope)
        if given is None:
            return ()
        binding = Binding(self.ev, bound, node.span)
        registers = {register.name: wires for register, wires in zip(item.registers, operands, strict=True)}
        if not binding.infer(given, registers) or not binding.bind_parameters(given, per_token=True):
            return ()
        for register, operand in zip(item.registers, node.operands, strict=True):
            if not bind_register(self.ev, binding, register, registers[register.name], operand.span):
                return ()
        if self.depth == DEEPEST_CALLS:
            raise TooLarge(f"templates call each other more than {DEEPEST_CALLS} deep", node.span)
        self.ev.steps.take(STEPS_OF_A_CALL, node.span)
        inner = Body(self.ev, self.circuit, depth=self.depth + 1)
        inner.run(item.body, with_arrays(binding.scope))
        return tuple(inner.gates)


def _affordable(gates: int, span: Span) -> None:
    if gates > MOST_GATES:
        raise TooLarge(f"the circuit has more than {MOST_GATES} gates", span)


def bind_register(ev: Evaluator, binding: Binding, register: ast.Register, wires: Wires, span: Span) -> bool:
    """Compare an operand with the register it is for (QS304), and bind the register's name to it."""
    if not register.type.dims:
        if not wires.single:
            ev.report.error(
                "QS304", f"`{register.name}` of `{binding.item.name}` is a single qubit", span, label=describe(wires)
            )
            return False
        binding.scope.bind(register.name, replace(wires, name=register.name), span=register.name_span)
        return True
    expected = binding.expected(register.type)
    if expected is None:
        return False
    if expected != (len(wires.wires),):
        dim = register.type.dims[0]
        ev.report.error(
            "QS304",
            f"register `{register.name}` of `{binding.item.name}` has another length",
            span,
            label=f"qubit[{len(wires.wires)}]",
            expected=f"expected qubit[{expected[0]}]"
            + (f": [{dim.span.text}]" if dim.span.text != str(expected[0]) else ""),
            notes=ev.where(dim, binding.scope),
        )
        return False
    binding.scope.bind(register.name, Wires(wires.wires, register.name), span=register.name_span)
    return True


def let(ev: Evaluator, node: ast.Let, scope: Scope) -> None:
    """`let name: type = value;` binds the name, even to UNKNOWN, so that later uses stay silent."""
    value = ev.expr(node.value, scope)
    if node.type is not None:
        value = fits(ev, node.name, node.type, value, node.value.span, scope)
    scope.bind(node.name, value, span=node.name_span)


def require(ev: Evaluator, node: ast.Require, scope: Scope) -> None:
    """QS204 unless the condition holds."""
    condition = ev.expr(node.condition, scope)
    if condition is True or isinstance(condition, Unknown):
        return
    if condition is False:
        notes: tuple[Note, ...] = ev.where(node.condition, scope)
        message = node.message or f"`{node.condition.span.text}` does not hold"
        ev.report.error("QS204", message, node.condition.span, label="required here", notes=notes)
        return
    ev.report.error(
        "QS206", "`require` needs a condition known at compile time", node.condition.span, label=describe(condition)
    )


def with_arrays(scope: Scope) -> Scope:
    """Lists of numbers given as arguments are arrays inside a circuit."""
    for name, entry in list(scope.entries.items()):
        if isinstance(entry.value, tuple):
            array = np.array(entry.value, dtype=object)
            scope.bind(name, array, text=entry.text, declared=entry.declared, span=entry.span)
    return scope


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
