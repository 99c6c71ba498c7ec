"""Training steps on the watch: the watch itself, what a machine allows, and steps that stay what they are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from fake import FakeBackend

from qsanc import registry
from qsanc.check.imports import load
from qsanc.fast import Tier
from qsanc.ir.ops import Array
from qsanc.source import Source
from qsanc.target import Context
from qsanc.target.profile import Part, Work
from qsanc.train.parameters import initial, trained
from qsanc.train.profile.graph import backward_work, forward_work
from qsanc.train.profile.machine import Machine
from qsanc.train.profile.steps import Profile, _watched, profile
from qsanc.train.profile.summary import groups, lines
from qsanc.train.profile.svg import svg
from qsanc.train.profile.watch import Stopwatch, Timed, quiet, typical
from qsanc.train.tables import table_of
from qsanc.train.task import Choices, Grad, Tables, Task, assemble

WATCHED = Path(__file__).with_name("watched.qsan")
WORDS = ("chef", "bakes", "bread", "student", "tests", "script", "a")
MACHINE = Machine(((1, 1e10), (2, 2e10)), ((1, ((1 << 14, 2e10), (1 << 20, 4e10), (1 << 26, 1e10))),))


def clock(*moments: float) -> Iterator[float]:
    return iter(moments)


def task_of(name: str, *, grad: Grad = "auto", tier: Tier | None = None) -> Task:
    sentences = [" ".join(WORDS[(k + 2 * s) % len(WORDS)] for s in range(2 + k % 3)) for k in range(20)]
    return assemble(
        load(WATCHED),
        name,
        registry.load("numpy"),
        Tables(table_of({"tokens": sentences, "label": [k % 2 for k in range(20)]})),
        choices=Choices(batch=4, grad=grad),
        tier=tier or Tier("off"),
    )


def test_times_of_inner_parts_are_not_those_of_outer_ones() -> None:
    moments = clock(0.0, 1.0, 3.0, 7.0, 8.0, 9.5)
    watch = Stopwatch(lambda: next(moments))
    outer, inner = Part("forward", "outer"), Part("forward", "inner")
    section = watch.section("here")
    with watch.step():
        with section.time(outer), section.time(inner):
            pass
        with section.time(inner):
            pass
    assert [(t.part.name, t.seconds) for t in watch.parts()] == [("outer", 5.0), ("inner", 3.5)]


def test_work_is_counted_once() -> None:
    watch = Stopwatch()
    part, section = Part("forward", "p"), watch.section("here")
    for counting in (True, False, False):
        with watch.step(counting=counting):
            with section.time(part):
                assert section.counting == counting
            section.count(part, Work(2.0, 8.0, 16, 8.0))
            section.count(part, Work(1.0, 1.0, 1, 9.0))
    (timed,) = watch.parts()
    assert timed.work == Work(3.0, 9.0, 17, 9.0)


def test_steps_that_were_interrupted_are_left_out() -> None:
    seconds = [5.0, 1.0, 9.0, 2.0, 3.0]
    assert quiet(seconds) == [1, 3, 4]
    assert typical(seconds) == 2.0
    assert len(quiet([1.0] * 100)) == 5


def test_a_bound_is_the_longer_of_two() -> None:
    one, two = Part("forward", "p"), Part("forward", "p", threads=2)
    assert MACHINE.bound(one, Work(1e10, 1.0)) == 1.0
    assert MACHINE.bound(two, Work(1e10, 1.0)) == 0.5
    assert MACHINE.bound(one, Work(0.0, 4e10, reach=1000.0)) == 1.0
    assert MACHINE.bound(one, Work(0.0, 4e10, reach=2.0**21)) == 4.0
    assert MACHINE.speed(2.0**40) == 1e10


@pytest.mark.parametrize(
    ("name", "x", "y", "flops", "moved"),
    [
        ("mul", (np.ones((5, 2)), np.ones((5, 2))), np.ones((5, 2)), 10, 240),
        ("matmul", (np.ones((5, 3)), np.ones((3, 2))), np.ones((5, 2)), 60, 120 + 48 + 80),
        ("attend", (np.ones(9), np.ones((3, 4))), np.ones((3, 4)), 72, 72 + 96 + 96),
        ("gather", (np.ones((100, 2)), np.arange(3)), np.ones((3, 2)), 0, 24 + 2 * 48),
        ("reshape", (np.ones((5, 2)),), np.ones(10), 0, 0),
        ("sum", (np.ones((5, 2)),), np.ones(5), 10, 120),
    ],
)
def test_operations_of_the_graph_are_counted(
    name: str, x: tuple[Array, ...], y: Array, flops: float, moved: float
) -> None:
    work = forward_work(name, x, (y,))
    assert (work.flops, work.bytes) == (flops, moved)


def test_a_lookup_adds_on_its_way_back() -> None:
    work = backward_work("gather", 0, (np.ones((100, 2)), np.arange(3)), np.ones((3, 2)), np.zeros((100, 2)))
    assert (work.flops, work.bytes) == (6, 48 + 1600 + 24)


def test_lines_stand_together() -> None:
    source = Source("models/m.qsan", "a\nb\nc\nd\ne\n")
    other = Source("std/x.qsan", "a\n")
    spans = [source.span(at, at + 1) for at in (8, 0, 2, 2, 4)]
    assert lines([*spans, other.span(0, 1)]) == "m.qsan:1-3,5 x.qsan:1"
    assert lines([]) == ""


@pytest.mark.parametrize("name", ["numbers", "states", "two_heads"])
@pytest.mark.parametrize("grad", ["adjoint", "parameter_shift"])
def test_the_watch_changes_no_gradient(name: str, grad: Grad) -> None:
    task = task_of(name, grad=grad)
    records = task.parts["train"].slice(0, 3)
    parameters = {key: 0.3 + value for key, value in initial(task.model, 1).items()}
    wrt = trained(task.model)
    watch = Stopwatch()
    context = Context(purpose="gradient")
    plain = task.objective.gradient(parameters, records, wrt=wrt, context=context)
    with watch.step():
        watched = _watched(task, watch, None, False).gradient(parameters, records, wrt=wrt, context=context)
    np.testing.assert_array_equal(plain[0].loss, watched[0].loss)
    for key in wrt:
        np.testing.assert_array_equal(plain[1][key], watched[1][key])
    names = {timed.part.name for timed in watch.parts()}
    if grad == "parameter_shift":
        assert {"shifted circuits", "shift rules"} <= names
    for phase in ("forward", "backward"):
        assert any(t.part.name.startswith("node 1 ") for t in watch.parts() if t.part.phase == phase)


def test_parts_of_a_step() -> None:
    found = profile(task_of("numbers"), seconds=0.01)
    parts = {(t.section, t.part.phase, t.part.name): t for t in found.parts}
    for phase in ("forward", "backward"):
        encode = parts["by_numbers", phase, "node 1 (encode)"]
        assert lines(encode.part.spans) == "watched.qsan:6-10"
        assert encode.work is not None
        assert encode.work.flops > 0
        attend = next(t for (_, p, name), t in parts.items() if p == phase and name.endswith(" attend"))
        assert attend.section == "model graph, level 1"
        assert lines(attend.part.spans) == "watched.qsan:51"
    assert ("trainer", "step", "optimiser") in parts
    assert found.rest - found.excess + sum(t.seconds for t in found.parts) == pytest.approx(found.seconds)
    assert sum(g.seconds for g in groups(found)) == pytest.approx(sum(t.seconds for t in found.parts))
    assert (found.records, found.method, found.native) == (4, "adjoint", ())


def test_native_steps_have_parts_too() -> None:
    found = profile(task_of("numbers", tier=Tier("on")), seconds=0.01)
    names = {(t.section, t.part.name.split()[0]) for t in found.parts}
    assert {("by_numbers", "node"), ("model graph", "graph:"), ("trainer", "optimiser")} <= names
    assert found.native == ("circuits", "graph")


def test_perturbation_has_no_way_back() -> None:
    found = profile(task_of("numbers", grad="spsa"), seconds=0.01)
    assert found.method == "spsa"
    assert {t.part.phase for t in found.parts} == {"forward", "step"}


def test_a_backend_without_parts_has_one_line() -> None:
    task = assemble(load(WATCHED), "lowest", FakeBackend(), None, shots=3)
    found = profile(task, shots=3, seconds=0.01)
    mine = [(t.part.phase, t.part.name) for t in found.parts if t.section == "energy"]
    assert mine == [("forward", "the whole request"), ("backward", "shift rules"), ("backward", "shifted circuits")]


def test_calls_of_one_module_stand_apart() -> None:
    found = profile(task_of("states"), seconds=0.01)
    sections = {t.section for t in found.parts if t.part.name.startswith("node 1 ")}
    assert len(sections) == 2
    assert {section.split(",")[1] for section in sections} == {" call 1", " call 2"}
    assert any(t.part.name.startswith("overlap of ") for t in found.parts)


def made_up(*parts: Timed) -> Profile:
    return Profile("a<b>&c", "adjoint", 2, (("S", 7),), 10, 1e-3, 1e-3, parts, MACHINE, None, ())


def test_small_parts_are_one_row() -> None:
    part = [Timed("here", Part("forward", f"p{k}"), 1e-6 * k, None) for k in (500, 1, 2)]
    (group,) = groups(made_up(*part))
    assert [(row.name, row.merged) for row in group.rows] == [("p500", 0), ("2 others", 2)]
    assert group.seconds == pytest.approx(503e-6)


@pytest.mark.parametrize(("parts", "rest", "excess"), [(0.6e-3, 0.4e-3, 0.0), (1.5e-3, 0.0, 0.5e-3)])
def test_the_rest_is_never_negative(parts: float, rest: float, excess: float) -> None:
    """Parts are timed in other repetitions than the step of 1 ms, and may come to more."""
    found = made_up(Timed("here", Part("forward", "p"), parts, None))
    assert (found.rest, found.excess) == (pytest.approx(rest), pytest.approx(excess))
    assert "-" not in "".join(e.text or "" for e in ElementTree.fromstring(svg(found)).iter() if "%" in (e.text or ""))


@pytest.mark.parametrize(("name", "says"), [("numbers", "shuffled"), ("lowest", "no data")])
def test_where_the_batch_comes_from(name: str, says: str) -> None:
    task = task_of(name) if name == "numbers" else assemble(load(WATCHED), name, registry.load("numpy"), None)
    (batch,) = [t.part for t in profile(task, seconds=0.01).parts if t.part.name == "batch"]
    assert says in batch.how


@pytest.mark.parametrize("seconds", [0.0, 1e-4])
def test_the_picture_is_xml_whatever_the_names(seconds: float) -> None:
    parts = [
        Timed("x<y>", Part("forward", "<&\"'"), seconds, Work(1e6, 1e5, 0, 1e5)),
        Timed("trainer", Part("step", "none"), seconds, None),
        Timed("x<y>", Part("backward", "same place"), seconds, Work(1e6, 1e5, 0, 1e5)),
    ]
    for chosen in (parts, []):
        picture = ElementTree.fromstring(svg(made_up(*chosen)))
        assert picture.tag.endswith("svg")
        texts = [text for element in picture.iter() if (text := element.text)]
        assert any("a<b>&c" in text for text in texts)
        assert "calls and rest" in texts
        assert not any("nan" in value or "inf" in value for e in picture.iter() for value in e.attrib.values())
