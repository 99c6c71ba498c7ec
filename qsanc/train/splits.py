"""Which records train, validate and test: drawn by seed, stratified by class.

Every class is put in a random order, and its record of rank r (from 0) gets the place (r + 1/2) / (size of the class).
All records sorted by place (then by class) are cut once for each part: first training, then validation, then test. The
parts are disjoint, have exactly the sizes asked for, and hold every class in nearly its share.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from qsanc.target import Ints
from qsanc.train import draws, errors

VALID = 0.16
TEST = 0.20


def cut(classes: Sequence[int] | Ints, shares: Sequence[float], seed: int, name: str = "the data") -> tuple[Ints, ...]:
    """int64[record] for the training part (the rest) and then for each share, each sorted.

    `classes` gives every record its stratum. A share is rounded to whole records, but never to none. Raises QsanError
    where that leaves nothing to train on; `name` stands for the data there.
    """
    strata = np.asarray(classes, dtype=np.int64)
    count = len(strata)
    sizes = [max(1, round(share * count)) for share in shares]
    if count - sum(sizes) < 1:
        raise errors.fail(errors.too_few(name, count, len(shares) + 1, "to be split"))
    order = draws.permutation(count, seed, "split")
    place = np.empty(count)
    for stratum in np.unique(strata):
        members = order[strata[order] == stratum]
        place[members] = (np.arange(len(members)) + 0.5) / len(members)
    ranked = order[np.lexsort((strata[order], place[order]))]
    bounds = np.cumsum([count - sum(sizes), *sizes])
    return tuple(np.sort(part) for part in np.split(ranked, bounds[:-1]))
