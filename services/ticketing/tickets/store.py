"""Rows of tickets."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from kernel.money import Yen
from kernel.rows import Transaction, Write
from ticketing.tickets.model import Ticket

_INSERT = """
    INSERT INTO tickets (id, order_id, position, facility, product, category, admits, visit_date, slot, price, code,
                         status, version, issued_at)
    SELECT t.id, t.order_id, t.position, t.facility, t.product, t.category,
           ARRAY(SELECT json_array_elements_text(t.admits)), t.visit_date, t.slot, t.price, t.code, 'valid', 1, :at
    FROM json_to_recordset(CAST(:tickets AS json)) AS t(
        id uuid, order_id uuid, position smallint, facility text, product text, category text, admits json,
        visit_date date, slot time, price bigint, code text)
"""


def adding(tickets: Sequence[Ticket], *, at: datetime) -> list[Write]:
    """Return the insertion of an order's tickets; none need none."""
    if not tickets:
        return []
    rows = [
        {
            "id": str(each.id),
            "order_id": str(each.order_id),
            "position": each.position,
            "facility": each.facility,
            "product": each.product,
            "category": each.category,
            "admits": list(each.admits),
            "visit_date": each.visit_date.isoformat(),
            "slot": each.slot.isoformat() if each.slot else None,
            "price": each.price.amount,
            "code": each.code,
        }
        for each in tickets
    ]
    return [Write(_INSERT, {"tickets": json.dumps(rows), "at": at})]


async def of_order(tx: Transaction, order_id: UUID, *, lock: bool = False) -> list[Ticket]:
    """Return an order's tickets by position; locked in the order of their ids if wanted, as scans do."""
    found = await tx.session.execute(
        text(
            "SELECT * FROM tickets WHERE order_id = :id ORDER BY id FOR UPDATE"
            if lock
            else "SELECT * FROM tickets WHERE order_id = :id"
        ),
        {"id": order_id},
    )
    return sorted((to_ticket(row) for row in found), key=lambda ticket: ticket.position)


async def find(tx: Transaction, ticket_id: UUID) -> Ticket | None:
    """Return one ticket."""
    row = (await tx.session.execute(text("SELECT * FROM tickets WHERE id = :id"), {"id": ticket_id})).one_or_none()
    return None if row is None else to_ticket(row)


async def void(tx: Transaction, tickets: Sequence[Ticket], *, reason: str, at: datetime) -> None:
    """Void tickets that the caller holds locked."""
    await tx.session.execute(
        text(
            "UPDATE tickets SET status = 'voided', version = version + 1, voided_at = :at, void_reason = :reason "
            "WHERE id = ANY(:ids)"
        ),
        {"ids": [each.id for each in tickets], "at": at, "reason": reason},
    )


async def used_of(tx: Transaction, order_ids: Sequence[UUID]) -> dict[UUID, int]:
    """Return how many tickets of each order were used; orders of which none was are left out."""
    rows = await tx.session.execute(
        text(
            "SELECT order_id, count(*) AS used FROM tickets WHERE order_id = ANY(:ids) AND status = 'admitted' "
            "GROUP BY order_id"
        ),
        {"ids": list(order_ids)},
    )
    return {row.order_id: row.used for row in rows}


async def visits_of_day(tx: Transaction, facilities: Sequence[str] | None, day: date) -> list[tuple[str, int, int]]:
    """Return each facility with how many people hold tickets for a day and how many of them came in.

    `None` means every facility. A ticket of two facilities counts at both.
    """
    rows = await tx.session.execute(
        text(
            """
            SELECT f.facility, count(*) AS expected, count(a.ticket_id) AS entered
            FROM tickets t CROSS JOIN unnest(t.admits) AS f (facility)
            LEFT JOIN admissions a ON a.ticket_id = t.id AND a.facility = f.facility AND a.reversed_at IS NULL
            WHERE t.visit_date = :day AND t.status <> 'voided' AND (:all OR f.facility = ANY(:facilities))
            GROUP BY f.facility ORDER BY f.facility
            """
        ),
        {"day": day, "all": facilities is None, "facilities": list(facilities or ())},
    )
    return [(row.facility, row.expected, row.entered) for row in rows]


def to_ticket(row: Any) -> Ticket:
    """Parse a row."""
    return Ticket(
        id=row.id,
        order_id=row.order_id,
        position=row.position,
        facility=row.facility,
        product=row.product,
        category=row.category,
        admits=tuple(row.admits),
        visit_date=row.visit_date,
        slot=row.slot,
        price=Yen(row.price),
        code=row.code,
        status=row.status,
        version=row.version,
    )
