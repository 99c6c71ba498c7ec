"""From OpenQASM 3 text to one circuit.

Read are the version, `include "stdgates.inc"`, inputs of type float or angle, constants, registers (also `qreg` and
`creg`), gates and their definitions, the modifiers inv, pow, ctrl and negctrl, loops over what is known, barriers,
which do nothing, boxes, measurements at the end, and Braket's pragmas for expectations and probabilities. Names of
gates of Braket and Qiskit are known without an include, and `U` is that of OpenQASM with or without one. Hardware
qubits (`$3`) become one register in rising order.

Loops and definitions are written out. Nothing in the text is trusted: what grows too large ends with QS825, everything
else that is wrong or not read with QS820 to QS824, each statement for itself.
"""

from __future__ import annotations

import re
import unicodedata
from collections import ChainMap
from collections.abc import Collection, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from itertools import islice

from lark import Token, Tree

from qsanc.diagnostics import Diagnostic, QsanError, Severity
from qsanc.ir.circuit import Angle, Gate, Pauli
from qsanc.openqasm import limits
from qsanc.openqasm.gatenames import BRAKET, BUILT_IN, OTHERS, STDGATES, Meaning
from qsanc.openqasm.modifiers import MOST_CONTROLS, Stretch, Wires, controlled
from qsanc.openqasm.names import KEYWORDS, mangled
from qsanc.openqasm.parser import Node, parse, span
from qsanc.openqasm.program import Expectations, Imported, Outcomes, Reading, Register
from qsanc.openqasm.values import CONSTANTS, FUNCTIONS, Atoms, BadValue, Value, as_angle, called, checked, combined
from qsanc.openqasm.wrong import TooLarge, Wrong
from qsanc.source import Source, Span

_SHORT = 1_000
"""Gates of a definition that are kept to be written again."""
_HARDWARE = "$"
"""Stands for the name of the register of hardware qubits, which has none."""
_DECLARATIONS = frozenset({"input", "const", "qubits", "qreg", "bits", "creg", "gate_def"})


def read(source: Source, *, taken: Collection[str] = ()) -> Imported:
    """The circuit of a program; `taken` are words that cannot be names in .qsan. Raises QsanError (QS820 to QS825)."""
    return _Reader(source, taken).run(parse(source))


@dataclass(frozen=True, slots=True)
class _Definition:
    """A gate of the program, the `number`th that it defines: it sees the ones before it."""

    number: int
    params: tuple[str, ...]
    qubits: tuple[str, ...]
    block: Node


@dataclass(frozen=True, slots=True)
class _Scope:
    """What names mean at one place. `before` definitions are visible; `local` is the body of one."""

    values: MutableMapping[str, Value]
    qubits: Mapping[str, tuple[int, ...]]
    singles: frozenset[str]
    before: int
    depth: int = 0
    local: bool = False

    def having(self, name: str, value: Value) -> _Scope:
        return replace(self, values=ChainMap({name: value}, self.values))


class _Reader:
    def __init__(self, source: Source, taken: Collection[str]) -> None:
        self._source, self._taken = source, taken
        self._found: list[Diagnostic] = []
        self._standard = False
        self._gates: dict[str, _Definition] = {}
        self._values: dict[str, Value] = {}
        self._constants: dict[str, Value] = {}
        self._scope: _Scope | None = None
        self._broken: set[str] = set()
        self._expansions: dict[tuple[int, tuple[Angle, ...]], Stretch] = {}
        self._inputs: list[tuple[str, str]] = []
        self._registers: dict[str, Register] = {}
        self._hardware: dict[int, int] = {}
        self._bits: dict[str, int | None] = {}
        self._places: dict[str, Span] = {}
        self._names: dict[str, None] = {}
        self._wires = 0
        self._steps = 0
        self._atoms = Atoms()
        self._body: list[Gate] = []
        self._measured: dict[int, Span] = {}
        self._read: dict[tuple[str, int], int] = {}
        self._unread = 0
        self._expectations: list[Pauli] = []
        self._outcomes: Wires | None = None

    def run(self, tree: Node) -> Imported:
        items = _trees(tree)
        for place, child in enumerate(items):
            try:
                if not place:
                    self._number_hardware(tree)
                self._item(child, items[place + 1].data if place + 1 < len(items) else "")
            except TooLarge as wrong:
                self._found.append(wrong.diagnostic)
                break
            except Wrong as wrong:
                self._report(wrong.diagnostic, child)
            if sum(d.is_error for d in self._found) >= limits.MOST_DIAGNOSTICS:
                break
        if not self._registers and not any(d.is_error for d in self._found):
            end = len(self._source.text.rstrip())
            empty = Wrong(
                "QS822", "the program has no qubits", self._source.span(end, end), "nothing was declared up to here",
                expected="a register of qubits", help="write `qubit[2] q;`",
            )  # fmt: skip
            self._found.append(empty.diagnostic)
        if any(d.is_error for d in self._found):
            raise QsanError(self._found)
        return Imported(
            tuple(self._registers.values()), tuple(self._inputs), tuple(self._atoms.texts), tuple(self._body),
            self._reading(), tuple(self._found), tuple(self._hardware),
        )  # fmt: skip

    def _report(self, found: Diagnostic, node: Node) -> None:
        """Keep a finding, once, unless it is about a name whose own declaration is wrong already."""
        if node.data in _DECLARATIONS:
            self._broken |= {str(child) for child in node.children if isinstance(child, Token)}
        follows = found.code == "QS822" and found.span is not None and found.span.text in self._broken
        if not (follows and node.data not in _DECLARATIONS) and found not in self._found:
            self._found.append(found)

    # ---- items and statements ------------------------------------------------------------------------------------

    def _number_hardware(self, tree: Node) -> None:
        """One register for all qubits that are named by their hardware numbers, in rising order."""
        if "$" not in self._source.text:
            return
        numbers = set()
        for token in tree.scan_values(lambda value: isinstance(value, Token) and value.type == "HARDWARE"):
            if len(token) > 10:
                raise TooLarge(f"the hardware qubit `{token[:12]}…` has too large a number", span(self._source, token),
                               "use a number below 1000000000")  # fmt: skip
            numbers.add(int(token[1:]))
            if len(numbers) > limits.MOST_QUBITS:
                raise TooLarge(f"the program has more than {limits.MOST_QUBITS} qubits", span(self._source, token),
                               "use fewer qubits")  # fmt: skip
        if numbers:
            self._hardware = {number: wire for wire, number in enumerate(sorted(numbers))}
            self._registers[_HARDWARE] = Register(self._own_name("q"), len(numbers), 0)
            self._wires = len(numbers)

    def _item(self, node: Node, following: str) -> None:
        """An item of the program, and the kind of the one behind it."""
        match node.data:
            case "version":
                self._version(node)
            case "include":
                self._include(node)
            case "input":
                self._input(node)
            case "const":
                self._const(node)
            case "qubits":
                self._register(node, node.children[1], node.children[0], bits=False)
            case "qreg":
                self._register(node, node.children[0], node.children[1], bits=False)
            case "bits":
                self._register(node, node.children[1], node.children[0], bits=True)
                if isinstance(operand := node.children[2], Tree):
                    name = _token(node.children[1])
                    size = self._bits[str(name)]
                    self._measure(node, operand, [(str(name), k) for k in range(size or 1)], size is None)
            case "creg":
                self._register(node, node.children[0], node.children[1], bits=True)
            case "gate_def":
                self._define(node)
            case "pragma":
                self._pragma(_token(node.children[0]), following)
            case _:
                self._statement(node, self._global())

    def _global(self) -> _Scope:
        if self._scope is None or self._scope.before != len(self._gates):
            qubits = {name: register.wires for name, register in self._registers.items()}
            singles = frozenset(name for name, register in self._registers.items() if register.size is None)
            self._scope = _Scope(self._values, qubits, singles, len(self._gates))
        return self._scope

    def _statement(self, node: Node, scope: _Scope) -> None:
        """A statement outside of gate definitions."""
        self._step(node)
        match node.data:
            case "call":
                for stretch in self._calls(node, scope):
                    self._emit(stretch.body, node)
            case "measure":
                targets = None
                if isinstance(node.children[1], Tree):
                    targets, single = self._bits_of(node.children[1], scope)
                    self._measure(node, _tree(node.children[0]), targets, single, scope)
                else:
                    self._measure(node, _tree(node.children[0]), None, False, scope)
            case "assign":
                targets, single = self._bits_of(_tree(node.children[0]), scope)
                self._measure(node, _tree(node.children[1]), targets, single, scope)
            case "for_loop":
                for inner in self._rounds(node, scope):
                    for child in _body_of(node):
                        self._statement(child, inner)
            case "box":
                for child in _trees(_tree(node.children[0])):
                    self._statement(child, scope)
            case "barrier":
                for operand in _operands(node):
                    self._operand(operand, scope)
            case "pragma":
                raise self._wrong(
                    "QS821",
                    "a pragma inside of a loop or a box is not read",
                    node,
                    expected="gates and measurements",
                    help="move it behind the end of the block",
                )
            case _:
                pass

    def _version(self, node: Node) -> None:
        if not re.fullmatch(r"3(\.\d+)?", str(node.children[0])):
            raise self._wrong(
                "QS821", f"OpenQASM {node.children[0]} is not read", node.children[0], "another version",
                expected="OPENQASM 3.0",
                help='write `OPENQASM 3.0;` and `include "stdgates.inc";`, and keep `qreg` and `creg` as they are',
            )  # fmt: skip

    def _include(self, node: Node) -> None:
        if str(node.children[0])[1:-1] != "stdgates.inc":
            raise self._wrong(
                "QS821", f"the file {node.children[0]} is not read", node.children[0], "no files are opened",
                expected='"stdgates.inc", whose gates are built in', help="copy the gates that are used into this file",
            )  # fmt: skip
        if clash := next((name for name in self._gates if name in STDGATES), None):
            raise self._wrong(
                "QS822", f"`{clash}` is declared twice", node, f"stdgates.inc declares `{clash}` too",
                expected="free names",
                help=f"call the gate of this program `{clash}_own`",
            )  # fmt: skip
        self._standard = True

    def _input(self, node: Node) -> None:
        kind, name = _tree(node.children[0]), _token(node.children[1])
        if str(kind.children[0]) not in ("float", "angle"):
            raise self._wrong(
                "QS821", f"an input of type {kind.children[0]} is not read", kind, "this type",
                expected="float or angle", help=f"make it a constant, as in `const {kind.children[0]} {name} = 1;`",
            )  # fmt: skip
        self._declare(name)
        if len(self._inputs) >= limits.MOST_INPUTS:
            raise TooLarge(f"the program has more than {limits.MOST_INPUTS} inputs", span(self._source, node),
                           "write numbers for some of them")  # fmt: skip
        mine = self._own_name(str(name))
        self._inputs.append((mine, str(name)))
        self._values[str(name)] = self._atoms.slot(mine)

    def _const(self, node: Node) -> None:
        kind, name = str(_tree(node.children[0]).children[0]), _token(node.children[1])
        if kind == "bool":
            raise self._wrong(
                "QS821",
                "a truth value is not read",
                node.children[0],
                expected="a number",
                help="write what it decides",
            )
        value = self._value(node.children[2], self._global())
        if isinstance(value, Angle):
            raise self._wrong(
                "QS824", f"the constant `{name}` depends on an input", node.children[2], "not known beforehand",
                expected="numbers and other constants", help="write the expression where the constant is used",
            )  # fmt: skip
        if kind in ("int", "uint"):
            value = self._integer(node.children[2], self._global(), "a constant of this type")
        self._declare(name)
        self._constants[str(name)] = self._values[str(name)] = value if kind in ("int", "uint") else float(value)

    def _register(self, node: Node, name: object, size: object, *, bits: bool) -> None:
        word = _token(name)
        length = None
        if self._hardware and not bits:
            first = next(iter(self._hardware))
            raise self._wrong(
                "QS821", "declared qubits beside hardware qubits are not read", word,
                f"the program uses `${first}` too", expected="qubits of one kind",
                help=f"write an element of `{word}` in the place of each hardware qubit",
            )  # fmt: skip
        if isinstance(size, Tree | Token):
            length = self._integer(size, self._global(), "the length of a register")
            if length < 1:
                raise self._wrong(
                    "QS823", f"the register `{word}` has the length {length}", size, "this length",
                    expected="a positive integer", help=f"give `{word}` a length of 1 at least",
                )  # fmt: skip
        count = length or 1
        total = (sum(other or 1 for other in self._bits.values()) if bits else self._wires) + count
        if total > limits.MOST_QUBITS:
            what = "bits" if bits else "qubits"
            raise TooLarge(f"the program has more than {limits.MOST_QUBITS} {what}", span(self._source, node),
                           "make the registers shorter")  # fmt: skip
        self._declare(word)
        if bits:
            self._bits[str(word)] = length
        else:
            self._scope = None
            self._registers[str(word)] = Register(self._own_name(str(word)), length, self._wires)
            self._wires += count

    def _define(self, node: Node) -> None:
        name = _token(node.children[0])
        trees = [child for child in node.children if isinstance(child, Tree)]
        params = tuple(str(token) for tree in trees if tree.data == "params" for token in tree.children)
        qubits = tuple(str(token) for tree in trees if tree.data == "names" for token in tree.children)
        every = [*params, *qubits]
        if twice := next((word for word in every if every.count(word) > 1), None):
            raise self._wrong(
                "QS822", f"`{twice}` is declared twice in the gate `{name}`", trees[-2], "in this list",
                expected="different names",
                help=f"give the second one another name, such as `{twice}_2`",
            )  # fmt: skip
        if self._standard and name in STDGATES:
            raise self._wrong(
                "QS822", f"`{name}` is declared twice", name, "stdgates.inc declares it", expected="a free name",
                help=f"call it `{name}_own`",
            )  # fmt: skip
        self._declare(name)
        self._gates[str(name)] = _Definition(len(self._gates), params, qubits, trees[-1])

    def _declare(self, name: Token) -> None:
        word = str(name)
        if word in KEYWORDS or word in CONSTANTS or word in BUILT_IN or word in FUNCTIONS:
            raise self._wrong(
                "QS822", f"`{word}` cannot be a name", name, "it has a meaning in OpenQASM", expected="a free name",
                help=f"choose another name, such as `{word}_`",
            )  # fmt: skip
        if (first := self._places.get(word)) is not None:
            line, _ = self._source.position(first.start)
            raise self._wrong(
                "QS822", f"`{word}` is declared twice", name, f"declared in line {line} already",
                expected="a free name",
                help=f"choose another name, such as `{word}_2`",
            )  # fmt: skip
        self._places[word] = span(self._source, name)

    def _own_name(self, name: str) -> str:
        """A name for .qsan that nothing else has."""
        taken = {*self._taken, *self._names}
        (mine,) = mangled([_latin(name)], taken)
        self._names[mine] = None
        return mine

    # ---- gates -----------------------------------------------------------------------------------------------------

    def _calls(self, node: Node, scope: _Scope) -> Iterator[Stretch]:
        """What a gate line does, once for each place that it is broadcast to."""
        name = next(_token(child) for child in node.children if isinstance(child, Token))
        modifiers = [child for child in node.children if isinstance(child, Tree) and child.data == "modifier"]
        args = next((child for child in node.children if isinstance(child, Tree) and child.data == "args"), None)
        meaning = self._meaning(name, scope, node)
        angles = tuple(as_angle(self._value(arg, scope)) for arg in (args.children if args else ()))
        if 0 < meaning.angles - len(angles) <= len(meaning.rest):
            angles += meaning.rest[len(angles) - meaning.angles :]
        if len(angles) != meaning.angles:
            fewest = f"{meaning.angles - len(meaning.rest)} or " if meaning.rest else ""
            takes = f"{fewest}{_count(meaning.angles, 'angle')}"
            raise self._wrong(
                "QS823", f"`{name}` takes {takes}, and is given {len(angles)}", args or name,
                "these angles" if args else "no angles",
                expected=f"{takes} in parentheses" if meaning.angles else "no angles",
                help=f"write `{name}({', '.join(['0.5'] * meaning.angles)})`" if meaning.angles else "leave them out",
            )  # fmt: skip
        plan = [self._modifier(modifier, scope) for modifier in modifiers]
        total = meaning.wires + sum(count for kind, count in plan if kind in ("ctrl", "negctrl"))
        operands = [self._operand(operand, scope) for operand in _operands(node)]
        if len(operands) != total:
            raise self._wrong(
                "QS823", f"`{name}` acts on {_count(total, 'qubit')} here, and is given {len(operands)}", node,
                "this gate", expected=_count(total, "operand"),
                help="name as many qubits as the gate and its controls have",
            )  # fmt: skip
        lengths = {len(wires) for wires, single in operands if not single}
        if len(lengths) > 1:
            raise self._wrong(
                "QS823", "registers of different lengths in one gate", node, f"lengths {sorted(lengths)}",
                expected="registers of one length, or single qubits", help="name the qubits one by one",
            )  # fmt: skip
        for place in range(lengths.pop() if lengths else 1):
            wires = tuple(at[0 if single else place] for at, single in operands)
            if len(set(wires)) < len(wires):
                raise self._wrong(
                    "QS823", f"`{name}` uses one qubit twice", node, "the same qubit in two places",
                    expected="different qubits", help="name another qubit in one of the places",
                )  # fmt: skip
            late = next((wire for wire in wires if wire in self._measured), None) if not scope.local else None
            if late is not None:
                raise self._late(node, late)
            yield self._modified(node, meaning, angles, plan, wires)

    def _late(self, node: Node, wire: int) -> Wrong:
        line, _ = self._source.position(self._measured[wire].start)
        return self._wrong(
            "QS821", "a gate behind a measurement is not read", node, f"a qubit of it is measured in line {line}",
            expected="measurements at the end", help="move the measurement behind the last gate",
        )  # fmt: skip

    def _modified(
        self, node: Node, meaning: Meaning, angles: tuple[Angle, ...], plan: Sequence[tuple[str, int]], wires: Wires
    ) -> Stretch:
        """The gate under its modifiers: the last one is applied first, the first operands control."""
        at = sum(count for kind, count in plan if kind in ("ctrl", "negctrl"))
        stretch = meaning.stretch(angles, wires[at:])
        for kind, count in reversed(plan):
            if kind == "inv":
                stretch = stretch.inverse()
            elif kind == "pow":
                self._step(node, abs(count) * max(1, len(stretch.body)))
                stretch = stretch.power(count)
            else:
                controls = wires[at - count : at]
                at -= count
                room = limits.MOST_GATES - len(self._body) + 1
                body = tuple(islice(controlled(stretch, controls), room))
                if len(body) == room:
                    self._too_many(node)
                flips = tuple(Gate("x", (wire,)) for wire in controls) if kind == "negctrl" else ()
                stretch = Stretch((*flips, *body, *flips))
        return stretch

    def _modifier(self, node: Node, scope: _Scope) -> tuple[str, int]:
        """A modifier with its number: how often a power is applied, how many controls there are."""
        kind = str(node.children[0])
        if kind == "inv":
            return kind, 0
        given = node.children[1]
        if given is None:
            return kind, 1
        count = self._integer(given, scope, "a power" if kind == "pow" else "the number of controls")
        if kind != "pow" and not 1 <= count <= MOST_CONTROLS:
            raise self._wrong(
                "QS825" if count > MOST_CONTROLS else "QS823", f"a gate with {count} controls is not read", node,
                "this many", expected=f"1 to {MOST_CONTROLS} controls", help="write the gate with fewer controls",
            )  # fmt: skip
        return kind, count

    def _meaning(self, name: Token, scope: _Scope, call: Node) -> Meaning:
        word = str(name)
        own = self._gates.get(word)
        if own is not None and own.number < scope.before:
            return Meaning(len(own.params), len(own.qubits), lambda a, w: self._expanded(name, own, a, w, scope.depth))
        for table in (BUILT_IN, STDGATES if self._standard else {}, BRAKET, OTHERS):
            if word in table:
                return table[word]
        if own is not None:
            raise self._wrong(
                "QS822", f"the gate `{word}` uses itself, or one that is defined behind it", name, "not defined yet",
                expected="a gate that is defined before",
                help="define gates before they are used",
            )  # fmt: skip
        if word in STDGATES:
            help = 'write `include "stdgates.inc";` behind the version'
        else:
            known = [*self._gates, *BUILT_IN, *(STDGATES if self._standard else ()), *BRAKET, *OTHERS]
            near = _slip(word, known)
            define = f"define it: `{_blank_definition(word, call)}`"
            help = f"did you mean `{near}`? Otherwise {define}" if near else define
        raise self._wrong(
            "QS822", f"unknown gate `{word}`", name, "no gate has this name",
            expected="a gate of stdgates.inc or of Braket, or one that is defined before", help=help,
        )  # fmt: skip

    def _expanded(self, name: Token, own: _Definition, angles: tuple[Angle, ...], wires: Wires, depth: int) -> Stretch:
        """A gate of the program, written out. Short ones are written out once for each list of angles."""
        place = own.number, angles
        if place not in self._expansions:
            stretch = self._expansion(name, own, angles, depth)
            if len(stretch.body) > _SHORT:
                return _moved(stretch, wires)
            self._expansions[place] = stretch
        stretch = self._expansions[place]
        self._step(own.block, len(stretch.body))
        return _moved(stretch, wires)

    def _expansion(self, name: Token, own: _Definition, angles: tuple[Angle, ...], depth: int) -> Stretch:
        """The same on wires 0, 1, ..."""
        if depth >= limits.DEEPEST // 2:
            raise TooLarge(f"gates use each other more than {limits.DEEPEST // 2} deep", span(self._source, name),
                           "write inner gates out")  # fmt: skip
        given = {word: checked(angle) for word, angle in zip(own.params, angles, strict=True)}
        qubits = {word: (wire,) for word, wire in zip(own.qubits, range(len(own.qubits)), strict=True)}
        values = ChainMap(given, self._constants)
        scope = _Scope(values, qubits, frozenset(qubits), own.number, depth + 1, local=True)
        body: list[Gate] = []
        phase = [Angle()]

        def apply(node: Node, scope: _Scope) -> None:
            self._step(node)
            match node.data:
                case "call":
                    for stretch in self._calls(node, scope):
                        body.extend(stretch.body)
                        phase[0] = phase[0] + stretch.phase
                        if len(body) + len(self._body) > limits.MOST_GATES:
                            self._too_many(node)
                case "for_loop":
                    for inner in self._rounds(node, scope):
                        for child in _body_of(node):
                            apply(child, inner)
                case "barrier" | "annotation":
                    pass
                case _:
                    raise self._wrong(
                        "QS821", "only gates stand in the definition of a gate", node, "no gate",
                        expected="gates and loops over them", help="move it out of the definition",
                    )  # fmt: skip

        for child in _trees(own.block):
            apply(child, scope)
        return Stretch(tuple(body), phase[0])

    def _emit(self, gates: Sequence[Gate], node: Node) -> None:
        if len(self._body) + len(gates) > limits.MOST_GATES:
            self._too_many(node)
        where = span(self._source, node)
        for gate in gates:
            for angle in gate.angles:
                self._finite(angle, node)
            self._body.append(replace(gate, span=where))

    def _finite(self, angle: Angle, node: Node) -> None:
        try:
            checked(angle)
        except BadValue as bad:
            raise self._bad(bad, node) from None

    def _too_many(self, node: Node) -> None:
        title = f"the program has more than {limits.MOST_GATES} gates when it is written out"
        raise TooLarge(title, span(self._source, node), "use fewer rounds, powers or controls")

    def _step(self, node: Node, count: int = 1) -> None:
        self._steps += count
        if self._steps > limits.MOST_STEPS:
            title = f"loops, powers and gates take more than {limits.MOST_STEPS} steps"
            raise TooLarge(title, span(self._source, node), "use fewer rounds or a smaller power")

    # ---- loops and operands ------------------------------------------------------------------------------------------

    def _rounds(self, node: Node, scope: _Scope) -> Iterator[_Scope]:
        if scope.depth >= limits.DEEPEST:
            raise TooLarge("blocks are nested too deep", span(self._source, node), "write inner loops out")
        name, over = str(node.children[1]), _tree(node.children[2])
        if over.data == "set":
            values: Sequence[int] = [self._integer(child, scope, "an element of a set") for child in over.children]
        else:
            values = self._range(over, scope, None)
        for value in values:
            self._step(node)
            yield replace(scope.having(name, value), depth=scope.depth + 1)

    def _range(self, node: Node, scope: _Scope, length: int | None) -> range:
        """`start:stop` or `start:step:stop`, the end included. Inside of an index ends may be missing or negative."""
        parts = [None if child is None else self._integer(child, scope, "a range") for child in node.children]
        low, middle, high = parts if len(parts) == 3 else (parts[0], None, parts[1])
        step = 1 if middle is None else middle
        if step == 0:
            raise self._wrong(
                "QS824", "a range with the step 0", node, "it never ends", expected="another step", help="write `1`"
            )
        if length is None:
            if low is None or high is None:
                raise self._wrong(
                    "QS824", "a range without an end", node, "one end is missing", expected="start:end",
                    help="write both ends, as in `[0:3]`",
                )  # fmt: skip
        else:
            low = (0 if step > 0 else length - 1) if low is None else low + length if low < 0 else low
            high = (length - 1 if step > 0 else 0) if high is None else high + length if high < 0 else high
        return range(low, high + (1 if step > 0 else -1), step)

    def _operand(self, node: Node, scope: _Scope) -> tuple[Wires, bool]:
        """The wires of an operand, and whether it is a single qubit."""
        name = _token(node.children[0])
        if name.type == "HARDWARE":
            if scope.local:
                raise self._wrong(
                    "QS821", "a hardware qubit in the definition of a gate is not read", name, "not one of its qubits",
                    expected="the qubits of the gate", help="name it as a qubit of the gate",
                )  # fmt: skip
            return (self._hardware[int(name[1:])],), True
        wires = scope.qubits.get(str(name))
        if wires is None:
            near = get_close_matches(str(name), [other for other in scope.qubits if other != _HARDWARE], 1)
            raise self._wrong(
                "QS822", f"there are no qubits `{name}`", name, "not declared here", expected="qubits",
                help=f"did you mean `{near[0]}`?" if near else f"declare them: `qubit[2] {name};`",
            )  # fmt: skip
        places, single = self._places_of(node, len(wires), str(name) in scope.singles, scope)
        return tuple(wires[place] for place in places), single

    def _bits_of(self, node: Node, scope: _Scope) -> tuple[list[tuple[str, int]], bool]:
        name = str(node.children[0])
        if name not in self._bits:
            raise self._wrong(
                "QS822", f"there are no bits `{name}`", node.children[0], "not declared", expected="bits",
                help="measure into a register of bits" if name.startswith("$") else f"declare them: `bit[2] {name};`",
            )  # fmt: skip
        size = self._bits[name]
        places, single = self._places_of(node, size or 1, size is None, scope)
        return [(name, place) for place in places], single

    def _places_of(self, node: Node, length: int, whole_is_single: bool, scope: _Scope) -> tuple[Sequence[int], bool]:
        if len(node.children) < 2 or not isinstance(index := node.children[1], Tree):
            return range(length), whole_is_single
        name = node.children[0]
        if whole_is_single:
            raise self._wrong(
                "QS823", f"`{name}` is single and takes no index", index, "this index", expected=f"`{name}` alone",
                help=f"write `{name}`",
            )  # fmt: skip
        item = index.children[0]
        if isinstance(item, Tree) and item.data == "range":
            places: Sequence[int] = self._range(item, scope, length)
        elif isinstance(item, Tree) and item.data == "set":
            places = [self._integer(child, scope, "an index") for child in item.children]
        else:
            places = [self._integer(item, scope, "an index")]
        if len(places) > length:
            raise self._out_of_range(str(name), index, length)
        found = [place + length if place < 0 else place for place in places]
        if not found or not all(0 <= place < length for place in found):
            raise self._out_of_range(str(name), index, length)
        single = not (isinstance(item, Tree) and item.data in ("range", "set"))
        return found, single

    def _out_of_range(self, name: str, index: Node, length: int) -> Wrong:
        return self._wrong(
            "QS823", f"`{name}` has no such element", index, "this index", expected=f"0 to {length - 1}",
            help=f"use an index below {length}, or make `{name}` longer",
        )  # fmt: skip

    # ---- measurement and results -------------------------------------------------------------------------------------

    def _measure(
        self,
        node: Node,
        operand: Node,
        targets: list[tuple[str, int]] | None,
        single: bool,
        scope: _Scope | None = None,
    ) -> None:
        wires, one = self._operand(operand, scope or self._global())
        if targets is not None and (len(targets) != len(wires) or single != one):
            raise self._wrong(
                "QS823", f"{_count(len(wires), 'qubit')} measured into {_count(len(targets), 'bit')}", node,
                "this measurement", expected="as many bits as qubits", help="measure qubit by qubit",
            )  # fmt: skip
        for place, wire in enumerate(wires):
            if wire in self._measured:
                self._late_measurement(node, wire)
            target = targets[place] if targets is not None else ("", self._unread)
            if target in self._read:
                raise self._wrong(
                    "QS821", f"the bit `{target[0]}[{target[1]}]` is written twice", node, "the first value is lost",
                    expected="one measurement for each bit", help="measure into another bit",
                )  # fmt: skip
            self._unread += targets is None
            self._measured[wire] = span(self._source, node)
            self._read[target] = wire

    def _late_measurement(self, node: Node, wire: int) -> None:
        line, _ = self._source.position(self._measured[wire].start)
        raise self._wrong(
            "QS821", "a qubit is measured twice", node, f"measured in line {line} already",
            expected="one measurement of each qubit", help="remove one of them",
        )  # fmt: skip

    def _pragma(self, token: Token, following: str) -> None:
        text = re.sub(r"^#?pragma\s*", "", str(token)).strip()
        if re.match(r"braket\s+unitary\b", text):
            raise self._wrong(
                "QS821", "a gate that is given by its matrix is not read", token, "this matrix is applied to qubits",
                expected="gates by their names",
                help="write it as gates; `U(theta, phi, lambda) q;` is any gate of one qubit",
            )  # fmt: skip
        if re.fullmatch(r"braket\s+verbatim", text):
            if following == "box":
                return
            raise self._wrong(
                "QS821", "the pragma `braket verbatim` stands in front of no box", token, "nothing to leave as it is",
                expected="`box { ... }` behind it", help="put the gates into a box, or remove the pragma",
            )  # fmt: skip
        if re.match(r"braket\s+(noise|verbatim)\b", text):
            raise self._wrong(
                "QS821", f"the pragma `{' '.join(text.split()[:2])}` is not read", token, "it changes the circuit",
                expected="pragmas for results", help="write gates instead, or remove it",
            )  # fmt: skip
        kind = re.fullmatch(r"braket\s+result\s+(expectation|probability)\b\s*(.*)", text)
        if kind is not None:
            known = self._observed(kind[2]) if kind[1] == "expectation" else self._distributed(kind[2])
            if known:
                return
        self._found.append(
            Diagnostic(
                "QS821",
                Severity.WARNING,
                "this pragma is not read",
                span(self._source, token),
                "it is left out",
                expected="expected `braket result expectation` of Paulis or `braket result probability`",
                help="remove it, or ask for an expectation",
            )
        )

    def _observed(self, text: str) -> bool:
        """`z(q[0]) @ x(q[1])`, or one letter for every qubit (`z all`, `z`)."""
        scope = self._global()
        if whole := re.fullmatch(r"([xyz])(?:\s+all|\s*\(\s*all\s*\))?", text):
            self._expectations += [Pauli(((wire, whole[1].upper()),)) for wire in range(self._wires)]
            return True
        factors: dict[int, str] = {}
        for part in text.split("@"):
            match = re.fullmatch(r"\s*([xyzi])\s*\(\s*(\$?\w+)\s*(?:\[\s*(\d{1,6})\s*\])?\s*\)\s*", part)
            wires = self._named_in_pragma(match[2], scope) if match is not None else ()
            if match is None or not wires:
                return False
            place = int(match[3]) if match[3] is not None else 0
            if (match[3] is None and len(wires) > 1) or place >= len(wires) or wires[place] in factors:
                return False
            factors[wires[place]] = match[1].upper()
        self._expectations.append(Pauli(tuple(sorted((w, letter) for w, letter in factors.items() if letter != "I"))))
        return True

    def _named_in_pragma(self, name: str, scope: _Scope) -> Wires:
        """The qubits of a name in a pragma; none where it is unknown."""
        if re.fullmatch(r"\$[0-9]{1,9}", name):
            wire = self._hardware.get(int(name[1:]))
            return () if wire is None else (wire,)
        return scope.qubits.get(name, ())

    def _distributed(self, text: str) -> bool:
        scope = self._global()
        if self._outcomes is not None:
            return False
        found: list[int] = []
        for part in text.split(",") if text and text != "all" else ():
            match = re.fullmatch(r"\s*(\$?\w+)\s*(?:\[\s*(\d{1,6})\s*\])?\s*", part)
            wires = self._named_in_pragma(match[1], scope) if match is not None else ()
            if match is None or not wires:
                return False
            if match[2] is None:
                found += wires
            elif int(match[2]) < len(wires):
                found.append(wires[int(match[2])])
            else:
                return False
        self._outcomes = tuple(found) if found else tuple(range(self._wires))
        return len(set(found)) == len(found)

    def _reading(self) -> Reading | None:
        if self._expectations:
            return Expectations(tuple(self._expectations))
        wires = self._outcomes
        if wires is None and self._read:
            order = {name: place for place, name in enumerate(["", *self._bits])}
            wires = tuple(self._read[bit] for bit in sorted(self._read, key=lambda bit: (order[bit[0]], bit[1])))
        if wires is None:
            return None
        if len(wires) > limits.MOST_OUTCOME_QUBITS:
            return Expectations(tuple(Pauli(((wire, "Z"),)) for wire in wires))
        return Outcomes(wires)

    # ---- expressions -------------------------------------------------------------------------------------------------

    def _value(self, node: object, scope: _Scope) -> Value:
        assert isinstance(node, Tree)
        try:
            match node.data:
                case "integer":
                    return _integer_literal(str(node.children[0]))
                case "real":
                    return checked(float(str(node.children[0]).replace("_", "")))
                case "name":
                    return self._named(_token(node.children[0]), scope)
                case "minus":
                    value = self._value(node.children[1], scope)
                    return value if str(node.children[0]) == "+" else -value
                case "function":
                    name = _token(node.children[0])
                    values = [self._value(child, scope) for child in node.children[1:] if isinstance(child, Tree)]
                    if len(values) != FUNCTIONS.get(str(name)):
                        raise self._no_function(name, len(values))
                    return called(str(name), values, self._atoms)
                case _:
                    left, op, right = node.children
                    return combined(str(op), self._value(left, scope), self._value(right, scope), self._atoms)
        except BadValue as bad:
            raise self._bad(bad, node) from None

    def _named(self, name: Token, scope: _Scope) -> Value:
        word = str(name)
        if word in scope.values:
            return scope.values[word]
        if word in CONSTANTS:
            return CONSTANTS[word]
        near = get_close_matches(word, [*scope.values, *CONSTANTS], 1)
        raise self._wrong(
            "QS822", f"unknown name `{word}`", name, "nothing with a value has this name",
            expected="an input, a constant or a parameter of the gate",
            help=f"did you mean `{near[0]}`?" if near else f"declare it: `input float {word};`",
        )  # fmt: skip

    def _no_function(self, name: Token, given: int) -> Wrong:
        takes = FUNCTIONS.get(str(name))
        if takes is not None:
            return self._wrong(
                "QS823", f"`{name}` takes {_count(takes, 'number')}, and is given {given}", name, "this call",
                expected=_count(takes, "number"), help=f"write `{name}({', '.join('xy'[:takes])})`",
            )  # fmt: skip
        near = get_close_matches(str(name), list(FUNCTIONS), 1)
        return self._wrong(
            "QS822", f"unknown function `{name}`", name, "no function has this name",
            expected=", ".join(FUNCTIONS), help=f"did you mean `{near[0]}`?" if near else "write its value as a number",
        )  # fmt: skip

    def _integer(self, node: object, scope: _Scope, what: str) -> int:
        assert isinstance(node, Tree)
        value = self._value(node, scope)
        if isinstance(value, int):
            return value
        shown = "an expression in the inputs" if isinstance(value, Angle) else f"the real number {value!r}"
        raise self._wrong(
            "QS824", f"{what} is an integer that is known beforehand", node, shown, expected="an integer",
            help="write an integer, or a constant of type int",
        )  # fmt: skip

    def _bad(self, bad: BadValue, node: Node) -> Wrong:
        return self._wrong("QS824", bad.why, node, "in this expression", expected="a finite real number", help=bad.help)

    def _wrong(
        self, code: str, title: str, node: object, label: str = "here", *, expected: str = "", help: str = ""
    ) -> Wrong:
        assert isinstance(node, Tree | Token)
        return Wrong(code, title, span(self._source, node), label, expected=expected, help=help)


def _token(node: object) -> Token:
    assert isinstance(node, Token)
    return node


def _tree(node: object) -> Node:
    assert isinstance(node, Tree)
    return node


def _trees(node: Node) -> list[Node]:
    return [child for child in node.children if isinstance(child, Tree)]


def _operands(node: Node) -> list[Node]:
    return [operand for child in _trees(node) if child.data == "operands" for operand in _trees(child)]


def _body_of(loop: Node) -> list[Node]:
    body = _tree(loop.children[3])
    return _trees(body) if body.data == "block" else [body]


def _slip(word: str, known: Sequence[str]) -> str | None:
    """The name that `word` is a slip of: one in other case, or a long one with the same digits and length or so.

    Short names of gates differ by a letter or two from each other, and another gate would be another circuit.
    """
    for name in known:
        if name.casefold() == word.casefold():
            return name
    near = get_close_matches(word, known, 3, 0.85) if len(word) > 5 else []
    return next((name for name in near if re.sub(r"\D", "", name) == re.sub(r"\D", "", word)), None)


def _blank_definition(word: str, call: Node) -> str:
    """The head of a definition that `call` would fit, its body left open: `gate other(a) q0, q1 { ... }`."""
    operands = len(_operands(call)) - sum(
        tree.data == "modifier" and str(tree.children[0]) in ("ctrl", "negctrl") for tree in _trees(call)
    )
    args = next((tree for tree in _trees(call) if tree.data == "args"), None)
    names = [f"a{k}" for k in range(len(args.children))] if args is not None else []
    params = f"({', '.join(names)})" if names else ""
    return f"gate {word}{params} {', '.join(f'q{k}' for k in range(max(1, operands)))} {{ ... }}"


def _moved(stretch: Stretch, wires: Wires) -> Stretch:
    body = tuple(Gate(gate.name, tuple(wires[at] for at in gate.wires), gate.angles) for gate in stretch.body)
    return Stretch(body, stretch.phase)


def _integer_literal(text: str) -> int:
    digits = text.replace("_", "")
    if len(digits) > 60:
        raise BadValue("this integer is too large", "keep integers below 2**53, or write a real number")
    value = checked(int(digits, 0) if digits[:1] == "0" and not digits.isdigit() else int(digits))
    assert isinstance(value, int)
    return value


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def _latin(name: str) -> str:
    """The name in ASCII letters: Greek ones by their names, others by their numbers."""
    return "".join(c if c.isascii() else _letter(c) for c in name)


def _letter(character: str) -> str:
    known = re.fullmatch(r"GREEK (?:SMALL|CAPITAL) LETTER (\w+)", unicodedata.name(character, ""))
    return known[1].lower() if known else f"u{ord(character):x}"
