"""Whatever a program says, elaboration ends soon, with a program or with a diagnostic; never with another exception."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mutations import mutated, programs

from qsanc import driver
from qsanc.check.imports import load_text
from qsanc.diagnostics import Diagnostic, QsanError
from qsanc.diagnostics.render import render
from qsanc.elaborate import elaborate, entries
from qsanc.ir.model_text import print_program, read_program
from qsanc.ir.verify_model import verify_program
from qsanc.source import Source

SECONDS = 5.0
"""Of processor time, which other work on the machine does not lengthen: more than any of the programs below takes on a
slow machine; those that grew without limit would take years."""


T = TypeVar("T")


def ended(action: Callable[[], T]) -> tuple[T | None, tuple[Diagnostic, ...]]:
    """What an action returns, or the diagnostics that it ends with, one of them an error."""
    try:
        return action(), ()
    except QsanError as error:
        found = error.diagnostics
    assert any(diagnostic.is_error for diagnostic in found)
    assert render(found)
    return None, found


def codes(text: str, root: Path | None = None, sizes: dict[str, int | float] | None = None) -> set[str]:
    """All codes that check and elaboration find; what elaborates is legal, and reads back as it was printed."""
    module, found = ended(lambda: load_text(Source("hostile.qsan", text), root))
    if module is None:
        return {diagnostic.code for diagnostic in found}
    warnings, errors = ended(lambda: driver.check(module, sizes=sizes))
    everything = [*(warnings or ()), *errors]
    for entry in entries(module):
        done, errors = ended(lambda entry=entry: elaborate(module, entry=entry, sizes=sizes))
        everything += errors
        if done is not None:
            program, warnings = done
            everything += warnings
            verify_program(program)
            assert read_program(print_program(program)) == program
            verify_program(driver.optimise(program, "O2"))
    return {diagnostic.code for diagnostic in everything}


SOURCES = [(path.read_text(encoding="utf-8"), path.parent) for path in programs()]


@settings(max_examples=400)
@given(data=st.data(), source=st.sampled_from(SOURCES))
def test_programs_with_words_changed(data: st.DataObject, source: tuple[str, Path]) -> None:
    text, folder = source
    codes(data.draw(mutated(text)), folder)


# ---- one mistake each ------------------------------------------------------------------------------------------------

Z = "return expval(Z(q[0]));"


def circuit(
    body: str = Z,
    *,
    generics: str = "",
    params: str = "(th: angle[3])",
    on: str = "q: qubit[2]",
    result: str = "real",
    top: str = "",
) -> str:
    body = body if "return" in body else f"{body} {Z}"
    return f"qsan 1.0\n{top}\ncircuit c{generics}{params} on {on} -> {result} {{ {body} }}"


def model(
    flow: str,
    *,
    loss: str = "mse(predict, label)",
    params: str = "emb: real[vocab, 2] ~ normal(0, 1); w: real[2] = 1;",
    data: str = "dim S in 1..=9; tokens: int[S] in 0..vocab; label: bit;",
    sizes: str = "size vocab;",
    more: str = "",
    top: str = "",
) -> str:
    return (
        f"qsan 1.0\n{top}\nmodel m {{ {sizes} data {{ {data} }} params {{ {params} }} flow {{ {flow} }} "
        f"loss {loss}; {more} }}"
    )


def attention(score: str = "exp(-(query - key)^2)", measured: str = "-> Z(q[0]);", **changed: str) -> str:
    parts = {"encode": "ry(x[0]) q;", "value": "-> [Z(q[0]), Z(q[1])];", "result": "real[S, 2]", "more": "", **changed}
    block = f"""attention att[S: dim](x: angle[S, 2], t: angle[2], s: real = 1) on q: qubit[2] -> {parts["result"]} {{
      encode {{ {parts["encode"]} }}
      query {{ ry(t[0]) q; }} {measured}
      key {{ rx(t[1]) q; }} {measured}
      value {{ h q; }} {parts["value"]}
      score {score};
      {parts["more"]}
    }}"""
    return model(parts.get("flow", "predict sum(mean(att(emb[tokens], w), axis = 0));"), top=block)


def chain(first: str, step: str, count: int) -> str:
    """`let x0 = first; let x1 = step with x0 for {x}; ...`"""
    return f"let x0 = {first}; " + " ".join(f"let x{k + 1} = {step.format(x=f'x{k}', k=k)};" for k in range(count))


MANY = "\n".join(f"ansatz a{k + 1} on q: qubit {{ {f'a{k} q; ' * 300} }}" for k in range(2))
DEEP = "\n".join(f"ansatz a{k + 1} on q: qubit {{ a{k} q; }}" for k in range(60))

HOSTILE = {
    # numbers
    "power": (circuit("rx(2 ^ 100000) q;"), "QS203"),
    "product of large integers": (circuit("let x = 10 ^ 15 * 10 ^ 15; rx(x) q;"), "QS203"),
    "squares in a loop": (model("x = 3; repeat i in 0..100 { x = x * x; } predict sum(w) + x;"), "QS203"),
    "negative power of zero": (circuit("rx(0 ^ -1) q;"), "QS203"),
    "complex power": (circuit("rx((-2) ^ 0.5) q;"), "QS203"),
    "negative exponent": (circuit("rx(2 ^ -3) q;"), None),
    "infinite coefficient": (circuit("rx(th[0] * 1e200 * 1e200) q;"), "QS203"),
    "infinite constant": (circuit("rx(th[0] + 1e308 + 1e308) q;"), "QS203"),
    "infinite observable": (circuit("return expval(Z(q[0]) * 1e200 * 1e200);"), "QS203"),
    "angle over zero": (circuit("rx(th[0] / 0) q;"), "QS203"),
    "observable over zero": (circuit("return expval(Z(q[0]) / 0);"), "QS203"),
    "list over zero": (circuit("rx(([1, 2] / 0)[0]) q;"), "QS203"),
    "floor of a large real": (circuit("rx(floor(1e300)) q;"), "QS203"),
    "mean of nothing": (circuit("rx(mean(th[0..0])) q;"), "QS203"),
    "sum of nothing": (circuit("rx(sum(th[0..0])) q;"), None),
    "min of nothing": (circuit("rx(min([])) q;"), "QS206"),
    "min of angles": (circuit("rx(min(th)) q;"), "QS206"),
    "max of a parameter": (model("predict max(w);"), "QS206"),
    "remainder of an angle": (circuit("rx(th[0] % 2) q;"), "QS401"),
    "remainder of a tensor": (model("predict sum(w) % 2;"), "QS401"),
    "remainder by a tensor": (model("predict 2 % sum(w);"), "QS401"),
    "nested tangents": (circuit("rx(" + "tan(" * 60 + "th[0]" + ")" * 60 + ") q;"), None),
    "nested functions": (circuit("rx(" + "exp(" * 150 + "th[0]" + ")" * 150 + ") q;"), None),
    # lists and arrays
    "ragged list": (circuit("let a = [[1, 2], [3]]; rx(a[0][1] + a[1][0]) q;"), None),
    "ragged list by two indices": (circuit("let a = [[1, 2], [3]]; rx(a[1, 1]) q;"), "QS205"),
    "list of an angle and an array": (circuit("let a = [th[0], th]; rx(a[0] + a[1][2]) q;"), None),
    "numbers stay numbers": (circuit("let a = [1, 2] - 1; h q[a[1]]; rx(a[0]) q;"), None),
    "lists of different length": (circuit("let a = th + [1, 2]; rx(a[0]) q;"), "QS201"),
    "list of tensors": (model("x = [w, 2 * w] * 2; predict sum(x[1]);"), None),
    "list of tensors of different shape": (model("x = [w, 1]; predict sum(x);"), "QS201"),
    "empty list": (model("x = []; predict sum(w) + sum(x);"), None),
    "nothing to join": (model("predict sum(w) + sum(concat([], axis = 1));"), "QS108"),
    "index by a dim": (model("predict sum(emb[S]);"), "QS206"),
    "index by a real": (model("predict w[0.5];"), "QS206"),
    "index by two look-ups": (model("predict sum(emb[tokens, tokens]);"), "QS108"),
    "too many indices": (model("predict w[0, 0];"), "QS201"),
    "backward slice": (circuit("rx(th[2..1][0]) q;"), "QS205"),
    "doubled lists": (circuit(chain("[th[0]]", "[{x}, {x}]", 60) + " rx(size(x60)) q;"), "QS209"),
    "doubled numbers": (circuit(chain("[1]", "concat([{x}, {x}])", 60) + " rx(size(x60)) q;"), "QS209"),
    "nested lists": (circuit(chain("[1]", "[{x}]", 80) + " rx(size(x80)) q;"), "QS209"),
    "squared angles": (circuit(chain("th[0] * th[1]", "{x} * {x}", 60) + " rx(x60) q;"), None),
    "long sum": (circuit("rx(sum(th * th)) q;", params="(th: angle[3000])"), None),
    "array of slots": (circuit(params="(th: angle[10 ^ 6])"), "QS209"),
    "array without end": (circuit(params="(th: angle[10 ^ 6, 10 ^ 6])"), "QS209"),
    "parameter without end": (model("predict sum(w);", params="w: real[10 ^ 6, 10 ^ 6] = 0;"), "QS209"),
    "broadcast without end": (model("predict sum(broadcast(w, [10 ^ 6, 10 ^ 6, 2]));"), "QS209"),
    # loops and templates
    "long loop": (circuit("for i in 0..10 ^ 9 { h q; }"), "QS209"),
    "endless range": (circuit("for i in 0..10 ^ 30 { h q; }"), "QS203"),
    "longest range": (circuit("for i in -(2 ^ 62)..2 ^ 62 { h q; }"), "QS209"),
    "nested loops": (circuit("for i in 0..1000 { for j in 0..1000 { let x = 1; } }"), "QS209"),
    "long comprehension": (circuit("rx(sum([0 for i in 0..10 ^ 8])) q;"), "QS209"),
    "long repeat": (model("x = sum(w); repeat i in 0..100000 { x = x + 1; } predict x;"), "QS209"),
    "backward loop": (circuit("for i in 3..1 { h q; }"), None),
    "loop over reals": (circuit("for i in 0.0..2.0 { h q; }"), "QS206"),
    "loop to a dim": (model("repeat i in 0..S { } predict sum(w);"), "QS206"),
    "multiplied templates": (circuit("a2 q[0];", top=f"ansatz a0 on q: qubit {{ }}\n{MANY}"), "QS209"),
    "multiplied gates": (circuit("a2 q[0];", top=f"ansatz a0 on q: qubit {{ h q; }}\n{MANY}"), "QS209"),
    "deep templates": (circuit("a60 q[0];", top=f"ansatz a0 on q: qubit {{ h q; }}\n{DEEP}"), "QS209"),
    "power of a gate": (circuit("pow(2 ^ 40) @ h q;"), "QS209"),
    "power of nothing": (circuit("pow(2 ^ 62) @ a q;", top="ansatz a on q: qubit[2] { }"), None),
    "terms without end": (
        circuit(
            chain("X(q[0]) + Z(q[0])", "{x} @ (X(q[{k} + 1]) + Z(q[{k} + 1]))", 39) + " return expval(x39);",
            on="q: qubit[40]",
        ),
        "QS209",
    ),
    # registers
    "large register": (circuit("h q;", on="q: qubit[1000000]"), "QS209"),
    "huge register": (circuit(on="q: qubit[10 ^ 12]"), "QS209"),
    "empty register": (circuit(on="q: qubit[0]"), "QS304"),
    "negative register": (circuit(on="q: qubit[1 - 3]"), "QS206"),
    "half a qubit": (circuit(on="q: qubit[1.5]"), "QS206"),
    "distribution without end": (circuit("return probs(q);", on="q: qubit[1000]", result="prob[4]"), "QS209"),
    "a state that is not there": (circuit("return prob_of(q, -1);", on="q: qubit[5000]", result="prob"), "QS205"),
    "no qubits read": (circuit("return probs(q[0..0]);", result="prob[1]"), "QS304"),
    "expectation as probability": (circuit(result="prob"), "QS108"),
    "expectation as integer": (circuit(result="nat"), "QS201"),
    "numbers among observables": (circuit("return expval([Z(q[0]), 1]);", result="real[2]"), None),
    "sum of observables": (circuit("return expval(sum([Z(q[i]) for i in 0..2]));"), None),
    # generics and parameters
    "bool parameter": (circuit("if b { h q; }", params="(b: bool)"), None),
    "bit parameter": (circuit("if b == 1 { h q; }", params="(b: bit)"), None),
    "list of integers": (circuit("h q[order[1]];", params="(order: nat[2])"), None),
    "shape by a parameter": (circuit("rx(th[k]) q;", params="(k: nat = 1, th: angle[k + 1])"), None),
    "real generic": (circuit("rx(t) q;", generics="[t: real]", params=""), None),
    "bool generic": (circuit("if b { h q; }", generics="[b: bool]", params=""), None),
    "negative generic": (circuit("h q[n + 5];", generics="[n: int in -5..=-4]", params=""), None),
    "large requirement": (circuit("require n > 1000;", generics="[n: nat]", params=""), None),
    "index below a size": (circuit("h q[k];", generics="[n: nat, k: nat]", params="", on="q: qubit[n]"), None),
    "division by an unknown": (circuit(generics="[n: nat]", params="(th: angle[12 % n])"), None),
    "dim in a circuit": (circuit("rx(th[0]) q;", generics="[S: dim]", params="(th: angle[S])"), "QS201"),
    "let of another shape": (circuit("let x: angle[2] = 2; rx(x[0]) q;"), "QS201"),
    "let of another kind": (circuit("let x: nat = th[0]; h q[x];"), "QS206"),
    "let beyond a probability": (circuit("let x: prob = 2; rx(x) q;"), "QS203"),
    "const of another kind": ("qsan 1.0\nconst n: nat = 2.5;", "QS206"),
    "const of another shape": ("qsan 1.0\nconst m: real[2, 2] = [1, 2];", "QS201"),
    "time as an angle": (circuit("rx(2us) q;"), "QS201"),
    # models
    "dim plus one": (model("predict sum(w) + (S + 1);"), "QS108"),
    "reserved dim": (
        model("predict sum(w);", data="dim record; tokens: int[record] in 0..vocab; label: bit;"),
        "QS102",
    ),
    "batch dim": (model("predict sum(w);", data="dim U0; tokens: int[U0] in 0..vocab; label: bit;"), "QS102"),
    "dim without a field": (
        model("predict sum(w);", data="dim S; label: bit;", sizes="", params="w: real = 1;"),
        "QS207",
    ),
    "dim of no length": (
        model("predict sum(w);", data="dim S in 0..=0; tokens: int[S] in 0..vocab; label: bit;"),
        "QS206",
    ),
    "sum over pairs": (model("predict sum(broadcast(w, [S, S, 2]), axis = 0)[0, 0];"), "QS201"),
    "softmax over the first of two": (model("predict mean(softmax(broadcast(w[0], [S, S]), axis = 0));"), "QS201"),
    "classes of a real label": (
        model("predict softmax(w);", loss="cross_entropy(predict, x)", data="x: real; label: bit;"),
        "QS108",
    ),
    "one class": (
        model("predict w[0];", data="x: real; label: nat in 0..1;", sizes="", params="w: real[1] = 1;"),
        "QS203",
    ),
    "classes without end": (
        model("predict broadcast(w[0], [10 ^ 6]);", data="x: real; label: nat in 0..10 ^ 6;", params="w: real[1] = 1;"),
        "QS209",
    ),
    "size of zero": (model("predict sum(w);", sizes="size vocab = 0;"), "QS206"),
    "size below its range": (model("predict sum(w);", sizes="size vocab in 2..=5 = 1;"), "QS203"),
    "size with a narrow range": (model("predict sum(w) + sum(emb[0]);", sizes="size vocab in 2..=5;"), None),
    "parameter of a dim": (model("predict sum(w);", params="w: real[S] = 0;"), "QS206"),
    "shape by a parameter's value": (model("predict sum(w);", params="k: real = 2; w: real[k] = 0;"), "QS206"),
    "start by a parameter's value": (model("predict sum(w);", params="k: real = 2; w: real[2] = [k, 1];"), "QS201"),
    "empty range of a parameter": (model("predict sum(w);", params="w: real[2] in 1..0 = 0;"), "QS203"),
    "setting beyond a probability": (model("predict sum(w) * l;", sizes="size vocab; hyper l: prob = 2;"), "QS203"),
    "setting with a shape": (model("predict sum(w);", sizes="size vocab; hyper l: real[2] = [1, 2];"), "QS206"),
    "long training": (model("predict sum(w);", more="train { epochs: 10 ^ 30; }"), "QS203"),
    "rate by a dim": (model("predict sum(w);", more="train { optimizer: adam(lr = S); }"), "QS203"),
    # attention
    "overlap of nothing": (attention("overlap(query, key, on = q[0..0])", ";").replace(" ;", ""), "QS304"),
    "overlaps of each": (
        attention("sum([overlap(query, key, on = q[i]) for i in 0..2])", ";").replace("; } ;", "; }"),
        None,
    ),
    "score of a token's angle": (attention("exp(x[0])"), "QS207"),
    "score of a shared angle": (attention("exp(-s * t[0] * (query - key)^2)"), None),
    "score of a list": (attention("query * key", "-> [Z(q[0]), X(q[0])];"), "QS201"),
    "score beyond the list": (attention("query[2]", "-> [Z(q[0]), X(q[0])];"), "QS205"),
    "dot of numbers": (attention("dot(query, key)"), "QS201"),
    "loop to the length": (attention(encode="for i in 0..len { h q; }"), "QS206"),
    "condition on the place": (attention(encode="if pos > 0 { h q; }"), "QS206"),
    "result of another shape": (attention(result="real[2, S]"), "QS201"),
    "no token": (attention(flow="predict sum(mean(att(emb[0], w), axis = 0));"), "QS202"),
    "a dim that no record has": (
        attention(flow="predict sum(mean(att(broadcast(w, [S, S, 2]), w), axis = 0));"),
        "QS202",
    ),
    "many layers": (
        attention(flow="x = emb[tokens]; repeat l in 0..40 { x = x + att(x, w); } predict sum(mean(x, axis = 0));"),
        None,
    ),
}


HARMLESS = frozenset({"QS103", "QS110", "QS111", "QS305", "QS306", "QS308", "QS604", "QS202", "QS206"})
"""Warnings, and what a template lacks when nobody calls it."""


@pytest.mark.parametrize("name", HOSTILE)
def test_one_mistake(name: str) -> None:
    text, code = HOSTILE[name]
    started = time.process_time()
    found = codes(text)
    assert time.process_time() - started < SECONDS
    if code is None:
        assert found <= HARMLESS
    else:
        assert code in found


SETTINGS = {
    "unknown": ({"nothing": 1}, "QS101"),
    "parameter": ({"w": 1}, "QS101"),
    "dim": ({"S": 3}, "QS101"),
    "zero": ({"vocab": 0}, "QS206"),
    "negative": ({"vocab": -1}, "QS206"),
    "real": ({"vocab": 2.5}, "QS206"),
    "condition": ({"vocab": True}, "QS206"),
    "without end": ({"vocab": 10**12}, "QS209"),
    "more than 63 bits": ({"vocab": 10**30}, "QS209"),
    "outside": ({"scale": 11}, "QS203"),
    "not a number": ({"scale": float("nan")}, "QS203"),
    "infinite": ({"other": float("inf")}, "QS203"),
    "no number": ({"other": float("nan")}, "QS203"),
    "too large": ({"other": 10**400}, "QS203"),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_one_setting(name: str) -> None:
    sizes, code = SETTINGS[name]
    text = model(
        "predict scale * other * sum(w);",
        sizes="size vocab; hyper scale: real in 0..=10 = 1; hyper other: real = 1;",
    )
    assert code in codes(text, sizes=sizes)
