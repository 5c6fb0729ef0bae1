"""過誤納整理簿: money that no order could take, case by case, and what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from kernel.money import Yen
from kernel.rows import Transaction
from reconciliation.journal.sources import ENTRY_LINES
from reconciliation.reports.model import (
    ROWS_MAX,
    Asked,
    Column,
    Document,
    Report,
    Rows,
    Table,
    Text,
    require_rows,
    wareki,
)

TITLE = Text("過誤納整理簿", "Over-receipts")
COLUMNS = (
    Column("発生日", "date", 12, "Came on", paper=False),
    Column("和暦", "text", 18, "Came on (era)", page=False, whole=True),
    Column("注文番号", "text", 14, "Order"),
    Column("施設コード", "text", 22, "Facility code", paper=False, page=False),
    Column("施設名", "text", 26, "Facility"),
    Column("歳入科目", "text", 28, "Revenue account"),
    Column("決済方法", "text", 18, "Way to pay"),
    Column("原因", "text", 20, "Cause"),
    Column("過誤納額", "yen", 12, "Over-receipt"),
    Column("還付額", "yen", 12, "Given back"),
    Column("取消額", "yen", 11, "Taken back"),
    Column("未還付額", "yen", 12, "Still held"),
    Column("最終還付日", "date", 12, "Given back on"),
)
CAUSES = {
    "paid_too_late": Text("期限後の入金", "paid when it was over"),
    "paid_twice": Text("二重払い", "paid twice"),
    "amount_differs": Text("金額相違", "another amount"),
}
NOTE = Text(
    "期間内に発生したもの、期間内に還付したもの、期間の末日に未還付のものを示します。額は期間の末日現在です。",
    "Cases that came up or were given back within the days, and those still held on the last day, as of that day.",
)
_CASES = f"""
WITH cases AS MATERIALIZED (
    SELECT DISTINCT order_id FROM entries WHERE kind IN ('unallocated', 'set_aside') AND business_date <= :last
), {ENTRY_LINES.strip().removeprefix("WITH ")}
, theirs_only AS (
    SELECT l.* FROM lines AS l JOIN cases USING (order_id) WHERE l.day <= :last AND l.rule IN (
        'unallocated', 'set_aside', 'surplus_refunded', 'surplus_refunded_by_us', 'surplus_reversed')
), summed AS (
    SELECT order_id, min(day) FILTER (WHERE rule IN ('unallocated', 'set_aside')) AS day,
        max(day) FILTER (WHERE rule LIKE 'surplus%' AND amount <> 0) AS settled_on,
        (array_agg(fact_id ORDER BY day, fact_id) FILTER (WHERE rule IN ('unallocated', 'set_aside')))[1] AS fact_id,
        (array_agg(facility ORDER BY day, fact_id))[1] AS facility,
        (array_agg(revenue_account ORDER BY day, fact_id))[1] AS revenue_account,
        (array_agg(method ORDER BY day, fact_id))[1] AS method,
        coalesce(sum(amount) FILTER (WHERE rule IN ('unallocated', 'set_aside')), 0) AS over,
        coalesce(sum(amount) FILTER (WHERE rule LIKE 'surplus_refunded%'), 0) AS refunded,
        coalesce(sum(amount) FILTER (WHERE rule = 'surplus_reversed'), 0) AS reversed
    FROM theirs_only GROUP BY order_id
)
SELECT s.day, s.settled_on, s.facility, s.revenue_account, s.method, CAST(s.over AS bigint) AS over,
    CAST(s.refunded AS bigint) AS refunded, CAST(s.reversed AS bigint) AS reversed, s.order_id,
    coalesce(p.number, '') AS number, coalesce(f.payload ->> 'cause', '') AS cause
FROM summed AS s LEFT JOIN order_positions AS p USING (order_id) LEFT JOIN facts AS f ON f.event_id = s.fact_id
WHERE (s.day BETWEEN :first AND :last OR s.settled_on BETWEEN :first AND :last OR s.over <> s.refunded + s.reversed)
    AND (CAST(:facilities AS text[]) IS NULL OR s.facility = ANY(CAST(:facilities AS text[])))
ORDER BY s.day, s.order_id LIMIT :limit
"""
_DAYS = """
SELECT DISTINCT business_date FROM entries WHERE business_date <= :last AND order_id IN (
    SELECT order_id FROM entries WHERE kind IN ('unallocated', 'set_aside') AND business_date <= :last)
"""


@dataclass(frozen=True, slots=True)
class Case:
    """One order's over-receipt as of a day; `settled_on`: the last day on which some of it went back."""

    day: date
    order_id: str
    number: str
    facility: str
    revenue_account: str
    method: str
    cause: str
    over: Yen
    refunded: Yen
    reversed: Yen
    settled_on: date | None


def document(found: Sequence[Case], asked: Asked) -> Document:
    """Return the document of cases."""
    title = asked.say(TITLE)
    rows: Rows = tuple(
        (
            each.day,
            wareki(each.day),
            each.number or each.order_id,
            each.facility,
            asked.names.facility(each.facility),
            each.revenue_account,
            asked.names.method(each.method),
            asked.say(CAUSES[each.cause]) if each.cause in CAUSES else each.cause,
            each.over.amount,
            each.refunded.amount,
            each.reversed.amount,
            (each.over - each.refunded - each.reversed).amount,
            each.settled_on,
        )
        for each in found
    )
    links = tuple(f"/orders/{each.order_id}" for each in found)
    return Document(title, asked.period, asked.place, (Table(title, COLUMNS, rows, links),), (asked.say(NOTE),))


async def read(tx: Transaction, asked: Asked) -> Document:
    """Read the cases that concern the days."""
    days = await tx.execute(_DAYS, last=asked.last)
    rows = await tx.execute(
        _CASES,
        days=list(days.scalars()),
        first=asked.first,
        last=asked.last,
        facilities=None if asked.facilities is None else list(asked.facilities),
        limit=ROWS_MAX + 1,
    )
    found = [_case(row) for row in rows]
    require_rows(found)
    return document(found, asked)


def _case(row: Any) -> Case:
    return Case(
        day=row.day,
        order_id=row.order_id,
        number=row.number,
        facility=row.facility,
        revenue_account=row.revenue_account,
        method=row.method,
        cause=row.cause,
        over=Yen(row.over),
        refunded=Yen(row.refunded),
        reversed=Yen(row.reversed),
        settled_on=row.settled_on,
    )


REPORT = Report(
    "over_receipts",
    TITLE,
    Text(
        "注文に充てられない入金を1件ずつ、原因・還付・未還付額とともに示します。",
        "Money that no order could take, case by case, with its cause and what became of it.",
    ),
    50,
    read,
)
