"""PayPay by Stripe Checkout, in place of our own contract with PayPay (docs/decisions/0121)."""

from __future__ import annotations

from kernel.clock import Clock
from kernel.money import Yen
from payments.methods.protocol import Capabilities, Words
from payments.methods.stripe_checkout import StripeCheckout
from payments.settings import PaymentsSettings

CAPABILITIES = Capabilities(
    name="stripe_paypay",
    title=Words("PayPay", "PayPay"),
    amount_min=Yen(50),
    amount_max=Yen(1_000_000),
    page="redirect",
    reopens=True,
    refund="provider",
    provider="stripe",
)


def connect(settings: PaymentsSettings, clock: Clock) -> StripeCheckout:
    """Return the method; nothing is connected yet."""
    return StripeCheckout(settings, clock, capabilities=CAPABILITIES, method_type="paypay", options={})
