"""Entries behind a figure, in SQL: narrowed as the figure was, in one order, a page at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from kernel.money import Yen
from kernel.rows import Transaction
from reconciliation.records.model import EntriesAsked, EntryPlace, FoundEntry, KindSum

# As in the reports: an undone entrance is where the entrance was.
_PLACE: Final = (
    "CASE WHEN e.kind = 'admission_reversed' THEN coalesce((SELECT a.facility FROM entries AS a "
    "WHERE a.kind = 'admitted' AND a.scan_id = e.scan_id ORDER BY a.fact_id LIMIT 1), e.facility) ELSE e.facility END"
)
# When somebody entered or paid; of an undone entrance, when it had been.
_AT: Final = (
    "CAST(coalesce(f.payload ->> 'admitted_at', f.payload ->> 'received_at', f.payload ->> 'captured_at', "
    "f.payload ->> 'requested_at', f.payload ->> 'reversed_at') AS timestamptz)"
)
_MOMENT: Final = (
    "CASE WHEN e.kind = 'admission_reversed' THEN coalesce((SELECT CAST(af.payload ->> 'admitted_at' AS timestamptz) "
    "FROM entries AS a JOIN facts AS af ON af.event_id = a.fact_id "
    f"WHERE a.kind = 'admitted' AND a.scan_id = e.scan_id ORDER BY a.fact_id LIMIT 1), {_AT}) ELSE {_AT} END"
)
_EQUALS: Final = {
    "account": "e.revenue_account",
    "owner": "e.revenue_owner",
    "method": "e.method",
    "rate": "e.tax_rate_percent",
    "product": "e.product",
    "category": "e.category",
}


def _where(asked: EntriesAsked, scope: Sequence[str] | None) -> tuple[str, dict[str, Any]]:
    """Return the conditions and their parameters; facts are joined as f."""
    parts = ["e.business_date BETWEEN :first AND :last"]
    given: dict[str, Any] = {"first": asked.first, "last": asked.last}
    if asked.kinds:
        parts.append("e.kind = ANY(CAST(:kinds AS text[]))")
        given["kinds"] = list(asked.kinds)
    places = [asked.facility] if asked.facility is not None else scope
    if places is not None:
        parts.append(f"{_PLACE} = ANY(CAST(:places AS text[]))")
        given["places"] = list(places)
    for name, column in _EQUALS.items():
        value = getattr(asked, name)
        if value is not None:
            parts.append(f"{column} = :{name}")
            given[name] = value
    if asked.hour is not None:
        parts.append(f"extract(hour FROM {_MOMENT} AT TIME ZONE 'Asia/Tokyo') = :hour")
        given["hour"] = asked.hour
    if asked.surplus is not None:
        parts.append("e.surplus = :surplus")
        given["surplus"] = asked.surplus
    if asked.since is not None:
        parts.append("f.recorded_at > :since")
        given["since"] = asked.since
    return " AND ".join(parts), given


def _facts(asked: EntriesAsked) -> str:
    return "JOIN facts AS f ON f.event_id = e.fact_id" if asked.hour is not None or asked.since is not None else ""


async def sums(tx: Transaction, asked: EntriesAsked, scope: Sequence[str] | None) -> list[KindSum]:
    """Return how many entries of each kind are asked for, of the facilities of a scope (None: of all)."""
    where, given = _where(asked, scope)
    rows = await tx.execute(
        "SELECT e.kind, count(*) AS count, CAST(sum(e.quantity) AS bigint) AS quantity, "
        f"CAST(sum(e.amount) AS bigint) AS amount FROM entries AS e {_facts(asked)} WHERE {where} "
        "GROUP BY e.kind ORDER BY e.kind",
        **given,
    )
    return [KindSum(row.kind, row.count, row.quantity, Yen(row.amount)) for row in rows]


async def page(
    tx: Transaction, asked: EntriesAsked, scope: Sequence[str] | None, *, after: EntryPlace | None, limit: int
) -> list[FoundEntry]:
    """Return entries after a place, in the order of days and facts."""
    where, given = _where(asked, scope)
    if after is not None:
        where += (
            " AND e.business_date >= :after_day "
            "AND (e.business_date, e.fact_id, e.position) > (:after_day, CAST(:after_fact AS uuid), :after_position)"
        )
        given |= {"after_day": after.day, "after_fact": after.fact_id, "after_position": after.position}
    rows = await tx.execute(
        "WITH found AS (SELECT e.* FROM entries AS e "
        f"{_facts(asked)} WHERE {where} ORDER BY e.business_date, e.fact_id, e.position LIMIT :limit) "
        f"SELECT e.*, {_PLACE} AS place, coalesce({_MOMENT}, f.occurred_at) AS moment, "
        "coalesce(p.number, '') AS number "
        "FROM found AS e JOIN facts AS f ON f.event_id = e.fact_id "
        "LEFT JOIN order_positions AS p ON p.order_id = e.order_id "
        "ORDER BY e.business_date, e.fact_id, e.position",
        **given,
        limit=limit,
    )
    return [_entry(row) for row in rows]


def _entry(row: Any) -> FoundEntry:
    return FoundEntry(
        fact_id=row.fact_id,
        position=row.position,
        kind=row.kind,
        day=row.business_date,
        at=row.moment,
        order_id=row.order_id,
        number=row.number,
        facility=row.place,
        product=row.product,
        category=row.category,
        method=row.method,
        revenue_owner=row.revenue_owner,
        revenue_account=row.revenue_account,
        tax_rate_percent=row.tax_rate_percent,
        quantity=row.quantity,
        amount=Yen(row.amount),
    )
