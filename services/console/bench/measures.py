"""The measurements: orders, scans, captured to visible, stream throughput."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import httpx

from console.bench.booking.measure import books
from console.bench.charging import charges
from console.bench.load import Load, percentile, post, send_all
from console.bench.place import BenchPlace
from console.bench.reconciling.measure import reconcile
from console.installation import CannotStartError
from kernel.clock import business_date, new_id
from kernel.stream import open_stream
from kernel.stream.protocol import Record

FACILITY = "sera"  # Entry is free there, so tickets exist without a provider in the way.
PAID_FACILITY = "shukkeien"
CONNECTIONS = 32
BATCH_SCANS = 500
CAPTURES = 40
STREAM_BATCH = 500
STREAM_EVENTS = 20_000
SINGLE_SCANS_MAX = 8_000
BATCHED_SCANS_MAX = 10_000
WARM_UP = 200  # Requests before the clock starts: plans are prepared, code paths are loaded.
ORDERS_MAX = 4_000

Result = Mapping[str, object]
Measure = Callable[[BenchPlace], Awaitable[list[Result]]]

# The same two statements that one scan costs at least, each scan its own transaction.
SCAN_FLOOR = """
\\set n random(1, 2000000000)
BEGIN;
INSERT INTO scans (id, gate, facility, decision, reason, scanned_at, received_at, scanned_by, code_sha256)
VALUES (gen_random_uuid(), 'bench-0', 'bench', 'refuse', 'malformed', now(), now(), 'bench', sha256('bench'));
UPDATE tickets SET version = version WHERE id = (SELECT gen_random_uuid());
COMMIT;
"""
# The same two statements that one order costs at least: the order's row and the hot slot's.
ORDER_FLOOR = """
BEGIN;
INSERT INTO idempotency (scope, key, body_sha256, started_at) VALUES ('bench', gen_random_uuid()::text, '', now());
UPDATE slots SET taken = taken + 1 WHERE facility = 'bench' AND pool = 'bench' AND visit_date = '2000-01-01'
AND taken + 1 <= capacity;
COMMIT;
"""


async def scans(place: BenchPlace) -> list[Result]:
    """Measure single scans and batches of scans over HTTP, each ticket admitted once."""
    floor = place.pgbench("ticketing", SCAN_FLOOR, clients=8)
    singles = await _tickets(place, WARM_UP + SINGLE_SCANS_MAX)
    batched = await _tickets(place, BATCH_SCANS + BATCHED_SCANS_MAX)
    place.settle()
    headers = {"Authorization": f"Bearer {place.token('gate')}"}
    path = f"/v1/gates/{FACILITY}-1/scans"
    port = place.ports.ticketing
    now = datetime.now(UTC).isoformat()  # noqa: TID251 - a bench is an edge

    def scan(code: str) -> dict[str, str]:
        return {"scan_id": str(new_id()), "code": code, "scanned_at": now}

    requests = [post("127.0.0.1", path, scan(code), headers) for code in singles]
    await send_all(port, requests[:WARM_UP], connections=CONNECTIONS, seconds_max=place.seconds)
    load = await send_all(port, requests[WARM_UP:], connections=CONNECTIONS, seconds_max=place.seconds)
    admitted = sum(each.json().get("decision") == "admit" for each in load.answers)
    if admitted != len(load.answers):
        raise CannotStartError(f"{len(load.answers) - admitted} of {len(load.answers)} valid scans were not admitted.")
    place.settle()
    groups = [batched[start : start + BATCH_SCANS] for start in range(0, len(batched), BATCH_SCANS)]
    bodies = [{"scans": [scan(code) for code in group]} for group in groups]
    many = [post("127.0.0.1", f"{path}/batch", body, headers) for body in bodies]
    await send_all(port, many[:1], connections=1, seconds_max=place.seconds)
    batch = await send_all(port, many[1:], connections=2, seconds_max=place.seconds)
    if batch.count(200) != len(batch.answers):
        raise CannotStartError(f"A batch of scans was refused: {batch.answers[0].body[:300]!r}")
    return [
        _row("scans_single", load) | {"pgbench_per_second": floor, "share_of_pgbench": load.per_second / floor},
        {
            "name": "scans_batch",
            "per_second": len(batch.answers) * BATCH_SCANS / batch.seconds,
            "share_of_pgbench": len(batch.answers) * BATCH_SCANS / batch.seconds / floor,
        },
    ]


async def orders(place: BenchPlace) -> list[Result]:
    """Measure orders placed and held on one hot slot (free entry: no provider in the way), none oversold."""
    with place.postgres.connect("ticketing") as connection:
        connection.execute(
            "INSERT INTO slots (facility, pool, visit_date, capacity) "
            "VALUES ('bench', 'bench', '2000-01-01', 2000000000) ON CONFLICT DO NOTHING"
        )
    floor = place.pgbench("ticketing", ORDER_FLOOR, clients=8)
    product, category = await _free_offer(place)
    body = _order(product, category, 1, method="stripe_card", day=_today() + timedelta(days=1))
    requests = [post("127.0.0.1", "/v1/orders", body, {"Idempotency-Key": str(new_id())}) for _ in range(ORDERS_MAX)]
    await send_all(place.ports.ticketing, requests[:WARM_UP], connections=CONNECTIONS, seconds_max=place.seconds)
    load = await send_all(place.ports.ticketing, requests[WARM_UP:], connections=CONNECTIONS, seconds_max=place.seconds)
    refused = len(load.answers) - load.count(201)
    with place.postgres.connect("ticketing") as connection:
        over = connection.execute("SELECT count(*) FROM slots WHERE taken > capacity").fetchone()
    if over != (0,):
        raise CannotStartError("A slot was oversold.")
    return [
        _row("orders_hot_slot", load)
        | {"refused": refused, "pgbench_per_second": floor, "share_of_pgbench": load.per_second / floor}
    ]


async def captured(place: BenchPlace) -> list[Result]:
    """Measure from the payer's click at the provider to tickets visible by HTTP."""
    place.settle()
    running = place.running
    waits: list[float] = []
    async with httpx.AsyncClient(timeout=30) as client:
        for _ in range(CAPTURES):
            body = _order("garden", "adult", 1, method="stripe_card", day=_today() + timedelta(days=1))
            body["facility"] = PAID_FACILITY
            placed = await client.post(
                f"{running.url('ticketing')}/v1/orders", json=body, headers={"Idempotency-Key": str(new_id())}
            )
            placed.raise_for_status()
            order = placed.json()
            paying = asyncio.create_task(
                client.post(
                    f"{running.url('sandbox')}/payers", json={"checkout_url": order["checkout_url"], "outcome": "pay"}
                )
            )
            (await paying).raise_for_status()
            started = time.perf_counter()
            while True:
                answer = await client.get(
                    f"{running.url('ticketing')}/v1/orders/{order['id']}", headers={"X-Order-Key": order["key"]}
                )
                if answer.json()["tickets"]:
                    break
                await asyncio.sleep(0.005)
            waits.append(time.perf_counter() - started)
    return [
        {
            "name": "captured_to_visible",
            "p50_ms": percentile(waits, 50) * 1000,
            "p95_ms": percentile(waits, 95) * 1000,
            "count": len(waits),
        }
    ]


async def stream(place: BenchPlace) -> list[Result]:
    """Measure events published and consumed in batches, by the adapters that can be reached."""
    kinds: list[Literal["postgres", "kafka"]] = ["postgres"]
    if place.kafka_bootstrap:
        kinds.append("kafka")
    place.postgres.create_database("bench_stream")
    return [await asyncio.to_thread(_stream, place, kind) for kind in kinds]


def _stream(place: BenchPlace, kind: Literal["postgres", "kafka"]) -> Result:
    topic = f"bench-{new_id().hex[-12:]}"
    opened = open_stream(kind, postgres_url=place.postgres.url("bench_stream"), kafka_bootstrap=place.kafka_bootstrap)
    opened.create_topics([topic])
    records = [
        Record(topic, f"key-{number % 997}", {"ce_id": str(number)}, b"x" * 200) for number in range(STREAM_EVENTS)
    ]
    started = time.perf_counter()
    for start in range(0, STREAM_EVENTS, STREAM_BATCH):
        opened.publish(records[start : start + STREAM_BATCH])
    published = time.perf_counter() - started
    subscription = opened.subscribe([topic], group="bench")
    count = 0
    started = time.perf_counter()
    while count < STREAM_EVENTS:
        count += len(subscription.poll(timeout_ms=1000, records_max=STREAM_BATCH))
        subscription.commit()
    consumed = time.perf_counter() - started
    subscription.close()
    opened.close()
    return {
        "name": f"stream_{kind}",
        "published_per_second": STREAM_EVENTS / published,
        "consumed_per_second": STREAM_EVENTS / consumed,
    }


ALL: Mapping[str, Measure] = {
    "orders": orders,
    "scans": scans,
    "captured": captured,
    "charges": charges,
    "stream": stream,
    "reconcile": reconcile,
    "books": books,
}


def _row(name: str, load: Load) -> dict[str, object]:
    return {
        "name": name,
        "per_second": load.per_second,
        "p50_ms": load.percentile_ms(50),
        "p99_ms": load.percentile_ms(99),
        "count": len(load.answers),
    }


def _today() -> Any:
    return business_date(datetime.now(UTC))  # noqa: TID251 - a bench is an edge


def _order(product: str, category: str, quantity: int, *, method: str, day: Any) -> dict[str, Any]:
    return {
        "facility": FACILITY,
        "visit_date": day.isoformat(),
        "lines": [{"product": product, "category": category, "quantity": quantity}],
        "method": method,
    }


async def _free_offer(place: BenchPlace) -> tuple[str, str]:
    url = f"{place.running.url('ticketing')}/v1/facilities/{FACILITY}/offers"
    async with httpx.AsyncClient(timeout=30) as client:
        answer = await client.get(url, params={"date": (_today() + timedelta(days=1)).isoformat()})
    answer.raise_for_status()
    for offer in answer.json()["offers"]:
        if offer["price"] == 0:
            return _code(offer["product"]), _code(offer["category"])
    raise CannotStartError(f"{FACILITY} offers nothing free tomorrow; the bench needs tickets without a provider.")


def _code(given: Any) -> str:
    return str(given["code"] if isinstance(given, dict) else given)


async def _tickets(place: BenchPlace, count: int) -> list[str]:
    """Return the codes of so many valid tickets for today."""
    product, category = await _free_offer(place)
    codes: list[str] = []
    async with httpx.AsyncClient(timeout=60) as client:
        while len(codes) < count:
            answer = await client.post(
                f"{place.running.url('ticketing')}/v1/orders",
                json=_order(product, category, 200, method="stripe_card", day=_today()),
                headers={"Idempotency-Key": str(new_id())},
            )
            if not answer.is_success:
                raise CannotStartError(f"Tickets to scan could not be had: {answer.text[:300]}")
            codes += [ticket["code"] for ticket in answer.json()["tickets"]]
    return codes[:count]
