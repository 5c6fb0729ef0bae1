"""Contracts with providers: how each pays out, what it keeps, and under which names its transfers come."""
