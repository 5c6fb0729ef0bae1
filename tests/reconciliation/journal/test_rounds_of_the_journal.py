"""The journal's round books what is new, but leaves its turn out while new statements are about to be matched."""

import asyncio
from datetime import timedelta

import pytest

from reconciliation.journal import rounds
from support import settling


@pytest.mark.parametrize(("minutes", "booked"), [(1, []), (11, ["booked"])])
async def test_a_round_waits_for_new_files_but_not_for_long(books, monkeypatch, minutes, booked):
    stop, done = asyncio.Event(), []
    ask = rounds._matching_is_behind

    async def post_once(_wired, **_more):
        done.append("booked")

    async def verify_once(_wired):
        return None

    async def asked(wired):
        stop.set()  # One round is enough.
        return await ask(wired)

    monkeypatch.setattr(rounds, "post_once", post_once)
    monkeypatch.setattr(rounds, "verify_once", verify_once)
    monkeypatch.setattr(rounds, "_matching_is_behind", asked)
    async with books.wiring.database.transaction("test") as tx:
        await settling.put_file(tx)
    books.clock.at = settling.AT + timedelta(minutes=minutes)
    await rounds.keep_posted(books.wiring, stop)
    assert done == booked
