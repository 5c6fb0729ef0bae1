"""What the ledger does on an event: it keeps it."""

from __future__ import annotations

from collections.abc import Mapping

from kernel.contracts import Envelope, Fact, registry
from kernel.inbox import Handler
from kernel.rows import Transaction
from reconciliation.ledger import actions

SOURCES = ("ticketing.", "payments.")


async def keep(tx: Transaction, event: Envelope) -> None:
    """Keep one event as a fact."""
    await actions.record(tx, event)


def handlers() -> Mapping[type[Fact], Handler]:
    """Return one handler for every fact that ticketing and payments publish."""
    return {fact: keep for wire_type, fact in registry.items() if wire_type.startswith(SOURCES)}
