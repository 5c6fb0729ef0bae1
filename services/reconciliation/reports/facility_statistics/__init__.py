"""施設別統計: tickets sold, takings and visitors of each facility."""

from __future__ import annotations

from collections.abc import Sequence

from kernel.rows import Transaction
from reconciliation.reports.model import Asked, Bar, Chart, Column, Document, Report, Rows, Table, Text, entries_address
from reconciliation.reports.visitors import Attendance, by_facility

TITLE = Text("施設別統計", "Statistics by facility")
COLUMNS = (
    Column("施設コード", "text", 22, "Facility code", paper=False, page=False),
    Column("施設名", "text", 32, "Facility"),
    Column("注文数", "count", 10, "Orders", entries="sold"),
    Column("販売枚数", "count", 10, "Tickets sold", entries="sold"),
    Column("販売額", "yen", 14, "Sold", entries="sold"),
    Column("収納額", "yen", 14, "Received", entries="captured"),
    Column("払戻枚数", "count", 10, "Tickets given back", entries="refund_requested&surplus=no"),
    Column("払戻額", "yen", 13, "Asked back", entries="refund_requested&surplus=no"),
    Column("入場者数", "count", 10, "Visitors", entries="admitted,admission_reversed"),
)
NOTE = Text(
    "払戻額はその期間に払戻しを求めた額です。入場者数は取り消した入場を除き、実際に入場した施設に数えます。注文数は最初の明細の施設に数えます。",
    "Asked back is what was asked back in the period. An entry counts where it was, an order where its first line is.",
)


def document(found: Sequence[Attendance], asked: Asked) -> Document:
    """Return the document of the figures by facility."""
    title = asked.say(TITLE)
    rows: Rows = tuple(
        (
            each.facility,
            asked.names.facility(each.facility),
            each.orders,
            each.tickets,
            each.sold.amount,
            each.captured.amount,
            each.given_back_tickets,
            each.given_back.amount,
            each.visitors,
        )
        for each in found
    )
    links = tuple(entries_address(asked.first, asked.last, facility=each.facility) for each in found)
    bars = tuple(
        Bar(asked.names.facility(each.facility), each.visitors, link)
        for each, link in sorted(zip(found, links, strict=True), key=lambda pair: -pair[0].visitors)
    )
    chart = Chart(asked.say(Text("施設別の入場者数", "Visitors by facility")), "count", bars) if len(bars) > 1 else None
    return Document(title, asked.period, asked.place, (Table(title, COLUMNS, rows, links),), (asked.say(NOTE),), chart)


async def read(tx: Transaction, asked: Asked) -> Document:
    """Read the figures of the days."""
    return document(await by_facility(tx, asked.facilities, first=asked.first, last=asked.last), asked)


REPORT = Report(
    "facility_statistics",
    TITLE,
    Text("施設ごとの販売枚数、収納額、入場者数です。", "Tickets sold, takings and visitors of each facility."),
    80,
    read,
)
