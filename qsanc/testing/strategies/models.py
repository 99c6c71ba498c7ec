"""Models as program text."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from hypothesis import strategies as st

from qsanc.testing.strategies.fragments import ansatzes, attentions, losses, readings, words

LABELS = ("bit", "class", "real")
_WORDS, _NUMBERS, _CLASSES = 4, 2, 3
_SMOOTH = ("tanh({x})", "sin(2 * {x})", "exp(-{x}^2)", "{x} * sigmoid({x})")
_NORMED = ("softmax({x})", "layernorm({x})")


@dataclass(frozen=True, slots=True)
class Written:
    """A program whose model is called `name`, and what its records hold.

    They have a sentence `tokens` of words 0..words, or else `numbers` numbers `x`; and a `label`: a bit, a class in
    0..classes, or a real number.
    """

    text: str
    label: str
    words: int = 0
    numbers: int = 0
    classes: int = _CLASSES
    name: str = "m"


def models(
    *, kinds: Collection[str] = ("circuit", "attention"), labels: Collection[str] = LABELS
) -> st.SearchStrategy[Written]:
    """Programs with one model: of sentences through attention blocks, or of numbers through a circuit.

    `kinds` are `circuit` and `attention`, `labels` are `bit`, `class` and `real`. The loss is differentiable in every
    parameter. All sizes are in the text, so that `qsanc.load(written.text)` needs no data. Shrinks to a circuit before
    an attention block, and to short expressions. Raises ValueError for unknown kinds and labels.

    >>> @given(models(kinds=["attention"]))
    ... def test_gradient(written): assert_gradient(qsanc.load(written.text), ...)
    """
    ways = {"circuit": _circuit_models, "attention": _attention_models}
    for what, chosen, known in (("kind of model", kinds, ways), ("label", labels, LABELS)):
        if unknown := [name for name in chosen if name not in known]:
            raise ValueError(f"there is no {what} {unknown[0]!r}: {', '.join(known)}")
        if not chosen:
            raise ValueError(f"no {what} is left to choose")
    allowed = tuple(label for label in LABELS if label in labels)
    return st.one_of(*(way(allowed) for kind, way in ways.items() if kind in kinds))


def _model(size: int, data: str, parameters: str, flow: list[str], label: str, loss: str) -> str:
    """A model whose flow leaves `z`, a vector of `size`, and whose head fits the label."""
    declared = {"bit": "label: bit;", "class": f"label: nat in 0..{_CLASSES};", "real": "label: real;"}[label]
    head = {
        "bit": "sigmoid(dot(w, z) + b)",
        "class": "softmax(matmul(z, w) + b)",
        "real": "dot(w, z) + b",
    }[label]
    wide, bias = (f"real[{size}, {_CLASSES}]", f"real[{_CLASSES}]") if label == "class" else (f"real[{size}]", "real")
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
def _attention_models(draw: st.DrawFn, labels: tuple[str, ...]) -> Written:
    n, depth = draw(st.sampled_from([(2, 0), (2, 1), (2, 2), (3, 1)]))
    rows = depth + 1
    width = rows * n
    label = draw(words(*labels))
    flat, back = f"reshape({{x}}, [S, {width}])", f"reshape({{x}}, [S, {rows}, {n}])"
    attend = "att({x}, t[0], t[1], t[2])"
    again = "att({x}, t[2], t[0], t[2])"
    head = flat.format(x="att({x}, t[h], t[h + 1], t[2])")
    heads = f"concat([{head} for h in 0..2], axis = 1)"
    heads = back.format(x=f"matmul({heads}, concat([mix, mix]))")
    mixed = back.format(x=f"matmul({flat}, mix)")
    steps = (attend, "x + " + attend, "tanh(x + " + again + ")", "{x} + " + heads)
    smooth = (*_SMOOTH, *(back.format(x=form.format(x=flat)) for form in _NORMED), mixed)
    flow = ["x = emb[tokens]" + draw(words("", f" + sinusoid(S, {rows}, {n})")) + ";"]
    flow += [f"x = {form.format(x='x')};" for form in draw(st.lists(words(*smooth), max_size=1))]
    flow.append("x = " + draw(words(*steps)).format(x="x") + ";")
    flow += [f"x = {form.format(x='x')};" for form in draw(st.lists(words(*smooth, "x + " + attend), max_size=2))]
    flow.append(draw(words("z = flatten(mean(x, axis = 0));", "z = flatten(sum(x, axis = 0));")))
    flow += draw(st.lists(st.just("z = z + matmul(tanh(z), mix);"), max_size=1))
    parameters = f"emb: angle[{_WORDS}, {rows}, {n}]; t: angle[3, {rows}, {n}];"
    data = f"dim S; tokens: int[S] in 0..{_WORDS};"
    text = _model(width, data, parameters, flow, label, draw(losses(label)))
    parts = draw(ansatzes("part")) + draw(ansatzes("other"))
    return Written(f"qsan 1.0\n{parts}{draw(attentions(n, rows))}{text}", label, words=_WORDS)


_LOADS = (
    "ry(s[i] * x[i]) q[i];",
    "rx(s[i] * x[i] + w[0, i]) q[i]; rz(x[i]^2) q[i];",
    "u3(s[i] * x[1 - i], x[i], s[0] * s[1]) q[i];",
    "crx(x[i] * sin(s[i])) q[i], q[1 - i];",
)
_RETURNS = {
    "real": ("expval({o})",),
    "real[2]": ("[expval({o}), expval({u})]", "expval([{o}, {u}])", "expval(paulis(q, count = 2))"),
    "prob": ("prob_of(q, 1)", "prob_of(q[1..2], 0)"),
    "prob[4]": ("probs(q[0..2])",),
}


@st.composite
def _circuit_models(draw: st.DrawFn, labels: tuple[str, ...]) -> Written:
    """Numbers enter angles next to trained scales: `s[i] * x[i]`."""
    n = draw(st.integers(2, 3))
    label = draw(words(*labels))
    result = draw(words(*_RETURNS))
    returned = draw(words(*_RETURNS[result])).format(o=draw(readings(n)), u=draw(readings(n)))
    load = draw(words(*_LOADS))
    length = {"real": 1, "prob": 1, "real[2]": 2, "prob[4]": 4}[result]
    head = "reshape({y}, [1])" if length == 1 else "{y}"
    flow = [f"y = c({draw(words('x', 'tanh(x)', 'x + 0.1 * x * x'))}, s, t[0]);"]
    flow += draw(st.lists(st.just("y = y * c(x, 2 * s, sin(t[1])) + 0.2 * c(x, s, t[0]);"), max_size=1))
    flow.append(f"z = {head.format(y=draw(words('y', 'tanh(2 * y)', 'exp(y)')))};")
    flow += draw(st.lists(st.just("z = z + matmul(z, mix);"), max_size=1))
    parameters = f"s: real[{_NUMBERS}]; t: angle[2, 2, {n}];"
    text = _model(length, f"x: real[{_NUMBERS}];", parameters, flow, label, draw(losses(label)))
    part = draw(ansatzes("part", affine=not draw(st.booleans())))
    circuit = f"""
circuit c(x: real[{_NUMBERS}], s: real[{_NUMBERS}], w: angle[2, {n}]) on q: qubit[{n}] -> {result} {{
  h q[0];
  for l in 0..2 {{
    for i in 0..{_NUMBERS} {{ {load} }}
    {draw(words("part(w) q;", "inv @ part(w) q;", "pow(2) @ part(w) q;"))}
  }}
  return {returned};
}}
"""
    return Written(f"qsan 1.0\n{part}{circuit}{text}", label, numbers=_NUMBERS)
