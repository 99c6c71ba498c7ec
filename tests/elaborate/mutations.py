"""Programs with a few words of them changed: most are wrong in one place, and some in a way that no one thought of."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from hypothesis import strategies as st

ROOT = Path(__file__).resolve().parents[2]
WORD = re.compile(r'[A-Za-z_]\w*|\d+(?:\.(?!\.)\d*)?(?:[eE]-?\d+)?\w*|"[^"\n]*"|\.\.=|\.\.|->|==|<=|>=|!=|>>|~=|\S')

NUMBERS = ("0", "1", "2", "3", "7", "0.5", "2.5", "1e9", "1000000", "9223372036854775807", "1e308", "90deg", "2us")
NAMES = (
    *("q", "n", "S", "x", "th", "emb", "tokens", "label", "vocab", "pos", "len", "query", "key", "predict", "pi"),
    *("exp", "log", "sqrt", "min", "max", "sum", "mean", "size", "abs", "tan", "floor", "relu", "sigmoid", "softmax"),
    *("dot", "matmul", "concat", "flatten", "reshape", "broadcast", "sinusoid", "layernorm", "mse", "cross_entropy"),
    *(
        "sumsq",
        "overlap",
        "expval",
        "probs",
        "prob_of",
        "paulis",
        "X",
        "Y",
        "Z",
        "I",
        "true",
        "false",
        "causal",
        "rows",
    ),
    *("none", "dim", "nat", "int", "real", "angle", "prob", "bit", "bool", "time", "qubit", "inv", "rx", "cx", "h"),
)
SIGNS = ("+", "-", "*", "/", "%", "^", "@", "..", "..=", "==", "<", ">=", "and", "or", "not", ",", ";", "->", "=", ".")
BRACKETS = ("(", ")", "[", "]", "{", "}")
SNIPPETS = (
    *(
        "[0]",
        "[-1]",
        "[..]",
        "[0..1]",
        "[S]",
        "[tokens]",
        "[0, 0]",
        "[n]",
        "[1.5]",
        "[true]",
        "(x)",
        "()",
        "+ S",
        "- S",
    ),
    *("* x", "+ 1", "/ 0", "^ -1", "^ 100000", "% 2", "% n", "@ Z(q[0])", "+ [1, 2]", "* [[1, 2], [3]]", "+ []"),
    *(
        "+ tokens",
        "+ label",
        "+ q",
        "+ true",
        "+ 2us",
        "* 1e300 * 1e300",
        "in 0..2",
        "in 5..3",
        "in S",
        "= 1",
        "= [1, 2]",
    ),
    *(
        "inv @",
        "pow(-2) @",
        "pow(2 ^ 40) @",
        "for i in 0..S",
        "for k in 0..10 ^ 12",
        "for k in 3..1",
        "if n > 2 {",
        "}",
    ),
    *(
        "[i for i in 0..3]",
        "[x for k in 0..0]",
        "axis = 0",
        "axis = 5",
        "axis = S",
        "count = -1",
        "on = q[0..0]",
        "n = 0",
    ),
    *("require n > S;", "let k: nat = -1;", "let S = 2;", "mask causal;", "normalize softmax;", "size vocab = 0;"),
)


def words_of(text: str) -> list[str]:
    """The words of a program, without its comments."""
    return WORD.findall(re.sub(r"//[^\n]*|/\*.*?\*/", " ", text, flags=re.DOTALL))


def programs() -> list[Path]:
    """Files with valid programs, and with invalid ones, but for those that take their time to fail."""
    folders = ("models", "tests/programs", "tests/errors/sizes", "tests/errors/qubits", "qsanc/std")
    found = sorted(path for folder in folders for path in (ROOT / folder).glob("*.qsan"))
    return [path for path in found if not path.stem.startswith("qs209")]


def _like(word: str, own: Sequence[str]) -> tuple[str, ...]:
    """Words that may stand where `word` stands, as far as a glance can tell."""
    if word[0].isdigit():
        return (*NUMBERS, *own)
    if word[0].isalpha():
        return (*own, *NAMES, *NUMBERS)
    return BRACKETS if word in BRACKETS else SIGNS


@st.composite
def mutated(draw: st.DrawFn, text: str, most: int = 2) -> str:
    """The text with one change or more: a word replaced, left out, repeated or exchanged, or something put in."""
    words = words_of(text)
    own = sorted({word for word in words if word[0].isalpha()})
    for _ in range(draw(st.integers(1, most))):
        at = draw(st.integers(3, len(words) - 1))
        match draw(st.sampled_from(["replace", "replace", "replace", "insert", "insert", "delete", "repeat", "swap"])):
            case "replace":
                words[at] = draw(st.sampled_from(_like(words[at], own)))
            case "insert":
                words.insert(at, draw(st.sampled_from(SNIPPETS)))
            case "delete" if len(words) > 5:
                del words[at]
            case "repeat":
                words.insert(at, words[at])
            case _:
                words[at], words[at - 1] = words[at - 1], words[at]
    return "qsan 1.0\n" + " ".join(words[2:]) if words[:1] == ["qsan"] else " ".join(words)
