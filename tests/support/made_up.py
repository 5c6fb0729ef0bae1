"""Lets reconciliation live through a made-up world: our side by COPY, files by the API, then it is matched."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import psycopg

from console.bench.reconciling import agreements, banking, deciding, papers, settling, world
from console.bench.reconciling import books as our_side
from kernel.access import Role
from reconciliation.discrepancies import actions as discrepancies
from reconciliation.matching import rounds, store


def connect(books) -> psycopg.Connection:
    """Return a connection to the books' database, past the service."""
    return psycopg.connect(books.wiring.settings.reconciliation_database_url.replace("+psycopg", ""), autocommit=True)


async def agree(books, web) -> None:
    """Make the mappings of columns that the files need, and the contracts."""
    for path, each in agreements.wanted().items():
        answer = await web.put(path, json=each, headers=books.token(Role.ACCOUNTING))
        assert answer.is_success, answer.text


async def send(books, web, sent) -> list[dict]:
    """Send files; return what the API answered to each."""
    answers = []
    for each in sent:
        answer = await web.post(
            f"/v1/statements/{each.format}", params={"name": each.path.name}, content=each.path.read_bytes(),
            headers=books.token(Role.ACCOUNTING),
        )  # fmt: skip
        assert answer.is_success, answer.text
        answers.append(answer.json() | {"status": answer.status_code})
    return answers


async def match(books) -> None:
    """Match every file that waits, as the worker does: of several providers at once."""
    while waited := await waiting(books):
        await asyncio.gather(*(rounds.match_once(books.wiring, each) for each in rounds.next_of(waited, ())))


async def waiting(books) -> list[str]:
    """Return whose files wait for matching."""
    async with books.wiring.database.transaction("test") as tx:
        return await store.waiting(tx)


def put_our_side(books, world, scratch) -> int:
    """Write what our ledger would have kept."""
    with connect(books) as database:
        return our_side.put_claims(world, database, scratch=scratch)


def write(plan, folder, *, months=1):
    """Make the world of a plan; return it and the files to send."""
    made = world.make(plan)
    settled = settling.settle(made, plan)
    sent = papers.write(made, plan, folder, months=months)
    return made, sent + banking.write_statements(made, plan, settled.transfers, folder, months=months)


# What runs make; ids of runs and moments of making are no part of what they found.
FOUND = {
    "match_legs": "line_id, claim_id, rule, rule_version, difference, days_late, stands, group_id IS NULL",
    "payouts": "id, provider, key, arrives_on, lines, gross, fee, tax, transfer_fee, net, stated_net",
    "deposit_legs": "bank_line_id, payout_id, rule, rule_version, difference, stands, group_id IS NULL",
    "open_items": "kind, CASE WHEN kind = 'deposit_differs' THEN '' ELSE subject END, order_id, day, amount",
    "settlement_lines": "id, provider, kind, gross, fee, tax",
    "bank_lines": "id, amount",
}


def digest(books) -> dict[str, tuple[int, str]]:
    """Return of each table how many rows it has and a digest over them in one fixed order."""
    with connect(books) as database:
        return {
            table: database.execute(
                f"SELECT count(*), md5(coalesce(string_agg(row, ';' ORDER BY row), '')) "
                f"FROM (SELECT CAST(({columns}) AS text) AS row FROM {table}) AS each"
            ).fetchone()
            for table, columns in FOUND.items()
        }


@dataclass
class Worker:
    """`momiji work reconciliation` over a test's books, as a process that may be killed at any moment."""

    books: object
    folder: Path
    process: subprocess.Popen | None = None

    def start(self) -> None:
        url = self.books.wiring.settings.reconciliation_database_url
        told = dict(os.environ) | {
            "MOMIJI_RECONCILIATION_DATABASE_URL": url,
            "MOMIJI_STREAM_DATABASE_URL": url,
            "MOMIJI_STREAM": "postgres",
        }
        with (self.folder / "work.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "console.main", "work", "reconciliation"], env=told, stdout=log, stderr=log
            )

    def kill(self) -> None:
        """End it at once, as a lost machine would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def stop(self) -> None:
        """End it in order."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(20)

    async def until(self, database, query: str, wanted: int) -> None:
        """Wait until a query's number is what is wanted."""
        for _ in range(600):
            (found,) = database.execute(query).fetchone()
            if found == wanted:
                return
            assert self.process.poll() is None, (self.folder / "work.log").read_text()[-3000:]
            await asyncio.sleep(0.05)
        raise AssertionError(f"{query}: {found}, not {wanted}\n{(self.folder / 'work.log').read_text()[-3000:]}")


async def accept_what_is_right(books, web, made) -> int:
    """Accept, as accounting, every suggestion that puts together what belongs together; return how many."""
    headers = books.token(Role.ACCOUNTING)
    listed = (await web.get("/v1/deposit-suggestions", params={"limit": 200}, headers=headers)).json()
    accepted = 0
    for each in list(deciding.to_accept(made, listed["items"])):
        path = f"/v1/deposit-suggestions/{each}/accept"
        answer = await web.post(path, headers=headers | {"Idempotency-Key": f"accept-{each}"})
        assert answer.status_code == 201, answer.text
        accepted += 1
    return accepted


async def examine(books, at) -> None:
    """Let discrepancies follow what is open, as the worker does in its rounds."""
    async with books.wiring.database.transaction("test") as tx:
        await discrepancies.examine_items(tx, at=at)


def work_list(books) -> list[tuple]:
    """Return what people are shown of what matching left open."""
    with connect(books) as database:
        return database.execute(
            "SELECT kind, subject, day, amount FROM discrepancies WHERE state = 'open' ORDER BY 1, 2"
        ).fetchall()


def open_items(books) -> list[tuple]:
    """Return what matching leaves open."""
    with connect(books) as database:
        return database.execute("SELECT kind, subject, day, amount FROM open_items ORDER BY 1, 2").fetchall()
