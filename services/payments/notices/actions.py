"""Take a batch of notices in, and make charges of its rows, a hundred at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

from kernel.clock import new_id
from kernel.rows import Database, Transaction
from payments.charges import opening
from payments.charges.model import AmountDiffers
from payments.charges.opening import Asked
from payments.notices import store
from payments.notices.model import Batch, Notice, Problem

TOGETHER_MAX = 100  # charges in one transaction


async def problems_here(tx: Transaction, system: str, notices: Sequence[Notice]) -> list[Problem]:
    """Return what is wrong with notices beside what is here already: a reference charged with another amount."""
    known = await store.amounts(tx, system, [each.reference for each in notices])
    return [
        Problem(each.row, "reference", f"it is charged already, with {known[each.reference]}. Use a new reference")
        for each in notices
        if known.get(each.reference, each.amount) != each.amount
    ]


async def make_some(database: Database, *, return_url: Callable[[UUID], str], at: datetime) -> int:
    """Make charges of some rows of the oldest batch that is not done; return how many rows were dealt with.

    A repeat after a crash finds the same charges by their references. Nothing is opened at a provider: that is for
    the payer, who chooses how to pay. `return_url`: where the payer of a charge is led back to, if a row names none.
    """
    async with database.transaction("notices") as tx:
        found = await store.unfinished(tx)
        if found is None:
            return 0
        batch_id, system = found
        own = Transaction(tx.session, tx.service, f"notices-{batch_id}")
        notices = await store.waiting(tx, batch_id, limit=TOGETHER_MAX)
        made = [await _make(own, system, notice, return_url=return_url, at=at) for notice in notices]
        await store.save(tx, batch_id, made)
        if len(notices) < TOGETHER_MAX:
            await store.finish(tx, batch_id, at=at)
        return len(notices)


async def _make(
    tx: Transaction, system: str, notice: Notice, *, return_url: Callable[[UUID], str], at: datetime
) -> tuple[int, UUID | None, str | None]:
    charge_id = new_id()
    asked = Asked(
        caller=system,
        reference=notice.reference,
        amount=notice.amount,
        method="",
        description=notice.description,
        expires_at=notice.expires_at,
        return_url=notice.return_url or return_url(charge_id),
        locale=notice.locale,
        facility=notice.part.facility,
        parts=(notice.part,),
    )
    try:
        prepared = await opening.prepare(tx, asked, reopens=False, charge_id=charge_id, attempt_id=new_id(), at=at)
    except AmountDiffers as refused:  # Charged meanwhile, by another call.
        return notice.row, None, refused.detail
    return notice.row, prepared.charge.id, None


def new_batch(batch_id: UUID, system: str, notices: Sequence[Notice], *, at: datetime) -> Batch:
    """Return a batch that has just come in."""
    return Batch(batch_id, system, len(notices), at, None)
