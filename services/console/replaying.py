"""`momiji replay`: the ledger once more from the stream, beside the one that serves; says whether both are the same."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from console.installation import CannotStartError
from console.postgres import EmbeddedPostgres
from console.tokens import find_running
from kernel.clock import new_id
from kernel.refusals import Refusal
from kernel.rows import Database
from kernel.stream import open_stream
from kernel.stream.protocol import EventStream, StreamError

if TYPE_CHECKING:
    from reconciliation.replay.actions import Replay, Stage
    from reconciliation.replay.model import Findings

IDENTICAL, DIFFERS, UNPROVEN = 0, 1, 3
STAGES: dict[Stage, str] = {
    "reading": "events read",
    "waiting": "seconds waited for the ledger",
    "comparing": "tables compared",
    "swapping": "tables put right",
}


def places_of(environment: Mapping[str, str]) -> tuple[str, EventStream]:
    """Return the address of reconciliation's database, and the stream: of MOMIJI_*, else of what runs here."""
    given = environment.get("MOMIJI_RECONCILIATION_DATABASE_URL")
    kafka = environment.get("MOMIJI_KAFKA_BOOTSTRAP", "127.0.0.1:9092")
    if given:
        kind, stream_url = (
            environment.get("MOMIJI_STREAM", "postgres"),
            environment.get("MOMIJI_STREAM_DATABASE_URL", ""),
        )
    else:
        installation, running = find_running(environment)
        postgres = EmbeddedPostgres(installation.data)
        given, stream_url, kind = postgres.url("reconciliation"), postgres.url("stream"), running.stream
    return given, open_stream(
        "kafka" if kind == "kafka" else "postgres", postgres_url=stream_url, kafka_bootstrap=kafka
    )


def replay(environment: Mapping[str, str], *, swap: bool, keep: bool) -> int:
    """Replay the ledger; return 0 if it is identical, 1 if not, 3 if the stream cannot prove all of it."""
    url, stream = places_of(environment)
    try:
        return asyncio.run(_replay(url, stream, swap=swap, keep=keep))
    except (Refusal, StreamError) as problem:
        raise CannotStartError(str(problem)) from problem
    finally:
        stream.close()


async def _replay(url: str, stream: EventStream, *, swap: bool, keep: bool) -> int:
    from reconciliation.replay.actions import replaying

    database = Database(url, service="reconciliation", pool_size_max=3)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    try:
        with Progress(*columns) as progress:
            bars = {stage: progress.add_task(words, total=None, visible=False) for stage, words in STAGES.items()}

            def tell(stage: Stage, done: int, total: int) -> None:
                progress.update(bars[stage], completed=done, total=total, visible=True)

            async with replaying(database, stream, run_id=new_id(), tell=tell) as running:
                try:
                    return await _run(running, progress.console, swap=swap)
                finally:
                    if not keep:
                        await running.drop()
    finally:
        await database.close()


async def _run(running: Replay, screen: Console, *, swap: bool) -> int:
    await running.read()
    await running.wait()
    found = await running.compare()
    _print(screen, found)
    if not swap:
        return {"identical": IDENTICAL, "differs": DIFFERS, "unproven": UNPROVEN}[found.verdict]
    changed = [f"{rows:,} rows of {table}" for table, rows in (await running.swap()).rows.items() if rows]
    what = ", ".join(changed) or "nothing had to be changed"
    screen.print(f"The serving ledger is the replayed one now: {what}.", highlight=False)
    return IDENTICAL


def _print(screen: Console, found: Findings) -> None:
    screen.print(f"Read {found.events:,} events, {found.facts:,} facts of the ledger among them.", highlight=False)
    if found.unreadable:
        screen.print(f"{found.unreadable:,} events cannot be read here; they wait as dead letters.", highlight=False)
    for each in found.compared:
        same = "identical" if each.serving == each.replayed else f"DIFFERS from {each.replayed}"
        screen.print(
            f"  {each.table:<16} {each.rows:>12,} rows  sha256 {each.serving}  {same}", highlight=False, soft_wrap=True
        )
    if found.lost is not None:
        screen.print(
            f"NOT PROVEN: the stream no longer has {found.lost.facts:,} facts of {found.lost.first:%Y-%m-%d} to "
            f"{found.lost.last:%Y-%m-%d} ({found.lost.orders:,} orders), which the ledger keeps. All else was "
            "compared.",
            highlight=False,
        )
    if found.lacking:
        screen.print(
            f"The serving ledger lacks {found.lacking:,} events of the stream. Does 'momiji work reconciliation' run? "
            "Otherwise they wait as dead letters.",
            highlight=False,
        )
    if found.difference is None:
        screen.print(
            "IDENTICAL: the replayed ledger is the serving one."
            if found.lost is None
            else "What the stream can prove is identical.",
        )
        return
    first = found.difference
    screen.print(
        f"DIFFERENT in {found.differing:,} rows. The first: order {first.order_id or '(none)'}, {first.table} "
        f"{first.key}\n"
        f"  serving:  {first.serving or 'nothing'}\n  replayed: {first.replayed or 'nothing'}",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
