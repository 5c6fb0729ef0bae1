"""Files are matched as soon as they are here: of several providers at once, and none waits for another that fails."""

import asyncio

import pytest
from sqlalchemy.exc import OperationalError

from reconciliation.matching import rounds, store
from support import made_up, settling
from support.settling import Claim, Line, payment


@pytest.mark.parametrize(
    ("waiting", "running", "taken"),
    [
        ([], [], []),
        (["stripe"], [], ["stripe"]),
        (["stripe", "paypay", "komoju"], [], ["stripe", "paypay"]),
        (["stripe", "paypay", "komoju"], ["stripe"], ["paypay"]),
        (["paypay", "komoju"], ["stripe", "paypay"], []),
        (["", "stripe"], [], ["stripe"]),  # A bank's file is matched once the providers' are.
        ([""], ["stripe"], []),
        ([""], [], [""]),
        (["stripe"], [""], []),
    ],
)
def test_whose_files_are_taken_next(waiting, running, taken):
    assert rounds.next_of(waiting, running) == taken


def test_what_fails_rests_longer_each_time_until_it_does_not():
    rest = rounds.Rest()
    rest.begins("stripe", 0.0)
    assert rest.over(["stripe", "paypay"], 1.9) == ["paypay"]
    assert rest.over(["stripe"], 2.0) == ["stripe"]
    rest.begins("stripe", 10.0)
    assert (rest.over(["stripe"], 13.9), rest.over(["stripe"], 14.0)) == ([], ["stripe"])
    for _ in range(20):
        rest.begins("stripe", 20.0)
    assert rest.over(["stripe"], 20.0 + rounds.REST_SECONDS_MAX) == ["stripe"]
    rest.ends("stripe")
    rest.begins("stripe", 0.0)
    assert rest.over(["stripe"], 2.0) == ["stripe"]


async def put(books, *lines, claims=()):
    async with books.wiring.database.transaction("test") as tx:
        await settling.put_lines(tx, lines)
        if claims:
            await settling.put_claims(tx, claims)


async def waiting(books):
    async with books.wiring.database.transaction("test") as tx:
        return await store.waiting(tx)


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
        return await waiting(books) == ["stripe"]

    await kept_matching(books, only_stripe_waits)
    assert (sorted(tried[:2]), tried[2:]) == (["paypay", "stripe"], [""])


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
                return await waiting(books) == []

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
