"""What a match is, which rule made it, and what is open: pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, Literal, get_args
from uuid import UUID

from kernel.cards import CardNumberRefused, holds_card_number
from kernel.money import Yen
from kernel.refusals import Invalid, NotFound

Rule = Literal["same_payment_same_kind", "same_payment_other_kind", "same_payment_in_sum", "same_payment_other_amount"]
RULE_VERSION: Final = 1
BANKS: Final = ""  # Whose files are no provider's.
REASON_LENGTH_MAX: Final = 1000

# Which way money moved between payer and provider. A line of another kind moves none: a fee, a transfer to our bank.
IN_KINDS: Final = ("charge", "dispute_won", "refund_failure")
OUT_KINDS: Final = ("refund", "reversal", "dispute")

# So long after its day an event may still come and be missed at its provider: what is older was looked at before.
EVENT_DAYS_LATE_MAX: Final = 400


@dataclass(frozen=True, slots=True)
class Run:
    """What one run made anew: lines and claims matched, matches that differ, payouts made or changed, bank lines."""

    id: UUID
    began_at: datetime
    lines: int
    claims: int
    differing: int
    payouts: int = 0
    deposits: int = 0


@dataclass(frozen=True, slots=True)
class Taken:
    """The files that a run takes; `many`: so many lines are new or open that they are looked at as wholes.

    `provider`: whose they are, and whose open lines are looked at again; None: whoever's.
    """

    files: tuple[UUID, ...]
    many: bool
    provider: str | None = None


@dataclass(frozen=True, slots=True)
class Leg:
    """One line and one claim of a match, or one of them where a match has several.

    `days_late`: by so many days more than its contract tolerates was the line booked after the claim.
    """

    line_id: UUID | None
    claim_id: UUID | None
    group_id: UUID | None
    rule: Rule
    rule_version: int
    run_id: UUID
    difference: Yen
    days_late: int


@dataclass(frozen=True, slots=True)
class Carrier:
    """Whose statement claims must be on: those of a method, at a facility or (None) at any, of some days.

    A claim that its provider books `days_late` days after us is in time.
    """

    method: str
    facility: str | None
    provider: str
    first: date
    last: date
    days_late: int


@dataclass(frozen=True, slots=True)
class LineDay:
    """That a provider has lines of a day and a brand: `new` ones or such as are still open.

    `moves`: not only its own transfers to our bank, which are no sign that its statement reaches so far.
    """

    provider: str
    day: date
    brand: str
    new: bool
    moves: bool


OpenKind = Literal[
    "missing_here",
    "paid_again_at_provider",
    "missing_at_provider",
    "provider_amount_differs",
    "booked_late",
    "fee_differs",
    "payout_unequal",
    "deposit_missing",
    "deposit_differs",
    "unknown_deposit",
]
OPEN_KINDS: Final[tuple[OpenKind, ...]] = get_args(OpenKind)


@dataclass(frozen=True, slots=True)
class OpenItem:
    """Something between our books, a provider's and the bank's that nobody has explained.

    missing_here: the provider tells of a payment that our books do not have; paid_again_at_provider: it tells of one
    more often than they do; missing_at_provider: our books have one that its statement, which covers the day, has not;
    provider_amount_differs: the same payment with another amount (by `amount`, of the provider's over ours);
    booked_late: the provider dates it later than agreed; fee_differs: it kept `amount` more than agreed;
    payout_unequal: it says that it pays out `amount` more than its lines make; deposit_missing: a payout that did not
    come; deposit_differs: one that came with `amount` more; unknown_deposit: what came and is no payout.

    `subject` is the line, claim, payout or deposit, such as line:0193….
    """

    kind: OpenKind
    subject: str
    order_id: str
    number: str
    facility: str
    provider: str
    day: date
    amount: Yen
    since: datetime


class UnknownMatch(NotFound):
    """Nothing is matched under this line or group."""

    slug = "unknown-match"
    advice = "There is no match {id} that stands. Reload the list; somebody may have taken it back."


class ReversalReasonMissing(Invalid):
    """A match is taken back for a reason."""

    slug = "reversal-reason-missing"
    advice = "Write down why the match is wrong; the next auditor will ask."


def require_reason(said: str) -> str:
    """Return a reason of 1 to 1,000 characters; raise CardNumberRefused or ReversalReasonMissing."""
    if holds_card_number(said):
        raise CardNumberRefused
    reason = said.strip()
    if not 1 <= len(reason) <= REASON_LENGTH_MAX:
        raise ReversalReasonMissing
    return reason
