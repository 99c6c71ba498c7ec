"""A circuit that was read, as the text of a .qsan file.

A program that reads something becomes a `circuit` that returns it; one that measures nothing becomes an `ansatz`. Its
inputs are parameters, its registers keep their names, everything is written out. Where the qubits that are measured are
no register in order, there are two registers instead: `measured`, in the order of the bits, and `rest`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TypeAlias

from qsanc.ir.circuit import Pauli
from qsanc.openqasm.names import mangled
from qsanc.openqasm.program import Expectations, Imported, Outcomes, Register
from qsanc.openqasm.values import affine

Places: TypeAlias = Mapping[int, str]


def qsan(program: Imported, name: str, *, taken: Collection[str] = ()) -> str:
    """The text, which `qsanc fmt` still has to lay out. `taken` are words that cannot be names in .qsan."""
    used = {register.name for register in program.registers} | {mine for mine, _ in program.inputs}
    (called,) = mangled([name], {*taken, *used})
    registers, places, notes = _registers(program, {*taken, *used})
    renamed = [f"{mine} is `{theirs}`" for mine, theirs in program.inputs if mine != theirs]
    lines = ["qsan 1.0", "", "/// Read from OpenQASM 3." + (f" {', '.join(renamed)}." if renamed else "")]
    lines += [f"/// {note}" for note in notes]
    params = f"({', '.join(f'{mine}: angle' for mine, _ in program.inputs)})" if program.inputs else ""
    on = ", ".join(f"{r.name}: qubit{'' if r.size is None else f'[{r.size}]'}" for r in registers)
    kind, returned = _returned(program, registers, places)
    word = "circuit" if returned else "ansatz"
    lines.append(f"{word} {called}{params} on {on}{f' -> {kind}' if returned else ''} {{")
    for gate in program.body:
        angles = f"({', '.join(affine(angle, program.atoms) for angle in gate.angles)})" if gate.angles else ""
        lines.append(f"  {gate.name}{angles} {', '.join(places[wire] for wire in gate.wires)};")
    if returned:
        lines.append(f"  return {returned};")
    return "\n".join([*lines, "}"]) + "\n"


def _registers(program: Imported, used: Collection[str]) -> tuple[tuple[Register, ...], Places, list[str]]:
    """The registers, how each wire is written, and remarks for a reader."""
    own = _written(program.registers)
    if program.hardware:
        own = {wire: f"${number}" for wire, number in enumerate(program.hardware)}
    if not isinstance(program.reading, Outcomes) or _part(program.registers, program.reading.wires) is not None:
        places = _written(program.registers)
        return program.registers, places, _mapped(program, places, own) if program.hardware else []
    wires = program.reading.wires
    others = tuple(wire for wire in range(program.wires) if wire not in wires)
    first, second = mangled(["measured", "rest"], used)
    registers = [Register(first, len(wires), 0)] + ([Register(second, len(others), len(wires))] if others else [])
    now = _written(registers)
    places = {wire: now[place] for place, wire in enumerate((*wires, *others))}
    return tuple(registers), places, _mapped(program, places, own, (*wires, *others))


def _mapped(program: Imported, places: Places, own: Places, order: tuple[int, ...] = ()) -> list[str]:
    """Which wire is which qubit of the program: eight of them, or all where the program has them by number."""
    order = order or tuple(range(program.wires))
    named = [f"{places[wire]} is {own[wire]}" for wire in order]
    if not program.hardware and len(named) > 8:
        return [f"{', '.join(named[:8])}, ...."]
    rows = [", ".join(named[at : at + 8]) for at in range(0, len(named), 8)]
    return [f"{row}{',' if row is not rows[-1] else '.'}" for row in rows]


def _written(registers: Collection[Register]) -> Places:
    return {
        wire: register.name if register.size is None else f"{register.name}[{place}]"
        for register in registers
        for place, wire in enumerate(register.wires)
    }


def _part(registers: Collection[Register], wires: tuple[int, ...]) -> str | None:
    """The wires as a register or a slice of one, if they are one in order."""
    for register in registers:
        if wires == register.wires:
            return register.name
        if set(wires) <= set(register.wires):
            low, high = wires[0] - register.first, wires[-1] - register.first
            if wires == register.wires[low : high + 1]:
                return f"{register.name}[{low}]" if low == high else f"{register.name}[{low}..{high + 1}]"
    return None


def _returned(program: Imported, registers: tuple[Register, ...], places: Places) -> tuple[str, str]:
    """Type and expression of what is returned; no expression where nothing is."""
    match program.reading:
        case None:
            return "", ""
        case Outcomes(wires):
            part = _part(program.registers, wires)
            return f"prob[{1 << len(wires)}]", f"probs({part if part is not None else registers[0].name})"
        case Expectations(products):
            values = [f"expval({_product(product, places)})" for product in products]
            one = len(values) == 1
            return ("real" if one else f"real[{len(values)}]"), values[0] if one else f"[{', '.join(values)}]"


def _product(product: Pauli, places: Places) -> str:
    return " @ ".join(f"{letter}({places[wire]})" for wire, letter in product.factors) or "1"
