"""A made-up year of payments whose every fault is known, and the judge of what reconciliation finds in it."""
