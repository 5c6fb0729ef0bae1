"""The charts of the morning page, worked out before any template."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

from reconciliation.board.display import month_name
from reconciliation.charts import model as charts
from reconciliation.charts.model import Chart, Series
from reconciliation.days.wording import provider_name
from reconciliation.morning.model import CHART_DAYS, CHART_MONTHS, Overview, months_before

WEEK_DAYS = 7


@dataclass(frozen=True, slots=True)
class Charts:
    """Takings by day and method, the cashless share and fees by month, and takings by method alone."""

    taken: Chart
    methods: tuple[tuple[str, int, int, int], ...]  # name, colour, yen, percent
    share: Chart
    fees: Chart


def charts_of(
    found: Overview,
    today: date,
    *,
    tag: str,
    words: Callable[[str], str],
    named: Callable[[str], str],
    place: Callable[[str], int],
) -> Charts:
    """Draw the overview's charts."""
    days = [today - timedelta(days=CHART_DAYS - 1 - n) for n in range(CHART_DAYS)]
    sums = {(day, method): taken.amount for day, method, taken in found.takings}
    methods = sorted({method for _, method in sums}, key=place)
    totals = {method: sum(taken for (_, one), taken in sums.items() if one == method) for method in methods}
    whole = sum(totals.values())
    months = [month_name(month, tag) for month in months_before(today, CHART_MONTHS)]
    kept = {(each.month, each.provider): each.kept.amount for each in found.fees}
    providers = sorted({provider for _, provider in kept})
    return Charts(
        taken=charts.columns(
            [f"{day.month}/{day.day}" for day in days],
            [
                Series(named(method), place(method), tuple(sums.get((day, method), 0) for day in days))
                for method in methods
            ],
            marked=WEEK_DAYS,
        ),
        methods=tuple(
            (named(method), place(method), totals[method], round(100 * totals[method] / whole))
            for method in sorted(methods, key=lambda one: -totals[one])
            if totals[method]
        ),
        share=charts.lines(
            months, [Series(words("Cashless share"), 0, tuple(share.percent for _, share in found.shares))], top=100
        )
        if found.shares
        else charts.lines([], []),
        fees=charts.columns(
            months,
            [
                Series(
                    provider_name(provider),
                    n,
                    tuple(kept.get((month, provider), 0) for month in months_before(today, CHART_MONTHS)),
                )
                for n, provider in enumerate(providers)
            ],
        ),
    )
