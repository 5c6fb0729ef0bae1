"""`momiji bench reconcile`: a made-up year is sent and matched; the judge says how rightly, the clock how fast."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any, Final

import duckdb
import httpx
import psycopg

from console.bench.place import BenchPlace
from console.bench.reconciling import agreements, banking, books, memory, papers, settling, world
from console.bench.reconciling.deciding import to_accept
from console.bench.reconciling.judge import Verdict, digest, judge
from console.bench.reconciling.killing import Killing
from console.bench.reconciling.plan import Plan
from console.installation import CannotStartError

Result = Mapping[str, object]
MIB: Final = 1 << 20
SEED: Final = 1
FINISH_SECONDS_MAX: Final = 900.0
LOOK_SECONDS: Final = 0.05


async def reconcile(place: BenchPlace) -> list[Result]:
    """Measure a made-up year: its files by the API, until all that follows from the last of them is committed."""
    scratch = place.home / "reconcile"
    scratch.mkdir()
    plan = Plan(SEED, place.payments)
    made_from = time.perf_counter()
    made = world.make(plan, scratch=scratch)
    settled = settling.settle(made, plan)
    sent = papers.write(made, plan, scratch, months=place.months)
    sent += banking.write_statements(made, plan, settled.transfers, scratch, months=place.months)
    making = time.perf_counter() - made_from
    with place.postgres.connect("reconciliation") as database:
        started = time.perf_counter()
        books.put_claims(made, database, scratch=scratch)
        claiming = time.perf_counter() - started
        # As they would be in life, where they came in the course of a year.
        database.execute("VACUUM ANALYZE claims")
    ran = await _run(place, sent)
    with place.postgres.connect("reconciliation") as database:
        alone = judge(made, database, scratch=scratch)
        found = digest(made)
        listing = await _until_listed(database)
        accepted = await _decide(place, made)
        after = judge(made, database, scratch=scratch, stage="accepted")
        floor = _floor(database, scratch)
    shutil.rmtree(scratch)
    return [
        {
            "name": "reconcile",
            "payments": plan.payments,
            "lines": sum(each["line_count"] for each in ran["answers"]),
            "files": len(sent),
            "megabytes": ran["bytes"] / MIB,
            "made_seconds": making,
            "claims_seconds": claiming,
            "ingest_seconds": ran["ingest"],
            "ingest_to_commit_seconds": ran["total"],
            "with_claims_seconds": claiming + ran["total"],
            "cpu_seconds": None if place.kill else ran["cpu"],  # What the killed ones took is gone with them.
            "listed_seconds_after": listing,
            "peak_mb": ran["peaks"],
            "peak_postgres_mb": ran["postgres"],
            "floor_seconds": floor,
            "times_the_floor": (claiming + ran["total"]) / floor,
            "killed": ran["killed"],
        },
        {"name": "reconcile_alone", "digest": found, **_said(alone)},
        {"name": "reconcile_accepted", "accepted": accepted, **_said(after)},
    ]


async def _run(place: BenchPlace, sent: Sequence[papers.Paper]) -> dict[str, Any]:
    """Send every file, one after the other, and wait until all that follows is committed."""
    ours = _processes(place)
    for pid in ours.values():
        memory.forget_peak(pid)
    killing = Killing(lambda: _victims(place)) if place.kill else None
    headers = {"Authorization": f"Bearer {place.token('accounting')}"}
    async with httpx.AsyncClient(base_url=place.running.url("reconciliation"), headers=headers, timeout=600) as client:
        for path, wanted in agreements.wanted().items():
            _expect(await client.put(path, json=wanted))
        watched = [*ours.values(), place.postgres_pid()]
        spent = sum(memory.cpu_seconds(pid) for pid in watched)
        started = time.perf_counter()
        answers: list[dict[str, Any]] = []
        postgres = place.postgres_pid()
        with memory.Watch(postgres) as watch:
            async with killing or nullcontext():
                answers += [await _send(client, each, again=place.kill) for each in sent]
                ingest = time.perf_counter() - started
                await _until_done(place, len(answers))
            total = time.perf_counter() - started
            spent = sum(memory.cpu_seconds(pid) for pid in watched) - spent
    return {
        "answers": answers,
        "bytes": sum(each.path.stat().st_size for each in sent),
        "ingest": ingest,
        "total": total,
        "cpu": spent,
        "peaks": {name: round(memory.peak_bytes(pid) / MIB) for name, pid in _processes(place).items()},
        "killed": killing.killed if killing else {},
        "postgres": watch.peak_bytes / MIB,
    }


async def _send(client: httpx.AsyncClient, paper: papers.Paper, *, again: bool) -> dict[str, Any]:
    """Send a file; where things are killed, as often as it takes: the same file twice is one statement."""
    deadline = time.monotonic() + FINISH_SECONDS_MAX
    while True:
        try:
            answer = await client.post(
                f"/v1/statements/{paper.format}", params={"name": paper.path.name}, content=_pieces(paper.path)
            )
        except httpx.TransportError:
            if not again or time.monotonic() > deadline:
                raise
        else:
            if not (again and answer.is_server_error):
                return _expect(answer)
        await asyncio.sleep(LOOK_SECONDS)


async def _pieces(file: Path) -> Any:
    with file.open("rb") as source:
        while piece := source.read(MIB):
            yield piece


def _expect(answer: httpx.Response) -> dict[str, Any]:
    if not answer.is_success:
        raise CannotStartError(f"{answer.request.url} answered {answer.status_code}: {answer.text[:500]}")
    found: dict[str, Any] = answer.json()
    return found


def _victims(place: BenchPlace) -> dict[str, int]:
    """Return what can be killed: reconciliation's processes and PostgreSQL's server, those that run."""
    found = _processes(place)
    with suppress(OSError, IndexError):  # It is just starting.
        found["postgres"] = place.postgres_pid()
    return found


def _processes(place: BenchPlace) -> dict[str, int]:
    """Return reconciliation's two processes."""
    found: dict[str, int] = {}
    for pid in memory.children_of(place.pid):
        arguments = memory.arguments_of(pid)
        for kind in ("serve", "work"):
            if kind in arguments and "reconciliation" in arguments:
                found[kind] = pid
    return found


async def _until_done(place: BenchPlace, files: int) -> None:
    """Wait until every file is matched."""
    deadline, done = time.monotonic() + FINISH_SECONDS_MAX, 0
    while time.monotonic() < deadline:
        with suppress(psycopg.OperationalError), place.postgres.connect("reconciliation") as database:
            while time.monotonic() < deadline:
                (done,) = database.execute("SELECT count(*) FROM matched_files").fetchone() or (0,)
                if done >= files:
                    return
                await asyncio.sleep(LOOK_SECONDS)
        await asyncio.sleep(LOOK_SECONDS)
    raise CannotStartError(f"Only {done} of {files} files were matched in {FINISH_SECONDS_MAX:.0f} s.")


async def _until_listed(database: psycopg.Connection[Any]) -> float:
    """Wait until everything open is on people's work list; return how long that took after the last commit."""
    query = (
        "SELECT (SELECT count(*) FROM open_items), (SELECT count(*) FROM open_items AS o JOIN discrepancies AS d "
        "USING (kind, subject, amount) WHERE d.state = 'open')"
    )
    started = time.perf_counter()
    while time.perf_counter() - started < FINISH_SECONDS_MAX:
        left, listed = database.execute(query).fetchone() or (0, 0)
        if left == listed:
            return time.perf_counter() - started
        await asyncio.sleep(1)
    raise CannotStartError(f"Only {listed} of {left} open items became discrepancies.")


async def _decide(place: BenchPlace, made: duckdb.DuckDBPyConnection) -> int:
    """Accept what a person would; return how many suggestions."""
    headers = {"Authorization": f"Bearer {place.token('accounting')}"}
    accepted, cursor = 0, ""
    suggested: list[dict[str, Any]] = []
    async with httpx.AsyncClient(base_url=place.running.url("reconciliation"), headers=headers, timeout=600) as client:
        while True:
            told = {"limit": "200"} | ({"cursor": cursor} if cursor else {})
            page = _expect(await client.get("/v1/deposit-suggestions", params=told))
            suggested += page["items"]
            cursor = page["next_cursor"] or ""
            if not cursor:
                break
        for each in to_accept(made, suggested):
            path = f"/v1/deposit-suggestions/{each}/accept"
            _expect(await client.post(path, headers={"Idempotency-Key": f"bench-{each}"}))
            accepted += 1
    return accepted


def _floor(database: psycopg.Connection[Any], scratch: Path) -> float:
    """Return how long PostgreSQL alone takes for the same: COPY of claims and lines with their keys, one hash join."""
    tables = ("claims", "settlement_lines")
    for table in tables:
        books.copy_out(database, f"SELECT * FROM {table} ORDER BY id", scratch / f"{table}.csv")
        database.execute(f"CREATE SCHEMA IF NOT EXISTS floor; CREATE TABLE floor.{table} (LIKE public.{table})")
        database.execute(f"ALTER TABLE floor.{table} ADD PRIMARY KEY (id)")
    started = time.perf_counter()
    with database.transaction():
        for table in tables:
            books.copy_in(database, f"COPY floor.{table} FROM STDIN (FORMAT csv, HEADER)", scratch / f"{table}.csv")
        database.execute("SET LOCAL work_mem = '128MB'")
        database.execute(
            "CREATE TABLE floor.legs AS SELECT l.id AS line_id, c.id AS claim_id, l.gross - c.amount AS difference "
            "FROM floor.settlement_lines AS l JOIN floor.claims AS c USING (attempt_id, kind)"
        )
    seconds = time.perf_counter() - started
    database.execute("DROP SCHEMA floor CASCADE")
    return seconds


def _said(verdict: Verdict) -> dict[str, object]:
    return {
        "perfect": verdict.perfect,
        "matches_due": verdict.matches.due,
        "matches_wrong": verdict.matches.wrong,
        "matches_missed": verdict.matches.missed,
        "by_rule": verdict.matches.by_rule,
        "recall_percent": {name: each.recall_percent for name, each in verdict.kinds.items()},
        "invented": {name: each.wrong for name, each in verdict.kinds.items()},
        "sums": verdict.sums,
    }
