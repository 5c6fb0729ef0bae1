"""Payments: charges, refunds, and the methods that carry them."""
