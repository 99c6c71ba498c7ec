"""The compiler and its backends know no model: none of those in models/ is named there, but in paths of examples."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

GENERIC = frozenset({"attention", "blocks", "h2", "kernel", "multiclass", "multihead", "positional", "vqe"})
"""Parts of the names of models that are words of the field, or of the language."""
EXAMPLE = re.compile(r"\bmodels/\w+\.qsan\b")
"""What a command or a call in documentation opens."""
TEXTS = frozenset({".py", ".md", ".qsan", ".json", ".lark", ".toml", ".txt"})


def names(root: Path) -> frozenset[str]:
    """Of the models that are shipped: file names and their parts, `qsann_multihead` and `qsann`."""
    stems = [path.stem for path in (root / "models").glob("*.qsan")]
    return frozenset({*stems, *(part for stem in stems for part in stem.split("_"))}) - GENERIC


def mentions(text: str, wanted: frozenset[str]) -> Iterator[tuple[int, str]]:
    """Line and word of each mention, in any case, also within a longer name."""
    found = re.compile(rf"(?<![a-z0-9])(?:{'|'.join(sorted(wanted, key=len, reverse=True))})(?![a-z0-9])")
    for number, line in enumerate(EXAMPLE.sub("", text).lower().splitlines(), 1):
        for one in found.findall(line):
            yield number, one


def test_what_counts_as_a_mention(root: Path) -> None:
    wanted = names(root)
    assert {"qsann", "vqc", "vqe_h2", "kernel_attention"} <= wanted
    text = "In a QSANN\nload(models/qsann.qsan)\nqsann_width = 3\nqsan 1.0, attention of several heads"
    assert list(mentions(text, wanted)) == [(1, "qsann"), (3, "qsann")]


def test_neither_compiler_nor_backends_name_a_model(root: Path) -> None:
    wanted, found = names(root), list[str]()
    for top in ("qsanc", "backends"):
        for path in sorted((root / top).rglob("*")):
            if path.suffix in TEXTS:
                text = path.read_text(encoding="utf-8")
                found += [f"{path.relative_to(root)}:{line}: {word}" for line, word in mentions(text, wanted)]
    assert not found
