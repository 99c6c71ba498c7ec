"""Random model programs as text: legal by construction, smooth in their parameters, shrinking to small ones.

Every one is called `m`. A record is a sentence of words 0 to 3 (`tokens`) or two numbers (`x`), with a `label`.
"""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st

WORDS, NUMBERS, CLASSES = 4, 2, 3

ONE_QUBIT = ("rx", "ry", "rz", "phaseshift")
CONTROLLED = ("crx", "cry", "crz", "cphaseshift", "rzz", "ryy")
FIXED = ("cx", "cz", "swap", "iswap")
TIMES = ("{a}", "2 * {a}", "-{a}", "{a} / 3 + pi / 4", "{a} + {b}", "0.3 - {b}", "2 * {a} - 0.5 * {b}")
PRODUCTS = ("{a} * {b}", "sin({a}) + {b}", "{a}^2", "exp({a} / 2) * {b}", "tanh({a} - {b})")
READINGS = ("{p}(q[{i}])", "0.5 - {p}(q[{i}])", "{p}(q[0]) @ {r}(q[{n} - 1])", "{p}(q[0]) + 0.7 * {r}(q[{i}])")
SMOOTH = ("tanh({x})", "sin(2 * {x})", "{x} * sigmoid({x})", "exp(-{x}^2)", "softmax({x})", "layernorm({x})")
NUMBER_SCORES = ("exp(-(query - key)^2)", "sigmoid(2 * query * key)", "exp(query - 0.5 * key)", "1.1 + query * key")
VECTOR_SCORES = ("exp(dot(query, key))", "sigmoid(dot(query, key - query))", "2 + cos(sum(query * key))")
ERRORS = {
    "bit": ("mse(predict, label)", "cross_entropy(predict, label)"),
    "class": ("cross_entropy(predict, label)",),
    "real": ("mse(predict, label)",),
}
STATE_SCORES = ("{o}", "exp(2 * {o})", "0.1 + {o}^2")


@dataclass(frozen=True, slots=True)
class Written:
    """A program, and what its records hold: sentences or numbers, and a label."""

    text: str
    sentences: bool
    label: str


def words(*choices: str) -> st.SearchStrategy[str]:
    return st.sampled_from(choices)


@st.composite
def angles(draw: st.DrawFn, *, affine: bool = True) -> str:
    """An expression over the angles `th[.., i]` of a layer of an ansatz: alone, scaled, moved, or two at once."""
    places = ("th[0, i]", "th[l, i]", "th[l + 1, i]", "th[l + 1, 0]")
    forms = TIMES if affine else TIMES + PRODUCTS
    return draw(words(*forms)).format(a=draw(words(*places)), b=draw(words(*places)))


@st.composite
def ansatzes(draw: st.DrawFn, name: str, *, affine: bool = True) -> str:
    """An ansatz of generic size whose angles are `th: angle[depth + 1, n]`, with a loop over layers."""

    def single() -> str:
        return f"{draw(words(*ONE_QUBIT))}({draw(angles(affine=affine))}) q[i];"

    def double() -> str:
        order = draw(words("q[i], q[i + 1]", "q[i + 1], q[i]"))
        if draw(st.booleans()):
            return f"{draw(words(*CONTROLLED))}({draw(angles(affine=affine))}) {order};"
        return f"{draw(words(*FIXED))} {order};"

    singles = " ".join(single() for _ in range(draw(st.integers(1, 2))))
    doubles = " ".join(double() for _ in range(draw(st.integers(0, 2))))
    odd = f"if l % 2 == 0 {{ {draw(words('h', 't', 'v'))} q[0]; }}" if draw(st.booleans()) else ""
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
def observables(draw: st.DrawFn, n: int) -> str:
    pauli = words("X", "Y", "Z")
    return draw(words(*READINGS)).format(p=draw(pauli), r=draw(pauli), i=draw(st.integers(0, n - 1)), n=n)


@st.composite
def attentions(draw: st.DrawFn, n: int, rows: int) -> str:
    """An attention block from angle[S, rows, n] to real[S, rows, n], turned by three angle[rows, n]."""
    width = rows * n
    scored_by = draw(words("number", "vector", "state"))
    reading = ""
    if scored_by == "state":
        on = draw(words("", "", *(f", on = q[{i}..{j}]" for i in range(n) for j in range(i + 1, n + 1))))
        score = draw(words(*STATE_SCORES)).format(o=f"overlap(query, key{on})")
    elif scored_by == "vector":
        reading = f" -> [{draw(observables(n))}, {draw(observables(n))}]"
        score = draw(words(*VECTOR_SCORES))
    else:
        reading = f" -> {draw(observables(n))}"
        score = draw(words(*NUMBER_SCORES))
    query, key = (f"{reading};", f"{reading.replace('X', 'Z')};") if reading else ("", "")
    values = f"paulis(q, count = {width})"
    if width > 3 * n or draw(st.booleans()):
        three = [draw(observables(n)) for _ in range(3)]
        values = f"[{', '.join(three[k % 3] for k in range(width))}]"
    place = draw(words("", "rz(pi * pos / len) q[0];", "for i in 0..n { ry(0.2 * pos + x[0, i]) q[i]; }"))
    mix = draw(words("", "", "rx(x[0, 0] * x[0, n - 1]) q[n - 1];", "rzz(x[0, 0] - x[0, 1]) q[0], q[1];"))
    turn = draw(words("part(tv) q;", "inv @ part(tv) q;", "pow(2) @ part(tv) q;", "h q;"))
    return f"""
attention att[S: dim, n: nat, depth: nat](
    x: angle[S, depth + 1, n], tq: angle[depth + 1, n], tk: angle[depth + 1, n], tv: angle[depth + 1, n],
) on q: qubit[n] -> real[S, depth + 1, n] {{
  encode {{ {draw(words("", "h q; "))}{draw(words("part", "other"))}(x) q; {place} {mix} }}
  query {{ part(tq) q; }}{query}
  key {{ {draw(words("part(tk) q;", "inv @ part(tk) q;", "other(tk) q;"))} }}{key}
  value {{ {turn} }} -> {values};
  mask {draw(words("none", "causal"))};
  score {score};
  normalize {draw(words("rows", "softmax", "none"))};
}}
"""


@st.composite
def losses(draw: st.DrawFn, label: str) -> str:
    error = draw(words(*ERRORS[label]))
    return error + draw(words("", " / 2", " + 0.1 * sumsq(w)", " + sumsq(w) / size(w) + 0.2 * mix[0, 0]"))


def model(size: int, data: str, parameters: str, flow: list[str], label: str, loss: str) -> str:
    """A model whose flow leaves `z`, a vector of `size`, and whose head fits the label."""
    declared = {"bit": "label: bit;", "class": f"label: nat in 0..{CLASSES};", "real": "label: real;"}[label]
    head = {
        "bit": "sigmoid(dot(w, z) + b)",
        "class": "softmax(matmul(z, w) + b)",
        "real": "dot(w, z) + b",
    }[label]
    wide, bias = (f"real[{size}, {CLASSES}]", f"real[{CLASSES}]") if label == "class" else (f"real[{size}]", "real")
    lines = "\n".join(f"    {line}" for line in flow)
    return f"""
model m {{
  data {{ {data} {declared} }}
  params {{
    {parameters}
    mix: real[{size}, {size}] ~ glorot();
    w: {wide};
    b: {bias};
  }}
  flow {{
{lines}
    predict {head};
  }}
  loss {loss};
}}
"""


@st.composite
def attention_models(draw: st.DrawFn) -> Written:
    n, depth = draw(st.sampled_from([(2, 1), (2, 2), (3, 1), (2, 0)]))
    rows = depth + 1
    width = rows * n
    label = draw(words("bit", "class", "real"))
    flat, back = f"reshape({{x}}, [S, {width}])", f"reshape({{x}}, [S, {rows}, {n}])"
    attend = "att({x}, t[0], t[1], t[2])"
    again = "att({x}, t[2], t[0], t[2])"
    head = flat.format(x="att({x}, t[h], t[h + 1], t[2])")
    heads = f"concat([{head} for h in 0..2], axis = 1)"
    heads = back.format(x=f"matmul({heads}, concat([mix, mix]))")
    mixed = back.format(x=f"matmul({flat}, mix)")
    steps = {"x + " + attend, attend, "tanh(x + " + again + ")", "{x} + " + heads}
    smooth = {form for form in SMOOTH if "softmax" not in form and "layernorm" not in form}
    smooth |= {back.format(x=form.format(x=flat)) for form in SMOOTH if "softmax" in form or "layernorm" in form}
    flow = ["x = emb[tokens]" + draw(words("", f" + sinusoid(S, {rows}, {n})")) + ";"]
    if draw(st.booleans()):
        flow.append("x = " + draw(words(*sorted(smooth | {mixed}))).format(x="x") + ";")
    flow.append("x = " + draw(words(*sorted(steps))).format(x="x") + ";")
    for form in draw(st.lists(words(*sorted(smooth | {mixed, "x + " + attend})), max_size=2)):
        flow.append("x = " + form.format(x="x") + ";")
    flow.append(draw(words("z = flatten(mean(x, axis = 0));", "z = flatten(sum(x, axis = 0));")))
    if draw(st.booleans()):
        flow.append("z = z + matmul(tanh(z), mix);")
    parameters = f"emb: angle[{WORDS}, {rows}, {n}]; t: angle[3, {rows}, {n}];"
    data = f"dim S; tokens: int[S] in 0..{WORDS};"
    text = model(width, data, parameters, flow, label, draw(losses(label)))
    parts = draw(ansatzes("part")) + draw(ansatzes("other"))
    return Written(f"qsan 1.0\n{parts}{draw(attentions(n, rows))}{text}", True, label)


LOADS = (
    "ry(s[i] * x[i]) q[i];",
    "rx(s[i] * x[i] + w[0, i]) q[i]; rz(x[i]^2) q[i];",
    "u3(s[i] * x[1 - i], x[i], s[0] * s[1]) q[i];",
    "crx(x[i] * sin(s[i])) q[i], q[1 - i];",
)
RETURNS = {
    "real": ("expval({o})",),
    "real[2]": ("[expval({o}), expval({u})]", "expval([{o}, {u}])", "expval(paulis(q, count = 2))"),
    "prob": ("prob_of(q, 1)", "prob_of(q[1..2], 0)"),
    "prob[4]": ("probs(q[0..2])",),
}


@st.composite
def circuit_models(draw: st.DrawFn) -> Written:
    """Numbers enter angles next to trained scales: `s[i] * x[i]`."""
    n = draw(st.integers(2, 3))
    label = draw(words("bit", "class", "real"))
    result = draw(words(*RETURNS))
    returned = draw(words(*RETURNS[result])).format(o=draw(observables(n)), u=draw(observables(n)))
    load = draw(words(*LOADS))
    length = {"real": 1, "prob": 1, "real[2]": 2, "prob[4]": 4}[result]
    head = "reshape({y}, [1])" if length == 1 else "{y}"
    flow = [f"y = c({draw(words('x', 'tanh(x)', 'x + 0.1 * x * x'))}, s, t[0]);"]
    if draw(st.booleans()):
        flow.append("y = y * c(x, 2 * s, sin(t[1])) + 0.2 * c(x, s, t[0]);")
    flow.append(f"z = {head.format(y=draw(words('y', 'tanh(2 * y)', 'exp(y)')))};")
    if draw(st.booleans()):
        flow.append("z = z + matmul(z, mix);")
    parameters = f"s: real[{NUMBERS}]; t: angle[2, 2, {n}];"
    text = model(length, f"x: real[{NUMBERS}];", parameters, flow, label, draw(losses(label)))
    part = draw(ansatzes("part", affine=draw(st.booleans())))
    circuit = f"""
circuit c(x: real[{NUMBERS}], s: real[{NUMBERS}], w: angle[2, {n}]) on q: qubit[{n}] -> {result} {{
  h q[0];
  for l in 0..2 {{
    for i in 0..{NUMBERS} {{ {load} }}
    {draw(words("part(w) q;", "inv @ part(w) q;", "pow(2) @ part(w) q;"))}
  }}
  return {returned};
}}
"""
    return Written(f"qsan 1.0\n{part}{circuit}{text}", False, label)


def programs() -> st.SearchStrategy[Written]:
    return attention_models() | attention_models() | circuit_models()
