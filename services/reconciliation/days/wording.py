"""Words for what the books call by code: methods, facts. English gettext messages."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from reconciliation.settings import MethodTitle

# The codes are the wire contract's (kernel.contracts); a method unknown here is shown by its code.
METHODS = {
    "stripe_card": "Card",
    "paypay": "PayPay",
    "payeasy_komoju": "Pay-easy",
    "none": "Free",
    "": "Not known",
    "stripe_paypay": "PayPay by Stripe",
}

FACTS = {
    "ticketing.order.placed.v1": "The order was placed",
    "ticketing.order.confirmed.v1": "The order was confirmed",
    "ticketing.order.cancelled.v1": "The order was cancelled",
    "ticketing.order.expired.v1": "The order expired unpaid",
    "ticketing.refund.requested.v1": "A refund was asked for",
    "ticketing.ticket.issued.v1": "A ticket was issued",
    "ticketing.ticket.voided.v1": "A ticket was voided",
    "ticketing.ticket.admitted.v1": "Somebody entered",
    "ticketing.ticket.admission_reversed.v1": "An entry was undone",
    "payments.charge.requested.v1": "The payment was opened",
    "payments.charge.captured.v1": "The payment came in",
    "payments.charge.failed.v1": "The payment failed",
    "payments.charge.expired.v1": "The payment page expired",
    "payments.charge.unallocated.v1": "Money came that no order could take",
    "payments.charge.reversed.v1": "The payment was taken back",
    "payments.refund.settled.v1": "The refund was made",
    "payments.refund.failed.v1": "The refund failed",
    "payments.dispute.opened.v1": "The payer contests the payment",
    "payments.dispute.closed.v1": "The contested payment was decided",
}


def method_name(method: str, titles: Sequence[MethodTitle], tag: str, words: Callable[[str], str]) -> str:
    """Return what people call a method: as the settings say, or a word of ours, or its code."""
    for each in titles:
        if each.name == method:
            return each.title_ja if tag == "ja" else each.title_en
    return words(METHODS[method]) if method in METHODS else method


# Companies write their names alike in every language; one unknown here is shown as its lines name it.
PROVIDERS = {"stripe": "Stripe", "paypay": "PayPay", "komoju": "KOMOJU"}


def provider_name(provider: str) -> str:
    """Return what people call a provider."""
    return PROVIDERS.get(provider, provider)
