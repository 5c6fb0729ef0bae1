"""Lets reconciliation live through a made-up world: our side by COPY, files by the API, events by the consumers."""

from __future__ import annotations

import json

import psycopg

from console.bench.reconciling import agreements, banking, papers, settling, world
from console.bench.reconciling import books as our_side
from kernel.access import Role
from kernel.contracts import Envelope
from kernel.contracts.reconciliation import StatementIngested
from reconciliation.matching import consumers as matching


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


async def told(books) -> list[Envelope]:
    """Return the events of statements in the outbox, as a consumer gets them."""
    async with books.wiring.database.transaction("test") as tx:
        rows = await tx.execute("SELECT * FROM outbox WHERE type = :type ORDER BY id", type=StatementIngested.TYPE)
        return [
            Envelope(
                id=row.id,
                type=row.type,
                source="momiji/reconciliation",
                subject=row.aggregateid,
                aggregate_version=row.aggregate_version,
                time=row.occurred_at,
                correlation_id=row.correlation_id,
                fact=StatementIngested.model_validate_json(json.dumps(row.payload)),
            )
            for row in rows
        ]


async def consume(books) -> None:
    """Let every consumer of statements act on all of them, as the worker does: a batch in one transaction."""
    handler = matching.handlers()[StatementIngested]
    async with books.wiring.database.transaction("test") as tx:
        for event in await told(books):
            await handler(tx, event)


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
