"""One line of a statement and what became of it: pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from kernel.money import Yen
from kernel.refusals import NotFound


@dataclass(frozen=True, slots=True)
class ProviderLine:
    """A line of a provider. `rule` '': nothing is matched with it; `order_id` is of what it is matched with.

    `match_id` names the match: the line's own id, or that of the group which the line is matched in.

    `wants_match`: whether its kind is one that our books must have, too.
    """

    id: UUID
    file_id: UUID
    record: int
    provider: str
    kind: str
    word: str
    reference: str
    key: str
    gross: Yen
    fee: Yen
    tax: Yen
    net: Yen
    payout: str
    arrives_on: date | None
    occurred_on: date
    rule: str
    difference: Yen
    order_id: str
    number: str
    match_id: UUID | None = None

    @property
    def wants_match(self) -> bool:
        """Tell whether our books must have it."""
        return self.kind not in {"fee", "transfer_fee", "adjustment", "payout"}


@dataclass(frozen=True, slots=True)
class TakenBack:
    """A match of a line that somebody took back, and why."""

    by: str
    at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class BankLineSeen:
    """A booking of a bank. `match_id` None: no payout explains it."""

    id: UUID
    file_id: UUID
    record: int
    basis: str
    account: str
    booked_on: date
    value_on: date
    amount: Yen
    payer: str
    bank: str
    branch: str
    summary: str
    edi: str
    reference: str
    match_id: UUID | None
    rule: str


class UnknownLine(NotFound):
    """No statement has it."""

    slug = "unknown-line"
    advice = "There is no such line on a statement. Go back to the list and choose it again."
