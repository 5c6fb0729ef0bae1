"""Cases and how they move; nothing here calls or remembers anything."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal
from uuid import UUID

from kernel.money import Yen
from kernel.refusals import Conflict, Invalid, NotFound

Kind = Literal[
    "paid_twice",  # the charge was paid already
    "overpaid",  # more came than was due
    "underpaid",  # less came than was due
    "paid_too_late",  # the order was over when its money came
    "outcome_unknown",  # nobody could say whether it was paid
    "refund_failed",  # money that should have gone back did not
    "reversed",  # a bank took a payment back: was the ticket used?
    "disputed",  # a payer contests a card payment
]
State = Literal["open", "refunding", "closed"]
Resolution = Literal["given_back", "completed", "outcome_known", "taken_back", "dispute_closed", "by_hand"]

# Money that lies here without being anybody's due: it can be given back by one decision.
REFUNDABLE: frozenset[Kind] = frozenset({"paid_twice", "overpaid", "underpaid", "paid_too_late", "refund_failed"})
REASON_LENGTH_MAX = 500


@dataclass(frozen=True, slots=True)
class Case:
    """Something that does not agree by itself. `amount` is the money in question; it belongs to one attempt, if any.

    `refund_id` is the refund that is to end it; `words` is what a person wrote when closing it by hand.
    """

    id: UUID
    charge_id: UUID
    attempt_id: UUID | None
    kind: Kind
    amount: Yen
    state: State
    opened_at: datetime
    refund_id: UUID | None = None
    closed_at: datetime | None = None
    resolution: Resolution | None = None
    words: str = ""


class UnknownCase(NotFound):
    """There is no such case."""

    slug = "unknown-case"
    advice = "There is no such case. Look at the list of open cases."


class CaseNotOpen(Conflict):
    """Somebody else was quicker, or money is on its way back already."""

    slug = "case-not-open"
    advice = "This case is not open any more. Load the page again to see what became of it."


class NothingToGiveBack(Conflict):
    """The case is not about money that lies here."""

    slug = "case-without-money"
    advice = "This case holds no money to give back. Ask the provider again, or close it and write why."


class ReasonMissing(Invalid):
    """A case was to be closed by hand without a word."""

    slug = "case-reason-missing"
    advice = "Write in a few words why this case is closed; auditors read it."


def refunding(case: Case, refund_id: UUID) -> Case:
    """Give the money of an open case back. Raises CaseNotOpen or NothingToGiveBack."""
    if case.state != "open":
        raise CaseNotOpen
    if case.kind not in REFUNDABLE or case.attempt_id is None:
        raise NothingToGiveBack
    return replace(case, state="refunding", refund_id=refund_id)


def refund_ended(case: Case, *, settled: bool, at: datetime) -> Case:
    """Close a case whose money went back, or open it again."""
    if case.state != "refunding":
        return case
    if not settled:
        return replace(case, state="open", refund_id=None)
    return replace(case, state="closed", closed_at=at, resolution="given_back")


def close(case: Case, resolution: Resolution, *, words: str = "", at: datetime) -> Case:
    """Close an open case. Raises CaseNotOpen, or ReasonMissing if a person gives no reason."""
    if case.state != "open":
        raise CaseNotOpen
    said = " ".join(words.split())[:REASON_LENGTH_MAX]
    if resolution == "by_hand" and not said:
        raise ReasonMissing
    return replace(case, state="closed", closed_at=at, resolution=resolution, words=said)
