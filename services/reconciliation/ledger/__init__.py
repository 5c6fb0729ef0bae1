"""The fact ledger: every event kept as it came, and the entries and positions that follow from it."""
