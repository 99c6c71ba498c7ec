"""What a device refuses, judged from its capability sheet and the text of a program alone."""

from __future__ import annotations

import math
import re
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from standin.sheets import PROGRAM, PROGRAM_SET, Sheet
from standin.trees import shape, tree_of

PROBABILITY_QUBITS = 15
FLOW = ("ForInLoop", "WhileLoop", "BranchingStatement", "SubroutineDefinition", "FunctionCall", "QuantumReset")

REMEMBERED = 5000

_FOUND: OrderedDict[tuple[str, str], Found] = OrderedDict()


@dataclass
class Found:
    """What a walk through a program met."""

    errors: list[str] = field(default_factory=list)
    arrays: dict[str, int] = field(default_factory=dict)
    bits: dict[str, int] = field(default_factory=dict)
    used: set[tuple[str, int]] = field(default_factory=set)
    physical: set[int] = field(default_factory=set)
    measured: set[tuple[str, int]] = field(default_factory=set)
    written: set[tuple[str, int]] = field(default_factory=set)
    inputs: list[str] = field(default_factory=list)
    defined: set[str] = field(default_factory=set)
    results: list[tuple[str, str]] = field(default_factory=list)
    measurements: int = 0
    boxes: int = 0
    loose: int = 0  # gates outside boxes
    verbatim_next: bool = False


class Judge:
    """Walks one program for one device."""

    def __init__(self, sheet: Sheet) -> None:
        self.sheet = sheet
        self.rules = sheet.program
        self.gates = frozenset(name.lower() for name in self.rules.get("supportedOperations", ()))
        self.modifiers = frozenset(m["name"] for m in self.rules.get("supportedModifiers") or ())
        self.pragmas = frozenset(self.rules.get("supportedPragmas") or ())
        self.forbidden = frozenset(self.rules.get("forbiddenPragmas") or ())
        self.array_operations = frozenset(self.rules.get("forbiddenArrayOperations") or ())

    def walk(self, source: str) -> Found:
        found = Found()
        try:
            tree = tree_of(source)
        except ValueError as problem:
            found.errors.append(str(problem))
            return found
        for statement in tree.statements:
            self.statement(statement, found, verbatim=False)
        self.whole(found)
        return found

    def statement(self, node: Any, found: Found, verbatim: bool) -> None:
        kind = type(node).__name__
        handler = getattr(self, f"on_{kind}", None)
        if found.verbatim_next and kind != "Box":
            found.errors.append("a verbatim pragma must be followed by a box")
            found.verbatim_next = False
        if handler is not None:
            handler(node, found, verbatim)
        elif kind in FLOW:
            found.errors.append(f"{kind} is not supported")
        elif kind == "Include":
            found.errors.append("include is not supported")

    def on_QubitDeclaration(self, node: Any, found: Found, verbatim: bool) -> None:  # noqa: N802
        found.arrays[node.qubit.name] = 1 if node.size is None else node.size.value

    def on_ClassicalDeclaration(self, node: Any, found: Found, verbatim: bool) -> None:  # noqa: N802
        if type(node.type).__name__ == "BitType":
            found.bits[node.identifier.name] = 1 if node.type.size is None else node.type.size.value

    def on_IODeclaration(self, node: Any, found: Found, verbatim: bool) -> None:  # noqa: N802
        if node.io_identifier.name == "input":
            found.inputs.append(node.identifier.name)
        else:
            found.errors.append("output variables are not supported")

    def on_QuantumGateDefinition(self, node: Any, found: Found, verbatim: bool) -> None:  # noqa: N802
        found.defined.add(node.name.name)
        for step in node.body:
            if type(step).__name__ == "QuantumGate" and step.name.name.lower() not in self.gates | found.defined:
                found.errors.append(f"gate {step.name.name} is not supported")

    def on_Pragma(self, node: Any, found: Found, verbatim: bool) -> None:  # noqa: N802
        words = node.command.split()
        if len(words) < 2 or words[0] != "braket":
            found.errors.append(f"unknown pragma: {node.command}")
            return
        what = words[1].split("(")[0]
        if what == "verbatim":
            name = "verbatim"
            found.verbatim_next = True
        elif what == "unitary":
            name = "braket_unitary_matrix"
        elif what == "noise":
            name = f"braket_noise_{words[2].split('(')[0]}" if len(words) > 2 else "braket_noise"
        elif what == "result" and len(words) > 2:
            name = f"braket_result_type_{words[2]}"
            found.results.append((words[2], " ".join(words[3:])))
        else:
            name = what
        if name in self.forbidden or name not in self.pragmas:
            found.errors.append(f"pragma {name} is not supported")

    def on_Box(self, node: Any, found: Found, verbatim: bool) -> None:  # noqa: N802
        if not found.verbatim_next:
            found.errors.append("a box must follow a verbatim pragma")
        found.verbatim_next = False
        found.boxes += 1
        for step in node.body:
            self.statement(step, found, verbatim=True)

    def on_QuantumGate(self, node: Any, found: Found, verbatim: bool) -> None:  # noqa: N802
        name = node.name.name
        for modifier in node.modifiers:
            if verbatim or modifier.modifier.name not in self.modifiers:
                found.errors.append(f"gate modifier {modifier.modifier.name} is not supported")
        qubits = [self.operand(q, found) for q in node.qubits]
        if any(key in found.measured for key in filter(None, qubits)):
            found.errors.append(f"gate {name} acts on a qubit that has been measured")
        if not verbatim:
            found.loose += 1
            if name.lower() not in self.gates and name not in found.defined:
                found.errors.append(f"gate {name} is not supported")
            return
        if name.lower() not in self.sheet.native:
            found.errors.append(f"gate {name} is not a native gate, as a verbatim box demands")
        numbers = [key[1] for key in qubits if key is not None and key[0] == "$"]
        if len(numbers) != len(qubits):
            found.errors.append("a verbatim box demands physical qubits")
        elif (
            len(numbers) == 2 and self.sheet.couplers is not None and tuple(sorted(numbers)) not in self.sheet.couplers
        ):
            found.errors.append(f"qubits {numbers[0]} and {numbers[1]} are not connected")

    def on_QuantumPhase(self, node: Any, found: Found, verbatim: bool) -> None:  # noqa: N802
        if "gphase" not in self.gates:
            found.errors.append("gate gphase is not supported")

    def on_QuantumBarrier(self, node: Any, found: Found, verbatim: bool) -> None:  # noqa: N802
        if "barrier" not in (self.sheet.native | self.gates):
            found.errors.append("barrier is not supported")

    def on_QuantumMeasurementStatement(self, node: Any, found: Found, verbatim: bool) -> None:  # noqa: N802
        found.measurements += 1
        if verbatim:
            found.errors.append("measurements in a verbatim box are not supported")
        if node.target is None and not self.rules.get("supportsUnassignedMeasurements", True):
            found.errors.append("a measurement must be assigned to a bit")
        qubits = list(self.operands(node.measure.qubit, found))
        for key in qubits:
            if key in found.measured:
                found.errors.append(f"qubit {key[0]}[{key[1]}] is measured twice")
            found.measured.add(key)
        for bit in self.targets(node.target, found):
            if bit in found.written:
                found.errors.append(f"bit {bit[0]}[{bit[1]}] is written twice")
            found.written.add(bit)

    def targets(self, node: Any, found: Found) -> Iterator[tuple[str, int]]:
        if node is None:
            return
        if type(node).__name__ == "Identifier":
            yield from ((node.name, i) for i in range(found.bits.get(node.name, 0)))
        else:
            index = self.index(node, found)
            if index is not None:
                if index >= found.bits.get(node.name.name, 0):
                    found.errors.append(f"bit {node.name.name}[{index}] does not exist")
                yield node.name.name, index

    def operands(self, node: Any, found: Found) -> Iterator[tuple[str, int]]:
        """The qubits that an operand names: one, or those of a whole array."""
        if type(node).__name__ == "Identifier" and node.name in found.arrays:
            whole = [(node.name, i) for i in range(found.arrays[node.name])]
            found.used.update(whole)
            yield from whole
            return
        key = self.operand(node, found)
        if key is not None:
            yield key

    def operand(self, node: Any, found: Found) -> tuple[str, int] | None:
        if type(node).__name__ == "Identifier":
            if node.name.startswith("$"):
                number = int(node.name[1:])
                if not self.rules.get("supportPhysicalQubits", False):
                    found.errors.append("physical qubits are not supported")
                elif number not in self.sheet.qubit_names:
                    found.errors.append(f"the device has no qubit {number}")
                found.physical.add(number)
                return "$", number
            if node.name not in found.arrays:
                found.errors.append(f"qubit {node.name} is not declared")
            else:
                found.used.update((node.name, i) for i in range(found.arrays[node.name]))
            return None if found.arrays.get(node.name, 0) != 1 else (node.name, 0)
        name, index = node.name.name, self.index(node, found)
        if index is None:
            return None
        if index >= found.arrays.get(name, 0):
            found.errors.append(f"qubit {name}[{index}] does not exist")
        found.used.add((name, index))
        return name, index

    def index(self, node: Any, found: Found) -> int | None:
        """The one index of `name[index]`; None where it is something else, which most devices refuse."""
        inner = node.indices[0] if len(node.indices) == 1 else None
        if isinstance(inner, list) and len(inner) == 1:
            kind = type(inner[0]).__name__
            if kind == "IntegerLiteral":
                return int(inner[0].value)
            what = {
                "UnaryExpression": "negativeIndex",
                "RangeDefinition": "range" if getattr(inner[0], "step", None) is None else "rangeWithStep",
            }.get(kind, "selection")
        else:
            what = "selection"
        if what in self.array_operations:
            found.errors.append(f"array operation {what} is not supported")
        return None

    def whole(self, found: Found) -> None:
        """What only the whole program shows."""
        rules, errors = self.rules, found.errors
        if found.verbatim_next:
            errors.append("a verbatim pragma must be followed by a box")
        for what, count, limit in (
            ("qubit", len(found.arrays), rules.get("maximumQubitArrays")),
            ("classical", len(found.bits), rules.get("maximumClassicalArrays")),
        ):
            if limit is not None and count > limit:
                errors.append(f"{count} {what} arrays, of which at most {limit} are supported")
        declared = sum(found.arrays.values())
        if declared + len(found.physical) > self.sheet.qubits:
            errors.append(f"{declared + len(found.physical)} qubits, of which the device has {self.sheet.qubits}")
        if found.arrays and found.physical:
            errors.append("physical qubits and qubit arrays do not mix")
        if found.boxes and found.loose and not rules.get("supportsPartialVerbatimBox", True):
            errors.append("gates outside the verbatim box are not supported")
        if not found.used and not found.physical:
            errors.append("the program uses no qubit")
        if rules.get("requiresContiguousQubitIndices", False):
            for name in found.arrays:
                used = {i for n, i in found.used if n == name}
                if used and used != set(range(len(used))):
                    errors.append(f"the qubits of {name} that are used must be contiguous from 0")
        if rules.get("requiresAllQubitsMeasurement", False) and not found.results:
            all_of = {(name, i) for name, size in found.arrays.items() for i in range(size)}
            if found.measured != (all_of or {("$", q) for q in found.physical}):
                errors.append("all qubits must be measured")
        if found.results and found.measurements:
            errors.append("result types and measurements do not mix")


def found_in(sheet: Sheet, source: str) -> Found:
    """What a program holds; no device minds which numbers are in it."""
    key = (sheet.arn, shape(source)[0])
    if key not in _FOUND:
        _FOUND[key] = Judge(sheet).walk(source)
        if len(_FOUND) > REMEMBERED:
            _FOUND.popitem(last=False)
    return _FOUND[key]


def of_program(sheet: Sheet, program: dict[str, Any], shots: int, in_set: bool) -> list[str]:
    """Why the device refuses a program; `shots` of each executable."""
    found = found_in(sheet, program["source"])
    errors = list(dict.fromkeys(found.errors))
    given = program.get("inputs") or {}
    if missing := [name for name in found.inputs if name not in given]:
        errors.append(f"no value for input {', '.join(missing)}")
    if in_set:
        if found.results:
            errors.append("result types are not supported in program sets")
        return errors
    if shots == 0 and sheet.exact and not found.results:
        errors.append("0 shots demand a result type")
    kinds = {_key(rule["name"]): rule for rule in sheet.program.get("supportedResultTypes") or ()}
    for name, rest in found.results:
        rule = kinds.get(_key(name))
        if rule is None:
            errors.append(f"result type {name} is not supported")
            continue
        if not (rule.get("minShots") or 0) <= shots <= (rule.get("maxShots") or 0):
            errors.append(f"result type {name} is not supported with {shots} shots")
        targets = rest.count("[") + rest.count("$") if rest.strip() and rest.strip() != "all" else len(found.used)
        if name == "probability" and targets > PROBABILITY_QUBITS:
            errors.append(f"probabilities of more than {PROBABILITY_QUBITS} qubits are not supported")
        if rule.get("observables"):
            for observable in _observables(rest):
                if observable not in rule["observables"]:
                    errors.append(f"observable {observable} is not supported")
    if sum(name == "adjoint_gradient" for name, _ in found.results) and len(found.results) > 1:
        errors.append("adjoint_gradient must be the only result type")
    return errors


def _key(name: str) -> str:
    return name.replace("_", "").lower()


def _observables(rest: str) -> Iterator[str]:
    inner = rest.split("expectation", 1)[-1]
    yield from re.findall(r"\b(x|y|z|h|i|hermitian)\s*(?:\(|all\b)", inner)


@dataclass(frozen=True)
class Action:
    """What a task does: executables as (index of its program, index of its inputs, source, inputs)."""

    kind: str
    programs: list[dict[str, Any]]
    executables: list[tuple[int, int, str, dict[str, Any]]]

    @property
    def many(self) -> bool:
        return self.kind == PROGRAM_SET


@dataclass
class Refusal(Exception):
    message: str
    failures: list[dict[str, Any]] = field(default_factory=list)


def action_of(sheet: Sheet, action: dict[str, Any], shots: int) -> Action:
    """The checked action of a task; raises Refusal."""
    kind = action.get("braketSchemaHeader", {}).get("name")
    if kind not in (PROGRAM, PROGRAM_SET):
        raise Refusal(f"action {kind} is not known to the stand-in")
    if kind not in sheet.capabilities["action"]:
        raise Refusal(f"Device {sheet.arn} does not support the action {kind}")
    programs = action["programs"] if kind == PROGRAM_SET else [action]
    if not programs:
        raise Refusal("a program set holds at least one program")
    executables = []
    for p, program in enumerate(programs):
        inputs = program.get("inputs") or {}
        if kind == PROGRAM:
            executables.append((0, 0, program["source"], inputs))
            continue
        lengths = {len(v) if isinstance(v, list) else -1 for v in inputs.values()} or {1}
        if -1 in lengths or len(lengths) > 1 or lengths == {0}:
            raise Refusal("the inputs of a program in a set are lists of one length")
        executables += [(p, i, program["source"], {k: v[i] for k, v in inputs.items()}) for i in range(lengths.pop())]
    values = [v for _, _, _, inputs in executables for v in inputs.values() if isinstance(v, float)]
    if not all(map(math.isfinite, values)):
        raise Refusal("inputs must be finite numbers")
    each = shots
    least, most = sheet.shots
    if kind == PROGRAM_SET:
        limits = sheet.program_set
        if len(executables) > limits["maximumExecutables"]:
            raise Refusal(
                f"{len(executables)} executables, of which a set holds at most {limits['maximumExecutables']}"
            )
        if shots > limits["maximumTotalShots"]:
            raise Refusal(f"{shots} shots, of which a set takes at most {limits['maximumTotalShots']}")
        if shots <= 0 or shots % len(executables):
            raise Refusal(f"{shots} shots cannot be shared evenly by {len(executables)} executables")
        each = shots // len(executables)
    if each == 0 and not sheet.exact:
        raise Refusal(f"0 shots are not supported by {sheet.name}")
    if not least <= each <= most:
        raise Refusal(f"{each} shots are outside of the range {least} to {most} of {sheet.name}")
    failures = []
    for p, program in enumerate(programs):
        if errors := of_program(sheet, program, each, in_set=kind == PROGRAM_SET):
            if kind == PROGRAM:
                raise Refusal("; ".join(errors))
            failures.append({"programIndex": p, "errors": errors})
    if failures:
        raise Refusal("Program set validation failed", failures)
    return Action(kind, programs, executables)
