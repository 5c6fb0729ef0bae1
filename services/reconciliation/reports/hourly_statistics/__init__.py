"""時間帯別統計: what was sold and who entered in which hour of the day in Japan."""

from __future__ import annotations

from collections.abc import Sequence

from kernel.rows import Transaction
from reconciliation.reports.model import Asked, Bar, Chart, Column, Document, Report, Rows, Table, Text, entries_address
from reconciliation.reports.visitors import Attendance, by_hour

TITLE = Text("時間帯別統計", "Statistics by hour")
COLUMNS = (
    Column("時間帯", "text", 12, "Hour"),
    Column("注文数", "count", 10, "Orders", entries="sold"),
    Column("販売枚数", "count", 10, "Tickets sold", entries="sold"),
    Column("販売額", "yen", 14, "Sold", entries="sold"),
    Column("入場者数", "count", 10, "Visitors", entries="admitted,admission_reversed"),
)
NOTE = Text(
    "日本時間の、代金を受け取った時刻と入場した時刻によります。期間中のすべての日を合わせています。",
    "By the time in Japan at which the money came and people entered, all days of the period together.",
)


def document(found: Sequence[Attendance], asked: Asked) -> Document:
    """Return the document of the figures by hour, from the first hour with any to the last."""
    title, hours = asked.say(TITLE), {each.hour: each for each in found if each.tickets or each.visitors}
    span = range(min(hours), max(hours) + 1) if hours else range(0)
    rows: Rows = tuple(
        (_said(hour, asked), each.orders, each.tickets, each.sold.amount, each.visitors)
        if (each := hours.get(hour))
        else (_said(hour, asked), 0, 0, 0, 0)
        for hour in span
    )
    links = tuple(entries_address(asked.first, asked.last, facility=asked.facility, hour=hour) for hour in span)
    bars = tuple(
        Bar(_said(hour, asked), hours[hour].visitors if hour in hours else 0, link)
        for hour, link in zip(span, links, strict=True)
    )
    chart = (
        Chart(asked.say(Text("時間帯別の入場者数", "Visitors by hour")), "count", bars, in_time=True)
        if len(bars) > 1
        else None
    )
    return Document(title, asked.period, asked.place, (Table(title, COLUMNS, rows, links),), (asked.say(NOTE),), chart)


def _said(hour: int, asked: Asked) -> str:
    return asked.say(Text(f"{hour}時台", f"{hour}:00-{hour}:59"))


async def read(tx: Transaction, asked: Asked) -> Document:
    """Read the figures of the days."""
    return document(await by_hour(tx, asked.facilities, first=asked.first, last=asked.last), asked)


REPORT = Report(
    "hourly_statistics",
    TITLE,
    Text(
        "1日のうち何時に売れ、何時に入場したかを示します。",
        "In which hour of the day tickets were sold and people entered.",
    ),
    82,
    read,
)
