"""What matching does on an event: a new statement is matched as soon as it is here."""

from __future__ import annotations

from collections.abc import Mapping

from kernel.contracts import Envelope, Fact
from kernel.contracts.reconciliation import StatementIngested
from kernel.inbox import Handler
from kernel.rows import Transaction
from reconciliation.matching import actions


async def match(tx: Transaction, event: Envelope) -> None:
    """Match what is open, now that there is more, unless a run has taken this file together with one before."""
    fact = event.fact
    assert isinstance(fact, StatementIngested)  # noqa: S101 - it is handled for this alone
    if not await actions.is_matched(tx, fact.statement_id):
        await actions.run(tx, run_id=event.id, at=event.time)


def handlers() -> Mapping[type[Fact], Handler]:
    """Return what is done on which fact."""
    return {StatementIngested: match}
