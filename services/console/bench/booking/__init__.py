"""The books of a made-up year: orders of every end laid into the ledger, examined, closed, posted, and judged."""
