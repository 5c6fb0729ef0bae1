"""`momiji bench books`: a made-up year of orders is laid into the ledger, examined, posted, closed and judged."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, Final, TypeVar

import psycopg

from console.bench.booking import judge, laying, living, stencils, telling, touching
from console.bench.booking.plan import Plan
from console.bench.place import BenchPlace
from console.bench.reconciling import memory
from console.migrating import load_examples
from kernel.migrations import migrate
from reconciliation.wiring import Wiring

Result = Mapping[str, object]
T = TypeVar("T")
MIB: Final = 1 << 20
SEED: Final = 1
DATABASE: Final = "bench_books"


async def books(place: BenchPlace) -> list[Result]:
    """Measure a made-up year's books in a database of their own, where no worker comes in between."""
    place.postgres.create_database(DATABASE)
    url = place.postgres.url(DATABASE)
    await asyncio.to_thread(migrate, "reconciliation", url)
    await asyncio.to_thread(load_examples, url)
    plan = Plan(SEED, place.payments)
    wiring = living.wired(url, plan.at)
    try:
        with place.postgres.connect(DATABASE) as database, memory.Watch(place.postgres_pid()) as watch:
            return await _measure(wiring, database, plan, watch)
    finally:
        wiring.stream.close()
        await wiring.database.close()
        place.postgres.drop_database(DATABASE)


async def _measure(wiring: Wiring, database: psycopg.Connection[Any], plan: Plan, watch: memory.Watch) -> list[Result]:
    made = stencils.stencils_of(plan)
    sheets = await stencils.sheets_of(wiring.database, made)
    laying.prepare(database, made, sheets)
    drawn, _ = await _timed(asyncio.to_thread(laying.draw, database, plan))
    laid = await asyncio.to_thread(laying.lay, database, plan, sheets)
    # As it would be in life, where autovacuum had a year's time.
    vacuumed, _ = await _timed(asyncio.to_thread(database.execute, "VACUUM ANALYZE"))
    touching_days = await asyncio.to_thread(touching.cost, database)
    memory.forget_peak(os.getpid())
    kept = await _keep(wiring)
    closed = {"name": "books_closed", **_said(judge.judge(database, plan))}
    changed = await _change(wiring, database, plan, sheets)
    return [
        {
            "name": "books",
            "orders": plan.orders,
            "rows": {table: rows for table, (rows, _) in laid.items()},
            "drawn_seconds": drawn,
            "laid_seconds": {table: round(seconds, 2) for table, (_, seconds) in laid.items()},
            "vacuum_seconds": vacuumed,
            "touching_days": touching_days,
            **kept,
            "peak_mb": memory.peak_bytes(os.getpid()) / MIB,
            "peak_postgres_mb": watch.peak_bytes / MIB,
        },
        closed,
        changed,
    ]


async def _keep(wiring: Wiring) -> dict[str, object]:
    """Do with the laid year what the worker does, each thing once and by itself."""
    examined, touches = await _timed(living.examine(wiring))
    posted, booked = await _timed(living.post(wiring))
    closing, closed = await _timed(living.close(wiring))
    verifying, verified = await _timed(living.verify(wiring))
    return {
        "touches": touches,
        "examined_seconds": examined,
        "posted_days": booked.days,
        "vouchers": booked.vouchers,
        "posted_seconds": posted,
        "closings": closed,
        "closed_seconds": closing,
        "verified_seconds": verifying,
        "journal_sound": verified.sound,
    }


async def _change(
    wiring: Wiring, database: psycopg.Connection[Any], plan: Plan, sheets: Sequence[stencils.Sheet]
) -> dict[str, object]:
    """Tell some facts again and others late; return what became of the books."""
    telling.choose_again(database)
    again = telling.tell_again(database, wiring.stream)
    replayed, findings = await _timed(living.replay(wiring))
    telling.choose_late(database, plan)
    late = telling.tell_late(database, wiring.stream, sheets)
    taken, _ = await _timed(telling.take(wiring, database, count=again + late))
    examined, _ = await _timed(living.examine(wiring))
    posted, corrected = await _timed(living.post(wiring))
    verified = await living.verify(wiring)
    return {
        "name": "books_changed",
        "digest": judge.digest(database),
        "told_again": again,
        "replayed_seconds": replayed,
        "laid_otherwise_than_booked": judge.as_laid(findings, again),
        "told_late": late,
        "taken_seconds": taken,
        "examined_seconds": examined,
        "posted_again_seconds": posted,
        "reversals": corrected.reversals,
        "journal_sound": verified.sound,
        **_said(judge.judge(database, plan)),
    }


def _said(verdict: judge.Verdict) -> dict[str, object]:
    return {
        "perfect": verdict.perfect,
        "closed_days": verdict.closed,
        "labelled": {name: each.labelled for name, each in verdict.kinds.items()},
        "recall_percent": {name: each.recall_percent for name, each in verdict.kinds.items()},
        "invented": {name: each.wrong for name, each in verdict.kinds.items()},
        "apart": verdict.apart,
    }


async def _timed(doing: Awaitable[T]) -> tuple[float, T]:
    started = time.perf_counter()
    done = await doing
    return time.perf_counter() - started, done
