"""Fetching what was paid out: each payout that is new is taken as a statement, as if its report had been sent."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import tempfile
from collections.abc import Awaitable
from pathlib import Path
from typing import Final, TypeVar
from uuid import UUID, uuid5

from prometheus_client import Counter

from kernel.clock import new_id
from kernel.refusals import Refusal
from kernel.telemetry import correlation_id
from reconciliation.fetching import model, store
from reconciliation.fetching.asking import NotThereError, NotToldError, Payments
from reconciliation.fetching.model import Lines, Payout
from reconciliation.statements import actions as statements
from reconciliation.statements.actions import Upload
from reconciliation.statements.model import SettlementFormat
from reconciliation.statements.refused import refused_file
from reconciliation.statements.stripe_payouts import FORMAT as STRIPE
from reconciliation.wiring import Wiring

log = logging.getLogger(__name__)

FORMATS: Final = (STRIPE,)  # of the providers that tell of payouts by their interface
SENDER: Final = "payments"
REFUSALS: Final = UUID("01932ad0-7c30-7d0c-9c7e-5d0f3bb1a0f5")  # the family of ids made of what was refused

FETCHED = Counter("momiji_fetched_payouts_total", "Payouts that payments was asked for", ["outcome"])

T = TypeVar("T")


async def fetch_all(wiring: Wiring, payments: Payments, stop: asyncio.Event) -> int:
    """Fetch every payout that is new; return how many were. Raises AwayError, and CancelledError on stop.

    What payments does not tell, or tells so that it cannot be taken, is asked for again in the next round.
    """
    count = 0
    for chosen in FORMATS:
        try:
            count += await _fetch(wiring, payments, chosen, stop)
        except NotThereError:
            continue  # This installation has no contract with the provider.
        except NotToldError as problem:
            log.warning("payouts are not told", extra={"provider": chosen.columns.provider, "problem": str(problem)})
    return count


async def _fetch(wiring: Wiring, payments: Payments, chosen: SettlementFormat, stop: asyncio.Event) -> int:
    provider, at = chosen.columns.provider, wiring.clock.now()
    async with wiring.database.at_once("fetch") as tx:
        since = model.since(fetched_at=await store.last_fetched_at(tx, provider), at=at)
    listed = await _unless(stop, payments.payouts(provider, since))
    async with wiring.database.at_once("fetch") as tx:
        known = await store.known(tx, provider, [each.payout for each in listed])
    count = 0
    for payout in (each for each in listed if each.payout not in known):
        token = correlation_id.set(f"fetch-{new_id()}")
        try:
            told = await _unless(stop, payments.lines(provider, payout.payout))
            count += await take(wiring, chosen, payout, told)
        except NotToldError as problem:
            FETCHED.labels("not_told").inc()
            log.warning("a payout is not told", extra={"payout": payout.payout, "problem": str(problem)})
        finally:
            correlation_id.reset(token)
    return count


async def take(wiring: Wiring, chosen: SettlementFormat, payout: Payout, told: Lines) -> bool:
    """Take a payout as a statement and write down that it was fetched; return False if it was refused.

    After a crash between the two the same bytes come again, and they are one statement.
    """
    name, provider, at = f"{payout.payout}.csv", chosen.columns.provider, wiring.clock.now()
    body = b""
    try:
        body = model.table_of(payout, told, chosen.columns)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "given"
            await asyncio.to_thread(path.write_bytes, body)
            file, _ = await statements.take(
                wiring.database,
                chosen,
                Upload(path, hashlib.sha256(body).hexdigest(), len(body), name, "fetch", SENDER),
                correlation_id=correlation_id.get(),
                file_id=new_id(),
                event_id=new_id(),
                at=at,
            )
    except Refusal as refusal:
        await _note(wiring, name, body, refusal)
        return False
    async with wiring.database.transaction(correlation_id.get()) as tx:
        await store.add(tx, provider, payout.payout, file_id=file.id, at=at)
    FETCHED.labels("taken").inc()
    log.info("a payout was fetched", extra={"payout": payout.payout, "lines": file.line_count, "new": file.new_count})
    return True


async def _note(wiring: Wiring, name: str, body: bytes, refusal: Refusal) -> None:
    """Write down why a payout was not taken: once for each reason, however often it is asked for again."""
    sha256 = hashlib.sha256(body).hexdigest() if body else None
    await statements.refuse(
        wiring.database,
        refused_file(
            wiring.pages,
            refusal,
            id=uuid5(REFUSALS, f"{name}\x1f{sha256}\x1f{refusal.detail}"),
            at=wiring.clock.now(),
            way="fetch",
            file_name=name,
            bytes_count=len(body),
            sha256=sha256,
            by=SENDER,
        ),
        correlation_id=correlation_id.get(),
    )
    FETCHED.labels("refused").inc()
    log.warning("a payout was refused", extra={"file": name, "slug": refusal.slug})


async def _unless(stop: asyncio.Event, call: Awaitable[T]) -> T:
    """Return what a call answers; give it up and raise CancelledError as soon as stop is set."""
    asked, stopping = asyncio.ensure_future(call), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({asked, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not asked.done():
            asked.cancel()
        return await asked
    finally:
        stopping.cancel()
        asked.cancel()
