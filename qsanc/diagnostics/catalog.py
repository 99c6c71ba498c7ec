"""Every code a diagnostic can have, with its title in one line; `pages/` holds an explanation of each."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

PAGES = Path(__file__).with_name("pages")

TITLES: Mapping[str, str] = MappingProxyType(
    {
        "QS001": "the header is missing or of another version",
        "QS002": "this word or character does not fit here",
        "QS003": "a `;` is missing",
        "QS004": "this is said otherwise in qsan",
        "QS005": "a word of the language is used as a name",
        "QS006": "nested too deep",
        "QS007": "the file is not text",
        "QS008": "the file cannot be read",
        "QS009": "this number cannot be represented",
        "QS101": "nothing has this name",
        "QS102": "a name is declared twice",
        "QS103": "a name hides another",
        "QS104": "a file cannot be imported",
        "QS106": "something uses itself",
        "QS107": "the arguments do not fit",
        "QS108": "something of another sort stands here",
        "QS110": "nothing uses this",
        "QS111": "the loss does not depend on a parameter",
        "QS201": "shapes do not fit",
        "QS202": "a generic cannot be inferred, or is inferred two ways",
        "QS203": "a value is outside its range",
        "QS204": "a requirement is not met",
        "QS205": "an index is out of range",
        "QS206": "this must be known when the program is compiled",
        "QS207": "the run-time axis cannot be used so",
        "QS209": "the program grows too large",
        "QS301": "a qubit is out of range",
        "QS302": "a gate uses one qubit twice",
        "QS303": "wrong number of qubits or angles",
        "QS304": "a register has the wrong length",
        "QS305": "no gate acts on a qubit",
        "QS306": "a gate lies outside every light cone",
        "QS307": "the state does not fit into memory",
        "QS401": "no derivative is known",
        "QS405": "the loss cannot be differentiated",
        "QS406": "there is no gradient with respect to an integer",
        "QS501": "a probability is outside the range of its channel",
        "QS502": "a channel acts on another number of qubits",
        "QS503": "a noise rule never matches",
        "QS505": "the backend cannot honour the noise",
        "QS506": "a row of the confusion matrix is no distribution",
        "QS507": "t2 is larger than 2 t1",
        "QS601": "a part is missing or stands twice",
        "QS602": "query and key differ",
        "QS604": "the score may not be positive where rows are divided",
        "QS607": "more Paulis are asked for than there are",
        "QS701": "a property or test asserts nothing",
        "QS702": "tests and properties do not run yet",
    }
)


def page(code: str) -> str | None:
    """What a code means, as Markdown: a title, the least program that has it, the right form. None for no code."""
    title = TITLES.get(code)
    if title is None:
        return None
    return f"# {code}: {title}\n\n" + (PAGES / f"{code}.md").read_text(encoding="utf-8")
