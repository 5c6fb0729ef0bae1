"""Charges, attempts and what a provider's answer means; nothing here calls or remembers anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal, assert_never
from uuid import UUID

from kernel.money import Yen
from kernel.refusals import Conflict, Invalid, NotFound
from payments.cases.model import Kind
from payments.charges.reasons import Reason

Status = Literal["pending", "captured", "failed", "expired", "reversed", "unknown", "unallocated"]
State = Literal["prepared", "open", "captured", "declined", "expired", "unknown", "reversed"]

# When an outcome is unknown: soon, then ever more rarely, then a person.
UNKNOWN_STEPS = (
    timedelta(seconds=10),
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(hours=1),
    timedelta(days=1),
)
# After its end an attempt is asked about a few times more: money may have come at the last moment, and a webhook
# may be lost. So is a paid one where a bank may still take the payment back (Pay-easy 取消 at the window).
LATE_STEPS = (timedelta(minutes=5), timedelta(hours=1), timedelta(days=1))
OPENING = timedelta(seconds=40)  # Longer than any provider's time-out: our own call may still be on its way.
OPEN_FIRST = timedelta(seconds=15)
OPEN_LONGEST = timedelta(hours=1)
NO_ANSWER = timedelta(seconds=30)
LIVING: frozenset[State] = frozenset({"prepared", "open", "unknown"})
WAITING: frozenset[Status] = frozenset({"pending", "unknown"})
SETTLED: frozenset[State] = frozenset({"captured", "declined", "expired", "reversed"})
ZERO = Yen(0)
GRACE = timedelta(minutes=1)  # After a deadline the provider is asked once more before the attempt is given up.


@dataclass(frozen=True, slots=True)
class Part:
    """The part of a charge that belongs to one facility, product and revenue account."""

    facility: str
    product: str
    revenue_owner: str
    revenue_account: str
    tax_rate_percent: int
    amount: Yen


@dataclass(frozen=True, slots=True)
class Charge:
    """What is due for one reference of one caller."""

    id: UUID
    caller: str
    reference: str
    amount: Yen
    method: str
    status: Status
    description: str
    expires_at: datetime
    return_url: str
    locale: str
    facility: str
    parts: tuple[Part, ...]
    version: int
    correlation_id: str
    created_at: datetime
    captured_at: datetime | None = None
    captured: Yen | None = None
    captured_by: UUID | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to pay a charge by one method. Its id is our reference at the provider."""

    id: UUID
    charge_id: UUID
    method: str
    state: State
    amount: Yen
    deadline: datetime
    created_at: datetime
    provider_id: str | None = None
    pay_url: str | None = None
    shown: Mapping[str, Any] | None = None
    polls: int = 0
    captured_at: datetime | None = None
    captured: Yen | None = None


@dataclass(frozen=True, slots=True)
class Unpaid:
    """The provider waits for the payer, who may try again; `refused` says why the last try was refused, if one was."""

    refused: Reason | None = None


@dataclass(frozen=True, slots=True)
class Paid:
    """The provider holds the money. `taken_back`: what it held under the same reference until a bank took it back."""

    amount: Yen
    at: datetime
    taken_back: Yen = ZERO


@dataclass(frozen=True, slots=True)
class Reversed:
    """The provider had the money and took the payment back (Pay-easy 取消 at the bank's window)."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The provider refused for good."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class Over:
    """The provider's deadline is over, or it was cancelled there; nothing was paid."""


@dataclass(frozen=True, slots=True)
class NotThere:
    """The provider does not know it: our call never reached it."""


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """The provider did not say; nothing is concluded. `retry_at`: it was not even asked, and may be from then on."""

    retry_at: datetime | None = None


Finding = Unpaid | Paid | Reversed | Refused | Over | NotThere | NoAnswer


@dataclass(frozen=True, slots=True)
class Captured:
    """The charge is paid."""


@dataclass(frozen=True, slots=True)
class Unallocated:
    """Money came that the charge cannot take; `amount` is what there is too much."""

    amount: Yen
    cause: Literal["paid_twice", "amount_differs"]


@dataclass(frozen=True, slots=True)
class TakenBack:
    """Money that was there is gone; `amount` is what the attempt had brought."""

    amount: Yen


@dataclass(frozen=True, slots=True)
class Lessened:
    """Of several payments of one attempt a bank took `amount` back; the rest is still there."""

    amount: Yen


@dataclass(frozen=True, slots=True)
class Failed:
    """The charge will not be paid by this attempt."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class Expired:
    """Nobody paid in time."""


@dataclass(frozen=True, slots=True)
class Unchanged:
    """Nothing new."""


Outcome = Captured | Unallocated | TakenBack | Lessened | Failed | Expired | Unchanged


class UnknownCharge(NotFound):
    """There is no such charge."""

    slug = "unknown-charge"
    advice = "There is no such payment. Go back to your order and start the payment there."


class AmountDiffers(Invalid):
    """The same reference came with another amount."""

    slug = "amount-differs"
    advice = "The reference {reference} is already charged with another amount. Use a new reference."


class AlreadyPaid(Conflict):
    """The charge is paid."""

    slug = "already-paid"
    advice = "This is paid already. Go back to your order."


class MethodUnknown(Invalid):
    """There is no such method, or it is switched off."""

    slug = "method-unknown"
    advice = "There is no way to pay called {method}. Choose one of: {methods}."


class AmountNotCarried(Invalid):
    """The method does not carry this amount."""

    slug = "amount-not-carried"
    advice = "{method} takes {amount_min} to {amount_max} yen. Choose another way to pay."


def judge(  # noqa: PLR0911 - one answer for each finding
    charge: Charge, attempt: Attempt, finding: Finding, *, given_back: Yen = ZERO, at: datetime
) -> Outcome:
    """Decide what a provider's answer means. Repeats and late answers change nothing; money is never dropped.

    `given_back`: what was refunded of this attempt, or is about to be; a charge is paid by what is left.
    """
    if attempt.state == "reversed":
        return Unchanged()  # For good: what still says "paid" was asked before the bank took it back.
    if attempt.state == "captured":
        return _judge_again(charge, attempt, finding, given_back)
    match finding:
        case Paid(amount=amount):
            return _judge_money(charge, amount)
        case Refused(reason=reason):
            return Failed(reason) if attempt.state != "declined" else Unchanged()
        case Over() | Reversed():  # Paid and taken back before we asked: nothing came, and nothing can come.
            return Expired() if attempt.state not in {"expired", "declined"} else Unchanged()
        case NotThere() | Unpaid():
            over = at > attempt.deadline + GRACE and attempt.state not in {"expired", "declined"}
            return Expired() if over else Unchanged()
        case NoAnswer():
            return Unchanged()
        case _:
            assert_never(finding)


def _judge_money(charge: Charge, amount: Yen) -> Outcome:
    if charge.captured_by is not None:
        return Unallocated(amount, "paid_twice")
    if amount < charge.amount:
        return Unallocated(amount, "amount_differs")
    return Captured()  # What is more than due is judged once this is written.


def _judge_again(charge: Charge, attempt: Attempt, finding: Finding, given_back: Yen) -> Outcome:
    """Decide about an attempt whose money is there already."""
    known = attempt.captured or ZERO
    match finding:
        case Reversed():
            return TakenBack(known)
        case Paid(amount=amount, taken_back=gone) if gone and amount < known:
            return Lessened(known - amount)
        case Paid(amount=amount) if (
            charge.captured_by is None and amount > known and amount >= charge.amount + given_back
        ):
            return Captured()  # The first part was too little; with the rest the charge is paid.
        case Paid(amount=amount) if amount > known:
            more = amount - known
            twice = charge.captured_by is not None and not more.amount % charge.amount.amount
            return Unallocated(more, "paid_twice" if twice else "amount_differs")
        case Paid() | Refused() | Over() | NotThere() | Unpaid() | NoAnswer():
            return Unchanged()
        case _:
            assert_never(finding)


def case_of(charge: Charge, cause: Literal["paid_twice", "amount_differs"]) -> Kind:
    """Return the kind of the case that money without a place opens."""
    if cause == "paid_twice":
        return "paid_twice"
    return "underpaid" if charge.captured_by is None else "overpaid"


def state_after(  # noqa: PLR0911 - one return for each outcome
    attempt: Attempt, finding: Finding, outcome: Outcome, *, at: datetime
) -> State:
    """Return the attempt's next state. One whose provider is silent beyond the deadline is unknown, never failed."""
    match outcome:
        case Captured() | Unallocated() | Lessened():
            return "captured"
        case TakenBack():
            return "reversed"
        case Failed():
            return "declined"
        case Expired():
            return "expired"
        case Unchanged():
            if attempt.state == "open" and isinstance(finding, NoAnswer) and at > attempt.deadline + GRACE:
                return "unknown"
            if attempt.state in SETTLED or not isinstance(finding, Unpaid):
                return attempt.state
            return "open" if attempt.provider_id else attempt.state
        case _:
            assert_never(outcome)


def after(
    charge: Charge, attempt: Attempt, finding: Finding, outcome: Outcome, *, given_back: Yen = ZERO, at: datetime
) -> Attempt:
    """Return the attempt as it is once an outcome is written. Its `captured` counts all that it ever brought."""
    state = state_after(attempt, finding, outcome, at=at)
    newer = replace(attempt, state=state, polls=attempt.polls + 1 if state == attempt.state else 0)
    match finding, outcome:
        case Paid(at=paid_at), Captured():
            return replace(newer, captured=charge.amount + given_back, captured_at=attempt.captured_at or paid_at)
        case Paid(amount=amount), Lessened():
            return replace(newer, captured=amount)
        case Paid(amount=amount, at=paid_at), Unallocated():
            return replace(newer, captured=amount, captured_at=attempt.captured_at or paid_at)
        case Refused(reason=reason) | Unpaid(refused=str(reason)), Failed() | Expired() | Unchanged():
            return replace(newer, shown={**(attempt.shown or {}), "refused": reason})
        case _:
            return newer


def status_after(  # noqa: PLR0911 - one return for each outcome
    charge: Charge, outcome: Outcome, *, by: Attempt, others_live: bool, over: bool
) -> Status:
    """Return the charge's next status. What is paid stays paid but for a reversal; money keeps it from ending.

    `by`: the attempt that the outcome is about; `others_live`: another attempt can still be paid; `over`: the charge's
    time has ended and nobody can pay it any more.
    """
    match outcome:
        case Captured():
            return "captured"
        case Unallocated():
            return charge.status if charge.captured_by is not None else "unallocated"
        case TakenBack():
            if charge.captured_by == by.id:
                return "reversed"
            return "pending" if charge.status == "unallocated" else charge.status
        case Lessened():
            return charge.status
        case Failed():
            return "failed" if charge.status in WAITING and not others_live else charge.status
        case Expired():
            return "expired" if charge.status in WAITING and over else charge.status
        case Unchanged():
            return charge.status
        case _:
            assert_never(outcome)


def next_poll(attempt: Attempt, *, at: datetime, reversible: bool = False) -> datetime | None:
    """Return when the provider is to be asked again; None when a person has to look, or nothing can come.

    `reversible`: a bank may take a payment by this method back, so that a paid attempt is asked about too.
    """
    match attempt.state:
        case "reversed":
            return None
        case "declined" | "expired" | "captured":
            watched = attempt.state != "captured" or reversible
            return at + LATE_STEPS[attempt.polls] if watched and attempt.polls < len(LATE_STEPS) else None
        case "prepared" | "unknown":
            last = attempt.deadline + GRACE + timedelta(seconds=1)
            if attempt.polls >= len(UNKNOWN_STEPS):
                return last if at < last else None
            fresh = attempt.state == "prepared" and attempt.polls == 0
            following = at + (OPENING if fresh else UNKNOWN_STEPS[attempt.polls])
            return min(following, last) if at < last else following
        case "open":
            wait = min(OPEN_FIRST * (2 ** min(attempt.polls, 10)), OPEN_LONGEST)
            last = attempt.deadline + GRACE + timedelta(seconds=1)
            return min(at + wait, last) if at < last else at + UNKNOWN_STEPS[0]
        case _:
            assert_never(attempt.state)


def is_over(charge: Charge, attempts: Sequence[Attempt], *, at: datetime) -> bool:
    """Tell whether nobody can pay a charge any more: its time is over, and so is every attempt's.

    One code that ends earlier than the charge ends nothing: another may be asked for.
    """
    living = any(each.state in LIVING for each in attempts)
    return charge.status in WAITING and at >= charge.expires_at and not living
