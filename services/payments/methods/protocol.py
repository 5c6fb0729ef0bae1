"""What a way to pay must do. One folder for each; nothing else names a provider."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal, Protocol, runtime_checkable
from uuid import UUID

from kernel.money import Yen
from kernel.refusals import Unauthenticated, Unavailable
from payments.charges.model import Attempt, Finding


@dataclass(frozen=True, slots=True)
class Words:
    """A name in Japanese and English."""

    ja: str
    en: str


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a method declares about itself.

    `page`: where the payer pays: at the provider ('redirect'), by a code ('code') or by numbers ('numbers').
    `reopens`: the same call again gives the same thing back (an idempotency key), so that a lost answer can be had
    again; otherwise another attempt is made.
    `refund`: by the provider ('provider'), or to a bank account that the payer names: the provider transfers it
    ('bank_account'), or we do by our own bank ('transfer').
    `provider`: who carries it, where that is another name; methods of one provider read each other's messages.
    `reversible`: a bank may take a payment back after it was told of (Pay-easy 取消), so paid ones are asked about too.
    `webhook_answer`: the body that its provider takes for "understood", where the status alone is not enough.
    """

    name: str
    title: Words
    amount_min: Yen
    amount_max: Yen
    page: Literal["redirect", "code", "numbers"]
    reopens: bool
    refund: Literal["provider", "bank_account", "transfer"]
    reversible: bool = False
    provider: str = ""
    webhook_answer: str = ""

    @property
    def carrier(self) -> str:
        """The provider's name."""
        return self.provider or self.name


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the provider is asked to open. `attempt.id` is our reference and idempotency key."""

    attempt: Attempt
    description: str
    return_url: str
    locale: str


@dataclass(frozen=True, slots=True)
class Opened:
    """What the provider opened. `deadline` is the provider's own, which counts.

    `shown` holds what the page shows. Of Pay-easy: bank_id (収納機関番号), customer_id (お客様番号 or 納付番号),
    confirmation_id (確認番号), and payment_category (納付区分) where public money has one; all strings of digits.
    """

    provider_id: str
    pay_url: str
    deadline: datetime
    shown: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RefundWanted:
    """A refund; `id` is our reference and idempotency key."""

    id: UUID
    attempt: Attempt
    amount: Yen
    provider_id: str | None
    requested_at: datetime


@dataclass(frozen=True, slots=True)
class BankAccount:
    """Where money of Pay-easy goes back to. It is kept sealed only, and purged once the money has left."""

    holder_kana: str
    bank_name: str
    bank_code: str
    branch_name: str
    branch_code: str
    kind: Literal["normal", "checking", "savings"]
    number: str


@dataclass(frozen=True, slots=True)
class RefundFinding:
    """What the provider says of a refund. `not_sent`: it was not even asked, and may be from `retry_at` on.

    `by_us`: it was paid from our own account, and the provider knows nothing of it.
    """

    state: Literal["settled", "failed", "pending", "not_there", "no_answer", "not_sent"]
    provider_id: str | None = None
    problem: str = ""
    retry_at: datetime | None = None
    by_us: bool = False


@dataclass(frozen=True, slots=True)
class ProviderEvent:
    """A webhook as far as it is believed: which event, about which of our attempts or refunds."""

    event_id: str
    reference: str


AwayKind = Literal["maintenance", "rate_limited", "unreachable"]


class Away(Unavailable):
    """The provider is in maintenance, wants fewer calls, or cannot be reached; nothing was begun.

    `kind` says which; `retry_after` is how many seconds the provider wants to be left alone, if it said so.
    """

    slug = "provider-away"
    advice = "{method} is not available right now. Nothing was charged; try again later or choose another way to pay."

    def __init__(self, *, method: str, kind: AwayKind = "unreachable", retry_after: float | None = None) -> None:
        self.kind: AwayKind = kind
        self.retry_after = retry_after
        super().__init__(method=method)


class AmbiguousError(Exception):
    """The call was sent and its outcome is not known: ask before doing anything else."""


class RefusedError(Exception):
    """The provider refused the call for good; the message is its reason."""


class MisconfiguredError(RefusedError):
    """The provider does not know our key or merchant: a setting is wrong, and the staff must see it."""


class NotGenuine(Unauthenticated):
    """The webhook is not signed by the provider."""

    slug = "webhook-not-genuine"
    advice = "The signature of this message is missing or wrong. Check the webhook secret."


@dataclass(frozen=True, slots=True)
class Payout:
    """What a provider transferred to our bank, a closed batch of lines; yen. `arrives_on`: a day of the bank's."""

    id: str
    created_at: datetime
    arrives_on: date
    net_yen: int


@dataclass(frozen=True, slots=True)
class PayoutLine:
    """One line of what a provider paid out to our bank; amounts in yen, negative when money left.

    `kind` is the provider's word (Stripe: charge, refund, dispute, fee, payout …), `source` its id of the thing,
    `payment` its id of the payment that the thing is about, `reference` our attempt or refund if it names one,
    `brand` a card's. `currency` is the line's own, in the provider's letters.
    """

    id: str
    kind: str
    gross_yen: int
    fee_yen: int
    net_yen: int
    at: datetime
    source: str | None
    reference: str | None
    payment: str | None = None
    brand: str = ""
    currency: str = "jpy"


@runtime_checkable
class PayoutReader(Protocol):
    """A method whose provider tells by its interface what a payout consists of."""

    async def lines_of_payout(self, payout_id: str) -> tuple[PayoutLine, ...]:
        """Return the lines; raises Away, AmbiguousError or RefusedError."""
        ...

    async def payouts(self, since: datetime) -> tuple[Payout, ...]:
        """Return those made since then whose lines are final, the oldest first; raises as above."""
        ...

    async def attempt_of_payment(self, payment: str) -> str | None:
        """Return our reference on a payment of the provider's, if it has one; raises as above."""
        ...


DisputeStatus = Literal["needs_response", "under_review", "won", "lost"]


@dataclass(frozen=True, slots=True)
class DisputeFound:
    """What a provider says of a dispute. `attempt`: our reference on its payment; `due_at`: until when to answer."""

    id: str
    attempt: str
    amount: Yen
    reason: str
    status: DisputeStatus
    opened_at: datetime
    due_at: datetime | None


@runtime_checkable
class DisputeReader(Protocol):
    """A method whose payers may contest a payment with their bank."""

    def names_dispute(self, reference: str) -> bool:
        """Tell whether a message's reference is the id of a dispute."""
        ...

    async def dispute(self, dispute_id: str) -> DisputeFound:
        """Return a dispute; raises Away, AmbiguousError or RefusedError (there is no such one)."""
        ...

    async def disputes(self) -> tuple[DisputeFound, ...]:
        """Return the newest disputes; raises as above."""
        ...

    async def answer_dispute(self, dispute_id: str, text: str) -> DisputeFound:
        """Send our evidence to the bank, which takes it once; raises as above."""
        ...


class Method(Protocol):
    """One way to pay."""

    capabilities: Capabilities

    async def open(self, wanted: Wanted) -> Opened:
        """Open it at the provider; the same again for the same attempt.

        Raises Away (nothing was sent), AmbiguousError (ask first) or RefusedError.
        """
        ...

    async def query(self, attempt: Attempt) -> Finding:
        """Ask the provider for the truth."""
        ...

    async def expire(self, attempt: Attempt) -> None:
        """Tell the provider that it is not wanted any more; a failure is found by the next query."""
        ...

    async def refund(self, wanted: RefundWanted, account: BankAccount | None) -> RefundFinding:
        """Send the refund; the same again for the same id."""
        ...

    async def query_refund(self, wanted: RefundWanted) -> RefundFinding:
        """Ask what became of a refund."""
        ...

    def read_webhook(self, headers: Mapping[str, str], body: bytes, *, at: datetime) -> ProviderEvent:
        """Check and read a webhook; raise NotGenuine or ValueError."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...
