"""Refunds: money that goes back to who paid."""
