"""Key figures as pure sums: adoption, cashless share, waits, work and paper avoided, cost of a payment."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from kernel.clock import FISCAL_YEAR_FIRST_MONTH
from kernel.money import ZERO, Yen
from kernel.refusals import Invalid

Since = Literal["placed", "paid"]
MONTHS: Final = 12
PERCENT: Final = 100
REASON_LENGTH_MAX: Final = 1000
_Count = Annotated[int, Field(ge=0, le=100_000)]
_Percent = Annotated[int, Field(ge=0, le=PERCENT)]


class Milestone(BaseModel):
    """How many facilities the plan wants to take cashless payments by the end of a day."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    day: date
    facilities: _Count


class Assumptions(BaseModel):
    """What nobody measures here. Each is a guess until somebody has timed or counted it; the page says so."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    facilities_total: _Count = 14
    milestones: tuple[Milestone, ...] = Field(
        default=(
            Milestone(day=date(2021, 3, 31), facilities=5),
            Milestone(day=date(2027, 3, 31), facilities=9),
            Milestone(day=date(2028, 3, 31), facilities=14),
        ),
        max_length=20,
    )
    seconds_per_sale: _Count = 60  # of staff, to sell a ticket for cash and count the cash
    seconds_per_match: _Count = 30  # to find one payment on a provider's list by hand
    minutes_per_facility_day: _Count = 20  # to write one facility's daily report of takings
    minutes_per_discrepancy: _Count = 10  # spent on what does not agree; taken off
    sheets_per_ticket: _Count = 1
    sheets_per_payment: _Count = 1  # a receipt
    printed_percent: _Percent = 20  # of tickets and receipts that visitors print all the same

    @model_validator(mode="after")
    def _in_order(self) -> Assumptions:
        days = [each.day for each in self.milestones]
        if days != sorted(set(days)):
            raise ValueError("Each milestone is later than the one before it.")
        return self


@dataclass(frozen=True, slots=True)
class Assumed:
    """A version of the assumptions; version 0 is what Momiji begins with."""

    version: int
    values: Assumptions
    reason: str
    made_by: str
    made_at: datetime | None


@dataclass(frozen=True, slots=True)
class DayFigures:
    """What one facility took by one method on one day."""

    day: date
    facility: str
    method: str
    taken: Yen
    payments: int
    tickets: int


@dataclass(frozen=True, slots=True)
class Wait:
    """How many orders of a month and method waited so long, in tenths of a second, for their last ticket."""

    month: date
    method: str
    since: Since
    tenths: int
    orders: int


@dataclass(frozen=True, slots=True)
class Cash:
    """What accounting counted of one facility and month; not known: what was entered before is taken back."""

    facility: str
    month: date
    version: int
    known: bool
    amount: Yen
    payments: int
    paper_tickets: int
    made_by: str
    made_at: datetime


@dataclass(frozen=True, slots=True)
class Fees:
    """What a provider's payouts of a month kept: over how many of its lines, and how much gross."""

    month: date
    provider: str
    lines: int
    gross: Yen
    kept: Yen


@dataclass(frozen=True, slots=True)
class Measured:
    """Everything that a period's board is made of. `firsts`: each facility's first day with a cashless ticket sale.

    `matched`: payments that rules matched, by month; `resolved`: discrepancies that people settled, by month.
    """

    days: Sequence[DayFigures]
    waits: Sequence[Wait]
    cash: Sequence[Cash]
    fees: Sequence[Fees]
    firsts: Sequence[tuple[str, date]]
    matched: dict[date, int]
    resolved: dict[date, int]


@dataclass(frozen=True, slots=True)
class Share:
    """Cashless takings beside counted cash, of the facilities whose cash is known."""

    cashless: Yen
    cash: Yen
    facilities: int

    @property
    def percent(self) -> float | None:
        """The cashless share in percent to one place; None where there is no base."""
        base = self.cashless.amount + self.cash.amount
        return round(1000 * self.cashless.amount / base) / 10 if base else None


@dataclass(frozen=True, slots=True)
class Waits:
    """Half of the orders waited no longer than the median, 95 of 100 no longer than p95; in tenths of a second."""

    orders: int
    median: int | None
    p95: int | None


@dataclass(frozen=True, slots=True)
class Cost:
    """What payments cost: fees, their tax and transfer fees, over the lines that were paid out."""

    lines: int
    gross: Yen
    kept: Yen

    @property
    def per_payment(self) -> float | None:
        """Yen to one place; None without payments."""
        return round(10 * self.kept.amount / self.lines) / 10 if self.lines else None

    @property
    def percent(self) -> float | None:
        """Of the gross amount, to two places."""
        return round(10_000 * self.kept.amount / self.gross.amount) / 100 if self.gross > ZERO else None


@dataclass(frozen=True, slots=True)
class Figures:
    """The key figures of a month, or of the whole period. `planned` and `adopted` are of its end."""

    first: date
    last: date
    taken: Yen
    payments: int
    tickets: int
    facility_days: int
    planned: int
    adopted: int
    share: Share
    placed: Waits
    paid: Waits
    matched: int
    resolved: int
    minutes: int
    sheets: int
    cost: Cost


@dataclass(frozen=True, slots=True)
class Board:
    """A fiscal year's key figures by month, in sum, and by way to pay or provider where that says more."""

    assumed: Assumed
    months: tuple[Figures, ...]
    whole: Figures
    firsts: tuple[tuple[str, date], ...]
    waits_by_method: dict[str, Waits]
    cost_by_provider: dict[str, Cost]
    counted_until: datetime | None


def months_of(fiscal_year: int) -> list[date]:
    """Return the first days of a fiscal year's months, April to March."""
    start = FISCAL_YEAR_FIRST_MONTH - 1
    return [date(fiscal_year + (start + n) // MONTHS, (start + n) % MONTHS + 1, 1) for n in range(MONTHS)]


def next_month(month: date) -> date:
    """Return the first day of the month after."""
    return date(month.year + month.month // MONTHS, month.month % MONTHS + 1, 1)


def waits_of(found: Iterable[Wait]) -> Waits:
    """Return the median and the 95th percentile by nearest rank."""
    counted: dict[int, int] = {}
    for each in found:
        counted[each.tenths] = counted.get(each.tenths, 0) + each.orders
    orders = sum(counted.values())
    return Waits(orders, _ranked(counted, orders, 50), _ranked(counted, orders, 95))


def _ranked(counted: dict[int, int], orders: int, percent: int) -> int | None:
    rank, seen = -(-orders * percent // PERCENT), 0
    for tenths in sorted(counted):
        seen += counted[tenths]
        if seen >= rank:
            return tenths
    return None


def share_of(days: Iterable[DayFigures], cash: Sequence[Cash]) -> Share:
    """Return the share over those facilities and months of which the cash is known, and no others."""
    known = {(each.facility, each.month): each for each in cash if each.known}
    cashless = sum(each.taken.amount for each in days if (each.facility, each.day.replace(day=1)) in known)
    counted = sum(each.amount.amount for each in known.values())
    return Share(Yen(cashless), Yen(counted), len({each.facility for each in known.values()}))


def cost_of(fees: Iterable[Fees]) -> Cost:
    """Add up what was kept."""
    found = list(fees)
    return Cost(
        sum(each.lines for each in found),
        Yen(sum(each.gross.amount for each in found)),
        Yen(sum(each.kept.amount for each in found)),
    )


def minutes_avoided(said: Assumptions, *, payments: int, matched: int, facility_days: int, resolved: int) -> int:
    """Return minutes: sales not made at a window, payments not looked up, reports not written, less what was spent."""
    seconds = payments * said.seconds_per_sale + matched * said.seconds_per_match
    seconds += 60 * (facility_days * said.minutes_per_facility_day - resolved * said.minutes_per_discrepancy)
    return seconds // 60


def sheets_avoided(said: Assumptions, *, tickets: int, payments: int) -> int:
    """Return sheets of paper that nobody printed."""
    sheets = tickets * said.sheets_per_ticket + payments * said.sheets_per_payment
    return sheets * (PERCENT - said.printed_percent) // PERCENT


def planned_on(said: Assumptions, day: date) -> int:
    """Return how many facilities the plan wants by a day: those of the last milestone that is over."""
    return next((each.facilities for each in reversed(said.milestones) if each.day <= day), 0)


def board_of(
    fiscal_year: int, assumed: Assumed, measured: Measured, *, today: date, counted_until: datetime | None
) -> Board:
    """Add up a fiscal year, as far as it has come."""
    months = [each for each in months_of(fiscal_year) if each <= today]
    spans = [(each, min(next_month(each), next_month(today.replace(day=1)))) for each in months]
    first = months_of(fiscal_year)[0]
    return Board(
        assumed=assumed,
        months=tuple(_figures(assumed.values, measured, begin, end) for begin, end in spans),
        whole=_figures(assumed.values, measured, first, spans[-1][1] if spans else first),
        firsts=tuple(sorted(measured.firsts, key=lambda each: (each[1], each[0]))),
        waits_by_method={
            method: waits_of(each for each in measured.waits if (each.method, each.since) == (method, "placed"))
            for method in sorted({each.method for each in measured.waits})
        },
        cost_by_provider={
            provider: cost_of(each for each in measured.fees if each.provider == provider)
            for provider in sorted({each.provider for each in measured.fees})
        },
        counted_until=counted_until,
    )


def _figures(said: Assumptions, measured: Measured, first: date, end: date) -> Figures:
    """Add up from a month's first day to the day before `end`."""
    days = [each for each in measured.days if first <= each.day < end]
    waits = [each for each in measured.waits if first <= each.month < end]
    payments, tickets = sum(each.payments for each in days), sum(each.tickets for each in days)
    facility_days = len({(each.facility, each.day) for each in days if each.taken})
    matched = sum(number for month, number in measured.matched.items() if first <= month < end)
    resolved = sum(number for month, number in measured.resolved.items() if first <= month < end)
    last = date.fromordinal(end.toordinal() - 1)
    return Figures(
        first=first,
        last=last,
        taken=Yen(sum(each.taken.amount for each in days)),
        payments=payments,
        tickets=tickets,
        facility_days=facility_days,
        planned=planned_on(said, last),
        adopted=sum(day < end for _, day in measured.firsts),
        share=share_of(days, [each for each in measured.cash if first <= each.month < end]),
        placed=waits_of(each for each in waits if each.since == "placed"),
        paid=waits_of(each for each in waits if each.since == "paid"),
        matched=matched,
        resolved=resolved,
        minutes=minutes_avoided(
            said, payments=payments, matched=matched, facility_days=facility_days, resolved=resolved
        ),
        sheets=sheets_avoided(said, tickets=tickets, payments=payments),
        cost=cost_of(each for each in measured.fees if first <= each.month < end),
    )


class BadAssumption(Invalid):
    """A value that cannot be."""

    slug = "bad-assumption"
    advice = (
        "{field} cannot be {found}. Give whole numbers from 0 on, percents up to 100, and milestones one after another."
    )


class AssumptionReasonMissing(Invalid):
    """A changed assumption has a reason."""

    slug = "assumption-reason-missing"
    advice = "Write down why the assumption changes: who timed or counted it, and when."


class BadYear(Invalid):
    """No year of our books."""

    slug = "bad-year"
    advice = "{found} is no fiscal year. Give one from 2019 to 2199, such as 2026."
