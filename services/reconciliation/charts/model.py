"""Charts as pure geometry: columns of stacked parts, and lines, in units of a box that pages stretch to their width."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

WIDTH: Final = 1000
HEIGHT: Final = 300
TICKS_MAX: Final = 5
FILL_PERCENT: Final = 72  # of its slot, for a column
_STEPS: Final = (1, 2, 5)


@dataclass(frozen=True, slots=True)
class Scale:
    """An axis from 0 to `top` with its ticks, `top` being the last."""

    top: int
    ticks: tuple[int, ...]

    def height(self, value: float) -> int:
        """Return how high a value stands."""
        return round(min(max(value, 0), self.top) * HEIGHT / self.top)


@dataclass(frozen=True, slots=True)
class Series:
    """What one colour stands for: its name for people, its place among the colours, and a value for each label.

    None: not known, which is not nothing.
    """

    name: str
    place: int
    values: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """One series' part of a column."""

    series: Series
    x: int
    y: int
    width: int
    height: int
    value: float


@dataclass(frozen=True, slots=True)
class Line:
    """One series as a line: a path, broken where a value is not known, and its points."""

    series: Series
    path: str
    points: tuple[tuple[int, int], ...]
    dashed: bool


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart: what stands below its columns, and what is drawn. `marked`: every which label is shown."""

    labels: tuple[str, ...]
    scale: Scale
    series: tuple[Series, ...]
    parts: tuple[Part, ...] = ()
    lines: tuple[Line, ...] = ()
    marked: int = 1

    @property
    def empty(self) -> bool:
        """Tell whether there is nothing to draw."""
        return not self.parts and not any(each.points for each in self.lines)

    @property
    def table(self) -> list[tuple[str, list[float | None]]]:
        """The same figures as rows, a label and a value for each series."""
        return [(label, [each.values[n] for each in self.series]) for n, label in enumerate(self.labels)]


def scale_of(largest: float) -> Scale:
    """Return an axis of round steps that holds the largest value; at least up to 1."""
    wanted = max(largest, 1)
    step = 10 ** max(0, math.floor(math.log10(wanted)) - 1)
    while True:
        for factor in _STEPS:
            size = factor * step
            count = math.ceil(wanted / size)
            if count < TICKS_MAX:
                return Scale(size * count, tuple(size * n for n in range(count + 1)))
        step *= 10


def beside(labels: Sequence[str], series: Sequence[Series]) -> Chart:
    """Set a column of each series beside those of the others, for each label."""
    scale = scale_of(max([value or 0 for each in series for value in each.values], default=0))
    parts = []
    for n in range(len(labels)):
        left, right = n * WIDTH // len(labels), (n + 1) * WIDTH // len(labels)
        width = max(1, (right - left) * FILL_PERCENT // 100 // len(series))
        start = left + (right - left - width * len(series)) // 2
        for place, each in enumerate(series):
            value = each.values[n]
            if value:
                high = max(1, scale.height(value))
                parts.append(Part(each, start + place * width, HEIGHT - high, width, high, value))
    return Chart(tuple(labels), scale, tuple(series), parts=tuple(parts))


def columns(labels: Sequence[str], series: Sequence[Series], *, marked: int = 1) -> Chart:
    """Stack series into one column for each label."""
    sums = [sum(each.values[n] or 0 for each in series) for n in range(len(labels))]
    scale = scale_of(max(sums, default=0))
    parts = []
    for n in range(len(labels)):
        left, right = n * WIDTH // len(labels), (n + 1) * WIDTH // len(labels)
        width = max(1, (right - left) * FILL_PERCENT // 100)
        below: float = 0
        for each in series:
            value = each.values[n]
            if not value:
                continue
            low, high = scale.height(below), scale.height(below + value)
            below += value
            x = left + (right - left - width) // 2
            parts.append(Part(each, x, HEIGHT - high, width, max(1, high - low), value))
    return Chart(tuple(labels), scale, tuple(series), parts=tuple(parts), marked=marked)


def lines(
    labels: Sequence[str],
    series: Sequence[Series],
    *,
    top: int | None = None,
    dashed: frozenset[int] = frozenset(),
    marked: int = 1,
) -> Chart:
    """Draw each series as a line through the middles of its labels' slots. `dashed`: by place; `top`: of the axis."""
    known = [value for each in series for value in each.values if value is not None]
    scale = scale_of(max([top or 0, *known], default=0))
    return Chart(
        tuple(labels),
        scale,
        tuple(series),
        lines=tuple(_line(each, scale, len(labels), dashed=each.place in dashed) for each in series),
        marked=marked,
    )


def _line(series: Series, scale: Scale, count: int, *, dashed: bool) -> Line:
    path, points, pen_down = "", [], False
    for n, value in enumerate(series.values):
        if value is None:
            pen_down = False
            continue
        x, y = (2 * n + 1) * WIDTH // (2 * count), HEIGHT - scale.height(value)
        path += f"{'L' if pen_down else 'M'}{x} {y}"
        points.append((x, y))
        pen_down = True
    return Line(series, path, tuple(points), dashed)
