"""Payouts: what a provider transfers to our bank at once, made of its lines, and closed to the yen."""
