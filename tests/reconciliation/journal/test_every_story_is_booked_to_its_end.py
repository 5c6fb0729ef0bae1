"""Whatever way the money of an order takes, once all is settled nobody owes anybody anything."""

import asyncio
import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kernel.clock import new_id
from reconciliation.journal import actions
from reconciliation.journal.model import ACCOUNTS
from reconciliation.ledger import actions as ledger
from support.journal import FAR, always_open, balances
from support.money_stories import ENDS, OF_OTHER_SYSTEMS, tale
from support.settlement import pay_out, put_lines_of_claims

AT = datetime(2026, 11, 2, 1, 0, tzinfo=UTC)
SETTLES = {code for code, account in ACCOUNTS.items() if account.settles}
EVERY_END = (*ENDS, *OF_OTHER_SYSTEMS)


def stories(ends, seed):
    dice = random.Random(seed)
    told = [tale(end, dice, AT + timedelta(days=dice.randint(0, 20), minutes=dice.randint(0, 600))) for end in ends]
    return [event for each in told for event in each.events]


@pytest.fixture
def settled(books):
    """Books some events, statements and transfers; tells the balances before and after, and keeps nothing."""

    async def run(events):
        class UndoError(Exception):
            pass

        found = {}
        try:
            async with books.wiring.database.transaction("test") as tx:
                for event in events:
                    await ledger.record(tx, event)
                await post_all(tx)
                found["claims"] = await number(tx, "SELECT sum(amount) FROM claims")
                found["before"] = await balances(tx)
                await put_lines_of_claims(tx, at=AT)
                await pay_out(tx)
                await post_all(tx)
                found["bank"] = await number(tx, "SELECT sum(amount) FROM bank_lines")
                found["by_us"] = await number(tx, "SELECT sum(amount) FROM entries WHERE by_us")
                found["after"] = await balances(tx)
                raise UndoError  # noqa: TRY301 - a way out of the transaction, not a fault
        except UndoError:
            return found

    return run


async def number(tx, sql):
    return int((await tx.execute(sql)).scalar_one() or 0)


async def post_all(tx):
    await actions.post(tx, through=FAR, at=AT, new_id=new_id, open_day=always_open)


def open_ones(balance):
    return {code: amount for code, amount in balance.items() if code in SETTLES}


async def test_whatever_way_money_takes_providers_owe_what_we_claim_and_in_the_end_nobody_owes_anything(settled):
    loop = asyncio.get_running_loop()

    def check(ends, seed):
        found = asyncio.run_coroutine_threadsafe(settled(stories(ends, seed)), loop).result(30)
        assert open_ones(found["before"]) == ({"provider_receivable": found["claims"]} if found["claims"] else {})
        assert open_ones(found["after"]) == {}
        assert found["after"].get("bank", 0) == found["bank"] - found["by_us"]
        assert sum(found["after"].values()) == 0

    @settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(st.sampled_from(EVERY_END), min_size=1, max_size=30), st.integers(0, 10**6))
    def hold(ends, seed):
        check(ends, seed)

    await asyncio.to_thread(lambda: [check([end] * 3, end) for end in EVERY_END])
    await asyncio.to_thread(hold)


async def test_in_whatever_order_and_portions_facts_arrive_the_books_end_the_same(books, post, ask):
    events = stories(EVERY_END, seed=7)
    what = (
        "SELECT v.origin, p.side, p.account, p.amount, p.facility, p.revenue_account, p.method "
        "FROM vouchers AS v JOIN postings AS p ON p.voucher = v.number WHERE v.reverses IS NULL "
        "AND NOT EXISTS (SELECT FROM vouchers AS r WHERE r.reverses = v.number) ORDER BY 1, 2, 3, 4, 5, 6, 7"
    )
    random.Random(3).shuffle(events)
    for start in range(0, len(events), 40):
        await books.take(events[start : start + 40])
        await post()
    piecemeal = await ask(what)
    again = await post(whole=True)
    assert (again.vouchers, piecemeal) == (0, await ask(what))


async def test_what_is_booked_already_is_not_booked_again(books, post):
    await books.take(stories(EVERY_END, seed=1))
    first, second, whole = await post(), await post(), await post(whole=True)
    assert first.vouchers > 20
    assert (second.vouchers, whole.vouchers) == (0, 0)
