"""Cards by Stripe Checkout: the payer types the card on Stripe's page (docs/decisions/0002 and 0120)."""

from __future__ import annotations

from kernel.clock import Clock
from kernel.money import Yen
from payments.methods.protocol import Capabilities, Words
from payments.methods.stripe_checkout import StripeCheckout
from payments.settings import PaymentsSettings

CAPABILITIES = Capabilities(
    name="stripe_card",
    title=Words("クレジットカード・デビットカード", "Credit or debit card"),
    amount_min=Yen(50),
    amount_max=Yen(9_999_999),
    page="redirect",
    reopens=True,
    refund="provider",
    provider="stripe",
)
# Japan requires EMV 3-D Secure of card payments on the web since March 2025. "any" asks for it each time and lets the
# issuer decide whether the payer is bothered ("automatic" would ask only where Stripe thinks that it must).
OPTIONS = {"request_three_d_secure": "any"}


def connect(settings: PaymentsSettings, clock: Clock) -> StripeCheckout:
    """Return the method; nothing is connected yet."""
    return StripeCheckout(settings, clock, capabilities=CAPABILITIES, method_type="card", options=OPTIONS)
