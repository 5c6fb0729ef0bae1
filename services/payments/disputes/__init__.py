"""Disputes: payers who contest a card payment with their bank, and what we answer."""
