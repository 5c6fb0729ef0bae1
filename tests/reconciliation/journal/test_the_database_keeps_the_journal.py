"""PostgreSQL itself refuses what would break the journal: changes, gaps, an unbalanced voucher, a broken chain."""

import random
from datetime import UTC, datetime

import psycopg
import pytest

from support.money_stories import tale

AT = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
VOUCHER = (
    "INSERT INTO vouchers SELECT number + {after}, gen_random_uuid(), 'manual', 'x', booked_on, business_date, "
    "belongs, fiscal_year, old_year, NULL, '', 'x', posted_at, {previous}, sha256('x') FROM vouchers "
    "WHERE number = (SELECT max(number) FROM vouchers)"
)
NEXT = VOUCHER.format(after=1, previous="hash")
SIDE = (
    "INSERT INTO postings (voucher, place, side, account, amount) "
    "SELECT max(number) + 1, {}, '{}', 'bank', {} FROM vouchers"
)


@pytest.fixture
async def written(books, post):
    await books.take(tale("cancelled_and_refunded", random.Random(1), AT).events)
    assert (await post()).vouchers > 2
    return books.wiring.database.url.replace("+psycopg", "", 1)


BALANCED = (SIDE.format(1, "debit", 5), SIDE.format(2, "credit", 5))
FAULTS = {
    "a posting is changed": ("keeps its history", ["UPDATE postings SET amount = 1"]),
    "a voucher is changed": ("keeps its history", ["UPDATE vouchers SET words = 'x' WHERE number = 1"]),
    "a voucher is deleted": ("keeps its history", ["DELETE FROM vouchers"]),
    "postings are emptied": ("keeps its history", ["TRUNCATE postings"]),
    "a posting is added to a voucher": (
        "sealed", ["INSERT INTO postings (voucher, place, side, account, amount) VALUES (1, 99, 'debit', 'bank', 1)"],
    ),
    "a voucher does not balance": (
        "does not balance: debit 5, credit 4", [SIDE.format(1, "debit", 5), SIDE.format(2, "credit", 4), NEXT],
    ),
    "a voucher has no postings": ("does not balance", [NEXT]),
    "postings have no voucher": ("foreign key", list(BALANCED)),
    "a number is left out": (
        "does not follow",
        [each.replace("+ 1", "+ 2", 1) for each in BALANCED] + [VOUCHER.format(after=2, previous="hash")],
    ),
    "a hash of another voucher is followed": (
        "does not follow", [*BALANCED, VOUCHER.format(after=1, previous="previous_hash")],
    ),
    "an old year is booked after its books closed": (
        "vouchers_check", [*BALANCED, NEXT.replace("old_year, NULL", "true, NULL", 1)],
    ),
}  # fmt: skip


def refusal_of(address, statements):
    try:
        with psycopg.connect(address) as connection:
            for each in statements:
                connection.execute(each)
    except psycopg.errors.Error as problem:
        return str(problem)
    return "taken"


async def test_at_the_latest_at_commit_each_fault_is_refused_and_what_balances_and_follows_is_taken(written):
    found = {name: refusal_of(written, statements) for name, (_, statements) in FAULTS.items()}
    assert {name: said if said in found[name] else found[name] for name, (said, _) in FAULTS.items()} == {
        name: said for name, (said, _) in FAULTS.items()
    }
    assert refusal_of(written, (*BALANCED, NEXT)) == "taken"
