"""券種別統計: tickets sold and given back and visitors of each product and category."""

from __future__ import annotations

from collections.abc import Sequence

from kernel.money import ZERO, total
from kernel.rows import Transaction
from reconciliation.reports.model import Asked, Bar, Chart, Column, Document, Report, Rows, Table, Text, entries_address
from reconciliation.reports.visitors import Attendance, by_product

TITLE = Text("券種別統計", "Statistics by product")
BARS_MAX = 12
COLUMNS = (
    Column("施設コード", "text", 22, "Facility code", paper=False, page=False),
    Column("施設名", "text", 30, "Facility"),
    Column("券種コード", "text", 16, "Product code", paper=False, page=False),
    Column("券種", "text", 30, "Product"),
    Column("区分コード", "text", 16, "Category code", paper=False, page=False),
    Column("区分", "text", 24, "Category"),
    Column("販売枚数", "count", 10, "Tickets sold", entries="sold"),
    Column("販売額", "yen", 14, "Sold", entries="sold"),
    Column("払戻枚数", "count", 10, "Tickets given back", entries="refund_requested&surplus=no"),
    Column("払戻額", "yen", 13, "Asked back", entries="refund_requested&surplus=no"),
    Column("入場者数", "count", 10, "Visitors", entries="admitted,admission_reversed"),
)
NOTE = Text(
    "払戻額はその期間に払戻しを求めた額です。区分のない行は、ほかのシステムから収納を依頼された料金です。",
    "Asked back is what was asked back in the period. Rows without a category are fees collected for other systems.",
)


def document(found: Sequence[Attendance], asked: Asked) -> Document:
    """Return the document of the figures by product and category."""
    title = asked.say(TITLE)
    kept = [each for each in found if each.tickets or each.sold or each.given_back or each.visitors]
    rows: Rows = tuple(
        (
            each.facility,
            asked.names.facility(each.facility),
            each.product,
            asked.names.product(each.facility, each.product),
            each.category,
            asked.names.category(each.facility, each.category),
            each.tickets,
            each.sold.amount,
            each.given_back_tickets,
            each.given_back.amount,
            each.visitors,
        )
        for each in kept
    )
    links = tuple(
        entries_address(asked.first, asked.last, facility=each.facility, product=each.product, category=each.category)
        for each in kept
    )
    tables = (Table(title, COLUMNS, rows, links),)
    return Document(title, asked.period, asked.place, tables, (asked.say(NOTE),), _chart(kept, asked))


def _chart(found: Sequence[Attendance], asked: Asked) -> Chart | None:
    sums = {
        key: total(each.sold for each in found if (each.facility, each.product) == key)
        for key in {(each.facility, each.product) for each in found}
    }
    largest = sorted(
        ((amount, key) for key, amount in sums.items() if amount > ZERO), key=lambda each: (-each[0].amount, each[1])
    )
    if len(largest) < 2:  # noqa: PLR2004 - one bar compares nothing
        return None
    return Chart(
        asked.say(Text("券種別の販売額(上位)", "Sold by product, the largest")),
        "yen",
        tuple(
            Bar(
                f"{asked.names.facility(facility)} {asked.names.product(facility, product)}",
                amount.amount,
                entries_address(asked.first, asked.last, facility=facility, product=product),
            )
            for amount, (facility, product) in largest[:BARS_MAX]
        ),
    )


async def read(tx: Transaction, asked: Asked) -> Document:
    """Read the figures of the days."""
    return document(await by_product(tx, asked.facilities, first=asked.first, last=asked.last), asked)


REPORT = Report(
    "product_statistics",
    TITLE,
    Text(
        "券種・区分ごとの販売枚数、販売額、払戻し、入場者数です。",
        "Tickets sold and given back, and visitors, by product and category.",
    ),
    81,
    read,
)
