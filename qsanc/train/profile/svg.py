"""A profile as a picture: a roofline with a point for each part, and bars of what share of the step each takes.

On the roofline a part stands by its flops a byte and its flops a second; both axes are logarithmic. What only moves
numbers has no place there.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree

from qsanc.target.profile import Phase
from qsanc.train.profile.steps import TRAINER, Profile
from qsanc.train.profile.summary import Row, groups

_WIDTH = 980
_LEFT, _RIGHT, _TOP = 74, 24, 64
_PLOT = 400
_BAR, _GAP = 21, 70
_NAME, _BARS = 590, 260
"""Where names end and how long the longest bar is."""

_COLORS = {"circuit": ("#e69f00", "#b35900"), "graph": ("#56b4e9", "#0072b2"), "trainer": ("#999999", "#999999")}
_INK, _FAINT = "#222222", "#d8d8d8"


@dataclass(frozen=True, slots=True)
class _Mark:
    """A row with its number, what it belongs to and its colour."""

    number: int
    title: str
    row: Row
    color: str

    @property
    def intensity(self) -> float | None:
        """Flops a byte; None where there is none of either, or no time."""
        work = self.row.work
        if work is None or not work.flops or not work.bytes or not self.row.seconds:
            return None
        return work.flops / work.bytes

    @property
    def rate(self) -> float:
        """Flops a second."""
        return self.row.work.flops / self.row.seconds if self.row.work else 0.0


def svg(profile: Profile) -> str:
    """The picture as an SVG document."""
    marks = _marks(profile)
    rows = len(marks) + 1
    height = _TOP + _PLOT + _GAP + rows * _BAR + 30
    root = ElementTree.Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "width": str(_WIDTH),
            "height": str(height),
            "viewBox": f"0 0 {_WIDTH} {height}",
            "font-family": "Helvetica, Arial, sans-serif",
            "font-size": "12",
            "fill": _INK,
        },
    )
    _add(root, "rect", width=_WIDTH, height=height, fill="#ffffff")
    _text(root, _LEFT, 26, f"One training step of {profile.model}: {duration(profile.seconds)}", size=17)
    tokens = "".join(f", {count} of {dim}" for dim, count in profile.tokens)
    records = f"{profile.records} record{'s' * (profile.records != 1)}"
    _text(root, _LEFT, 46, f"{records}{tokens}; {profile.method}; {profile.repetitions} repetitions", fill="#666666")
    _roofline(root, profile, marks)
    _bars(root, profile, marks)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def duration(seconds: float) -> str:
    """`2.51 ms`."""
    for unit, name in ((1.0, "s"), (1e-3, "ms")):
        if abs(seconds) >= unit:
            return f"{seconds / unit:.3g} {name}"
    return f"{seconds / 1e-6:.3g} us"


def _marks(profile: Profile) -> list[_Mark]:
    """All rows, those that take most first."""
    found = [(group, row) for group in groups(profile) for row in group.rows]
    found.sort(key=lambda pair: -pair[1].seconds)
    return [
        _Mark(number, group.title, row, _color(group.section, group.phase))
        for number, (group, row) in enumerate(found, 1)
    ]


def _color(section: str, phase: Phase) -> str:
    kind = "trainer" if section == TRAINER else "graph" if section.startswith("model graph") else "circuit"
    return _COLORS[kind][phase == "backward"]


# the roofline


@dataclass(frozen=True, slots=True)
class _Axis:
    """A logarithmic axis from `low` to `high`, drawn from `start` to `stop`."""

    low: float
    high: float
    start: float
    stop: float

    @staticmethod
    def around(values: Iterable[float], start: float, stop: float) -> _Axis:
        """Whole powers of ten around the values."""
        logs = [math.log10(value) for value in values]
        return _Axis(10.0 ** math.floor(min(logs)), 10.0 ** math.ceil(max(logs)), start, stop)

    def at(self, value: float) -> float:
        part = math.log(value / self.low) / math.log(self.high / self.low)
        return self.start + part * (self.stop - self.start)

    def decades(self) -> list[float]:
        first, last = round(math.log10(self.low)), round(math.log10(self.high))
        return [10.0**k for k in range(first, last + 1)]


def _roofline(root: ElementTree.Element, profile: Profile, marks: Sequence[_Mark]) -> None:
    points = [(mark, mark.intensity) for mark in marks if mark.intensity is not None]
    machine = profile.machine
    peaks = [(f"{threads} thread{'s' * (threads != 1)}", machine.peak(threads)) for threads, _ in machine.flops]
    slow, fast = machine.in_memory, machine.in_cache
    highest = max(peak for _, peak in peaks)
    x = _Axis.around([0.05, 100, highest / slow, *(i for _, i in points)], _LEFT, _WIDTH - _RIGHT)
    y = _Axis.around([1e9, highest, *(mark.rate for mark, _ in points)], _TOP + _PLOT, _TOP)
    for value in x.decades():
        _line(root, x.at(value), y.start, x.at(value), y.stop, _FAINT)
        _text(root, x.at(value), y.start + 16, f"{value:g}", anchor="middle")
    for value in y.decades():
        _line(root, x.start, y.at(value), x.stop, y.at(value), _FAINT)
        _text(root, x.start - 8, y.at(value) + 4, f"{value / 1e9:g}", anchor="end")
    _text(root, (x.start + x.stop) / 2, y.start + 34, "flops a byte", anchor="middle")
    label = _text(root, 0, 0, "GFlop/s", anchor="middle")
    label.set("transform", f"translate({_LEFT - 52:g} {(y.start + y.stop) / 2:g}) rotate(-90)")
    for aside, (name, peak) in enumerate(peaks):
        _line(root, x.at(max(x.low, peak / fast)), y.at(peak), x.stop, y.at(peak), _INK, width=1.5)
        _text(
            root, x.stop - 4 - 230 * aside, y.at(peak) - 5, f"products, {name}: {peak / 1e9:.3g} GFlop/s", anchor="end"
        )
    for speed, dash in ((fast, ""), (slow, "5 4")):
        first, last = max(x.low, y.low / speed), min(x.high, highest / speed)
        _line(root, x.at(first), y.at(first * speed), x.at(last), y.at(last * speed), _INK, width=1.5, dash=dash)
    _text(root, x.start + 8, y.stop + 16, f"solid slope: {fast / 1e9:.3g} GB/s in cache")
    _text(root, x.start + 8, y.stop + 32, f"dashed slope: {slow / 1e9:.3g} GB/s in memory")
    taken: list[tuple[float, float]] = []
    for mark, intensity in reversed(points):
        across, up = x.at(intensity), y.at(mark.rate)
        taken.append((across, up))
        radius = 4 + 16 * math.sqrt(profile.share(mark.row.seconds))
        circle = _add(root, "circle", cx=across, cy=up, r=radius, fill=mark.color, stroke="#ffffff")
        circle.set("fill-opacity", "0.85")
        _add(circle, "title").text = f"{mark.title}: {mark.row.name}"
    for mark, intensity in points:
        across, up = x.at(intensity), y.at(mark.rate)
        radius = 4 + 16 * math.sqrt(profile.share(mark.row.seconds))
        place = _free(across + radius + 10, up, taken)
        taken.append(place)
        if abs(place[1] - up) > 2:
            _line(root, across, up, place[0] - 7, place[1], "#888888")
        _text(root, place[0], place[1] + 4, str(mark.number), anchor="middle", weight="bold")


def _free(x: float, y: float, taken: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """A place for a number near (x, y), off the others."""
    for step in range(60):
        offset = (step + 1) // 2 * 7 * (1 if step % 2 else -1)
        if all(abs(x - other_x) > 17 or abs(y + offset - other_y) > 13 for other_x, other_y in taken):
            return x, y + offset
    return x, y


# the bars


def _bars(root: ElementTree.Element, profile: Profile, marks: Sequence[_Mark]) -> None:
    top = _TOP + _PLOT + _GAP
    rest = _Mark(0, "", Row("calls and rest", "", profile.rest, None, None), "#cccccc")
    most = max([profile.share(mark.row.seconds) for mark in (*marks, rest)], default=0.0) or 1.0
    for place, mark in enumerate((*marks, rest)):
        y = top + place * _BAR
        share = profile.share(mark.row.seconds)
        length = max(0.0, share) / most * _BARS
        name = f"{mark.title}: {mark.row.name}" if mark.title else mark.row.name
        if mark.number:
            _text(root, 34, y + 14, str(mark.number), anchor="end", weight="bold")
        _text(root, 44, y + 14, _short(name, 66))
        _text(root, _NAME - 8, y + 14, _short(mark.row.lines, 24), anchor="end", fill="#666666")
        _add(root, "rect", x=_NAME, y=y + 3, width=round(length, 2), height=_BAR - 7, fill=mark.color)
        _text(root, _NAME + length + 6, y + 14, f"{100 * share:.1f} %  {duration(mark.row.seconds)}")


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 3] + "..."


# elements


def _add(parent: ElementTree.Element, kind: str, **attributes: float | str) -> ElementTree.Element:
    found = {name: f"{value:g}" if isinstance(value, float) else str(value) for name, value in attributes.items()}
    return ElementTree.SubElement(parent, kind, found)


def _line(
    root: ElementTree.Element,
    x1: float,
    y1: float,
    x2: float,
    y2: float,
    color: str,
    *,
    width: float = 1,
    dash: str = "",
) -> None:
    line = _add(root, "line", x1=x1, y1=y1, x2=x2, y2=y2, stroke=color)
    line.set("stroke-width", f"{width:g}")
    if dash:
        line.set("stroke-dasharray", dash)


def _text(
    root: ElementTree.Element,
    x: float,
    y: float,
    text: str,
    *,
    anchor: str = "start",
    size: int | None = None,
    weight: str | None = None,
    fill: str | None = None,
) -> ElementTree.Element:
    element = _add(root, "text", x=x, y=y)
    element.set("text-anchor", anchor)
    for name, value in (("font-size", size), ("font-weight", weight), ("fill", fill)):
        if value is not None:
            element.set(name, str(value))
    element.text = text
    return element
