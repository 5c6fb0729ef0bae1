"""Rows of the ledger and the SQL that keeps them; every statement commutes with itself."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from kernel.contracts import Envelope, Fact, registry
from kernel.rows import Transaction
from reconciliation.ledger.model import Change, Claim, Entry, Meaning, TicketChange

SUMS = (
    "sold",
    "captured",
    "unallocated",
    "reversed",
    "refund_requested",
    "surplus_requested",
    "refunded",
    "refund_failures",
    "people",
    "admitted",
)
MOMENTS = (
    "confirmed_at",
    "sold_at",
    "captured_at",
    "unallocated_at",
    "reversed_at",
    "refund_requested_at",
    "refunded_at",
    "admitted_at",
    "cancelled_at",
    "expired_at",
)
DESCRIPTION = ("described_version", "number", "facility", "method", "due")
POSITION_COLUMNS = ("order_id", *DESCRIPTION, *SUMS, "was_paid", *MOMENTS)
ENTRY_COLUMNS = (
    "fact_id",
    "position",
    "kind",
    "business_date",
    "order_id",
    "charge_id",
    "scan_id",
    "facility",
    "product",
    "category",
    "method",
    "revenue_owner",
    "revenue_account",
    "tax_rate_percent",
    "quantity",
    "amount",
    "attempt_id",
    "refund_id",
    "surplus",
    "by_us",
)

_INSERT_FACT = """
INSERT INTO facts (event_id, type, source, subject, aggregate_version, occurred_at, correlation_id, business_date,
                   order_id, payload)
VALUES (:event_id, :type, :source, :subject, :version, :occurred_at, :correlation_id, :business_date, :order_id,
        CAST(:payload AS jsonb))
ON CONFLICT (event_id) DO NOTHING RETURNING event_id
"""
_INSERT_ENTRY = (
    f"INSERT INTO entries ({', '.join(ENTRY_COLUMNS)}) VALUES ({', '.join(':' + name for name in ENTRY_COLUMNS)})"
)
# The newest description stands; of two equally new ones the greater text, so that no arrival order matters. A number
# that only a refund has told stays until an order fact tells it.
_NEWER = (
    "(EXCLUDED.described_version, EXCLUDED.number, EXCLUDED.method, EXCLUDED.facility, EXCLUDED.due) > "
    "(p.described_version, p.number, p.method, p.facility, p.due)"
)
_MERGE = (
    f"INSERT INTO order_positions AS p ({', '.join(POSITION_COLUMNS)}) "
    f"VALUES ({', '.join(':' + name for name in POSITION_COLUMNS)}) ON CONFLICT (order_id) DO UPDATE SET "
    + ", ".join(
        [f"{name} = CASE WHEN {_NEWER} THEN EXCLUDED.{name} ELSE p.{name} END" for name in DESCRIPTION]
        + [f"{name} = p.{name} + EXCLUDED.{name}" for name in SUMS]
        + [f"{name} = least(p.{name}, EXCLUDED.{name})" for name in MOMENTS]
        + ["was_paid = p.was_paid OR EXCLUDED.was_paid"]
    )
)
_MERGE_TICKET = """
INSERT INTO ticket_positions AS t (ticket_id, order_id, admissions, admitted_at, voided_at)
VALUES (:ticket_id, :order_id, :admissions, :admitted_at, :voided_at)
ON CONFLICT (ticket_id) DO UPDATE SET admissions = t.admissions + EXCLUDED.admissions,
    admitted_at = least(t.admitted_at, EXCLUDED.admitted_at), voided_at = least(t.voided_at, EXCLUDED.voided_at)
"""


_INSERT_CLAIM = """
INSERT INTO claims (id, kind, method, attempt_id, charge_id, order_id, facility, amount, business_date)
VALUES (:id, :kind, :method, :attempt_id, :charge_id, :order_id, :facility, :amount, :business_date)
"""

_INSERT_FACTS = """
INSERT INTO facts (event_id, type, source, subject, aggregate_version, occurred_at, correlation_id, business_date,
                   order_id, payload)
SELECT f.event_id, f.type, f.source, f.subject, f.version, f.occurred_at, f.correlation_id, f.business_date,
       f.order_id, f.payload
FROM json_to_recordset(CAST(:facts AS json)) AS f (event_id uuid, type text, source text, subject text,
    version integer, occurred_at timestamptz, correlation_id text, business_date date, order_id text, payload jsonb)
ORDER BY f.event_id ON CONFLICT (event_id) DO NOTHING RETURNING event_id
"""

_FACT_SQL, _ENTRY_SQL = text(_INSERT_FACT), text(_INSERT_ENTRY)
_MERGE_SQL, _TICKET_SQL, _CLAIM_SQL = (
    text(_MERGE),
    text(_MERGE_TICKET),
    text(_INSERT_CLAIM),
)  # parsed once: this is the consumer's every step


async def keep_fact(tx: Transaction, event: Envelope, meaning: Meaning) -> bool:
    """Write the fact; return False if the ledger has it already."""
    written = await tx.session.execute(_FACT_SQL, _fact_row(event, meaning) | {"payload": event.fact.model_dump_json()})
    return written.scalar_one_or_none() is not None


async def keep_facts(tx: Transaction, told: Sequence[tuple[Envelope, Meaning]]) -> set[UUID]:
    """Write many facts at once; return the ids of those that the ledger did not have."""
    rows = ",".join(
        f'{json.dumps(_fact_row(event, meaning), default=str)[:-1]}, "payload": {event.fact.model_dump_json()}}}'
        for event, meaning in told
    )
    return set((await tx.execute(_INSERT_FACTS, facts=f"[{rows}]")).scalars())


def _fact_row(event: Envelope, meaning: Meaning) -> dict[str, Any]:
    return {
        "event_id": event.id,
        "type": event.type,
        "source": event.source,
        "subject": event.subject,
        "version": event.aggregate_version,
        "occurred_at": event.time,
        "correlation_id": event.correlation_id,
        "business_date": meaning.business_date,
        "order_id": meaning.order_id,
    }


async def book(tx: Transaction, event_id: UUID, meaning: Meaning) -> None:
    """Write what a fact means."""
    await book_all(tx, [(event_id, meaning)])


async def book_all(tx: Transaction, told: Sequence[tuple[UUID, Meaning]]) -> None:
    """Write what facts mean: a statement for each kind of row, however many facts there are."""
    for statement, rows in (
        (_ENTRY_SQL, [_entry_row(id_, n, entry) for id_, meaning in told for n, entry in enumerate(meaning.entries)]),
        (_MERGE_SQL, [_position_row(meaning.change) for _, meaning in told if meaning.change is not None]),
        (_TICKET_SQL, [_ticket_row(meaning.ticket) for _, meaning in told if meaning.ticket is not None]),
        (_CLAIM_SQL, [_claim_row(id_, meaning.claim) for id_, meaning in told if meaning.claim is not None]),
    ):
        if len(rows) == 1:
            await tx.session.execute(statement, rows[0])
        elif rows:
            await tx.session.execute(statement, rows)


def _entry_row(event_id: UUID, position: int, entry: Entry) -> dict[str, Any]:
    row = {each.name: getattr(entry, each.name) for each in fields(entry)}
    return row | {"fact_id": event_id, "position": position, "amount": entry.amount.amount}


def _position_row(change: Change) -> dict[str, Any]:
    row = {each.name: getattr(change, each.name) for each in fields(change) if each.name != "description"}
    said = change.description
    row |= {"described_version": said.version, "number": said.number, "facility": said.facility}
    row |= {"method": said.method, "due": said.due}
    return {name: getattr(value, "amount", value) for name, value in row.items()}


def _ticket_row(change: TicketChange) -> dict[str, Any]:
    return {each.name: getattr(change, each.name) for each in fields(change)}


def _claim_row(event_id: UUID, claim: Claim) -> dict[str, Any]:
    row = {each.name: getattr(claim, each.name) for each in fields(claim)}
    return row | {"id": event_id, "amount": claim.amount.amount}


@dataclass(frozen=True, slots=True)
class KeptFact:
    """One fact as the ledger kept it."""

    event_id: UUID
    type: str
    version: int
    occurred_at: datetime
    fact: Fact


def _kept(row: Any) -> KeptFact:
    fact = registry[row.type].model_validate_json(json.dumps(row.payload))
    return KeptFact(row.event_id, row.type, row.aggregate_version, row.occurred_at, fact)


async def facts_of_order(tx: Transaction, order_id: str, *, limit: int) -> list[KeptFact]:
    """Return an order's facts, oldest first."""
    answer = await tx.execute(
        "SELECT event_id, type, aggregate_version, occurred_at, payload FROM facts "
        "WHERE order_id = :order_id AND order_id <> '' ORDER BY occurred_at, event_id LIMIT :limit",
        order_id=order_id,
        limit=limit,
    )
    return [_kept(row) for row in answer]


async def digest(tx: Transaction) -> str:
    """Return the SHA-256 over all entries and positions, in one fixed order."""
    sha = hashlib.sha256()
    for table, order in (
        ("entries", "fact_id, position"),
        ("order_positions", "order_id"),
        ("ticket_positions", "ticket_id"),
        ("claims", "id"),
    ):
        async for row in tx.session.stream(f"SELECT row_to_json(r)::text FROM {table} AS r ORDER BY {order}"):
            sha.update(row[0].encode())
            sha.update(b"\n")
    return sha.hexdigest()
