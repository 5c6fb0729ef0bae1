"""Stripe as Momiji meets it: Checkout, PaymentIntents, refunds, disputes, payouts, signed webhooks."""
