"""The totals of all reports agree with each other and with the journal, over random days with every kind of ending."""

import random
from datetime import date, timedelta

import pytest

from kernel.clock import new_id
from reconciliation.exports.actions import read_only
from reconciliation.journal import actions as journal
from reconciliation.reports.discovery import reports
from reconciliation.reports.model import Asked, Names
from support.journal import always_open
from support.ledger_data import month

ENDS = ("admitted", "cancelled", "undone", "kept", "free", "not_captured", "short", "not_sold", "late", "unallocated")
ENDS += ("reversed", "refund_outstanding")
NAMES = Names("ja", facility=lambda code: code, method=lambda method: method)


def random_days(dice, first):
    """Return a few days and how some of their orders end."""
    last = first + timedelta(days=dice.randint(1, 4))
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    return first, last, {day: tuple(dice.choices(ENDS, k=dice.randint(0, 6))) for day in days}


@pytest.fixture
async def sums(books):
    """Return what gives the totals of a report by its columns' names, all of its tables together."""

    async def of(name, first, last, facility=None):
        async with books.wiring.database.transaction("test") as tx:
            await read_only(tx)
            facilities = (facility,) if facility else None
            document = await reports()[name].read(tx, Asked(first, last, facilities, NAMES))
        found = {}
        for table in (each for each in document.tables if not each.beside):
            for column, total in zip(table.columns, table.totals or (0,) * len(table.columns), strict=True):
                found[column.name] = found.get(column.name, 0) + (total if isinstance(total, int) else 0)
        return found

    return of


@pytest.fixture
async def balances(books):
    """Return what gives the balances of the journal's accounts: debits less credits."""

    async def of(facility=None):
        async with books.wiring.database.transaction("test") as tx:
            rows = await tx.execute(
                "SELECT account, CAST(sum(CASE side WHEN 'debit' THEN amount ELSE -amount END) AS bigint) AS amount "
                "FROM postings WHERE CAST(:place AS text) IS NULL OR facility = :place GROUP BY account",
                place=facility,
            )
            return {row.account: row.amount for row in rows}

    return of


@pytest.mark.parametrize("seed", range(4))
async def test_every_report_and_the_journal_say_the_same(books, sums, balances, seed):
    dice = random.Random(seed)
    first, last, faults = random_days(dice, date(2026, 4, 1) + timedelta(days=60 * seed))
    await books.take(month(seed, first, last, orders_a_day=4, faults=faults))
    async with books.wiring.database.transaction("test") as tx:
        await journal.post(
            tx, through=date(2027, 3, 31), at=books.clock.now(), new_id=new_id, open_day=always_open, whole=True
        )
    begin = date(2026, 4, 1)  # earlier seeds are in the same books: everything is as of the last day
    for facility in (None, "hpam"):
        daily, monthly, book, assessed, open_, over, place, product, hour = [
            await sums(name, begin, date(2027, 3, 31), facility)
            for name in (
                *("daily_receipts", "monthly_receipts", "revenue_book", "assessments", "receivables", "over_receipts"),
                *("facility_statistics", "product_statistics", "hourly_statistics"),
            )
        ]
        posted = await balances(facility)
        assert {
            name: daily[name] for name in ("件数", "収納額", "過誤納額", "還付額", "取消額", "差引収納額")
        }.items() <= (monthly.items())
        assert daily["収納額"] == place["収納額"]
        assert assessed["調定額"] == place["販売額"] == product["販売額"] == hour["販売額"]
        assert assessed["枚数"] == place["販売枚数"] == product["販売枚数"] == hour["販売枚数"]
        assert place["入場者数"] == product["入場者数"] == hour["入場者数"]
        assert (place["払戻枚数"], place["払戻額"]) == (product["払戻枚数"], product["払戻額"])
        assert assessed["差引調定額"] == book["調定額"] == -posted["revenue"]
        assert open_["収入未済額"] == book["収入未済額"] == posted["visitor_receivable"]
        assert book["調定額"] - book["収入済額"] - book["不納欠損額"] == book["収入未済額"]
        assert over["未還付額"] == book["過誤納額"] == -posted.get("over_receipt", 0)
        assert daily["還付額"] == book["還付額"] + over["還付額"]
        # What came in and did not go back is what stands against revenue and everything that is still open.
        against = ("revenue", "refunds", "visitor_receivable", "over_receipt", "disputed")
        assert daily["差引収納額"] == -sum(posted.get(account, 0) for account in against)
