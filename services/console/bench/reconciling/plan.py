"""What is to be made: how many payments, over which days, which of them go wrong and how; pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Literal

Provider = Literal["stripe", "paypay", "paypay_parks", "komoju"]
Role = Literal[
    "plain",
    "refunded",
    "refunded_in_part",
    "disputed_and_lost",
    "disputed_and_won",
    "reversed",
    "reversed_as_refund",
    "in_two_claims",
    "in_two_lines",
    "told_next_day",
    "not_yet_told",
    "stranger",
    "refunded_by_hand",
    "charged_twice",
    "refunded_twice",
    "never_charged",
    "never_refunded",
    "other_amount",
    "other_refund_amount",
    "told_late",
    "other_fee",
    "twin",
]
"""What becomes of one payment, at us and at its provider.

Good: plain; refunded, whole or in part, up to a month later; disputed_and_lost, disputed_and_won (a card's); reversed
(a bank took it back; reversed_as_refund: its provider calls it a refund); in_two_claims (more came than was due: our
books hold it in two parts, the provider in one); in_two_lines (the other way round); told_next_day (across midnight);
not_yet_told (after the last statement).

Faults: stranger (the provider has it, we do not); refunded_by_hand (a refund at the provider that nobody asked us for);
charged_twice, refunded_twice (at the provider); never_charged, never_refunded (at the provider, though our books say
so); other_amount, other_refund_amount; told_late; other_fee (than agreed); twin (one that only we have and one that
only the provider has, of the same day and amount: two faults and no match).
"""
FAULTS: Final[tuple[Role, ...]] = (
    *("stranger", "refunded_by_hand", "charged_twice", "refunded_twice", "never_charged", "never_refunded"),
    *("other_amount", "other_refund_amount", "told_late", "other_fee", "twin"),
)
CARD_ONLY: Final[tuple[Role, ...]] = ("disputed_and_lost", "disputed_and_won")
BANK_ONLY: Final[tuple[Role, ...]] = ("reversed", "reversed_as_refund")
PAYMENTS_MIN: Final = 500
PAYMENTS_MAX: Final = 20_000_000
QUIET_DAYS: Final = 45  # before the last day: whatever goes wrong began earlier, so that every statement can tell it
DAYS_MIN: Final = QUIET_DAYS + 14


PARKS: Final = ("mominoki", "kenminnomori", "sera")  # facilities whose manager has a contract of its own
SHARES_PERCENT: Final = {"stripe_card": 50, "paypay": 40, "payeasy_komoju": 10}  # of each way to pay


@dataclass(frozen=True, slots=True)
class Terms:
    """What is agreed with a provider.

    `fee_rate` of ten thousand, and the tax on the fee, are rounded half up, or `down`. `stated`: its file says the fee
    of each line; else a refund gives its fee back. `payer`: how the bank writes who transfers.
    """

    provider: Provider
    method: str
    fee_rate: int
    tax_percent: int
    down: bool
    stated: bool
    payer: str


TERMS: Final = (
    Terms("stripe", "stripe_card", 360, 0, down=False, stated=True, payer="ｽﾄﾗｲﾌﾟｼﾞﾔﾊﾟﾝ(ｶ"),
    Terms("paypay", "paypay", 198, 10, down=True, stated=False, payer="ﾍﾟｲﾍﾟｲ(ｶ"),
    Terms("paypay_parks", "paypay", 198, 10, down=True, stated=False, payer="ﾍﾟｲﾍﾟｲ(ｶ"),
    Terms("komoju", "payeasy_komoju", 275, 10, down=False, stated=True, payer="ｶ)ﾃﾞｼﾞｶ"),
)


@dataclass(frozen=True, slots=True)
class Plan:
    """A world to make. The same plan is the same world, byte for byte.

    Payments lie between `first` and `last`, both inclusive; the last statements reach to `last`, a few payments beyond.
    """

    seed: int
    payments: int
    first: date = date(2025, 4, 1)
    last: date = date(2026, 3, 31)

    def __post_init__(self) -> None:
        if not PAYMENTS_MIN <= self.payments <= PAYMENTS_MAX:
            raise ValueError(f"A world has {PAYMENTS_MIN} to {PAYMENTS_MAX} payments, not {self.payments}.")
        if self.days < DAYS_MIN:
            raise ValueError(f"A world has at least {DAYS_MIN} days, not {self.days}.")

    @property
    def days(self) -> int:
        """How many days there are."""
        return (self.last - self.first).days + 1

    @property
    def roles(self) -> tuple[tuple[Role, int], ...]:
        """How many payments have which role; every fault several times, and the rest is plain."""
        few = max(6, self.payments // 4_000)
        special: list[tuple[Role, int]] = [(each, few) for each in (*FAULTS, *CARD_ONLY, *BANK_ONLY)]
        special += [("in_two_claims", few), ("in_two_lines", few), ("told_next_day", few), ("not_yet_told", few)]
        special += [("refunded", self.payments * 3 // 100), ("refunded_in_part", max(few, self.payments // 200))]
        return (*special, ("plain", self.payments - sum(count for _, count in special)))

    def weights(self) -> Iterator[tuple[date, int]]:
        """Yield how busy each day is."""
        return busy(self.first, self.days)


def busy(first: date, days: int) -> Iterator[tuple[date, int]]:
    """Yield how busy each day is: week-ends twice, Mondays little, holidays of early May and mid-August more."""
    for number in range(days):
        day = first + timedelta(days=number)
        weight = 2 if day.weekday() == 0 else 12 if day.weekday() >= 5 else 6  # noqa: PLR2004 - Saturday, Sunday
        yield day, weight + (6 if (day.month, day.day) in _FEASTS else 0)


_FEASTS: Final = {(5, 3), (5, 4), (5, 5), (8, 13), (8, 14), (8, 15)}
