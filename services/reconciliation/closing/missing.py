"""What a period needs to close, and what of it is missing: judged from gathered facts alone, pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final, Literal

from kernel.clock import JAPAN, business_date
from kernel.money import ZERO, Yen, total
from reconciliation.closing.model import Period

MissingKind = Literal[
    "not_over",
    "settlement_period",
    "no_books",
    "arriving",
    "discrepancies",
    "unbooked",
    "days_open",
    "months_open",
    "statements",
    "payouts",
]
State = Literal["no_books", "ahead", "running", "closed", "ready", "waiting", "blocked"]

# What is missing and what to do; gettext messages. {count}, {amount}, {provider}, {day} are filled in.
EXPLANATIONS: Final[dict[MissingKind, tuple[str, str]]] = {
    "not_over": (
        "It is not over yet.",
        "It closes by itself after {day}.",
    ),
    "settlement_period": (
        "The books of the year stay open until 31 May (settlement period).",
        "It closes by itself from {day} on.",
    ),
    "no_books": (
        "The books begin later.",
        "There is nothing to close.",
    ),
    "arriving": (
        "Orders whose events are still arriving: {count} ({amount}).",
        "Look again in a few minutes.",
    ),
    "discrepancies": (
        "Things that do not agree and nobody has explained: {count} ({amount}).",
        "Settle each of them, or write down what it is.",
    ),
    "unbooked": (
        "Vouchers that the journal has still to book: {count} ({amount}).",
        "The journal follows within minutes. If it does not, ask whoever runs the system.",
    ),
    "days_open": (
        "Days that are not closed yet: {count}. The first is {day}.",
        "Look at what that day is missing.",
    ),
    "months_open": (
        "Months that are not closed yet: {count}. The first is {day}.",
        "Look at what that month is missing.",
    ),
    "statements": (
        "The statements of {provider} do not reach beyond the month yet. Not on them: {count} ({amount}).",
        "Send the statement that has the month's last days and the first ones after it.",
    ),
    "payouts": (
        "Payouts of {provider} that were due and have not come: {count} ({amount}).",
        "Send the bank's statement; if the money is not on it, ask the provider.",
    ),
}
# Time or the next file brings these; whatever else is missing, somebody has to do something about it.
COME_BY_THEMSELVES: Final = frozenset(
    {"not_over", "settlement_period", "arriving", "unbooked", "days_open", "months_open"}
)
SETTLEMENT_ENDS: Final = (6, 1)  # the day after 出納閉鎖 (地方自治法235条の5), from which on a fiscal year closes


@dataclass(frozen=True, slots=True)
class Tally:
    """How many, and how much money, whichever way."""

    count: int
    amount: Yen

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.count + other.count, self.amount + other.amount)

    def __bool__(self) -> bool:
        return self.count > 0


NONE: Final = Tally(0, ZERO)


def tally_of(amounts: Sequence[Yen]) -> Tally:
    """Count amounts and add them up, whichever way each goes."""
    return Tally(len(amounts), total(Yen(abs(each.amount)) for each in amounts))


@dataclass(frozen=True, slots=True)
class Reach:
    """How far a provider's statements reach. `name`: what people call it.

    `unseen`: what we claim of it in the month and no line explains. `until`: the day of its last line; None without
    any. `taken_on`: the day on which its last file was taken.
    """

    provider: str
    name: str
    unseen: Tally
    until: date | None
    taken_on: date | None

    def covers(self, period: Period) -> bool:
        """Tell whether the statements leave nothing of the period open.

        They do where they reach beyond it. A provider that had nothing to tell since then has told all where a file
        was taken after the period and each of our claims has its line.
        """
        if self.until is not None and self.until > period.last_day:
            return True
        return not self.unseen and self.taken_on is not None and self.taken_on > period.last_day


@dataclass(frozen=True, slots=True)
class Due:
    """What a provider was due to transfer and has not."""

    provider: str
    name: str
    missed: Tally


@dataclass(frozen=True, slots=True)
class Gathered:
    """What is known about a period, to judge it by.

    `begins`: the first day of the books, None where there are none yet. `unbooked`: vouchers of a day that the journal
    lacks. `open_parts`: first days of its days or months that are open. `payouts`: due in the period and not come.
    """

    begins: date | None
    arriving: Tally = NONE
    discrepancies: Tally = NONE
    unbooked: Tally = NONE
    open_parts: tuple[date, ...] = ()
    reaches: tuple[Reach, ...] = ()
    payouts: tuple[Due, ...] = ()


@dataclass(frozen=True, slots=True)
class Missing:
    """One thing that a period still needs. `where`: the page to go to, '' where there is nothing to do but to wait.

    `name`: what people call the provider.
    """

    kind: MissingKind
    count: int
    amount: Yen
    where: str
    provider: str = ""
    name: str = ""
    day: date | None = None


def closes_from(period: Period, starts: time) -> datetime:
    """Return from when on a period may close by itself: a time of the day in Japan after it."""
    return datetime.combine(_first_closing_day(period), starts, JAPAN)


def _first_closing_day(period: Period) -> date:
    if period.kind == "year":
        return date(period.last_day.year, *SETTLEMENT_ENDS)
    return period.last_day + timedelta(days=1)


def missing_of(period: Period, known: Gathered, *, at: datetime) -> list[Missing]:
    """Return what a period needs to close and does not have; nothing: it may close."""
    return list(_missing(period, known, business_date(at)))


def _missing(period: Period, known: Gathered, today: date) -> Iterator[Missing]:
    first_closing_day = _first_closing_day(period)
    if today <= period.last_day:
        yield Missing("not_over", 1, ZERO, "", day=period.last_day)
    elif today < first_closing_day:
        yield Missing("settlement_period", 1, ZERO, "", day=first_closing_day)
    if period.kind != "day" and (known.begins is None or known.begins > period.last_day):
        yield Missing("no_books", 1, ZERO, "")
    if known.arriving:
        yield Missing("arriving", known.arriving.count, known.arriving.amount, _page_of_what_differs(period))
    if known.discrepancies:
        yield Missing(
            "discrepancies", known.discrepancies.count, known.discrepancies.amount, _page_of_what_differs(period)
        )
    if known.unbooked:
        yield Missing("unbooked", known.unbooked.count, known.unbooked.amount, "")
    if known.open_parts:
        part: MissingKind = "months_open" if period.kind == "year" else "days_open"
        first = min(known.open_parts)
        yield Missing(part, len(known.open_parts), ZERO, f"/closings/{part.removesuffix('s_open')}/{first}", day=first)
    for each in known.reaches:
        if not each.covers(period):
            yield Missing(
                "statements", each.unseen.count, each.unseen.amount, "/statements", each.provider, each.name, each.until
            )
    for due in known.payouts:
        yield Missing("payouts", due.missed.count, due.missed.amount, "/statements", due.provider, due.name)


def _page_of_what_differs(period: Period) -> str:
    if period.kind == "day":
        return f"/?day={period.first_day}"
    return f"/discrepancies?from={period.first_day}&to={period.last_day}"


def state_of(period: Period, missing: Sequence[Missing], *, begins: date | None, today: date) -> State:
    """Return how a period that is not closed stands. `begins`: the first day of the books."""
    kinds = {each.kind for each in missing}
    if begins is None or begins > period.last_day:
        return "no_books"
    if today <= period.last_day:
        return "running" if today >= period.first_day else "ahead"
    if not kinds:
        return "ready"
    return "waiting" if kinds <= COME_BY_THEMSELVES else "blocked"
