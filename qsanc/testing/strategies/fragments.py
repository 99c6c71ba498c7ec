"""Pieces of program text: ansaetze, readings, attention blocks, losses. Smooth in their parameters, legal together."""

from __future__ import annotations

from hypothesis import strategies as st

ONE_QUBIT = ("rx", "ry", "rz", "phaseshift")
CONTROLLED = ("crx", "cry", "crz", "cphaseshift", "rzz", "ryy")
FIXED = ("cx", "cz", "swap", "iswap")
AFFINE = ("{a}", "-{a}", "2 * {a}", "{a} + {b}", "0.3 - {b}", "{a} / 3 + pi / 4", "2 * {a} - 0.5 * {b}")
PRODUCTS = ("{a} * {b}", "{a}^2", "sin({a}) + {b}", "tanh({a} - {b})", "exp({a} / 2) * {b}")
READINGS = ("{p}(q[{i}])", "0.5 - {p}(q[{i}])", "{p}(q[0]) @ {r}(q[{n} - 1])", "{p}(q[0]) + 0.7 * {r}(q[{i}])")
NUMBER_SCORES = ("exp(-(query - key)^2)", "exp(query - 0.5 * key)", "1.1 + query * key", "sigmoid(2 * query * key)")
VECTOR_SCORES = ("exp(dot(query, key))", "2 + cos(sum(query * key))", "sigmoid(dot(query, key - query))")
STATE_SCORES = ("{o}", "exp(2 * {o})", "0.1 + {o}^2")
ERRORS = {
    "bit": ("mse(predict, label)", "cross_entropy(predict, label)"),
    "class": ("cross_entropy(predict, label)",),
    "real": ("mse(predict, label)",),
}


def words(*choices: str) -> st.SearchStrategy[str]:
    """One of these texts, the first one being the simplest."""
    return st.sampled_from(choices)


@st.composite
def _turns(draw: st.DrawFn, *, affine: bool) -> str:
    """An expression over the angles `th[.., i]` of a layer of an ansatz: alone, scaled, moved, or two at once."""
    places = ("th[0, i]", "th[l, i]", "th[l + 1, i]", "th[l + 1, 0]")
    forms = AFFINE if affine else AFFINE + PRODUCTS
    return draw(words(*forms)).format(a=draw(words(*places)), b=draw(words(*places)))


@st.composite
def ansatzes(draw: st.DrawFn, name: str, *, affine: bool = True) -> str:
    """An ansatz of generic size whose angles are `th: angle[depth + 1, n]`, with a loop over layers."""

    def single() -> str:
        return f"{draw(words(*ONE_QUBIT))}({draw(_turns(affine=affine))}) q[i];"

    def double() -> str:
        order = draw(words("q[i], q[i + 1]", "q[i + 1], q[i]"))
        gate = draw(words(*FIXED, *CONTROLLED))
        return f"{gate}({draw(_turns(affine=affine))}) {order};" if gate in CONTROLLED else f"{gate} {order};"

    singles = " ".join(single() for _ in range(draw(st.integers(1, 2))))
    doubles = " ".join(double() for _ in range(draw(st.integers(0, 2))))
    odd = draw(words("", *(f"if l % 2 == 0 {{ {gate} q[0]; }}" for gate in ("h", "t", "v"))))
    return f"""
ansatz {name}[n: nat, depth: nat](th: angle[depth + 1, n]) on q: qubit[n] {{
  for i in 0..n {{ ry(th[0, i]) q[i]; }}
  for l in 0..depth {{
    for i in 0..n {{ {singles} }}
    for i in 0..n - 1 {{ {doubles} }}
    {odd}
  }}
}}
"""


@st.composite
def readings(draw: st.DrawFn, n: int) -> str:
    """An observable of the register q: qubit[n]."""
    pauli = words("Z", "X", "Y")
    return draw(words(*READINGS)).format(p=draw(pauli), r=draw(pauli), i=draw(st.integers(0, n - 1)), n=n)


@st.composite
def attentions(draw: st.DrawFn, n: int, rows: int) -> str:
    """An attention block from angle[S, rows, n] to real[S, rows, n], turned by three angle[rows, n].

    It calls the ansaetze `part` and `other`. `n` is 2 at least.
    """
    scored_by = draw(words("number", "vector", "state"))
    reading = ""
    if scored_by == "state":
        on = draw(words("", "", *(f", on = q[{i}..{j}]" for i in range(n) for j in range(i + 1, n + 1))))
        score = draw(words(*STATE_SCORES)).format(o=f"overlap(query, key{on})")
    elif scored_by == "vector":
        reading = f" -> [{draw(readings(n))}, {draw(readings(n))}]"
        score = draw(words(*VECTOR_SCORES))
    else:
        reading = f" -> {draw(readings(n))}"
        score = draw(words(*NUMBER_SCORES))
    query, key = (f"{reading};", f"{reading.replace('X', 'Z')};") if reading else ("", "")
    three, values = "", "paulis(q, count = n * (depth + 1))"
    if rows > 3 or draw(st.booleans()):
        three = f"let three = [{', '.join(draw(readings(n)) for _ in range(3))}];"
        values = "[three[k % 3] for k in 0..n * (depth + 1)]"
    place = draw(words("", "rz(pi * pos / len) q[0];", "for i in 0..n { ry(0.2 * pos + x[0, i]) q[i]; }"))
    mix = draw(words("", "", "rx(x[0, 0] * x[0, n - 1]) q[n - 1];", "rzz(x[0, 0] - x[0, 1]) q[0], q[1];"))
    turn = draw(words("part(tv) q;", "h q;", "inv @ part(tv) q;", "pow(2) @ part(tv) q;"))
    return f"""
attention att[S: dim, n: nat, depth: nat](
    x: angle[S, depth + 1, n], tq: angle[depth + 1, n], tk: angle[depth + 1, n], tv: angle[depth + 1, n],
) on q: qubit[n] -> real[S, depth + 1, n] {{
  {three}
  encode {{ {draw(words("", "h q; "))}{draw(words("part", "other"))}(x) q; {place} {mix} }}
  query {{ part(tq) q; }}{query}
  key {{ {draw(words("part(tk) q;", "inv @ part(tk) q;", "other(tk) q;"))} }}{key}
  value {{ {turn} }} -> {values};
  mask {draw(words("none", "causal"))};
  score {score};
  normalize {draw(words("none", "rows", "softmax"))};
}}
"""


@st.composite
def losses(draw: st.DrawFn, label: str) -> str:
    """A loss for a label of this kind, with or without a term for the parameters `w` and `mix`."""
    error = draw(words(*ERRORS[label]))
    return error + draw(words("", " / 2", " + 0.1 * sumsq(w)", " + sumsq(w) / size(w) + 0.2 * mix[0, 0]"))
