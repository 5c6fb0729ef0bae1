"""How many charges a second are opened, paid at the sandbox's providers, and known to be captured."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import httpx
import psycopg

from console.bench.load import percentile
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


async def charges(place: BenchPlace) -> list[Mapping[str, object]]:
    """Open charges by every method in turn, pay each at its provider, and wait until all are captured."""
    place.settle()
    async with httpx.AsyncClient(timeout=60, limits=httpx.Limits(max_connections=2 * TOGETHER)) as client:
        await _all(place, client, WARM_UP)
        place.settle()
        started = time.perf_counter()
        opened = await _all(place, client, CHARGES)
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


async def _all(place: BenchPlace, client: httpx.AsyncClient, count: int) -> list[float]:
    """Open and pay so many charges, a few at a time; return how long each took to open."""
    waiting = iter(range(count))
    waits: list[float] = []
    key = (Installation(place.home).secrets / "ticketing" / "momiji_service_key").read_text(encoding="ascii")
    issuer = Issuer("ticketing", key)

    async def payer(connection: psycopg.AsyncConnection) -> None:
        for number in waiting:
            at = time.perf_counter()
            charge_id = await _open(place, client, issuer, METHODS[number % len(METHODS)])
            waits.append(time.perf_counter() - at)
            found = await connection.execute("SELECT pay_url FROM attempts WHERE charge_id = %s", (charge_id,))
            row = await found.fetchone()
            address = f"{place.running.url('sandbox')}/payers"
            said = {"checkout_url": row[0] if row else "", "outcome": "pay"}
            answer = await client.post(address, json=said)
            answer.raise_for_status()

    connections = [
        await psycopg.AsyncConnection.connect(
            host=str(place.postgres.sockets), dbname="payments", user=DATABASE_USER, autocommit=True
        )
        for _ in range(TOGETHER)
    ]
    try:
        await asyncio.gather(*(payer(each) for each in connections))
    finally:
        for each in connections:
            await each.close()
    return waits


async def _open(place: BenchPlace, client: httpx.AsyncClient, issuer: Issuer, method: str) -> str:
    now = SystemClock().now()
    answer = await client.post(
        f"{place.running.url('payments')}/v1/charges",
        json={
            "reference": str(new_id()),
            "amount": AMOUNT_YEN,
            "method": method,
            "description": "bench",
            "expires_at": (datetime.now(UTC) + timedelta(minutes=35)).isoformat(),  # noqa: TID251 - a bench is an edge
            "return_url": "http://127.0.0.1/bench",
        },
        headers={
            "Authorization": f"Bearer {issuer.service_token(audience='payments', at=now)}",
            "Idempotency-Key": str(new_id()),
        },
    )
    if not answer.is_success:
        raise CannotStartError(f"A charge could not be opened: {answer.status_code} {answer.text[:300]}")
    return str(answer.json()["id"])


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
