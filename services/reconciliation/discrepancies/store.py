"""Positions that need judging, and what people found out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from kernel.clock import JAPAN
from kernel.money import Yen
from kernel.rows import Transaction
from reconciliation.discrepancies.model import Discrepancy, Position

PORTION_ORDERS_MAX = 1_000

_COLUMNS = (
    "p.order_id, p.number, p.facility, p.method, p.due, p.sold, p.captured, p.unallocated, p.reversed, "
    "p.refund_requested, p.surplus_requested, p.refunded, p.refund_failures, p.people, p.admitted, p.was_paid, "
    "p.confirmed_at, p.sold_at, p.captured_at, p.unallocated_at, p.reversed_at, p.refund_requested_at, p.refunded_at, "
    "p.admitted_at, p.cancelled_at, p.expired_at, "
    "(SELECT count(*) FROM ticket_positions AS t WHERE t.order_id = p.order_id AND t.admissions > 0 "
    "AND t.voided_at IS NOT NULL) AS void_admitted"
)
_YEN = ("due", "sold", "captured", "unallocated", "reversed", "refund_requested", "surplus_requested", "refunded")


def _position(row: Any) -> Position:
    values = row._asdict()
    return Position(**values | {name: Yen(values[name]) for name in _YEN})


# Each suspect comes from an index, in one order, so that however many there are none is left out unsaid.
_SUSPECTS = (
    f"SELECT {_COLUMNS} FROM order_positions AS p WHERE p.order_id IN ("
    "SELECT order_id FROM order_positions WHERE suspect "
    "UNION SELECT order_id FROM ticket_positions WHERE admissions > 0 AND voided_at IS NOT NULL) "
    "AND p.order_id > :after "
    "AND (CAST(:facilities AS text[]) IS NULL OR p.facility = ANY(CAST(:facilities AS text[]))) "
    # Whatever is wrong with an order shows on the day of one of these.
    "AND (CAST(:begins AS timestamptz) IS NULL OR EXISTS (SELECT FROM unnest(ARRAY[p.sold_at, p.captured_at, "
    "p.unallocated_at, p.reversed_at, p.refund_requested_at, p.refunded_at, p.admitted_at, p.cancelled_at]) AS m(at) "
    "WHERE m.at >= :begins AND m.at < :ends)) "
    "ORDER BY p.order_id LIMIT :limit"
)


async def suspects(
    tx: Transaction,
    facilities: Sequence[str] | None,
    *,
    days: tuple[date, date] | None = None,
    after: str = "",
) -> AsyncIterator[Sequence[Position]]:
    """Yield the orders that may not agree in portions, by id; `facilities` and `days` None: all."""
    begins = ends = None
    if days is not None:
        begins = datetime.combine(days[0], time(0), JAPAN)
        ends = datetime.combine(days[1] + timedelta(days=1), time(0), JAPAN)
    while True:
        answer = await tx.execute(
            _SUSPECTS,
            after=after,
            facilities=list(facilities) if facilities is not None else None,
            begins=begins,
            ends=ends,
            limit=PORTION_ORDERS_MAX,
        )
        portion = [_position(row) for row in answer]
        yield portion
        if len(portion) < PORTION_ORDERS_MAX:
            return
        after = portion[-1].order_id


async def find_position(tx: Transaction, wanted: str) -> Position | None:
    """Return an order's position by its id or its number."""
    answer = await tx.execute(
        f"SELECT {_COLUMNS} FROM order_positions AS p "
        "WHERE p.order_id = :wanted OR (p.number = :wanted AND :wanted <> '') LIMIT 1",
        wanted=wanted,
    )
    row = answer.one_or_none()
    return None if row is None else _position(row)


@dataclass(frozen=True, slots=True)
class Resolution:
    """What somebody found out about a discrepancy, for one amount."""

    discrepancy_id: UUID
    version: int
    amount: Yen
    reason: str
    resolved_by: str
    resolved_at: datetime


async def resolutions(tx: Transaction, ids: Sequence[UUID]) -> dict[UUID, Resolution]:
    """Return the newest resolution of each."""
    answer = await tx.execute(
        "SELECT DISTINCT ON (discrepancy_id) discrepancy_id, version, amount, reason, resolved_by, resolved_at "
        "FROM resolutions WHERE discrepancy_id = ANY(:ids) ORDER BY discrepancy_id, version DESC",
        ids=list(ids),
    )
    return {
        row.discrepancy_id: Resolution(
            row.discrepancy_id, row.version, Yen(row.amount), row.reason, row.resolved_by, row.resolved_at
        )
        for row in answer
    }


async def add_resolution(
    tx: Transaction, found: Discrepancy, *, version: int, reason: str, by: str, at: datetime
) -> None:
    """Write a resolution; a second one of the same version fails."""
    await tx.execute(
        "INSERT INTO resolutions (discrepancy_id, version, kind, order_id, amount, reason, resolved_by, resolved_at) "
        "VALUES (:id, :version, :kind, :order_id, :amount, :reason, :by, :at)",
        id=found.id,
        version=version,
        kind=found.kind,
        order_id=found.order_id,
        amount=found.amount.amount,
        reason=reason,
        by=by,
        at=at,
    )
