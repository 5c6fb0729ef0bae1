"""Payments' other side: what providers said, what nobody told us, deadlines, refunds, the relay."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from uuid import UUID

import psycopg
from sqlalchemy.exc import SQLAlchemyError

from kernel.inbox import Consumer, ConsumerRunner
from kernel.relay import Relay
from kernel.settings import Settings
from kernel.stream import open_stream
from kernel.stream.protocol import topic_of
from payments.charges import actions as charges
from payments.charges import store as charge_rows
from payments.health import actions as health
from payments.messages import store as messages
from payments.methods.protocol import Away
from payments.refunds import actions as refund_actions
from payments.refunds import store as refund_rows
from payments.refunds.consumers import handlers
from payments.settings import PaymentsSettings
from payments.wiring import Wiring, wire

log = logging.getLogger(__name__)

BATCH_MAX = 20
POLL_SECONDS = 1.0
LEASE = timedelta(seconds=90)  # Longer than any provider's time-out: nobody else asks about the same meanwhile.
TOGETHER_MAX = 8


async def work(settings: Settings, stop: asyncio.Event) -> None:
    """Run until stop is set."""
    assert isinstance(settings, PaymentsSettings)  # noqa: S101 - `momiji work payments` reads these settings
    wired = wire(settings)

    def stream() -> object:
        return open_stream(
            settings.stream, postgres_url=settings.stream_database_url, kafka_bootstrap=settings.kafka_bootstrap
        )

    relay = Relay(settings.payments_database_url, service="payments", stream=stream())  # type: ignore[arg-type]
    relay.start()
    consumer_stream = stream()
    consumer = Consumer(
        "payments",
        [topic_of("ticketing")],
        handlers(clock=wired.clock, bank_account_needed=wired.bank_account_needed),
    )
    woken = {name: asyncio.Event() for name in (messages.MESSAGE_CHANNEL, refund_rows.REFUND_CHANNEL)}
    runner = ConsumerRunner(consumer, database=wired.database, stream=consumer_stream)  # type: ignore[arg-type]
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(runner.run(stop))
            group.create_task(_listen(settings.payments_database_url, woken, stop))
            group.create_task(_loop("messages", lambda: _messages(wired), woken[messages.MESSAGE_CHANNEL], stop))
            group.create_task(_loop("attempts", lambda: _attempts(wired), None, stop))
            group.create_task(_loop("deadlines", lambda: _deadlines(wired), None, stop))
            group.create_task(_loop("refunds", lambda: _refunds(wired), woken[refund_rows.REFUND_CHANNEL], stop))
    finally:
        await asyncio.to_thread(relay.stop)
        consumer_stream.close()  # type: ignore[attr-defined]
        await wired.close()


async def _listen(url: str, woken: dict[str, asyncio.Event], stop: asyncio.Event) -> None:
    """Wake the loops when the web side wrote something; they look by themselves every second all the same."""
    plain = url.replace("postgresql+psycopg://", "postgresql://", 1)
    while not stop.is_set():
        with suppress(psycopg.Error):
            async with await psycopg.AsyncConnection.connect(plain, autocommit=True) as connection:
                for channel in woken:
                    await connection.execute(f"LISTEN {channel}")
                while not stop.is_set():
                    async for notice in connection.notifies(timeout=POLL_SECONDS):
                        woken[notice.channel].set()
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), POLL_SECONDS)


async def _loop(
    name: str, once: Callable[[], Awaitable[int]], woken: asyncio.Event | None, stop: asyncio.Event
) -> None:
    """Do a thing whenever woken, and every second anyway; a fault is logged and tried again."""
    while not stop.is_set():
        done = 0
        if woken is not None:
            woken.clear()
        try:
            done = await once()
        except SQLAlchemyError as problem:
            log.warning("tried again", extra={"loop": name, "problem": str(problem)[:300]})
        except Exception:
            log.exception("tried again after an unexpected fault", extra={"loop": name})
        if done >= BATCH_MAX:
            continue
        waits = [asyncio.create_task(stop.wait())]
        if woken is not None:
            waits.append(asyncio.create_task(woken.wait()))
        await asyncio.wait(waits, timeout=POLL_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        for each in waits:
            each.cancel()


async def _messages(wired: Wiring) -> int:
    """Ask the provider about what each message names, and apply the answer; the message itself proves nothing."""
    async with wired.database.transaction("messages") as tx:
        waiting = await messages.waiting(tx, limit=BATCH_MAX)
        # Marked as tried before the provider is asked: a message that kills us is not asked about for ever.
        for message_id, _, _ in waiting:
            await messages.finish(tx, message_id, None, at=wired.clock.now())
    await _together([_message(wired, *each) for each in waiting])
    return len(waiting)


async def _message(wired: Wiring, message_id: int, method_name: str, reference: str) -> None:
    outcome = "names nothing of ours"
    async with wired.database.transaction("messages") as tx:
        attempt = await charge_rows.find_attempt(tx, reference, method_name)
    if attempt is not None:
        outcome = await _attempt(wired, attempt.id, named=True)
    async with wired.database.transaction("messages") as tx:
        if attempt is not None:
            for refund in await refund_rows.of_charge(tx, attempt.charge_id):
                await refund_rows.hasten(tx, refund.id, at=wired.clock.now())
        elif _is_uuid(reference):
            await refund_rows.hasten(tx, UUID(reference), at=wired.clock.now())
            outcome = "refund asked about"
        await messages.finish(tx, message_id, outcome, at=wired.clock.now())


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


async def _attempts(wired: Wiring) -> int:
    """Ask about attempts that are due: what no webhook told, what is unknown, what is over."""
    at = wired.clock.now()
    async with wired.database.transaction("attempts") as tx:
        due = await charge_rows.due_attempts(tx, at=at, limit=BATCH_MAX, lease_until=at + LEASE)
    await _together([_attempt(wired, attempt_id) for attempt_id in due])
    return len(due)


async def _attempt(wired: Wiring, attempt_id: UUID, *, named: bool = False) -> str:
    """Ask about one attempt; `named`: the provider itself spoke of it, so it exists there."""
    async with wired.database.transaction("attempts") as tx:
        attempt = await charge_rows.attempt(tx, attempt_id)
        charge = None if attempt is None else await charge_rows.find(tx, attempt.charge_id)
        others = [] if charge is None else await charge_rows.attempts_of(tx, charge.id)
    if attempt is None or charge is None:
        return "no such attempt"
    method = wired.method(attempt.method)
    lost = attempt.provider_id is None and attempt.state in {"prepared", "unknown"} and method.capabilities.reopens
    awaited = charge.status == "pending" and others[-1].id == attempt.id and attempt.deadline > wired.clock.now()
    if lost and (awaited or named):
        # The answer to our call was lost: the same call under the same key tells what it made, or makes it once.
        with suppress(Away):
            opened = await charges.open_attempt(wired.database, method, charge, attempt, at=wired.clock.now())
            attempt = opened
    return await charges.ask_and_apply(wired.database, method, attempt.id, at=wired.clock.now())


async def _deadlines(wired: Wiring) -> int:
    """End charges that nobody can pay any more, offer rested methods again, forget what old messages said."""
    at = wired.clock.now()
    async with wired.database.transaction("messages") as tx:
        await messages.forget_bodies(tx, before=at - timedelta(days=wired.settings.message_body_days))
    await health.resume_over(wired.database, at=at)
    return await charges.expire_over(wired.database, at=at, limit=BATCH_MAX)


async def _refunds(wired: Wiring) -> int:
    """Send refunds and ask what became of them."""
    at = wired.clock.now()
    async with wired.database.transaction("refunds") as tx:
        due = await refund_rows.due(tx, at=at, limit=BATCH_MAX, lease_until=at + LEASE)
    await _together([_refund(wired, refund_id) for refund_id in due])
    return len(due)


async def _refund(wired: Wiring, refund_id: UUID) -> None:
    async with wired.database.transaction("refunds") as tx:
        refund = await refund_rows.find(tx, refund_id)
        attempt = None if refund is None else await charge_rows.attempt(tx, refund.attempt_id)
    if attempt is not None:
        await refund_actions.move_on(wired.database, wired.method(attempt.method), refund_id, at=wired.clock.now())


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
