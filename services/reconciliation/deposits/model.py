"""What may belong together: transfers that came and payouts that are due. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, Literal
from uuid import UUID, uuid5

from kernel.cards import CardNumberRefused, holds_card_number
from kernel.money import Yen
from kernel.refusals import Conflict, Invalid, NotFound
from reconciliation.provider_contracts.schedule import due_on

Rule = Literal[
    "one_transfer_one_payout",
    "one_transfer_less_carried",
    "one_transfer_of_a_group",
    "suggestion_accepted",
    "by_hand",
]
RULE_VERSION: Final = 1
FAMILY: Final = UUID("5b6a2f0d-3c44-5f7e-8d0a-4f0f8a1d9c52")  # ids of suggestions are made of what they put together
TOGETHER_MAX: Final = 50  # bank lines, or payouts, of one match
REASON_LENGTH_MAX: Final = 1000
PAYOUT_CHANGED: Final = "The sum of a payout changed after this match was made."


@dataclass(frozen=True, slots=True)
class Due:
    """A payout that nothing explains: `net` is to arrive on `arrives_on`, and is missed after `missed_after`.

    `net` is what the provider says that it pays out; where it says nothing, what its lines make.

    `names`: plain ones of who sends it; `group`: contracts that may be paid in one transfer; `fees`: what a transfer
    may cost.
    """

    id: UUID
    provider: str
    contract: str
    net: Yen
    arrives_on: date
    missed_after: date
    account: str
    names: frozenset[str]
    group: str = ""
    fees: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Came:
    """A booking of our bank that nothing explains. `name`: the plain name of who sent it; empty if none is known."""

    id: UUID
    account: str
    day: date
    amount: Yen
    name: str


@dataclass(frozen=True, slots=True)
class Accepted:
    """A transfer that is these payouts and can be no others, nor they another's."""

    line: Came
    payouts: tuple[Due, ...]
    rule: Rule


ReasonWord = Literal[
    "amount_same",
    "amount_same_in_sum",
    "amount_with_transfer_fee",
    "amount_near",
    "amount_differs",
    "day_in_time",
    "days_late",
    "days_early",
    "name_same",
    "name_similar",
    "name_missing",
    "name_differs",
    "not_unique",
]


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason for or against a suggestion. `number`: yen, bank days, or percent, as its word says."""

    word: ReasonWord
    number: int = 0


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Bank lines and payouts that may belong together: how likely, from 0 to 100, and why."""

    bank_lines: tuple[UUID, ...]
    payouts: tuple[UUID, ...]
    provider: str
    day: date
    amount: Yen
    difference: Yen
    score: int
    reasons: tuple[Reason, ...]

    @property
    def id(self) -> UUID:
        """The id: the same for the same bank lines and payouts, for ever."""
        return id_of(self.bank_lines, self.payouts)


@dataclass(frozen=True, slots=True)
class Match:
    """A match of bank lines and payouts that stands. `difference`: of what came over what was due."""

    id: UUID
    bank_lines: tuple[UUID, ...]
    payouts: tuple[UUID, ...]
    rule: Rule
    rule_version: int
    difference: Yen
    accepted_by: str
    accepted_at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Deposit:
    """One booking of our bank, as a statement has it, and the match that explains it, if one does."""

    id: UUID
    account: str
    booked_on: date
    amount: Yen
    payer: str
    summary: str
    match_id: UUID | None


def id_of(bank_lines: Iterable[UUID], payouts: Iterable[UUID]) -> UUID:
    """Return what names bank lines and payouts that are put together, in whatever order they are given."""
    return uuid5(FAMILY, " ".join(map(str, sorted(bank_lines))) + " / " + " ".join(map(str, sorted(payouts))))


def may_arrive(due: Due, line: Came) -> bool:
    """Tell whether a payout may be in a transfer by its account and day: neither early nor late."""
    return due.account in ("", line.account) and due.arrives_on <= line.day <= due.missed_after


def in_time(due: Due, line: Came) -> bool:
    """Tell whether a transfer came on the very day on which a payout was due."""
    return due.arrives_on <= line.day <= due_on(due.arrives_on)


def is_over(due: Due, line: Came, reach: Mapping[str, date]) -> bool:
    """Tell whether the bank's statements say all that may still come within a payout's days."""
    return line.account in reach and reach[line.account] > due.missed_after


class UnknownSuggestion(NotFound):
    """It is not suggested, or not any more."""

    slug = "unknown-suggestion"
    advice = "There is no suggestion {id} any more. Reload the list; somebody may have decided it."


class UnknownDepositMatch(NotFound):
    """Nothing stands under this id."""

    slug = "unknown-deposit-match"
    advice = "There is no match of deposits {id} that stands. Reload the list; somebody may have taken it back."


class NoDeposit(NotFound):
    """It is no booking of a statement."""

    slug = "unknown-deposit"
    advice = "There is no booking {id} on a statement of a bank. Choose one from the list."


class MatchedAlready(Conflict):
    """A bank line or a payout is in another match."""

    slug = "deposit-matched-already"
    advice = "{id} is matched already. Reload the list; take the other match back first if it is wrong."


class TooManyTogether(Invalid):
    """A match has something on both sides, and not too much."""

    slug = "deposit-too-many"
    advice = "Choose from 1 to {count_max} bookings, and as many payouts. Match the rest by itself."


class DepositReasonMissing(Invalid):
    """People say why."""

    slug = "deposit-reason-missing"
    advice = "Write down why, in 1 to 1,000 characters; the next auditor will ask."


def require_reason(said: str) -> str:
    """Return a reason of 1 to 1,000 characters; raise CardNumberRefused or DepositReasonMissing."""
    if holds_card_number(said):
        raise CardNumberRefused
    reason = said.strip()
    if not 1 <= len(reason) <= REASON_LENGTH_MAX:
        raise DepositReasonMissing
    return reason
