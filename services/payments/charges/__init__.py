"""Charges: what is due, the tries to pay it, and what providers say of them."""
