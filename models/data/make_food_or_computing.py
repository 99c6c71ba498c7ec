"""Make the data sets of this folder; a fixed seed, so every run writes the same files.

    python models/data/make_food_or_computing.py [FOLDER]

food_or_computing.tsv  sentences of a little grammar, in the manner of the task MC of Lorenz et al., QNLP in Practice
                       (JAIR 2023), with words of our own. Label 1 is food, 0 is computing. People and some verbs occur
                       in both: what a sentence is about stands in its verb, its adjective or its object.
three_topics.tsv       the same grammar with a third topic and labels in words.
two_moons.csv          two interleaved half circles with noise; x_0 and x_1 lie within -pi and pi.
"""

from __future__ import annotations

import math
import sys
from itertools import product
from pathlib import Path
from random import Random

SEED = 20220511

PEOPLE = ("neighbour", "student", "uncle", "girl")
ANY_VERBS = ("finishes", "tries", "shows")
QUALITIES = ("", "patient", "young")

TOPICS = {
    "food": (("fries", "seasons"), ("", "spicy", "warm"), ("soup", "bread", "curry", "pancakes")),
    "computing": (("compiles", "installs"), ("", "fast", "portable"), ("program", "driver", "database", "script")),
    "gardening": (("plants", "waters"), ("", "tall", "thorny"), ("roses", "hedge", "tomatoes", "tulips")),
}


def sentences(topic: str) -> list[str]:
    """Every sentence of a topic: [quality] person verb [adjective] object."""
    own_verbs, adjectives, objects = TOPICS[topic]
    words = product(QUALITIES, PEOPLE, (*ANY_VERBS, *own_verbs), adjectives, objects)
    return [" ".join(word for word in sentence if word) for sentence in words]


def drawn(items: list[str], count: int, random: Random) -> list[str]:
    """`count` different items in random order."""
    return sorted(items, key=lambda item: random.random())[:count]


def labelled(topics: dict[str, str], each: int, random: Random) -> str:
    """A TSV file with `each` different sentences for every topic, under its label."""
    rows = [f"{text}\t{label}" for topic, label in topics.items() for text in drawn(sentences(topic), each, random)]
    return "\n".join(["text\tlabel", *drawn(rows, len(rows), random)]) + "\n"


def two_moons(each: int, noise: float, random: Random) -> str:
    rows = []
    for label in (0, 1):
        for k in range(each):
            turn = math.pi * k / (each - 1)
            x, y = (math.cos(turn), math.sin(turn)) if label == 0 else (1 - math.cos(turn), 0.5 - math.sin(turn))
            x, y = x - 0.5 + random.gauss(0, noise), y - 0.25 + random.gauss(0, noise)
            rows.append(f"{1.5 * x:.4f},{1.5 * y:.4f},{label}")
    return "\n".join(["x_0,x_1,label", *drawn(rows, len(rows), random)]) + "\n"


def files() -> dict[str, str]:
    """The text of every file by name."""
    return {
        "food_or_computing.tsv": labelled({"food": "1", "computing": "0"}, 65, Random(SEED)),
        "three_topics.tsv": labelled({topic: topic for topic in TOPICS}, 60, Random(SEED + 1)),
        "two_moons.csv": two_moons(80, 0.1, Random(SEED + 2)),
    }


def main(folder: Path) -> None:
    for name, text in files().items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent)
