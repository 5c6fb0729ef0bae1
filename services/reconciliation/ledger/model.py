"""What each fact means for the books: entries and changes of a position, pure and in any order of arrival."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from kernel.clock import business_date
from kernel.contracts import Fact
from kernel.contracts import payments as pay
from kernel.contracts import ticketing as tic
from kernel.money import ZERO, Yen, total

Kind = Literal[
    "sold",
    "captured",
    "unallocated",
    "set_aside",
    "reversed",
    "refund_requested",
    "refunded",
    "refund_failed",
    "cancelled",
    "admitted",
    "admission_reversed",
    "voided",
    "disputed",
    "dispute_lost",
    "dispute_won",
]
OUR_SHOP = "ticketing"
SURPLUS = frozenset({"paid_too_late", "paid_twice"})


@dataclass(frozen=True, slots=True)
class Entry:
    """One typed line of the ledger. `business_date` is Japan's; amounts are gross, tax included.

    An amount is negative only where allocations say more than came. `surplus`: the fact itself says that no order has
    this money; `by_us`: it left our own account, not a provider's.
    """

    kind: Kind
    business_date: date
    order_id: str
    facility: str
    amount: Yen
    quantity: int = 0
    charge_id: UUID | None = None
    scan_id: UUID | None = None
    product: str = ""
    category: str = ""
    method: str = ""
    revenue_owner: str = ""
    revenue_account: str = ""
    tax_rate_percent: int = 0
    attempt_id: UUID | None = None
    refund_id: UUID | None = None
    surplus: bool = False
    by_us: bool = False


@dataclass(frozen=True, slots=True)
class Description:
    """Who an order is; the one with the highest version stands, ties broken by the text itself."""

    version: int
    number: str
    facility: str
    method: str
    due: Yen


@dataclass(frozen=True, slots=True)
class Change:
    """What one fact adds to an order's position: sums, earliest moments, and perhaps its description."""

    order_id: str
    description: Description
    sold: Yen = ZERO
    captured: Yen = ZERO
    unallocated: Yen = ZERO
    reversed: Yen = ZERO
    refund_requested: Yen = ZERO
    surplus_requested: Yen = ZERO
    refunded: Yen = ZERO
    refund_failures: int = 0
    people: int = 0
    admitted: int = 0
    was_paid: bool = False
    confirmed_at: datetime | None = None
    sold_at: datetime | None = None
    captured_at: datetime | None = None
    unallocated_at: datetime | None = None
    reversed_at: datetime | None = None
    refund_requested_at: datetime | None = None
    refunded_at: datetime | None = None
    admitted_at: datetime | None = None
    cancelled_at: datetime | None = None
    expired_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class TicketChange:
    """What one fact adds to a ticket's position."""

    ticket_id: UUID
    order_id: str
    admissions: int = 0
    admitted_at: datetime | None = None
    voided_at: datetime | None = None


ClaimKind = Literal["charge", "refund", "reversal", "dispute", "dispute_won"]


@dataclass(frozen=True, slots=True)
class Claim:
    """What a provider must have on its statement for one fact: positive where it owes us, negative where we owe it.

    `attempt_id` is our reference there; None in events of before 2026-11-24.
    """

    kind: ClaimKind
    method: str
    attempt_id: UUID | None
    charge_id: UUID
    order_id: str
    facility: str
    amount: Yen
    business_date: date


@dataclass(frozen=True, slots=True)
class Meaning:
    """All that one fact means."""

    business_date: date
    order_id: str = ""
    entries: tuple[Entry, ...] = ()
    change: Change | None = None
    ticket: TicketChange | None = None
    claim: Claim | None = None


class UnbookedFactError(TypeError):
    """A fact of a type that this ledger was not taught."""


def meaning_of(fact: Fact, *, version: int, at: datetime) -> Meaning:  # noqa: PLR0911 - one return for each family
    """Return what a fact means. `version` is its aggregate's, `at` the event's own time.

    Raises UnbookedFactError for a type that nobody taught it: the event is then put aside for a person.
    """
    match fact:
        case tic.OrderFact():
            return _of_order(fact, version, at)
        case tic.TicketFact():
            return _of_ticket(fact)
        case pay.ChargeFact():
            return _of_charge(fact, at)
        case pay.RefundSettled() | pay.RefundFailed():
            return _of_refund(fact)
        case pay.DisputeOpened() | pay.DisputeClosed():
            return _of_dispute(fact)
        case pay.MethodPaused() | pay.MethodResumed():
            return Meaning(business_date(at))  # No money: kept as a fact, so that a quiet day can be explained.
        case tic.RefundRequested():
            day, order_id = business_date(fact.requested_at), str(fact.order_id)
            entries = _lines("refund_requested", fact.lines, day, order_id, fact.method, fact.charge_id)
            entries = _exactly(fact.amount, entries, fact.facility, order_id, fact.method, day, "refund_requested")
            return Meaning(
                day,
                order_id,
                _marked(entries, refund_id=fact.refund_id, surplus=fact.reason in SURPLUS),
                Change(
                    order_id,
                    # The number is the order's own; the rest is told better by the order's facts.
                    Description(0, fact.number, fact.facility, fact.method, ZERO),
                    refund_requested=fact.amount,
                    surplus_requested=fact.amount if fact.reason in SURPLUS else ZERO,
                    refund_requested_at=fact.requested_at,
                ),
            )
        case tic.TicketRejected() | tic.ClosureDeclared():
            return Meaning(business_date(at))
        case _:
            raise UnbookedFactError(f"The ledger does not know what {type(fact).__name__} means; teach it.")


def _lines(
    kind: Kind, lines: tuple[tic.OrderLine, ...], day: date, order_id: str, method: str, charge_id: UUID | None
) -> tuple[Entry, ...]:
    return tuple(
        Entry(
            kind,
            day,
            order_id,
            line.facility,
            line.amount,
            quantity=line.quantity,
            charge_id=charge_id,
            product=line.product,
            category=line.category,
            method=method,
            revenue_owner=line.revenue_owner,
            revenue_account=line.revenue_account,
            tax_rate_percent=line.tax_rate_percent,
        )
        for line in lines
    )


_OfOneAttempt = (
    pay.ChargeCaptured | pay.ChargeUnallocated | pay.ChargeReversed | pay.UnallocatedReversed | pay.RefundFact
)


def _allocated(kind: Kind, fact: _OfOneAttempt, amount: Yen, day: date, **marks: Any) -> tuple[Entry, ...]:
    entries = tuple(
        Entry(
            kind,
            day,
            fact.reference,
            each.facility,
            each.amount,
            charge_id=fact.charge_id,
            product=each.product,
            method=fact.method,
            revenue_owner=each.revenue_owner,
            revenue_account=each.revenue_account,
            tax_rate_percent=each.tax_rate_percent,
        )
        for each in fact.allocations
    )
    whole = _exactly(amount, entries, fact.facility, fact.reference, fact.method, day, kind, fact.charge_id)
    return _marked(whole, attempt_id=fact.attempt_id, **marks)


def _marked(entries: tuple[Entry, ...], **marks: Any) -> tuple[Entry, ...]:
    return tuple(replace(each, **marks) for each in entries)


def _exactly(
    amount: Yen,
    entries: tuple[Entry, ...],
    facility: str,
    order_id: str,
    method: str,
    day: date,
    kind: Kind,
    charge_id: UUID | None = None,
) -> tuple[Entry, ...]:
    """Return entries that add up to the amount: what no allocation explains is an entry without an account."""
    rest = amount - total(entry.amount for entry in entries)
    if not rest:
        return entries
    return (*entries, Entry(kind, day, order_id, facility, rest, charge_id=charge_id, method=method))


def _of_order(fact: tic.OrderFact, version: int, at: datetime) -> Meaning:
    order_id = str(fact.order_id)
    known = Description(version, fact.number, fact.facility, fact.method, fact.total)
    match fact:
        case tic.OrderConfirmed():
            day = business_date(fact.received_at)
            people = sum(line.quantity for line in fact.lines)
            entries = _lines("sold", fact.lines, day, order_id, fact.method, fact.charge_id)
            change = Change(
                order_id,
                known,
                sold=fact.total,
                people=people,
                confirmed_at=fact.confirmed_at,
                sold_at=fact.received_at,
            )
            return Meaning(
                day, order_id, _exactly(fact.total, entries, fact.facility, order_id, fact.method, day, "sold"), change
            )
        case tic.OrderCancelled():
            day = business_date(fact.cancelled_at)
            entry = Entry("cancelled", day, order_id, fact.facility, fact.total, method=fact.method)
            change = Change(order_id, known, cancelled_at=fact.cancelled_at, was_paid=fact.was_paid)
            return Meaning(day, order_id, (entry,), change)
        case tic.OrderExpired():
            change = Change(order_id, known, expired_at=fact.expired_at)
            return Meaning(business_date(fact.expired_at), order_id, (), change)
        case _:
            return Meaning(business_date(at), order_id, (), Change(order_id, known))


def _of_ticket(fact: tic.TicketFact) -> Meaning:
    order_id = str(fact.order_id)
    known = Description(0, "", fact.facility, "", ZERO)
    match fact:
        case tic.TicketAdmitted():
            day = business_date(fact.admitted_at)
            entry = _entrance("admitted", fact, day, fact.gate_facility, 1, fact.scan_id)
            return Meaning(
                day,
                order_id,
                (entry,),
                Change(order_id, known, admitted=1, admitted_at=fact.admitted_at),
                TicketChange(fact.ticket_id, order_id, admissions=1, admitted_at=fact.admitted_at),
            )
        case tic.TicketAdmissionReversed():
            day = business_date(fact.reversed_at)
            entry = _entrance("admission_reversed", fact, day, fact.facility, -1, fact.scan_id)
            return Meaning(
                day,
                order_id,
                (entry,),
                Change(order_id, known, admitted=-1),
                TicketChange(fact.ticket_id, order_id, admissions=-1),
            )
        case tic.TicketVoided():
            day = business_date(fact.voided_at)
            voided = _entrance("voided", fact, day, fact.facility, 1, None)
            return Meaning(
                day, order_id, (voided,), None, TicketChange(fact.ticket_id, order_id, voided_at=fact.voided_at)
            )
        case tic.TicketIssued():
            return Meaning(business_date(fact.issued_at), order_id)
        case _:
            raise UnbookedFactError(f"The ledger does not know what {type(fact).__name__} means; teach it.")


def _entrance(kind: Kind, fact: tic.TicketFact, day: date, facility: str, people: int, scan_id: UUID | None) -> Entry:
    return Entry(
        kind,
        day,
        str(fact.order_id),
        facility,
        ZERO,
        quantity=people,
        scan_id=scan_id,
        product=fact.product,
        category=fact.category,
    )


def _of_charge(fact: pay.ChargeFact, at: datetime) -> Meaning:
    known = Description(0, "", fact.facility, fact.method, ZERO)
    match fact:
        case pay.ChargeCaptured():
            day = business_date(fact.captured_at)
            entries = _allocated("captured", fact, fact.captured, day)
            claim = _claim("charge", fact, fact.method, fact.captured, day)
            if fact.caller == OUR_SHOP:
                change = Change(fact.reference, known, captured=fact.captured, captured_at=fact.captured_at)
                return Meaning(day, fact.reference, entries, change, claim=claim)
            # A fee that another system collects has no order of ours: what is due is sold when it is paid.
            sales = _allocated("sold", fact, fact.amount, day)
            change = Change(
                fact.reference,
                Description(1, fact.reference, fact.facility, fact.method, fact.amount),
                sold=fact.amount,
                captured=fact.captured,
                sold_at=fact.captured_at,
                confirmed_at=fact.captured_at,
                captured_at=fact.captured_at,
            )
            return Meaning(day, fact.reference, (*sales, *entries), change, claim=claim)
        case pay.ChargeUnallocated():
            day = business_date(fact.unallocated_at)
            if fact.cause == "paid_too_late":
                # The order was over when its money came: that money is captured already and must not count twice.
                set_aside = _allocated("set_aside", fact, fact.captured, day, surplus=True)
                return Meaning(day, fact.reference, set_aside, Change(fact.reference, known))
            change = Change(fact.reference, known, unallocated=fact.captured, unallocated_at=fact.unallocated_at)
            # Without an attempt the money is claimed already: only who may have it is new.
            more = None if fact.attempt_id is None else _claim("charge", fact, fact.method, fact.captured, day)
            entries = _allocated("unallocated", fact, fact.captured, day, surplus=True)
            return Meaning(day, fact.reference, entries, change, claim=more)
        case pay.ChargeReversed() | pay.UnallocatedReversed():
            day = business_date(fact.reversed_at)
            change = Change(fact.reference, known, reversed=fact.reversed, reversed_at=fact.reversed_at)
            claim = _claim("reversal", fact, fact.method, -fact.reversed, day)
            no_order = isinstance(fact, pay.UnallocatedReversed)
            entries = _allocated("reversed", fact, fact.reversed, day, surplus=no_order)
            return Meaning(day, fact.reference, entries, change, claim=claim)
        case pay.ChargeRequested() | pay.ChargeFailed() | pay.ChargeExpired():
            return Meaning(business_date(at), fact.reference)
        case _:
            raise UnbookedFactError(f"The ledger does not know what {type(fact).__name__} means; teach it.")


def _of_refund(fact: pay.RefundSettled | pay.RefundFailed) -> Meaning:
    known = Description(0, "", fact.facility, fact.method, ZERO)
    if isinstance(fact, pay.RefundSettled):
        day = business_date(fact.settled_at)
        change = Change(fact.reference, known, refunded=fact.amount, refunded_at=fact.settled_at)
        claim = None if fact.by_us else _claim("refund", fact, fact.method, -fact.amount, day)
        entries = _allocated("refunded", fact, fact.amount, day, refund_id=fact.refund_id, by_us=fact.by_us)
        return Meaning(day, fact.reference, entries, change, claim=claim)
    day = business_date(fact.failed_at)
    change = Change(fact.reference, known, refund_failures=1)
    entries = _allocated("refund_failed", fact, fact.amount, day, refund_id=fact.refund_id)
    return Meaning(day, fact.reference, entries, change)


def _of_dispute(fact: pay.DisputeOpened | pay.DisputeClosed) -> Meaning:
    kind: Kind = "disputed"
    claim: Claim | None = None
    if isinstance(fact, pay.DisputeOpened):
        day = business_date(fact.opened_at)
        claim = _claim("dispute", fact, fact.method, -fact.amount, day)  # The provider takes it back at once.
    else:
        day = business_date(fact.closed_at)
        kind = "dispute_won" if fact.won else "dispute_lost"
        claim = _claim("dispute_won", fact, fact.method, fact.amount, day) if fact.won else None
    entry = Entry(
        kind,
        day,
        fact.reference,
        fact.facility,
        fact.amount,
        charge_id=fact.charge_id,
        method=fact.method,
        attempt_id=fact.attempt_id,
    )
    return Meaning(day, fact.reference, (entry,), claim=claim)


def _claim(
    kind: ClaimKind,
    fact: pay.ChargeCaptured
    | pay.ChargeUnallocated
    | pay.ChargeReversed
    | pay.UnallocatedReversed
    | pay.RefundSettled
    | pay.DisputeFact,
    method: str,
    amount: Yen,
    day: date,
) -> Claim:
    return Claim(kind, method, fact.attempt_id, fact.charge_id, fact.reference, fact.facility, amount, day)
