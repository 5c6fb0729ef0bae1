"""What a match is, which rule made it, and what is open: pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, Literal
from uuid import UUID

from kernel.money import Yen
from kernel.refusals import Conflict, Invalid, NotFound

Rule = Literal["same_payment_same_kind", "same_payment_other_kind", "same_payment_in_sum", "same_payment_other_amount"]
RULE_VERSION: Final = 1
REASON_LENGTH_MAX: Final = 1000

# Which way money moved between payer and provider. A line of another kind moves none: a fee, a transfer to our bank.
IN_KINDS: Final = ("charge", "dispute_won", "refund_failure")
OUT_KINDS: Final = ("refund", "reversal", "dispute")


@dataclass(frozen=True, slots=True)
class Run:
    """What one run matched anew: lines, claims, and how many matches whose amounts differ."""

    id: UUID
    began_at: datetime
    lines: int
    claims: int
    differing: int


@dataclass(frozen=True, slots=True)
class Leg:
    """One line and one claim of a match, or one of them where a match has several."""

    line_id: UUID | None
    claim_id: UUID | None
    group_id: UUID | None
    rule: Rule
    rule_version: int
    run_id: UUID
    difference: Yen


OpenKind = Literal["missing_here", "paid_again_at_provider", "missing_at_provider", "amounts_differ"]


@dataclass(frozen=True, slots=True)
class OpenItem:
    """Something between our books and a provider's that nobody has explained.

    missing_here: the provider tells of a payment that our books do not have; paid_again_at_provider: it tells of one
    more often than they do; missing_at_provider: our books have one that its statement, which covers the day, has not;
    amounts_differ: the same payment with another amount (by `amount`, of the provider's over ours).
    """

    kind: OpenKind
    line_id: UUID | None
    claim_id: UUID | None
    provider: str
    reference: str
    day: date
    amount: Yen


class UnknownMatch(NotFound):
    """Nothing is matched under this line or group."""

    slug = "unknown-match"
    advice = "There is no match {id} that stands. Reload the list; somebody may have taken it back."


class MatchTakenBack(Conflict):
    """Somebody was quicker."""

    slug = "match-taken-back"
    advice = "This match was taken back already. Reload the list."


class ReversalReasonMissing(Invalid):
    """A match is taken back for a reason."""

    slug = "reversal-reason-missing"
    advice = "Write down why the match is wrong; the next auditor will ask."


def require_reason(said: str) -> str:
    """Return a reason of 1 to 1,000 characters; raise ReversalReasonMissing."""
    reason = said.strip()
    if not 1 <= len(reason) <= REASON_LENGTH_MAX:
        raise ReversalReasonMissing
    return reason
