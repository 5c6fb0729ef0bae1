"""A new version of a contract with all that follows from it, for good or as a rehearsal."""

from __future__ import annotations

from datetime import date, datetime
from typing import Final

from kernel.rows import Transaction
from reconciliation.matching import actions as matching
from reconciliation.provider_contracts import actions, store
from reconciliation.provider_contracts.model import Contract, Definition
from reconciliation.provider_contracts.remade import Remade, compare

REHEARSED_LINES_MAX: Final = 20_000  # of a provider; making payouts anew of more takes longer than a preview may


async def change(
    tx: Transaction, name: str, *, since: date, definition: Definition, by: str, at: datetime
) -> tuple[Contract, Remade | None]:
    """Make the next version, and anew what follows from it; None: the version was there already, nothing changed.

    Raises ProviderFixed, ProviderTaken and PaymentsTaken.
    """
    made, new = await actions.define(tx, name, since=since, definition=definition, by=by, at=at)
    if not new:
        return made, None
    before = await store.payouts_of(tx, made.provider)
    await matching.contract_changed(tx, made.provider, at=at)
    return made, compare(before, await store.payouts_of(tx, made.provider))


async def rehearse(
    tx: Transaction, name: str, *, since: date, definition: Definition, by: str, at: datetime
) -> tuple[Contract, Remade | None]:
    """Return what `change` would do, and undo it; nothing of it is made anew where the provider has too many lines.

    Raises what `change` raises.
    """
    await tx.execute("SAVEPOINT rehearsal")
    try:
        if await store.lines_in_payouts(tx, definition.provider) > REHEARSED_LINES_MAX:
            made, _ = await actions.define(tx, name, since=since, definition=definition, by=by, at=at)
            return made, None
        made, remade = await change(tx, name, since=since, definition=definition, by=by, at=at)
        return made, remade or Remade()
    finally:
        await tx.execute("ROLLBACK TO SAVEPOINT rehearsal")
