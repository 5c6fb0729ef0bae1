"""Disputes and how they move; nothing here calls or remembers anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal
from uuid import UUID

from kernel.money import Yen
from kernel.refusals import Conflict, Invalid, NotFound
from payments.charges.model import Attempt, Charge
from payments.methods.protocol import DisputeFound, DisputeStatus

ENDED: frozenset[DisputeStatus] = frozenset({"won", "lost"})
ANSWER_LENGTH_MAX = 20_000  # Stripe takes 20,000 characters in all of a dispute's fields of text.
Step = Literal["opened", "closed"]


class UnknownDispute(NotFound):
    """There is no such dispute."""

    slug = "unknown-dispute"
    advice = "There is no such dispute. Look at the list of disputes."


class Contested(Conflict):
    """A payment whose payer contests it cannot be given back as well: the money would go twice."""

    slug = "payment-contested"
    advice = "The payer contests this payment with their bank. Nothing can be given back until the bank decides for us."


class DisputeOver(Conflict):
    """The bank has decided, or has our answer already."""

    slug = "dispute-over"
    advice = "This dispute takes no answer any more. Look at its state."


class AnswerMissing(Invalid):
    """An answer without a word, or with more than the bank reads."""

    slug = "dispute-answer"
    advice = "Write the answer in 1 to 20,000 characters."


@dataclass(frozen=True, slots=True)
class Dispute:
    """One dispute of one attempt. `due_at`: until when the bank takes evidence; `answered_at`: when we sent ours."""

    id: UUID
    provider: str
    provider_id: str
    charge_id: UUID
    attempt_id: UUID
    amount: Yen
    reason: str
    status: DisputeStatus
    opened_at: datetime
    due_at: datetime | None = None
    answered_at: datetime | None = None
    closed_at: datetime | None = None

    @property
    def takes_answer(self) -> bool:
        """Whether evidence can still be sent; it can be sent once."""
        return self.status == "needs_response" and self.answered_at is None

    @property
    def keeps_money(self) -> bool:
        """Whether the bank holds the money, or has it for good."""
        return self.status != "won"


def learn(
    known: Dispute | None, found: DisputeFound, *, provider: str, attempt: Attempt, dispute_id: UUID, at: datetime
) -> tuple[Dispute, Sequence[Step]]:
    """Return a dispute as the provider says it is now, and what is new: a decided one never moves again."""
    if known is not None and known.status in ENDED:
        return known, ()
    steps: list[Step] = []
    if known is None:
        steps.append("opened")
        known = Dispute(
            id=dispute_id,
            provider=provider,
            provider_id=found.id,
            charge_id=attempt.charge_id,
            attempt_id=attempt.id,
            amount=found.amount,
            reason=found.reason,
            status="needs_response",
            opened_at=found.opened_at,
        )
    newer = replace(known, status=found.status, due_at=found.due_at)
    if newer.status in ENDED:
        steps.append("closed")
        newer = replace(newer, closed_at=at)
    return newer, steps


def require_answer(dispute: Dispute, text: str) -> str:
    """Return the answer as it may be sent. Raises DisputeOver or AnswerMissing."""
    if not dispute.takes_answer:
        raise DisputeOver
    said = text.strip().replace("\r\n", "\n")
    if not 0 < len(said) <= ANSWER_LENGTH_MAX:
        raise AnswerMissing
    return said


def draft(dispute: Dispute, charge: Charge, attempt: Attempt, *, refunded: Yen, history: Sequence[str]) -> str:
    """Return an answer to begin with, in English, which banks abroad read: what payments itself can show."""
    lines = [
        f"The payment of {dispute.amount} ({attempt.provider_id or attempt.id}) was for: {charge.description}.",
        f"It was ordered on {charge.created_at:%Y-%m-%d %H:%M} UTC, our reference {charge.reference}.",
    ]
    if attempt.captured_at is not None:
        lines.append(f"The cardholder paid {attempt.captured} on {attempt.captured_at:%Y-%m-%d %H:%M} UTC.")
    lines += [
        "3-D Secure was asked for with the payment; the issuer's answer is on the payment itself.",
        f"Given back so far: {refunded}.",
        "",
        "What happened, by our own record:",
        *history,
    ]
    return "\n".join(lines)[:ANSWER_LENGTH_MAX]
