"""Whoever changes rows of the journal past Momiji, even as a superuser, is found out, and told what to do."""

import asyncio
import random
from contextlib import contextmanager
from datetime import UTC, datetime

import psycopg
import pytest

from console.main import main
from reconciliation.journal import rounds, verifying
from support.money_stories import ENDS, tale
from support.settlement import pay_out, put_lines_of_claims

AT = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
ONE_YEN_MORE = "UPDATE postings SET amount = amount + 1 WHERE voucher = 3"
REHASHED = "UPDATE vouchers SET hash = sha256(hash) WHERE number = {0}"
TAMPERINGS = {
    "one side of a voucher": ([ONE_YEN_MORE + " AND place = 1"], ("unbalanced", 3, "")),
    "both sides of a voucher": ([ONE_YEN_MORE], ("changed", 3, "")),
    "words": (["UPDATE vouchers SET words = 'x' WHERE number = 3"], ("changed", 3, "")),
    "a year": (["UPDATE vouchers SET belongs = 2025 WHERE number = 3"], ("changed", 3, "")),
    "a voucher and its hash": ([ONE_YEN_MORE, REHASHED.format(3)], ("changed", 3, "")),
    "a hash that the next one follows": (
        ["UPDATE vouchers SET previous_hash = sha256(hash) WHERE number = 4"], ("not_following", 4, ""),
    ),
    "a voucher is gone": (
        ["DELETE FROM postings WHERE voucher = 3", "DELETE FROM vouchers WHERE number = 3"], ("missing", 3, ""),
    ),
    "a posting is gone": (["DELETE FROM postings WHERE voucher = 3 AND place = 1"], ("unbalanced", 3, "")),
    "an account that there is not": (["UPDATE postings SET account = 'x' WHERE voucher = 3"], ("unreadable", 3, "")),
    "an entry": (["UPDATE entries SET amount = amount + 1 WHERE kind = 'sold'"], ("differs", None, "assessment:2026")),
    "a deposit": (["UPDATE bank_lines SET amount = amount + 1"], ("differs", None, "deposit:")),
}  # fmt: skip


@pytest.fixture
def tamper(books):
    """Lets a superuser change rows with all triggers and foreign keys off; takes it back at the end."""

    @contextmanager
    def change(statements):
        address = books.wiring.database.url.replace("+psycopg", "", 1)
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute("SET session_replication_role = replica")
            kept = [f"kept_{name}" for name in ("vouchers", "postings", "entries", "bank_lines")]
            for name in kept:
                connection.execute(f"CREATE TABLE {name} AS TABLE {name.removeprefix('kept_')}")
            for each in statements:
                connection.execute(each)
            yield
            for name in kept:
                table = name.removeprefix("kept_")
                connection.execute(f"DELETE FROM {table}")
                connection.execute(f"INSERT INTO {table} SELECT * FROM {name}")
                connection.execute(f"DROP TABLE {name}")

    return change


@pytest.fixture
async def posted(books, post):
    for seed, end in enumerate(ENDS):
        await books.take(tale(end, random.Random(seed), AT).events)
    async with books.wiring.database.transaction("test") as tx:
        await put_lines_of_claims(tx, at=AT)
        await pay_out(tx)
    await post()
    # The margin within which facts may still arrive is over.
    address = books.wiring.database.url.replace("+psycopg", "", 1)
    with psycopg.connect(address) as connection:
        connection.execute("UPDATE journal_progress SET facts_until = now() + interval '10 minutes'")


@pytest.fixture
def verify(books):
    async def run(known=()):
        async with books.wiring.database.transaction("test") as tx:
            return await verifying.verify(tx, known=dict(known))

    return run


async def test_each_tampering_is_found_where_it_begins(posted, tamper, verify):
    sound = await verify()
    assert (sound.sound, sound.waiting) == (True, 0)
    found = {}
    for name, (statements, (_, _, origin)) in TAMPERINGS.items():
        with tamper(statements):
            fault = (await verify()).fault
        found[name] = fault and (fault.kind, fault.number, origin if fault.origin.startswith(origin) else fault.origin)
    assert found == {name: expected for name, (_, expected) in TAMPERINGS.items()}
    assert (await verify()) == sound


async def test_a_tail_that_was_cut_off_is_missed_by_what_was_verified_before(books, posted, tamper, verify):
    before = await rounds.verify_once(books.wiring)
    with tamper([f"DELETE FROM {table} WHERE {column} > 5" for table, column in (
        ("postings", "voucher"), ("vouchers", "number"))]):  # fmt: skip
        fault = (await verify()).fault
    assert (before.sound, fault.kind, fault.number) == (True, "missing", before.number)


async def test_a_chain_that_was_made_anew_is_another_than_was_written_down(posted, verify):
    sound = await verify()
    assert (await verify({sound.number: sound.head})).sound
    assert (await verify({2: bytes(32)})).fault == verifying.Fault("other_than_known", 2)


async def test_what_the_next_run_books_is_no_fault(books, posted, verify):
    await books.take(tale("kept", random.Random(99), AT).events)
    found = await verify()
    assert (found.sound, found.waiting > 0) == (True, True)


async def test_the_command_says_what_is_broken_and_what_to_do(books, posted, tamper, monkeypatch, capsys):
    monkeypatch.setenv("MOMIJI_RECONCILIATION_DATABASE_URL", books.wiring.database.url)
    assert await asyncio.to_thread(main, ["verify"]) == 0
    assert "SOUND" in capsys.readouterr().out
    with tamper([ONE_YEN_MORE]):
        assert await asyncio.to_thread(main, ["verify"]) == 1
    said = capsys.readouterr().out
    assert "BROKEN: Voucher 3 is not what was sealed" in said
    assert "Compare it with a backup" in said
    assert await asyncio.to_thread(main, ["verify", "--known", "3:abc"]) == 1
