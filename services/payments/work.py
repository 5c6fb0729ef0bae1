"""Payments' other side: the relay, the consumer of ticketing's events, and the rounds that never end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial

import psycopg
from sqlalchemy.exc import SQLAlchemyError

from kernel.inbox import Consumer, ConsumerRunner
from kernel.relay import Relay
from kernel.settings import Settings
from kernel.stream import open_stream
from kernel.stream.protocol import topic_of
from payments import rounds
from payments.callbacks.actions import Courier
from payments.callbacks.store import CALLBACK_CHANNEL
from payments.messages import store as messages
from payments.notices.store import NOTICE_CHANNEL
from payments.refunds import store as refund_rows
from payments.refunds.consumers import handlers
from payments.settings import PaymentsSettings
from payments.wiring import wire

log = logging.getLogger(__name__)

POLL_SECONDS = 1.0
DISPUTES_SECONDS = 600.0  # A webhook tells at once; this finds what none told of.


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
    # Who is woken by which notice: (channel, payload).
    refunds, callbacks, notices = asyncio.Event(), asyncio.Event(), asyncio.Event()
    woken = {
        (refund_rows.REFUND_CHANNEL, ""): refunds,
        (CALLBACK_CHANNEL, ""): callbacks,
        (NOTICE_CHANNEL, ""): notices,
    }
    told = {carrier: asyncio.Event() for carrier in wired.carriers}
    woken |= {
        (messages.MESSAGE_CHANNEL, method): told[carrier]
        for carrier, methods in wired.carriers.items()
        for method in methods
    }
    courier = Courier(
        wired.database,
        wired.clock,
        secret_of=wired.webhook_secret,
        strict=settings.production,
        networks=settings.webhook_networks,
        ca_file=settings.webhook_ca_file,
    )
    runner = ConsumerRunner(consumer, database=wired.database, stream=consumer_stream)  # type: ignore[arg-type]
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(runner.run(stop))
            group.create_task(_listen(settings.payments_database_url, woken, stop))
            for carrier, methods in wired.carriers.items():  # One that hangs holds up nobody else.
                reading, asking = (
                    partial(rounds.read_messages, wired, methods),
                    partial(rounds.ask_providers, wired, methods),
                )
                group.create_task(_loop(f"{carrier}'s messages", reading, told[carrier], stop))
                group.create_task(_loop(f"{carrier}'s attempts", asking, None, stop))
            about = partial(rounds.ask_about_disputes, wired)
            group.create_task(_loop("disputes", about, None, stop, pause=DISPUTES_SECONDS))
            group.create_task(_loop("transfers", lambda: rounds.tidy_transfers(wired), None, stop))
            group.create_task(_loop("deadlines", lambda: rounds.end_what_is_over(wired), None, stop))
            group.create_task(_loop("notices", lambda: rounds.make_notices(wired), notices, stop))
            group.create_task(_loop("callbacks", courier.round, callbacks, stop))
            group.create_task(_loop("refunds", lambda: rounds.move_refunds(wired), refunds, stop))
    finally:
        await asyncio.to_thread(relay.stop)
        await courier.close()
        consumer_stream.close()  # type: ignore[attr-defined]
        await wired.close()


async def _listen(url: str, woken: dict[tuple[str, str], asyncio.Event], stop: asyncio.Event) -> None:
    """Wake the loops when the web side wrote something; they look by themselves every second all the same."""
    plain = url.replace("postgresql+psycopg://", "postgresql://", 1)
    while not stop.is_set():
        with suppress(psycopg.Error):
            async with await psycopg.AsyncConnection.connect(plain, autocommit=True) as connection:
                for channel in {channel for channel, _ in woken}:
                    await connection.execute(f"LISTEN {channel}")
                while not stop.is_set():
                    async for notice in connection.notifies(timeout=POLL_SECONDS):
                        if (notice.channel, notice.payload) in woken:
                            woken[notice.channel, notice.payload].set()
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), POLL_SECONDS)


async def _loop(
    name: str,
    once: Callable[[], Awaitable[int]],
    woken: asyncio.Event | None,
    stop: asyncio.Event,
    *,
    pause: float = POLL_SECONDS,
) -> None:
    """Do a thing whenever woken, and after `pause` seconds anyway; a fault is logged and tried again."""
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
        if done >= rounds.BATCH_MAX:
            continue
        waits = [asyncio.create_task(stop.wait())]
        if woken is not None:
            waits.append(asyncio.create_task(woken.wait()))
        await asyncio.wait(waits, timeout=pause, return_when=asyncio.FIRST_COMPLETED)
        for each in waits:
            each.cancel()
