"""PayPay by Stripe: the second route of a QR payment."""
