"""What is read across payments' tables for people: searches, sums, queues. Nothing is changed here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from kernel.money import Yen
from kernel.rows import Transaction
from payments.charges.model import Charge
from payments.charges.store import to_charge
from payments.operations.model import Slice, Wish, first_id, span
from payments.refunds.store import RefundState

# Whose facilities they are; NULL: all.
MINE = "(CAST(:facilities AS text[]) IS NULL OR c.facility = ANY(:facilities))"
# Each arm finds its index; together they are at most a few charges.
NAMED = (
    "c.id IN (SELECT id FROM charges WHERE reference = :name "
    "UNION SELECT id FROM charges WHERE replace(split_part(description, ' ', -1), '-', '') = :number "
    "UNION SELECT charge_id FROM attempts WHERE method = ANY(:methods) AND provider_id = :name "
    "UNION SELECT charge_id FROM refunds WHERE provider_id = :name{ours})"
)
OURS = (
    " UNION SELECT id FROM charges WHERE id = :uuid UNION SELECT charge_id FROM attempts WHERE id = :uuid "
    "UNION SELECT charge_id FROM refunds WHERE id = :uuid UNION SELECT charge_id FROM cases WHERE id = :uuid"
)


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many of something wait, their money, and since when the oldest does."""

    count: int
    amount: Yen
    oldest: datetime | None


@dataclass(frozen=True, slots=True)
class DayOfMethod:
    """What a day brought by one method: charges opened, charges paid, and their money."""

    method: str
    opened: int
    paid: int
    amount: Yen


async def search(
    tx: Transaction,
    wish: Wish,
    *,
    facilities: Sequence[str] | None,
    methods: Sequence[str],
    before: UUID | None,
    limit: int,
) -> list[Charge]:
    """Return charges that were looked for, newest first (their ids sort by time).

    A day finds what was opened or paid on it; an amount what was due or paid.
    """
    where = [MINE]
    values: dict[str, object] = {"facilities": facilities, "limit": limit}
    if wish.name:
        where.append(NAMED.format(ours=OURS if wish.uuid else ""))
        values |= {"name": wish.name, "number": wish.number, "methods": list(methods)}
        if wish.uuid:
            values["uuid"] = wish.uuid
    if wish.day is not None:
        begins, ends = span(wish.day)
        where.append("((c.id >= :low AND c.id < :high) OR (c.captured_at >= :begins AND c.captured_at < :ends))")
        values |= {"low": first_id(begins), "high": first_id(ends), "begins": begins, "ends": ends}
    if wish.amount is not None:
        where.append("(c.amount = :amount OR c.captured_amount = :amount)")
        values["amount"] = wish.amount.amount
    if before is not None:
        where.append("c.id < :before")
        values["before"] = before
    rows = await tx.execute(
        f"SELECT c.* FROM charges c WHERE {' AND '.join(where)} ORDER BY c.id DESC LIMIT :limit", **values
    )
    return [to_charge(row) for row in rows]


async def given_back(tx: Transaction, charge_id: UUID) -> Yen:
    """Return what of a charge's money has gone back."""
    rows = await tx.execute(
        "SELECT coalesce(sum(amount), 0)::bigint AS amount FROM refunds WHERE charge_id = :id AND state = 'settled'",
        id=charge_id,
    )
    return Yen(rows.scalar_one())


async def received(tx: Transaction, charge_id: UUID) -> Yen:
    """Return all the money that a charge's attempts brought and no bank took back."""
    rows = await tx.execute(
        "SELECT coalesce(sum(captured_amount), 0)::bigint AS amount FROM attempts "
        "WHERE charge_id = :id AND state = 'captured'",
        id=charge_id,
    )
    return Yen(rows.scalar_one())


async def refunds_waiting(tx: Transaction, facilities: Sequence[str] | None) -> dict[RefundState, Waiting]:
    """Return for each state of a refund that is not over how many wait."""
    rows = await tx.execute(
        "SELECT r.state, count(*) AS number, sum(r.amount)::bigint AS amount, min(r.requested_at) AS oldest "
        "FROM refunds r JOIN charges c ON c.id = r.charge_id "
        f"WHERE r.state IN ('requested', 'needs_bank_account', 'sent') AND {MINE} GROUP BY r.state ORDER BY r.state",
        facilities=facilities,
    )
    return {row.state: Waiting(row.number, Yen(row.amount), row.oldest) for row in rows}


async def unknown_now(tx: Transaction, facilities: Sequence[str] | None) -> Waiting:
    """Return the attempts whose outcome is not known now, be they asked about still or not."""
    rows = await tx.execute(
        "SELECT count(*) AS number, coalesce(sum(a.amount), 0)::bigint AS amount, min(a.created_at) AS oldest "
        f"FROM attempts a JOIN charges c ON c.id = a.charge_id WHERE a.state = 'unknown' AND {MINE}",
        facilities=facilities,
    )
    row = rows.one()
    return Waiting(row.number, Yen(row.amount), row.oldest)


async def hours(tx: Transaction, facilities: Sequence[str] | None, *, begins: datetime, ends: datetime) -> list[Slice]:
    """Return how many charges were paid in each hour of a day in Japan, by method."""
    rows = await tx.execute(
        "SELECT extract(hour FROM c.captured_at AT TIME ZONE 'Asia/Tokyo')::int AS hour, c.method, count(*) AS number "
        f"FROM charges c WHERE c.captured_at >= :begins AND c.captured_at < :ends AND {MINE} GROUP BY 1, 2",
        facilities=facilities,
        begins=begins,
        ends=ends,
    )
    return [Slice(row.hour, row.method, row.number) for row in rows]


async def day_by_method(
    tx: Transaction, facilities: Sequence[str] | None, *, begins: datetime, ends: datetime
) -> list[DayOfMethod]:
    """Return what a day brought by each method."""
    rows = await tx.execute(
        "SELECT c.method, count(*) FILTER (WHERE c.id >= :low AND c.id < :high) AS opened, "
        "count(*) FILTER (WHERE c.captured_at >= :begins AND c.captured_at < :ends) AS paid, "
        "coalesce(sum(c.captured_amount) FILTER (WHERE c.captured_at >= :begins AND c.captured_at < :ends), 0)::bigint "
        "AS amount FROM charges c "
        "WHERE ((c.id >= :low AND c.id < :high) OR (c.captured_at >= :begins AND c.captured_at < :ends)) "
        f"AND {MINE} GROUP BY c.method ORDER BY c.method",
        facilities=facilities,
        begins=begins,
        ends=ends,
        low=first_id(begins),
        high=first_id(ends),
    )
    return [DayOfMethod(row.method, row.opened, row.paid, Yen(row.amount)) for row in rows]
