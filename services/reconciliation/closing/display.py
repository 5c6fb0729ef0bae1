"""What the pages of closings show, worked out before any template: months as weeks, what is left to do, titles."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Literal

from babel.dates import format_date

from kernel.web import Language, Pages
from reconciliation.closing.model import PERIODS, Period
from reconciliation.closing.reading import Standing, Year

TO_DO_MAX: Final = 12  # the calendar above shows all of them
Mark = Literal["closed", "changed", "ready", "waiting", "blocked", "running", "ahead", "no_books"]

# How a period stands, in a word; gettext messages.
STATES: Final[dict[Mark, str]] = {
    "closed": "closed",
    "changed": "closed, changed since",
    "ready": "agrees, closes by itself",
    "waiting": "waiting",
    "blocked": "blocked",
    "running": "still running",
    "ahead": "still to come",
    "no_books": "no books",
}
SIGNS: Final[dict[Mark, str]] = {
    "closed": "✓",
    "changed": "±",
    "ready": "○",
    "waiting": "…",
    "blocked": "!",
    "running": "",
    "ahead": "",
    "no_books": "",
}


def mark_of(standing: Standing) -> Mark:
    """Return by which mark a period is shown."""
    return "changed" if standing.changed else standing.state


@dataclass(frozen=True, slots=True)
class MonthCard:
    """One month of the year: its days in weeks that begin on Sunday, and how many of those that are over are closed."""

    standing: Standing
    weeks: tuple[tuple[Standing | None, ...], ...]
    closed: int
    over: int


def months_of(year: Year, today: date) -> list[MonthCard]:
    """Return the months of a year."""
    cards = []
    for month in year.months:
        days = [each for each in year.days if each.period.first_day in month.period]
        counted = [each for each in days if each.state != "no_books"]
        cards.append(
            MonthCard(
                month,
                _weeks_of(days),
                sum(each.state == "closed" for each in counted),
                sum(each.period.first_day < today for each in counted),
            )
        )
    return cards


def _weeks_of(days: Sequence[Standing]) -> tuple[tuple[Standing | None, ...], ...]:
    lead = (days[0].period.first_day.weekday() + 1) % 7
    cells: list[Standing | None] = [*([None] * lead), *days]
    cells += [None] * (-len(cells) % 7)
    return tuple(tuple(cells[start : start + 7]) for start in range(0, len(cells), 7))


def to_do(year: Year) -> list[Standing]:
    """Return the periods that are over and not closed, those first about which somebody has to do something."""
    over = [each for each in (*year.days, *year.months, year.year) if each.state in {"blocked", "waiting", "ready"}]
    return sorted(over, key=lambda each: (each.state != "blocked", each.period.last_day, each.period.first_day))


def title_of(period: Period, language: Language, words: Callable[[str], str]) -> str:
    """Return what people call a period."""
    first = period.first_day
    match period.kind:
        case "day":
            return Pages.day(language, first)
        case "month":
            return format_date(first, "y年M月" if language.tag == "ja" else "MMMM y", locale=language.tag)
        case "year":
            return words("Fiscal year {year}").format(year=first.year)


def neighbours(period: Period) -> tuple[Period, Period]:
    """Return the period of the same kind before and the one after."""
    one = timedelta(days=1)
    return PERIODS[period.kind](period.first_day - one), PERIODS[period.kind](period.last_day + one)
