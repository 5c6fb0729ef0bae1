"""In the morning one page tells what agrees, what is due, what is missing, and what waits for whoever looks."""

import json
import uuid
from collections import Counter
from dataclasses import fields
from datetime import date, timedelta

import pytest

from kernel.access import Role
from kernel.clock import business_date
from kernel.contracts import payments
from reconciliation.days.figures import Totals
from reconciliation.discrepancies import actions as discrepancies
from reconciliation.morning import actions
from reconciliation.morning.model import CHART_DAYS, Reach
from support import settling
from support.ledger_data import month

TODAY = date(2026, 11, 25)
YESTERDAY = TODAY - timedelta(days=1)
FAULTS = {YESTERDAY: ("short", "short", "not_sold")}


async def told(books, facilities=None, *, by="somebody"):
    async with books.wiring.database.transaction("test") as tx:
        return await actions.overview(tx, facilities, by=by, at=books.clock.at, grace=books.wiring.grace)


async def do(books, statement, **given):
    async with books.wiring.database.transaction("test") as tx:
        await tx.execute(statement, **given)


async def examine(books):
    async with books.wiring.database.transaction("test") as tx:
        await discrepancies.examine(tx, at=books.clock.at, grace=books.wiring.grace)


async def payout(books, provider, arrives_on, net, *, missed_after=None, came=False):
    payout_id = uuid.uuid4()
    await do(
        books,
        "INSERT INTO payouts (id, contract, provider, key, arrives_on, first_day, last_day, lines, gross, fee, tax, "
        "transfer_fee, net, missed_after) VALUES (:id, '', :provider, :key, :day, :day, :day, 1, :net, 0, 0, 0, :net, "
        ":missed)",
        id=payout_id,
        provider=provider,
        key=str(payout_id),
        day=arrives_on,
        net=net,
        missed=missed_after or arrives_on,
    )
    if came:
        await do(
            books,
            "INSERT INTO deposit_legs (bank_line_id, payout_id, rule, rule_version, run_id, difference) "
            "VALUES (:line, :id, 'one_transfer_one_payout', 1, :line, 0)",
            line=uuid.uuid4(),
            id=payout_id,
        )


@pytest.mark.parametrize("facilities", [None, ["hpam", "shukkeien"]])
async def test_takings_of_thirty_days_are_those_of_the_events(books, facilities):
    events = list(month(1, date(2026, 10, 20), TODAY, orders_a_day=2, faults={}))
    await books.take(events)
    first = TODAY - timedelta(days=CHART_DAYS - 1)
    expected = Counter()
    for fact in (event.fact for event in events if isinstance(event.fact, payments.ChargeCaptured)):
        for each in fact.allocations:
            day = business_date(fact.captured_at)
            if day >= first and (facilities is None or each.facility in facilities):
                expected[day, fact.method] += each.amount.amount
    found = await told(books, facilities)
    assert {(day, method): amount.amount for day, method, amount in found.takings} == expected


async def test_what_does_not_agree_is_counted_by_kind_the_most_frequent_first(books):
    await books.take(month(2, date(2026, 11, 20), YESTERDAY, orders_a_day=1, faults=FAULTS))
    await examine(books)
    found = await told(books)
    assert [(each.kind, each.items) for each in found.kinds] == [("amounts_differ", 2), ("not_sold", 1)]
    assert found.yesterday.state == "disagrees"


async def test_money_due_today_stands_apart_from_what_came_and_what_is_late(books):
    await payout(books, "stripe", TODAY, 1000)
    await payout(books, "stripe", TODAY, 200, came=True)
    await payout(books, "paypay", TODAY, 30)
    await payout(books, "paypay", YESTERDAY, 4, missed_after=TODAY)  # the contract tolerates a day
    await payout(books, "komoju", YESTERDAY, 5)
    await payout(books, "komoju", YESTERDAY, 6, came=True)
    found = (await told(books)).books
    assert [(each.provider, each.net.amount, each.came) for each in found.due] == [
        ("paypay", 30, False),
        ("stripe", 1000, False),
        ("stripe", 200, True),
    ]
    assert (found.late, found.late_amount.amount) == (1, 5)


@pytest.mark.parametrize(
    ("until", "missing"), [(None, True), (TODAY - timedelta(days=4), True), (TODAY - timedelta(days=3), False)]
)
def test_a_statement_is_missing_when_it_ends_days_ago(until, missing):
    assert Reach("paypay", until).missing_on(TODAY) is missing


@pytest.mark.parametrize(("minutes", "said"), [(9, 0), (11, 1)])
async def test_a_file_that_is_not_matched_is_told_when_it_should_be(books, web, minutes, said):
    async with books.wiring.database.transaction("test") as tx:
        await settling.put_file(tx)
    books.clock.at = settling.AT + timedelta(minutes=minutes)
    assert (await told(books)).books.unmatched == said
    page = await web.get("/?lang=en", headers=books.token(Role.ACCOUNTING))
    assert page.text.count("one file is not matched yet") == said


async def test_days_that_nobody_closed_are_counted_from_the_beginning_of_the_books(books):
    await books.take(month(3, date(2026, 11, 20), date(2026, 11, 20), orders_a_day=1, faults={}))
    closing = (
        "INSERT INTO closings (kind, first_day, last_day, version, totals, closed_by, closed_at) "
        "VALUES ('day', :day, :day, 1, CAST(:figures AS jsonb), 'momiji', now())"
    )
    figures = json.dumps({each.name: 0 for each in fields(Totals)})
    await do(books, closing, day=date(2026, 11, 20), figures=figures)
    await do(books, closing, day=date(2026, 11, 22), figures=figures)
    found = (await told(books)).books
    assert (found.open_days, found.first_open_day) == (3, date(2026, 11, 21))


async def test_approvals_wait_for_everybody_but_whoever_asked(books):
    await do(
        books,
        "INSERT INTO discrepancies (id, kind, subject, day, amount, since, state, proposed_by, raised_at, changed_at) "
        "VALUES (gen_random_uuid(), 'not_sold', 'order:1', :day, 9, now(), 'proposed', 'hanako', now(), now())",
        day=YESTERDAY,
    )
    assert (await told(books, by="hanako")).books.approvals == 0
    assert (await told(books, by="taro")).books.approvals == 1


async def test_who_sees_some_facilities_is_told_nothing_of_the_books(books):
    found = await told(books, ["hpam"])
    assert (found.books, found.shares, found.fees) == (None, (), ())


@pytest.mark.parametrize("language", ["ja", "en"])
async def test_the_page_begins_with_the_overview_today_and_not_on_another_day(books, web, language):
    await books.take(month(4, date(2026, 11, 20), YESTERDAY, orders_a_day=1, faults=FAULTS))
    await examine(books)
    await payout(books, "paypay", TODAY, 12_345)
    headers = books.token(Role.ACCOUNTING)
    page = await web.get(f"/?lang={language}", headers=headers)
    assert page.status_code == 200
    assert page.text.index('id="overview"') < page.text.index('class="tiles"')
    assert "¥12,345" in page.text
    assert "/discrepancies?kind=amounts_differ" in page.text
    assert 'id="overview"' not in (await web.get(f"/?day={YESTERDAY}&lang={language}", headers=headers)).text


async def test_a_facility_s_page_has_its_own_part_of_it(books, web):
    page = await web.get("/", headers=books.token(Role.FACILITY, "hpam"))
    assert page.status_code == 200
    assert 'id="overview"' in page.text
    assert "/statements" not in page.text
