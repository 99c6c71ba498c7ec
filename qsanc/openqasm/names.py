"""Names in OpenQASM 3: which words are taken, and names of slots that collide with none of them."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from qsanc.ir.gates import GATES


def words(text: str) -> frozenset[str]:
    """A set of words, written as a text."""
    return frozenset(text.split())


KEYWORDS = words(
    """OPENQASM include defcalgrammar def cal defcal gate extern box let break continue if else end return for while in
    switch case default nop pragma input output const readonly mutable qreg qubit creg bool bit int uint float angle
    complex array void duration stretch gphase inv pow ctrl negctrl durationof delay reset measure barrier true false
    im dim sizeof real imag"""
)
CONSTANTS = words("pi tau euler π τ ℇ e")
FUNCTIONS = words(
    """arccos arcsin arctan ceiling cos exp floor log mod popcount rotl rotr sin sqrt tan asin acos atan abs min max
    ceil"""
)
STANDARD_GATES = words(
    """p x y z h s sdg t tdg sx rx ry rz cx cy cz cp crx cry crz ch swap ccx cswap cu CX phase cphase id u1 u2
    u3 U"""
)
"""The built-in gate and those of `stdgates.inc`."""
BRAKET_GATES = words(
    """i x y z h s si t ti v vi rx ry rz phaseshift U u gphase cnot cv cy cz ecr swap iswap pswap xy xx yy zz ms gpi
    gpi2 prx cphaseshift cphaseshift00 cphaseshift01 cphaseshift10 ccnot cswap unitary braket
    verbatim result noise"""
)
TAKEN = (
    KEYWORDS | CONSTANTS | FUNCTIONS | STANDARD_GATES | BRAKET_GATES | frozenset(GATES) | frozenset({"q", "b", "bit"})
)
"""Every word that a name of ours stays away from, in either dialect."""


def mangled(names: Sequence[str], taken: Collection[str] = TAKEN) -> tuple[str, ...]:
    """Identifiers for `names` in order, all different and none of them `taken`: `th[0, 1]` is `th_0_1`, `pi` is `pi_`.

    They are of ASCII letters, digits and underscores and begin with a letter.
    """
    used: set[str] = set()
    found = []
    for name in names:
        word = re.sub(r"[^A-Za-z0-9_]+", "_", name)
        word = word.strip("_") if not re.fullmatch(r"\w+", name, re.ASCII) else word.lstrip("_")
        if not word or not word[0].isalpha():
            word = f"p_{word}".rstrip("_")
        while word in taken or word in used:
            word += "_"
        used.add(word)
        found.append(word)
    return tuple(found)
