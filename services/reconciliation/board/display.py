"""What the board's page shows, worked out before any template: charts, and figures as people say them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from babel.dates import format_date

from reconciliation.board.model import Assumptions, Board, DayFigures, Milestone
from reconciliation.charts import model as charts
from reconciliation.charts.model import Chart, Series

Words = Callable[[str], str]
TENTHS = 10
MINUTE_SECONDS = 60
HOUR_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class Charts:
    """The charts of a board, one month after the other."""

    adoption: Chart
    share: Chart
    taken: Chart
    waits: Chart
    minutes: Chart
    sheets: Chart
    cost: Chart


def month_name(month: date, tag: str) -> str:
    """Return a month as its reader says it."""
    return format_date(month, "LLL", locale=tag)


def charts_of(found: Board, takings: Sequence[tuple[str, int, tuple[int, ...]]], words: Words, tag: str) -> Charts:
    """Draw a board. `takings`: each method's name, its place among the colours, and its yen by month."""
    labels = [month_name(each.first, tag) for each in found.months]
    months = found.months

    def one(name: str, place: int, values: Sequence[float | None]) -> Series:
        return Series(name, place, tuple(values))

    return Charts(
        adoption=charts.lines(
            labels,
            [
                one(words("Cashless facilities"), 0, [each.adopted for each in months]),
                one(words("Planned facilities"), 1, [each.planned for each in months]),
            ],
            top=found.assumed.values.facilities_total,
            dashed=frozenset({1}),
        ),
        share=charts.lines(labels, [one(words("Cashless share"), 0, [each.share.percent for each in months])], top=100),
        taken=charts.columns(labels, [Series(name, place, values) for name, place, values in takings]),
        waits=charts.lines(
            labels,
            [
                one(words("Half of the orders"), 0, [_seconds(each.paid.median) for each in months]),
                one(words("95 of 100 orders"), 1, [_seconds(each.paid.p95) for each in months]),
            ],
        ),
        minutes=charts.columns(
            labels, [one(words("Hours avoided"), 2, [max(0, each.minutes) // 60 for each in months])]
        ),
        sheets=charts.columns(labels, [one(words("Sheets avoided"), 3, [each.sheets for each in months])]),
        cost=charts.lines(labels, [one(words("Cost of a payment"), 1, [each.cost.per_payment for each in months])]),
    )


def _seconds(tenths: int | None) -> float | None:
    return None if tenths is None else tenths / TENTHS


def takings_of(
    days: Sequence[DayFigures], months: Sequence[date], named: Callable[[str], str], place: Callable[[str], int]
) -> list[tuple[str, int, tuple[int, ...]]]:
    """Return each method's takings by month."""
    sums: dict[tuple[str, date], int] = {}
    for each in days:
        if each.taken:
            key = (each.method, each.day.replace(day=1))
            sums[key] = sums.get(key, 0) + each.taken.amount
    return [
        (named(method), place(method), tuple(sums.get((method, month), 0) for month in months))
        for method in sorted({method for method, _ in sums})
    ]


def span(tenths: int | None, words: Words) -> str:
    """Return how long somebody waited, in the unit that people would say it in."""
    if tenths is None:
        return "–"
    seconds = tenths / TENTHS
    if seconds < MINUTE_SECONDS:
        return words("{number} s").format(number=f"{seconds:.1f}")
    if seconds < HOUR_SECONDS:
        return words("{number} min").format(number=f"{seconds / MINUTE_SECONDS:.1f}")
    return words("{number} h").format(number=f"{seconds / HOUR_SECONDS:.1f}")


def milestones_text(values: Assumptions) -> str:
    """Return milestones as they are typed: a line for each."""
    return "\n".join(f"{each.day.isoformat()} {each.facilities}" for each in values.milestones)


def milestones_from(said: str) -> list[Milestone]:
    """Return milestones as somebody typed them. Raises ValueError."""
    found = []
    for line in said.splitlines():
        if line.strip():
            day, number = line.split()
            found.append(Milestone(day=date.fromisoformat(day), facilities=int(number)))
    return found
