"""The vocabulary that the checker knows and the one that elaboration implements are the same."""

from __future__ import annotations

import contextlib

import pytest
from small_programs import compiled

from qsanc.check.builtins import BUILTINS, TRAIN_SETTINGS, Builtin
from qsanc.check.imports import load_text
from qsanc.check.sorts import Context
from qsanc.cli.values import argument
from qsanc.diagnostics import QsanError
from qsanc.diagnostics.catalog import page
from qsanc.elaborate import limits
from qsanc.elaborate.functions import FUNCTIONS
from qsanc.ir.program import Recipe
from qsanc.source import Source

COMPUTED = {Context.NUMBER, Context.RESULT, Context.SCORE, Context.FLOW, Context.LOSS}


def rows(*contexts: Context) -> list[Builtin]:
    return [row for row in BUILTINS if row.contexts & set(contexts)]


def test_every_function_of_circuits_flows_and_losses_is_there() -> None:
    assert {row.name for row in rows(*COMPUTED) if row.formals is not None} == set(FUNCTIONS)


@pytest.mark.parametrize("name", [row.name for row in rows(Context.NUMBER) if row.formals is None])
def test_every_constant_is_there(name: str) -> None:
    text = f"circuit c on q: qubit -> real {{ rx({name}) q; return expval(Z(q)); }}"
    assert compiled(text, "c").program.modules


@pytest.mark.parametrize("word", [row.name for row in rows(Context.MASK)])
@pytest.mark.parametrize("other", [row.name for row in rows(Context.NORMALIZE)])
def test_every_mask_and_normalisation_is_there(word: str, other: str) -> None:
    text = f"""
    attention a[S: dim](x: angle[S]) on q: qubit -> real[S] {{
      encode {{ ry(x) q; }} query {{ h q; }} -> Z(q); key {{ }} -> Z(q); value {{ }} -> X(q);
      score exp(query * key); mask {word}; normalize {other};
    }}
    """
    assert compiled(text, "a").program.modules


@pytest.mark.parametrize("row", rows(Context.INIT), ids=lambda row: row.name)
def test_every_distribution_is_there(row: Builtin) -> None:
    numbers = ", ".join(f"{formal.name} = {k + 1}" for k, formal in enumerate(row.formals or ()))
    model = compiled(
        f"model m {{ params {{ w: real[2] ~ {row.name}({numbers}); }} flow {{ predict sum(w); }} loss predict; }}", "m"
    ).program.models[0]
    assert model.parameter("w").initial.name == row.name
    assert model.parameter("w").initial.numbers == tuple(float(k + 1) for k in range(len(row.formals or ())))


@pytest.mark.parametrize("row", rows(Context.OPTIMIZER), ids=lambda row: row.name)
def test_every_optimiser_is_there_with_its_options(row: Builtin) -> None:
    options = ", ".join(f"{formal.name} = 0.25" for formal in row.formals or ())
    recipe = recipe_of(f"optimizer: {row.name}({options});")
    assert recipe.optimizer.name == row.name
    assert dict(recipe.optimizer.options) == {formal.name: 0.25 for formal in row.formals or ()}


@pytest.mark.parametrize("row", rows(Context.GRAD), ids=lambda row: row.name)
def test_every_gradient_method_is_there(row: Builtin) -> None:
    assert recipe_of(f"grad: {row.name};").grad == row.name


def test_every_training_setting_is_there() -> None:
    values = {"optimizer": "sgd(lr = 2)", "epochs": "3", "batch": "4", "seed": "5", "patience": "6", "grad": "adjoint"}
    assert set(values) == set(TRAIN_SETTINGS)
    recipe, default = recipe_of(" ".join(f"{name}: {value};" for name, value in values.items())), Recipe()
    assert all(getattr(recipe, name) != getattr(default, name) for name in values)


def test_the_page_of_qs209_names_every_limit() -> None:
    text = page("QS209") or ""
    numbers = [value for name, value in vars(limits).items() if name.isupper() and name != "LARGEST_INTEGER"]
    assert len(numbers) == 11
    assert all(f" {number} " in text.replace(",", " ") for number in numbers)


def recipe_of(settings: str) -> Recipe:
    text = f"model m {{ params {{ w: real = 1; }} flow {{ predict w; }} loss predict; train {{ {settings} }} }}"
    return compiled(text, "m").program.models[0].recipe


HOME = load_text(Source("home.qsan", "qsan 1.0\nconst k = 2;\nansatz a on q: qubit { h q; }"), None)


@pytest.mark.parametrize("given", ["", "()", "(1)", "(k, [1, 2])", "([])", "(a)", "(x = 1)", "(1, 2, 3, 4, 5, 6)"])
def test_any_call_in_an_argument_is_a_number_or_an_error(given: str) -> None:
    for row in BUILTINS:
        with contextlib.suppress(QsanError):
            assert argument("x", f"{row.name}{given}", HOME).dtype == float
