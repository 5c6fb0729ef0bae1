"""What comes later corrects the journal by reversal: on its own day while that is open, else on the first open day."""

import random
from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import pytest

from kernel.contracts import payments
from reconciliation.matching import actions as matching
from support.money_stories import Tale, tale
from support.settlement import pay_out, put_bank_line, put_leg, put_line, put_lines_of_claims, put_payout

AT = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
DAY, NEXT_DAY = date(2026, 11, 24), date(2026, 11, 25)
VOUCHERS = "SELECT * FROM vouchers ORDER BY number"


async def closed_until_the_25th(_tx, day):
    return max(day, NEXT_DAY)


def paid(seed=1, at=AT):
    return Tale(random.Random(seed), at).paid()


@pytest.fixture
def tx(books):
    return lambda: books.wiring.database.transaction("test")


async def test_one_more_payment_of_a_day_reverses_its_voucher_and_books_it_anew(books, post, ask):
    first = paid()
    await books.take(first.events)
    await post()
    await books.take(another_order_like_it())
    done = await post()
    assert done.reversals * 2 == done.vouchers > 0
    rows = await ask(VOUCHERS)
    assert {each.booked_on for each in rows} == {DAY}
    stands = "SELECT CAST(sum(amount) AS bigint) AS amount FROM postings WHERE account = 'revenue' AND side = 'credit' "
    unreversed = (
        "AND voucher IN (SELECT number FROM vouchers AS v WHERE reverses IS NULL AND NOT EXISTS "
        "(SELECT FROM vouchers AS r WHERE r.reverses = v.number))"
    )
    assert (await ask(stands + unreversed))[0].amount == 2 * first.total.amount


def another_order_like_it():
    """Return the events of an order of the same places and amounts."""
    again = Tale(random.Random(1), AT)
    again.order_id, again.charge_id, again.first = uuid4(), uuid4(), uuid4()
    again.reference = str(again.order_id)
    again.story.dice = random.Random(99)
    return again.paid().events


async def test_a_closed_day_is_corrected_on_the_first_open_day_and_says_which_day_it_is_of(books, post, ask):
    await books.take(paid().events)
    await post()
    before = len(await ask(VOUCHERS))
    await books.take(another_order_like_it())
    await post(open_day=closed_until_the_25th)
    later = (await ask(VOUCHERS))[before:]
    assert {(each.booked_on, each.business_date) for each in later} == {(NEXT_DAY, DAY)}


async def test_a_refund_in_may_is_of_the_old_year_and_one_in_june_of_the_new(books, post, ask):
    march = datetime(2027, 3, 31, 1, 0, tzinfo=UTC)
    for seed, days in ((1, 60), (2, 70)):
        told = Tale(random.Random(seed), march).paid().later(days=days).cancelled()
        told.refunded(told.asked_back())
        await books.take(told.events)
    await post()
    rows = await ask("SELECT DISTINCT booked_on, fiscal_year, old_year FROM vouchers WHERE kind = 'refunds' ORDER BY 1")
    assert [tuple(each) for each in rows] == [(date(2027, 5, 30), 2026, True), (date(2027, 6, 9), 2027, False)]


async def test_a_payment_of_31_march_that_is_banked_in_april_stays_in_the_old_year(post, ask, tx):
    async with tx() as open_:
        payout, net = await put_payout(
            open_, provider="stripe", first=date(2027, 3, 25), last=date(2027, 3, 31), gross=1000, fee=32, tax=0
        )
        await put_leg(open_, await put_bank_line(open_, day=date(2027, 4, 4), amount=net), payout)
    await post()
    assert [(each.booked_on, each.fiscal_year, each.old_year) for each in await ask(VOUCHERS)] == [
        (date(2027, 4, 4), 2026, True)
    ]


async def test_a_deposit_is_suspense_until_it_is_known_for_what_it_is(post, balance, tx):
    async with tx() as open_:
        line = await put_bank_line(open_, day=DAY, amount=958)
    await post()
    assert await balance() == {"bank": 958, "suspense": -958}
    async with tx() as open_:
        payout, _ = await put_payout(
            open_, provider="stripe", first=DAY, last=DAY, gross=1000, fee=32, tax=0, transfer_fee=20
        )
        await put_leg(open_, line, payout, difference=10)
    await post()
    assert await balance() == {"bank": 958, "transfer_fees": 20, "provider_receivable": -968, "suspense": -10}
    async with tx() as open_:
        await open_.execute("UPDATE deposit_legs SET stands = false")
    assert (await post()).reversals == 1
    assert await balance() == {"bank": 958, "suspense": -958}


async def test_a_notice_and_what_goes_out_are_not_booked_from_the_bank(post, balance, tx):
    async with tx() as open_:
        await put_bank_line(open_, day=DAY, amount=500, basis="notice")
        await put_bank_line(open_, day=DAY, amount=-300)
    await post()
    assert await balance() == {}


async def test_fees_of_every_kind_are_booked_on_the_day_of_their_line(post, balance, tx, ask):
    async with tx() as open_:
        await put_line(open_, provider="stripe", kind="charge", day=DAY, gross=1000, fee=32, tax=3)
        await put_line(open_, provider="stripe", kind="fee", day=DAY, gross=-250)
        await put_line(open_, provider="stripe", kind="fee", word="tax", day=DAY, gross=-25)
        await put_line(open_, provider="stripe", kind="adjustment", day=NEXT_DAY, gross=3000)
        await put_line(open_, provider="stripe", kind="payout", day=NEXT_DAY, gross=-690)
    await post()
    assert await balance() == {"fees": 282, "fee_tax": 28, "provider_receivable": 2690, "suspense": -3000}
    assert {(each.kind, each.booked_on) for each in await ask(VOUCHERS)} == {("fees", DAY), ("adjustments", NEXT_DAY)}


async def test_a_transfer_fee_that_is_a_line_is_booked_on_its_day_and_not_again_with_the_deposit(
    books, post, balance, tx
):
    async with tx() as open_:
        await put_line(open_, provider="newcomer", kind="adjustment", day=DAY, gross=1000)
        await put_line(open_, provider="newcomer", kind="transfer_fee", day=DAY, gross=-220)
        await matching.run(open_, run_id=uuid4(), at=books.clock.at)
    await post()
    assert await balance() == {"transfer_fees": 220, "provider_receivable": 780, "suspense": -1000}
    async with tx() as open_:
        await pay_out(open_)
    await post()
    assert await balance() == {"bank": 780, "transfer_fees": 220, "suspense": -1000}


async def test_a_fee_is_borne_by_who_earns_the_payment_in_parts_that_make_the_whole(books, post, ask, tx):
    told = next(each for each in (paid(seed) for seed in range(50)) if len(each.lines) == 2)
    await books.take(told.events)
    async with tx() as open_:
        await put_lines_of_claims(open_, at=AT)
    await post()
    rows = await ask(
        "SELECT facility, revenue_owner, CAST(sum(amount) AS bigint) AS amount FROM postings WHERE account = 'fees' "
        "GROUP BY 1, 2 ORDER BY 1"
    )
    assert [(each.facility, each.revenue_owner) for each in rows] == sorted(
        (line.facility, line.revenue_owner) for line in told.lines
    )
    fee = told.total.amount * 32 // 1000
    first = min(told.lines, key=lambda line: line.facility).amount.amount
    assert [each.amount for each in rows] == [fee * first // told.total.amount, fee - fee * first // told.total.amount]


async def test_a_match_that_is_taken_back_leaves_its_fee_with_nobody(books, post, ask, tx):
    await books.take(paid().events)
    async with tx() as open_:
        await put_lines_of_claims(open_, at=AT)
    await post()
    async with tx() as open_:
        line = (await open_.execute("SELECT line_id FROM match_legs")).one().line_id
        await matching.take_back(open_, line, reversal_id=uuid4(), by="ana", reason="another order", at=AT)
    assert (await post()).reversals == 1
    rows = await ask("SELECT revenue_owner FROM postings WHERE account = 'fees' ORDER BY voucher DESC LIMIT 1")
    assert rows[0].revenue_owner == ""


async def test_what_is_of_tomorrow_waits_for_tomorrow(books, post, balance, tx):
    await books.take(paid(at=AT + timedelta(days=1)).events)
    async with tx() as open_:
        await put_bank_line(open_, day=NEXT_DAY, amount=958)
    assert (await post(through=DAY)).vouchers == 0
    assert (await post(through=NEXT_DAY)).vouchers > 0
    assert (await balance())["bank"] == 958


async def test_money_that_another_system_s_payment_lost_at_the_bank_is_no_revenue(books, post, balance):
    told = tale("fee_taken_back", random.Random(1), AT)
    assert isinstance(told.events[-1].fact, payments.ChargeReversed)
    await books.take(told.events)
    await post()
    assert await balance() == {}
