"""Payments' rounds: what is done again and again with what waits, a batch at a time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Sequence
from datetime import timedelta
from uuid import UUID

from payments.charges import actions as charges
from payments.charges import store as charge_rows
from payments.charges.model import Attempt
from payments.disputes import actions as disputes
from payments.health import actions as health
from payments.messages import store as messages
from payments.methods.protocol import AmbiguousError, Away, DisputeReader, RefusedError
from payments.notices import actions as notices
from payments.refunds import actions as refund_actions
from payments.refunds import store as refund_rows
from payments.transfer_files import actions as transfer_files
from payments.transfers import actions as transfers
from payments.transfers import store as transfer_rows
from payments.wiring import Wiring

log = logging.getLogger(__name__)

BATCH_MAX = 20
LEASE = timedelta(seconds=90)  # Longer than any provider's time-out: nobody else asks about the same meanwhile.
TOGETHER_MAX = 8


async def read_messages(wired: Wiring, methods: Sequence[str] = ()) -> int:
    """Ask the provider about what each message names, and apply the answer; the message itself proves nothing.

    `methods`: whose messages are read, all if none is named; a provider that hangs holds up its own only.
    """
    at = wired.clock.now()
    async with wired.database.at_once("messages") as tx:
        claimed = await messages.claim(tx, methods or [*wired.methods], at=at, limit=BATCH_MAX)
        attempts = await charge_rows.find_attempts(tx, {reference for _, _, reference in claimed})
    # A payment is often told of twice in a moment (the payment, its session): one question answers both.
    named: dict[tuple[tuple[str, ...], str], list[int]] = {}
    for message_id, method, reference in claimed:
        named.setdefault((tuple(wired.methods_beside(method)), reference), []).append(message_id)
    ended: dict[int, str] = {}

    async def about(beside: Sequence[str], reference: str, message_ids: Sequence[int]) -> None:
        attempt = next((each for each in attempts[reference] if each.method in beside), None)
        reader = wired.disputes.get(wired.method(beside[0]).capabilities.carrier)
        if attempt is None and reader is not None and reader.names_dispute(reference):
            outcome = await _about_dispute(wired, reader, beside[0], reference)
        else:
            outcome = await _about(wired, attempt, reference)
        if outcome != charges.UNANSWERED:  # It may be the only one who tells of late money: it waits for an answer.
            ended.update(dict.fromkeys(message_ids, outcome))

    await _together([about(beside, reference, ids) for (beside, reference), ids in named.items()])
    if ended:
        async with wired.database.at_once("messages") as tx:
            await messages.finish(tx, ended, at=wired.clock.now())
    return len(claimed)


async def _about(wired: Wiring, attempt: Attempt | None, reference: str) -> str:
    """Do what a message about this reference asks for; return what came of it in a few words."""
    if attempt is not None:
        outcome = await _attempt(wired, attempt, named=True)
        if attempt.captured is not None:
            async with wired.database.at_once("messages") as tx:
                await refund_rows.hasten_of(tx, attempt.charge_id, at=wired.clock.now())
        return outcome
    if not _is_uuid(reference):
        return "names nothing of ours"
    async with wired.database.at_once("messages") as tx:
        await refund_rows.hasten(tx, UUID(reference), at=wired.clock.now())
    return "refund asked about"


async def _about_dispute(wired: Wiring, reader: DisputeReader, method: str, dispute_id: str) -> str:
    carrier = wired.method(method).capabilities.carrier
    try:
        found = await reader.dispute(dispute_id)
    except RefusedError:
        return disputes.NOT_OURS
    except (Away, AmbiguousError):
        return charges.UNANSWERED
    return await disputes.learn(wired.database, carrier, found, at=wired.clock.now())


async def ask_about_disputes(wired: Wiring) -> int:
    """Ask each provider for its newest disputes: what no webhook told, and what a bank decided."""
    new = 0
    for carrier, reader in wired.disputes.items():
        try:
            found = await reader.disputes()
        except (Away, AmbiguousError, RefusedError) as silent:
            log.warning("disputes are asked about later", extra={"provider": carrier, "problem": str(silent)[:200]})
            continue
        for each in found:
            new += await disputes.learn(wired.database, carrier, each, at=wired.clock.now()) == "Disputed"
    return new


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


async def ask_providers(wired: Wiring, methods: Sequence[str] = ()) -> int:
    """Ask about attempts that are due: what no webhook told, what is unknown, what is over.

    `methods`: about whose attempts, all if none is named.
    """
    at = wired.clock.now()
    async with wired.database.at_once("attempts") as tx:
        due = await charge_rows.due_attempts(
            tx, methods or [*wired.methods], at=at, limit=BATCH_MAX, lease_until=at + LEASE
        )
    await _together([_attempt(wired, attempt) for attempt in due])
    return len(due)


async def _attempt(wired: Wiring, attempt: Attempt, *, named: bool = False) -> str:
    """Ask about one attempt; `named`: the provider itself spoke of it, so it exists there."""
    method = wired.method(attempt.method)
    if attempt.provider_id is None and attempt.state in {"prepared", "unknown"} and method.capabilities.reopens:
        # The answer to our call was lost: the same call under the same key tells what it made, or makes it once.
        async with wired.database.transaction("attempts") as tx:
            charge = await charge_rows.find(tx, attempt.charge_id)
            others = await charge_rows.attempts_of(tx, attempt.charge_id)
        last = others[-1].id == attempt.id and attempt.deadline > wired.clock.now()
        if charge is not None and (named or (last and charge.status == "pending")):
            try:
                attempt = await charges.open_attempt(wired.database, method, charge, attempt, at=wired.clock.now())
            except Away:
                if named:
                    return charges.UNANSWERED
    return await charges.ask_and_apply(wired.database, method, attempt, at=wired.clock.now())


async def end_what_is_over(wired: Wiring) -> int:
    """End charges that nobody can pay any more, offer rested methods again, forget what old messages said."""
    at = wired.clock.now()
    async with wired.database.transaction("messages") as tx:
        await messages.forget_bodies(tx, before=at - timedelta(days=wired.settings.message_body_days))
    await health.keep_announced(wired.database, wired.settings.maintenance_windows, at=at)
    await health.resume_over(wired.database, at=at)
    return await charges.expire_over(wired.database, at=at, limit=BATCH_MAX)


async def make_notices(wired: Wiring) -> int:
    """Make charges of notices that wait."""
    at = wired.clock.now()
    return await notices.make_some(wired.database, return_url=lambda each: f"{wired.checkout_url(each)}/method", at=at)


async def move_refunds(wired: Wiring) -> int:
    """Send refunds and ask what became of them."""
    at = wired.clock.now()
    async with wired.database.transaction("refunds") as tx:
        due = await refund_rows.due(tx, at=at, limit=BATCH_MAX, lease_until=at + LEASE)
    await _together([_refund(wired, refund_id) for refund_id in due])
    return len(due)


async def _refund(wired: Wiring, refund_id: UUID) -> None:
    async with wired.database.transaction("refunds") as tx:
        refund = await refund_rows.find(tx, refund_id)
        transfer = await transfer_rows.find(tx, refund_id)
        attempt = None if refund is None else await charge_rows.attempt(tx, refund.attempt_id)
    if attempt is not None:
        method, at = wired.method(attempt.method), wired.clock.now()
        if transfer is not None:
            await transfers.move_on(wired.database, method, wired.data_keys, refund_id, at=at)
            return
        await refund_actions.move_on(wired.database, method, refund_id, at=at)


async def tidy_transfers(wired: Wiring) -> int:
    """Settle what our bank has transferred; forget and seal anew what people left lying."""
    at = wired.clock.now()
    settled = await transfer_files.settle_done(wired.database, at=at)
    await transfer_files.tidy(wired.database, wired.data_keys, at=at)
    await transfers.forget_idle(wired.database, at=at)
    await transfers.reseal(wired.database, wired.data_keys)
    return settled


async def _together(tasks: list[Awaitable[object]]) -> None:
    """Run a few at a time; one that fails is logged and comes again by its lease."""
    room = asyncio.Semaphore(TOGETHER_MAX)

    async def one(task: Awaitable[object]) -> None:
        async with room:
            try:
                await task
            except Exception:
                log.exception("comes again later")

    await asyncio.gather(*(one(task) for task in tasks))
