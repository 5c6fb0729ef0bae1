"""Files are matched as soon as they are here: of several providers at once, and none waits for another that fails."""

import asyncio
from collections import Counter
from datetime import date, timedelta

import pytest
from sqlalchemy.exc import OperationalError

from reconciliation.matching import rounds, store
from reconciliation.provider_contracts.actions import define
from reconciliation.provider_contracts.model import Definition, Named
from support import made_up, settling
from support.settling import Claim, Deposit, Line, payment


@pytest.mark.parametrize(
    ("waiting", "running", "taken"),
    [
        ([], [], []),
        (["stripe"], [], ["stripe"]),
        (["stripe", "paypay", "komoju"], [], ["stripe", "paypay"]),
        (["stripe", "paypay", "komoju"], ["stripe"], ["paypay"]),
        (["paypay", "komoju"], ["stripe", "paypay"], []),
        (["stripe", "", "paypay"], [], ["stripe"]),  # Nothing newer is begun before a bank's file,
        (["stripe", "", "paypay"], ["stripe"], []),  # which waits for what is under way
        (["", "paypay"], [], [""]),  # and is matched alone.
        ([""], [], [""]),
        (["stripe"], [""], []),
    ],
)
def test_whose_files_are_taken_next(waiting, running, taken):
    assert rounds.next_of(waiting, running) == taken


@pytest.mark.parametrize(("failures", "seconds"), [(1, 2.0), (2, 4.0), (3, 8.0), (20, rounds.REST_SECONDS_MAX)])
def test_what_fails_rests_longer_each_time(failures, seconds):
    rest = rounds.Rest()
    for _ in range(failures):
        rest.begins("stripe", 100.0)
    assert rest.over(["stripe", "paypay"], 100.0 + seconds - 0.1) == ["paypay"]
    assert rest.over(["stripe", "paypay"], 100.0 + seconds) == ["stripe", "paypay"]


def test_what_succeeds_begins_with_a_short_rest_again():
    rest = rounds.Rest()
    rest.begins("stripe", 0.0)
    rest.begins("stripe", 0.0)
    rest.ends("stripe")
    rest.begins("stripe", 0.0)
    assert rest.over(["stripe"], 2.0) == ["stripe"]


async def put(books, *lines, claims=()):
    async with books.wiring.database.transaction("test") as tx:
        await settling.put_lines(tx, lines)
        if claims:
            await settling.put_claims(tx, claims)


async def until(condition):
    async with asyncio.timeout(20):
        while not await condition():
            await asyncio.sleep(0.02)


async def kept_matching(books, condition):
    """Let the worker match until a condition holds."""
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(rounds.keep_matching(books.wiring, stop))
        try:
            await until(condition)
        finally:
            stop.set()


async def test_a_provider_that_cannot_be_matched_keeps_no_other_waiting(books, monkeypatch):
    match_once, tried = rounds.match_once, []

    async def failing(wired, provider):
        tried.append(provider)
        if provider == "stripe":
            raise OperationalError("statement", {}, Exception("away"))
        await match_once(wired, provider)

    monkeypatch.setattr(rounds, "match_once", failing)
    monkeypatch.setattr(rounds, "REST_SECONDS_MIN", 1_000)
    monkeypatch.setattr(rounds, "REST_SECONDS_MAX", 1_000)
    await put(books, Line(100, attempt=payment(1)))
    await put(books, Line(200, attempt=payment(2), provider="paypay"))
    async with books.wiring.database.transaction("test") as tx:
        await settling.put_file(tx)  # a bank's

    async def only_stripe_waits():
        return await made_up.waiting(books) == ["stripe"]

    await kept_matching(books, only_stripe_waits)
    assert Counter(tried) == {"stripe": 1, "paypay": 1, "": 1}


async def test_a_database_that_is_away_is_not_asked_at_every_look(books, monkeypatch):
    asked = []

    async def away(_tx, *, since):
        asked.append(since)
        raise OperationalError("statement", {}, Exception("away"))

    monkeypatch.setattr(store, "waiting", away)
    monkeypatch.setattr(rounds, "LOOK_SECONDS", 0.001)
    monkeypatch.setattr(rounds, "AWAY_SECONDS", 1_000)
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(rounds.keep_matching(books.wiring, stop))
        await asyncio.sleep(0.3)  # hundreds of looks, were each of them to ask
        stop.set()
    assert len(asked) == 1


async def test_of_two_providers_that_tell_of_one_payment_at_once_one_is_matched_and_the_other_is_open(
    books, monkeypatch
):
    monkeypatch.setattr(rounds, "REST_SECONDS_MIN", 0.02)
    await put(books, Line(100, attempt=payment(1), fee=4), claims=[Claim(100, attempt=payment(1))])
    await put(books, Line(100, attempt=payment(1), provider="paypay"))
    stop = asyncio.Event()
    blocked = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    with made_up.connect(books) as holding, made_up.connect(books) as database:
        holding.execute("BEGIN; LOCK TABLE payouts IN EXCLUSIVE MODE")  # The first stops there with its match made.
        async with asyncio.TaskGroup() as group:
            group.create_task(rounds.keep_matching(books.wiring, stop))

            async def both_wait():
                return database.execute(blocked).fetchone() == (2,)

            async def nothing_waits():
                return await made_up.waiting(books) == []

            try:
                await until(both_wait)
                holding.execute("ROLLBACK")
                await until(nothing_waits)
            finally:
                stop.set()
    async with books.wiring.database.transaction("test") as tx:
        left = await store.open_items(tx, limit=10)
        legs = await tx.execute("SELECT count(*) FROM match_legs WHERE stands")
        assert legs.scalar_one() == 1
    assert [each.kind for each in left] == ["paid_again_at_provider"]


async def test_another_worker_that_is_at_a_provider_s_files_is_not_waited_for(books):
    await put(books, Line(100, attempt=payment(1)))
    async with books.wiring.database.transaction("other") as tx:
        assert await store.try_lock(tx, "stripe")
        assert not await rounds.match_once(books.wiring, "stripe")
    assert await rounds.match_once(books.wiring, "stripe")
    assert await made_up.waiting(books) == []


async def test_a_run_of_one_provider_goes_on_while_that_of_another_is_under_way(books):
    await put(books, Line(100, attempt=payment(1)), claims=[Claim(100, attempt=payment(1))])
    await put(books, Line(200, attempt=payment(2), provider="paypay"))
    async with books.wiring.database.transaction("other") as tx:
        assert await store.try_lock(tx, "paypay")
        assert await rounds.match_once(books.wiring, "stripe")
        assert not await rounds.match_once(books.wiring, "")
    assert await made_up.waiting(books) == ["paypay"]


async def test_a_file_whose_provider_an_older_version_did_not_note_is_matched(books):
    async with books.wiring.database.transaction("test") as tx:
        await settling.put_lines(tx, [Line(100, attempt=payment(1), fee=4), Line(50, provider="paypay")])
        await settling.put_claims(tx, [Claim(100, attempt=payment(1))])
    assert await made_up.waiting(books) == [""]
    assert await rounds.match_once(books.wiring, "")
    async with books.wiring.database.transaction("test") as tx:
        assert [each.kind for each in await store.open_items(tx, limit=10)] == ["missing_here"]


SENDER = "ｴ-ｼﾞｴﾝｼ-(ｶ"


@pytest.fixture
async def two_merchants(books):
    """Two contracts whose transfers come under one name, and a transfer of 1,000 yen that our bank told of."""
    async with books.wiring.database.transaction("test") as tx:
        for name in ("shop", "parks"):
            said = Definition(title=name, provider=name, methods=(f"{name}_pay",), pays=Named(), names=(SENDER,))
            await define(tx, name, since=date(2026, 4, 1), definition=said, by="ana", at=settling.AT)
        await settling.put_deposits(tx, [Deposit(1_000, payer=SENDER)], until=settling.DAY)
    await made_up.match(books)
    return books


def paid(provider, amount):
    return Line(amount, kind="adjustment", provider=provider, payout=provider, arrives_on=settling.DAY)


async def matched_deposits(books):
    async with books.wiring.database.transaction("test") as tx:
        return (await tx.execute("SELECT count(*) FROM deposit_legs WHERE stands")).scalar_one()


async def test_a_transfer_that_two_files_of_one_hour_explain_is_nobody_s_whoever_is_matched_first(two_merchants):
    books = two_merchants
    await put(books, paid("shop", 1_000))
    await put(books, paid("parks", 1_000))
    books.clock.at = settling.AT
    for each in ("shop", "parks"):
        assert await rounds.match_once(books.wiring, each)
        assert await matched_deposits(books) == 0


@pytest.mark.parametrize(("minutes", "deposits"), [(1, 0), (11, 1)])
async def test_deposits_wait_for_files_that_came_but_not_for_long(two_merchants, minutes, deposits):
    books = two_merchants
    await put(books, paid("shop", 1_000))
    await put(books, paid("parks", 5))
    books.clock.at = settling.AT + timedelta(minutes=minutes)
    assert await rounds.match_once(books.wiring, "shop")
    assert await matched_deposits(books) == deposits
    assert await rounds.match_once(books.wiring, "parks")
    assert await matched_deposits(books) == 1


async def test_deposits_do_not_wait_for_files_that_cannot_be_matched(two_merchants, monkeypatch):
    books, match_once = two_merchants, rounds.match_once

    async def failing(wired, provider):
        if provider == "parks":
            raise OperationalError("statement", {}, Exception("away"))
        return await match_once(wired, provider)

    monkeypatch.setattr(rounds, "match_once", failing)
    monkeypatch.setattr(rounds, "REST_SECONDS_MIN", 0.05)
    await put(books, paid("shop", 1_000))
    await put(books, paid("parks", 5))
    books.clock.at = settling.AT + timedelta(minutes=9)
    assert await rounds.match_once(books.wiring, "shop")

    async def failed_for_long():
        books.clock.at += timedelta(minutes=1)
        return await matched_deposits(books) == 1

    await kept_matching(books, failed_for_long)
    assert await made_up.waiting(books) == ["parks"]
