"""Tickets: their signed codes, the pictures and papers that carry them, and their life from issue to entry."""
