"""PayPay's Open Payment API as Momiji meets it: codes, payments, refunds, unsigned notifications."""
