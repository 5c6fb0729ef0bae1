"""The ways to pay that orders are sold by: named by the settings, so that another agency is no change of code."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from kernel.refusals import Invalid

FREE = "none"
# A pause whose end nobody told is over by then: payments' own are shorter (payments/health), and a way to pay that is
# hidden for nothing turns visitors away.
PAUSE_SILENT = timedelta(minutes=15)
PAUSE_GRACE = timedelta(minutes=2)
NAME_PATTERN = r"^[a-z][a-z0-9_]{0,39}$"  # as in the wire contract (kernel/contracts/ticketing.py)

# What a way to pay means to an order. card, qr: places are held for minutes. payeasy: numbers to pay with at an ATM,
# held until the evening before the visit; money goes back to a bank account that the visitor names.
Kind = Literal["card", "qr", "payeasy"]


class MethodNotSold(Invalid):
    """Orders are not sold by such a method."""

    slug = "method-not-sold"
    advice = "There is no way to pay called {method}. Choose one of: {methods}."


@dataclass(frozen=True, slots=True)
class Way:
    """One way to pay: `name` is the method's folder in payments; `sold`: new payments may begin by it."""

    name: str
    kind: Kind
    title_ja: str
    title_en: str
    sold: bool = True

    def title(self, language: str) -> str:
        """Return what visitors and staff call it."""
        return self.title_ja if language == "ja" else self.title_en

    @property
    def to_account(self) -> bool:
        """Whether money goes back to a bank account, because the way itself carries none back."""
        return self.kind == "payeasy"


WAYS = (
    Way("stripe_card", "card", "クレジットカード・デビットカード", "Credit or debit card"),
    Way("paypay", "qr", "PayPay", "PayPay"),
    Way("payeasy_komoju", "payeasy", "Pay-easy(ATM・ネットバンキング)", "Pay-easy (ATM or net banking)"),
    Way("stripe_paypay", "qr", "PayPay", "PayPay", sold=False),  # in place of paypay where a setting says so
)


@dataclass(frozen=True, slots=True)
class Pause:
    """A way to pay rests, because its provider does. `until`: when it is tried again, if that is known."""

    method: str
    paused_at: datetime
    until: datetime | None

    def is_over(self, at: datetime) -> bool:
        """Tell whether it is past, also if the news of its end never came."""
        return at >= (self.until + PAUSE_GRACE if self.until else self.paused_at + PAUSE_SILENT)


def paused_now(pauses: Iterable[Pause], *, at: datetime) -> Mapping[str, Pause]:
    """Return the pauses that are not over, by their methods."""
    return {each.method: each for each in pauses if not each.is_over(at)}


def way_sold(ways: Sequence[Way], name: str) -> Way:
    """Return the way by which a new payment may begin; raise MethodNotSold."""
    for each in ways:
        if each.name == name and each.sold:
            return each
    raise MethodNotSold(method=name[:40], methods=", ".join(each.name for each in ways if each.sold))


def way_known(ways: Sequence[Way], name: str) -> Way:
    """Return a way of the past or present; one that the settings do not name any more goes by its code."""
    return next((each for each in ways if each.name == name), Way(name, "qr", name, name, sold=False))
