"""Rows of scans and admissions, read and written in sets: many scans are one transaction."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from kernel.money import Yen
from kernel.rows import Transaction
from ticketing.admission.model import Answer, Reason, Scan, TicketState

# Locked in the order of their ids, so that two batches never wait for each other in a circle.
# NO KEY, because the foreign key of admissions only needs the key to stay.
_LOCK = text(
    """
    SELECT t.id, t.order_id, o.number, t.position, t.facility, t.product, t.category, t.admits, t.visit_date, t.slot,
           t.price, t.version, t.status
    FROM tickets t JOIN orders o ON o.id = t.order_id
    WHERE t.id = ANY(:ids)
    ORDER BY t.id
    FOR NO KEY UPDATE OF t
    """
)
_OF_ORDERS = text("SELECT t.id FROM orders o JOIN tickets t ON t.order_id = o.id WHERE o.number = ANY(:numbers)")
_ENTRIES = text(
    "SELECT ticket_id, facility, admitted_at FROM admissions WHERE ticket_id = ANY(:ids) AND reversed_at IS NULL"
)
_KEPT = text(
    """
    SELECT s.id, s.reason, s.conflict, s.offline, s.code_sha256, s.gate, s.facility, s.scanned_at, s.admitted_at,
           s.remaining, s.ticket_id
    FROM scans s WHERE s.id = ANY(:ids)
    """
)
_WRITE = text(
    """
    WITH given AS (
        SELECT * FROM json_to_recordset(CAST(:scans AS json)) AS s(
            id uuid, gate text, facility text, ticket_id uuid, reason text, scanned_at timestamptz,
            received_at timestamptz, scanned_by text, offline boolean, code_sha256 text, admitted_at timestamptz,
            remaining smallint, conflict text, enters boolean)
    ), moved AS (
        SELECT * FROM json_to_recordset(CAST(:tickets AS json)) AS t(id uuid, version integer)
    ), kept AS (
        INSERT INTO scans (id, gate, facility, ticket_id, decision, reason, scanned_at, received_at, scanned_by,
                           offline, code_sha256, admitted_at, remaining, conflict)
        SELECT id, gate, facility, ticket_id, CASE reason WHEN 'ok' THEN 'admit' ELSE 'refuse' END, reason, scanned_at,
               received_at, scanned_by, offline, decode(code_sha256, 'hex'), admitted_at, remaining, conflict
        FROM given
        ON CONFLICT (id) DO NOTHING RETURNING id
    ), entered AS (
        INSERT INTO admissions (ticket_id, facility, scan_id, gate, admitted_at)
        SELECT ticket_id, facility, id, gate, admitted_at FROM given WHERE enters
        ON CONFLICT DO NOTHING RETURNING scan_id
    ), marked AS (
        UPDATE tickets t
        SET version = m.version, status = CASE t.status WHEN 'valid' THEN 'admitted' ELSE t.status END
        FROM moved m WHERE t.id = m.id RETURNING t.id
    )
    SELECT (SELECT count(*) FROM kept), (SELECT count(*) FROM entered), (SELECT count(*) FROM marked)
    """
)


class WriteRaceError(Exception):
    """Another process kept one of these scans a moment ago: roll back, and decide again on what it left."""


@dataclass(frozen=True, slots=True)
class KeptScan:
    """A scan as it was answered, with what a repeat must agree with."""

    answer: Answer
    code_sha256: bytes
    gate: str
    facility: str
    scanned_at: datetime


async def ticket_ids_of_orders(tx: Transaction, numbers: Sequence[str]) -> list[UUID]:
    """Return the ids of every ticket of these order numbers."""
    if not numbers:
        return []
    return [row.id for row in await tx.session.execute(_OF_ORDERS, {"numbers": list(numbers)})]


async def lock_tickets(tx: Transaction, ids: Sequence[UUID]) -> dict[UUID, TicketState]:
    """Lock tickets until the transaction ends and return what stands; ids without a ticket are left out."""
    if not ids:
        return {}
    wanted = list(ids)
    rows = (await tx.session.execute(_LOCK, {"ids": wanted})).all()
    # Read after the lock: a statement sees what was committed before it began.
    entries: dict[UUID, dict[str, datetime]] = {}
    for ticket_id, facility, at in await tx.session.execute(_ENTRIES, {"ids": wanted}):
        entries.setdefault(ticket_id, {})[facility] = at
    return {row.id: _to_ticket(row, entries.get(row.id, {})) for row in rows}


def _to_ticket(row: Any, entries: Mapping[str, datetime]) -> TicketState:
    return TicketState(
        id=row.id,
        order_id=row.order_id,
        order_number=row.number,
        position=row.position,
        facility=row.facility,
        product=row.product,
        category=row.category,
        admits=frozenset(row.admits),
        visit_date=row.visit_date,
        slot=row.slot,
        price=Yen(row.price),
        version=row.version,
        voided=row.status == "voided",
        admitted=entries,
    )


async def kept_scans(tx: Transaction, ids: Sequence[UUID], tickets: Mapping[UUID, TicketState]) -> dict[UUID, KeptScan]:
    """Return the scans that were answered before. `tickets` are those that the repeats' codes name."""
    rows = await tx.session.execute(_KEPT, {"ids": list(ids)})
    return {
        row.id: KeptScan(
            answer=Answer(
                scan_id=row.id,
                reason=Reason(row.reason),
                ticket=tickets.get(row.ticket_id),
                admitted_at=row.admitted_at,
                remaining=row.remaining,
                conflict=None if row.conflict is None else Reason(row.conflict),
                offline=row.offline,
                enters=False,
            ),
            code_sha256=bytes(row.code_sha256),
            gate=row.gate,
            facility=row.facility,
            scanned_at=row.scanned_at,
        )
        for row in rows
    }


async def write(tx: Transaction, scans: Sequence[tuple[Scan, Answer]]) -> None:
    """Keep scans and their answers, the entries they made, and each ticket's new version.

    Raises WriteRaceError if a scan or an entry is there already; the caller then rolls back.
    """
    versions = {given.ticket.id: given.ticket.version for _, given in scans if given.enters and given.ticket}
    entries = sum(given.enters for _, given in scans)
    found = (
        await tx.session.execute(
            _WRITE,
            {
                "scans": json.dumps([_to_given(scan, given) for scan, given in scans]),
                "tickets": json.dumps([{"id": str(each), "version": version} for each, version in versions.items()]),
            },
        )
    ).one()
    if tuple(found) != (len(scans), entries, len(versions)):
        raise WriteRaceError


def _to_given(scan: Scan, given: Answer) -> dict[str, object]:
    return {
        "id": str(scan.id),
        "gate": scan.gate.code,
        "facility": scan.gate.facility,
        "ticket_id": None if given.ticket is None else str(given.ticket.id),
        "reason": given.reason.value,
        "scanned_at": scan.scanned_at.isoformat(),
        "received_at": scan.received_at.isoformat(),
        "scanned_by": scan.scanned_by,
        "offline": given.offline,
        "code_sha256": scan.code_sha256.hex(),
        "admitted_at": None if given.admitted_at is None else given.admitted_at.isoformat(),
        "remaining": given.remaining,
        "conflict": None if given.conflict is None else given.conflict.value,
        "enters": given.enters,
    }


@dataclass(frozen=True, slots=True)
class Entry:
    """The entry that one scan made; `reversed_at` is set once it was undone."""

    ticket_id: UUID
    facility: str
    gate: str
    reversed_at: datetime | None


async def entry_of(tx: Transaction, scan_id: UUID) -> Entry | None:
    """Return the entry that a scan made, or None."""
    row = (
        await tx.execute(
            "SELECT ticket_id, facility, gate, reversed_at FROM admissions WHERE scan_id = :id", id=scan_id
        )
    ).one_or_none()
    return None if row is None else Entry(row.ticket_id, row.facility, row.gate, row.reversed_at)


async def reverse(tx: Transaction, scan_id: UUID, ticket: TicketState, *, at: datetime) -> None:
    """Undo one entry; `ticket` is the ticket after it. The row stays, so that history can be told."""
    await tx.execute("UPDATE admissions SET reversed_at = :at WHERE scan_id = :id", at=at, id=scan_id)
    await tx.execute(
        "UPDATE tickets SET version = :version, "
        "status = CASE WHEN status = 'admitted' AND NOT :used THEN 'valid' ELSE status END WHERE id = :id",
        version=ticket.version,
        used=bool(ticket.admitted),
        id=ticket.id,
    )


@dataclass(frozen=True, slots=True)
class Today:
    """What a gate must know of one day at its facility; ids are sorted.

    Of a whole day `undone` is empty; of the changes since a moment it names entries that stand no longer.
    """

    expected: int
    inside: int
    voided: Sequence[UUID]
    admitted: Sequence[UUID]
    undone: Sequence[UUID]


_TODAY = text(
    """
    SELECT t.id, t.status = 'voided' AS voided, t.voided_at, a.ticket_id IS NOT NULL AS entered, s.received_at,
           u.reversed_at
    FROM tickets t
    LEFT JOIN admissions a ON a.ticket_id = t.id AND a.facility = :facility AND a.reversed_at IS NULL
    LEFT JOIN scans s ON s.id = a.scan_id
    LEFT JOIN LATERAL (
        SELECT max(r.reversed_at) AS reversed_at FROM admissions r
        WHERE r.ticket_id = t.id AND r.facility = :facility AND r.reversed_at IS NOT NULL
    ) u ON true
    WHERE t.visit_date = :day AND :facility = ANY(t.admits)
    ORDER BY t.id
    """
)


async def today(tx: Transaction, *, facility: str, day: date, since: datetime | None) -> Today:
    """Return the day's voided tickets and those that are inside at one facility, or what changed since a moment."""
    rows = (await tx.session.execute(_TODAY, {"facility": facility, "day": day})).all()

    def fresh(at: datetime | None) -> bool:
        return since is None or (at is not None and at >= since)

    return Today(
        expected=sum(not row.voided for row in rows),
        inside=sum(row.entered for row in rows),
        voided=[row.id for row in rows if row.voided and fresh(row.voided_at)],
        admitted=[row.id for row in rows if row.entered and fresh(row.received_at)],
        undone=[row.id for row in rows if since and not row.entered and row.reversed_at and fresh(row.reversed_at)],
    )


@dataclass(frozen=True, slots=True)
class Tally:
    """What one gate did on one day."""

    admitted: int
    refused: int
    conflicts: int


async def tally(tx: Transaction, *, gate: str, since: datetime, until: datetime) -> Tally:
    """Count a gate's scans received in a span of time; entries that were undone do not count as admitted."""
    row = (
        await tx.execute(
            "SELECT count(*) FILTER (WHERE decision = 'admit' AND a.reversed_at IS NULL) AS admitted, "
            "count(*) FILTER (WHERE decision = 'refuse') AS refused, count(conflict) AS conflicts "
            "FROM scans s LEFT JOIN admissions a ON a.scan_id = s.id "
            "WHERE s.gate = :gate AND s.received_at >= :since AND s.received_at < :until",
            gate=gate,
            since=since,
            until=until,
        )
    ).one()
    return Tally(row.admitted, row.refused, row.conflicts)
