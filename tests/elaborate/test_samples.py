"""Templates that nobody calls are tried at many sizes before anything is held against them."""

from __future__ import annotations

import pytest

from qsanc import driver
from qsanc.check.imports import load_text
from qsanc.source import Source

LEGAL = [
    'ansatz a[n: nat] on q: qubit[n] { require n == 5, "five"; h q; }',
    "ansatz a[n: nat, m: nat](th: angle[m]) on q: qubit[n] { require n * m == 25; rx(th[0]) q[0]; }",
    "ansatz a[n: nat] on q: qubit[n] { require n >= 20; h q; }",
    "circuit d[k: nat](x: angle[k]) on q: qubit[2] -> real { rx(x[6]) q; return expval(Z(q[0])); }",
]


@pytest.mark.parametrize("text", LEGAL)
def test_a_template_for_some_sizes_is_legal(text: str) -> None:
    driver.check(load_text(Source("a.qsan", f"qsan 1.0\n{text}\n"), None))
