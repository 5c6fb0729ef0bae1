"""Transfers: refunds to a bank account, checked by one person and approved by another."""
