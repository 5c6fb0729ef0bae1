"""KOMOJU as Momiji meets it: Pay-easy payments, refund requests, signed webhooks."""
