"""Making a file of figures, for somebody, and writing down that they fetched it."""

from __future__ import annotations

import hashlib
from datetime import date
from typing import Any

from kernel.access import Principal
from kernel.refusals import Forbidden
from kernel.rows import Transaction
from kernel.telemetry import correlation_id
from reconciliation.days.model import require_range
from reconciliation.exports import store
from reconciliation.exports.discovery import format_named
from reconciliation.exports.model import Fetched, Format, Made
from reconciliation.reports.model import Asked
from reconciliation.reports.names import names
from reconciliation.wiring import Wiring, scope_of

# All that a document says is of one moment, whatever is booked meanwhile.
READ_ONLY = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"
SORT_MEMORY = "SET LOCAL work_mem = '64MB'"  # a year of a million entries is sorted without files


async def asked(
    wiring: Wiring, principal: Principal, *, first: date, last: date, facility: str, everywhere: bool, tag: str
) -> Asked:
    """Return what somebody may read of what they ask; raise TooManyDays or Forbidden."""
    require_range(first, last, days_max=wiring.settings.export_days_max)
    scope = scope_of(principal)
    if everywhere and scope is not None:
        raise Forbidden
    if facility and not everywhere:
        principal.require_facility(facility)
        scope = [facility]
    return Asked(first, last, None if scope is None else tuple(scope), await names(wiring, tag))


async def read_only(tx: Transaction) -> None:
    """Let a transaction see one moment and change nothing; its first statement."""
    await tx.execute(READ_ONLY)
    await tx.execute(SORT_MEMORY)


async def make(
    wiring: Wiring, principal: Principal, chosen: Format[Any], *, first: date, last: date, facility: str
) -> Made:
    """Make a file, and write down who has it. Raises the refusals of `asked` and those of the format."""
    facility = "" if chosen.everywhere else facility
    wish = await asked(
        wiring, principal, first=first, last=last, facility=facility, everywhere=chosen.everywhere, tag="ja"
    )
    return await _make(wiring, principal, chosen, wish, facility)


async def make_again(wiring: Wiring, principal: Principal, before: Fetched) -> Made:
    """Make a file of the same days and facilities as one that was fetched, by whoever may see that one.

    Raises UnknownFormat if there is no such format any more, Forbidden, and the refusals of the format.
    """
    chosen = format_named(before.format)
    if chosen.everywhere and scope_of(principal) is not None:
        raise Forbidden
    wish = Asked(before.first, before.last, before.facilities, await names(wiring, "ja"))
    return await _make(wiring, principal, chosen, wish, before.facility)


async def _make(wiring: Wiring, principal: Principal, chosen: Format[Any], wish: Asked, facility: str) -> Made:
    async with wiring.database.transaction(correlation_id.get()) as tx:
        await read_only(tx)
        write = await chosen.read(tx, wish)
    body = await write()
    async with wiring.database.transaction(correlation_id.get()) as tx:
        fetched = await store.log_export(
            tx,
            by=principal.name,
            format_name=chosen.name,
            first=wish.first,
            last=wish.last,
            facility=facility,
            facilities=wish.facilities,
            sha256=hashlib.sha256(body).hexdigest(),
            bytes_count=len(body),
            at=wiring.clock.now(),
        )
    return Made(chosen, body, fetched)
