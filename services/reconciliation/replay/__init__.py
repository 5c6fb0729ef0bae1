"""Replay: the ledger once more from the stream, beside the one that serves, and whether both are the same."""
