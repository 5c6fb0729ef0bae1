"""How many charges a second are opened, paid at the sandbox's providers, and known to be captured."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import psycopg

from console.bench.load import Answer, Line, percentile, post
from console.bench.place import BenchPlace
from console.installation import CannotStartError, Installation
from console.postgres import DATABASE_USER
from kernel.access import Issuer
from kernel.clock import SystemClock, new_id

METHODS = ("stripe_card", "paypay", "payeasy_komoju")
CHARGES = 900
WARM_UP = 60
TOGETHER = 16
AMOUNT_YEN = 510
WAIT_SECONDS_MAX = 60.0
ACCEPTED = range(200, 300)


async def charges(place: BenchPlace) -> list[Mapping[str, object]]:
    """Open charges by every method in turn, pay each at its provider, and wait until all are captured."""
    place.settle()
    await _all(place, WARM_UP)
    place.settle()
    started = time.perf_counter()
    opened = await _all(place, CHARGES)
    paid = time.perf_counter()
    await _captured(place, CHARGES + WARM_UP)
    ended = time.perf_counter()
    return [
        {
            "name": "charges_opened_and_captured",
            "per_second": CHARGES / (ended - started),
            "opened_and_paid_per_second": CHARGES / (paid - started),
            "open_p50_ms": percentile(opened, 50) * 1000,
            "open_p99_ms": percentile(opened, 99) * 1000,
            "count": CHARGES,
        }
    ]


async def _all(place: BenchPlace, count: int) -> list[float]:
    """Open and pay so many charges, a few at a time; return how long each took to open, in seconds."""
    waiting = iter(range(count))
    waits: list[float] = []
    key = (Installation(place.home).secrets / "ticketing" / "momiji_service_key").read_text(encoding="ascii")
    issuer = Issuer("ticketing", key)
    ports = place.running.ports

    async def payer() -> None:
        async with AsyncExitStack() as stack:
            till, providers = await Line.to(ports.payments), await Line.to(ports.sandbox)
            stack.callback(till.close)
            stack.callback(providers.close)
            connection = await psycopg.AsyncConnection.connect(
                host=str(place.postgres.sockets), dbname="payments", user=DATABASE_USER, autocommit=True
            )
            stack.push_async_callback(connection.close)
            for number in waiting:
                opened = await till.send(_charge(issuer, METHODS[number % len(METHODS)]))
                waits.append(opened.seconds)
                charge_id = _accepted(opened)["id"]
                found = await connection.execute("SELECT pay_url FROM attempts WHERE charge_id = %s", (charge_id,))
                row = await found.fetchone()
                said = {"checkout_url": row[0] if row else "", "outcome": "pay"}
                _accepted(await providers.send(post("127.0.0.1", "/payers", said, {})))

    await asyncio.gather(*(payer() for _ in range(TOGETHER)))
    return waits


def _charge(issuer: Issuer, method: str) -> bytes:
    now = SystemClock().now()
    body = {
        "reference": str(new_id()),
        "amount": AMOUNT_YEN,
        "method": method,
        "description": "bench",
        "expires_at": (now + timedelta(minutes=35)).isoformat(),
        "return_url": "http://127.0.0.1/bench",
    }
    token = issuer.service_token(audience="payments", at=now)
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": str(new_id())}
    return post("127.0.0.1", "/v1/charges", body, headers)


def _accepted(answer: Answer) -> Any:
    if answer.status not in ACCEPTED:
        raise CannotStartError(f"A charge was not taken: {answer.status} {answer.body[:300]!r}")
    return answer.json()


async def _captured(place: BenchPlace, count: int) -> None:
    deadline, known = time.monotonic() + WAIT_SECONDS_MAX, 0
    while time.monotonic() < deadline:
        with place.postgres.connect("payments") as connection:
            (known,) = connection.execute(
                "SELECT count(*) FROM charges WHERE description = 'bench' AND status = 'captured'"
            ).fetchone() or (0,)
        if known >= count:
            return
        await asyncio.sleep(0.02)
    raise CannotStartError(f"Only {known} of {count} charges were captured within {WAIT_SECONDS_MAX:.0f} s.")
