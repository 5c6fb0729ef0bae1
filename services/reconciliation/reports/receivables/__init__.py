"""収入未済一覧: what was assessed and has not come as of a day, order by order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import urlencode

from kernel.money import ZERO, Yen, total
from kernel.rows import Transaction
from reconciliation.journal.sources import ENTRY_LINES
from reconciliation.reports.model import (
    ROWS_MAX,
    Asked,
    Bar,
    Chart,
    Column,
    Document,
    Report,
    Rows,
    Table,
    Text,
    require_rows,
    wareki,
)

TITLE = Text("収入未済一覧", "Receivables")
AGES = ((30, Text("30日以内", "up to 30 days")), (90, Text("31〜90日", "31 to 90 days")))
OLDER = Text("91日以上", "more than 90 days")
COLUMNS = (
    Column("調定日", "date", 12, "Day", paper=False),
    Column("和暦", "text", 18, "Day (era)", page=False, whole=True),
    Column("注文番号", "text", 14, "Order"),
    Column("施設コード", "text", 22, "Facility code", paper=False, page=False),
    Column("施設名", "text", 26, "Facility"),
    Column("歳入科目", "text", 28, "Revenue account"),
    Column("決済方法", "text", 18, "Way to pay"),
    Column("調定額", "yen", 12, "Assessed"),
    Column("収入済額", "yen", 12, "Received"),
    Column("収入未済額", "yen", 12, "Outstanding"),
    Column("経過日数", "count", 9, "Days", summed=False),
    Column("状況", "text", 18, "State"),
)
FACILITY_COLUMNS = (
    Column("施設名", "text", 26, "Facility"),
    Column("件数", "count", 8, "Orders"),
    Column("調定額", "yen", 12, "Assessed"),
    Column("収入済額", "yen", 12, "Received"),
    Column("収入未済額", "yen", 12, "Outstanding"),
)
NOTES = (
    Text(
        "収入未済額は、期間の末日現在の調定額から収入済額を引いた額で、仕訳帳の収入未済(未収金)の残高と一致します。",
        "Outstanding is assessed less received as of the last day: the balance of what visitors owe in the journal.",
    ),
    Text(
        "負の額は、調定より多く、または調定なしに入金したものです。過誤納か調定漏れかを確かめてください。",
        "A negative amount came beyond what was assessed: an over-receipt, or an assessment that is missing.",
    ),
)
_OPEN = f"""{ENTRY_LINES}
SELECT l.order_id, l.facility, coalesce(p.number, '') AS number, min(l.day) AS day,
    coalesce(max(l.revenue_account) FILTER (WHERE l.rule = 'sold'), max(l.revenue_account)) AS revenue_account,
    max(l.method) AS method,
    CAST(coalesce(sum(CASE l.rule WHEN 'sold' THEN l.amount WHEN 'unsold' THEN -l.amount END), 0) AS bigint)
        AS assessed,
    CAST(coalesce(sum(CASE WHEN l.rule = 'captured' THEN l.amount WHEN l.rule IN ('set_aside', 'reversed')
        THEN -l.amount END), 0) AS bigint) AS received
FROM lines AS l LEFT JOIN order_positions AS p ON p.order_id = l.order_id
WHERE l.rule IN ('sold', 'unsold', 'captured', 'set_aside', 'reversed') AND l.day <= :last
    AND (CAST(:orders AS text[]) IS NULL OR l.order_id = ANY(CAST(:orders AS text[])))
    AND (CAST(:facilities AS text[]) IS NULL OR l.facility = ANY(CAST(:facilities AS text[])))
GROUP BY l.order_id, l.facility, p.number
HAVING sum(CASE WHEN l.rule IN ('sold', 'set_aside', 'reversed') THEN l.amount ELSE -l.amount END) <> 0
ORDER BY day, l.order_id, l.facility LIMIT :limit
"""
# As of a day after which nothing was booked, only those can be open that do not agree now.
_LATER = "SELECT EXISTS (SELECT FROM entries WHERE business_date > :last)"
_SUSPECTS = "SELECT order_id FROM order_positions WHERE suspect OR sold <> captured - reversed ORDER BY order_id"
_DAYS_OF = "SELECT DISTINCT business_date FROM entries WHERE order_id = ANY(CAST(:orders AS text[]))"
_ALL_DAYS = "SELECT DISTINCT business_date FROM entries WHERE business_date <= :last"


@dataclass(frozen=True, slots=True)
class Open:
    """What is open of one order at one facility."""

    day: date
    order_id: str
    number: str
    facility: str
    revenue_account: str
    method: str
    assessed: Yen
    received: Yen

    @property
    def outstanding(self) -> Yen:
        """What has not come; negative for what came beyond."""
        return self.assessed - self.received

    @property
    def state(self) -> Text:
        """What it is."""
        if self.outstanding < ZERO:
            return Text(
                "調定なし" if not self.assessed else "過大な入金", "not assessed" if not self.assessed else "too much"
            )
        return Text("一部入金", "partly received") if self.received > ZERO else Text("未入金", "not received")


def document(found: Sequence[Open], asked: Asked) -> Document:
    """Return the document of what is open."""
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
            each.assessed.amount,
            each.received.amount,
            each.outstanding.amount,
            (asked.last - each.day).days,
            asked.say(each.state),
        )
        for each in found
    )
    links = tuple(f"/orders/{each.order_id}" for each in found)
    notes = tuple(asked.say(each) for each in NOTES)
    tables = (Table(title, COLUMNS, rows, links), _by_facility(found, asked))
    return Document(title, asked.as_of, asked.place, tables, notes, _chart(found, asked))


def _by_facility(found: Sequence[Open], asked: Asked) -> Table:
    """Return the sums by facility."""
    by: dict[str, list[Open]] = {}
    for each in found:
        by.setdefault(each.facility, []).append(each)
    rows: Rows = tuple(
        (
            asked.names.facility(code),
            len(by[code]),
            total(each.assessed for each in by[code]).amount,
            total(each.received for each in by[code]).amount,
            total(each.outstanding for each in by[code]).amount,
        )
        for code in sorted(by)
    )
    days = {"from": asked.first, "to": asked.last}
    links = tuple(f"/reports/receivables?{urlencode({**days, 'facility': code})}" for code in sorted(by))
    return Table(asked.say(Text("施設別", "By facility")), FACILITY_COLUMNS, rows, links, beside=True)


def _chart(found: Sequence[Open], asked: Asked) -> Chart | None:
    """Return how old it is that has not come."""
    if not found:
        return None
    sums = dict.fromkeys([*(title for _, title in AGES), OLDER], 0)
    for each in found:
        age = (asked.last - each.day).days
        sums[next((title for days, title in AGES if age <= days), OLDER)] += each.outstanding.amount
    bars = tuple(Bar(asked.say(title), amount) for title, amount in sums.items())
    return Chart(asked.say(Text("経過日数別の収入未済額", "Outstanding by age")), "yen", bars)


async def read(tx: Transaction, asked: Asked) -> Document:
    """Read what is open as of the last day."""
    orders: list[str] | None = None
    if (await tx.execute(_LATER, last=asked.last)).scalar_one():
        days = await tx.execute(_ALL_DAYS, last=asked.last)
    else:
        orders = list((await tx.execute(_SUSPECTS)).scalars())
        days = await tx.execute(_DAYS_OF, orders=orders)
    rows = await tx.execute(
        _OPEN,
        days=list(days.scalars()),
        last=asked.last,
        orders=orders,
        facilities=None if asked.facilities is None else list(asked.facilities),
        limit=ROWS_MAX + 1,
    )
    found = [_open(row) for row in rows]
    require_rows(found)
    return document(found, asked)


def _open(row: Any) -> Open:
    return Open(
        day=row.day,
        order_id=row.order_id,
        number=row.number,
        facility=row.facility,
        revenue_account=row.revenue_account,
        method=row.method,
        assessed=Yen(row.assessed),
        received=Yen(row.received),
    )


REPORT = Report(
    "receivables",
    TITLE,
    Text(
        "期間の末日現在、調定したがまだ入金のないものを1件ずつ示します。",
        "What was assessed and has not come as of the last day, order by order.",
    ),
    60,
    read,
    one_day=True,
)
