"""Deposits: what came to our bank, and the payouts that it is."""
