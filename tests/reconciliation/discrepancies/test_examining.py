"""What does not agree is raised once, follows its amount, vanishes when it agrees, and each step is told and kept."""

import asyncio
import random
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from kernel.contracts import payments, ticketing
from kernel.money import Yen
from kernel.refusals import Conflict
from reconciliation import work
from reconciliation.discrepancies import actions, store
from reconciliation.discrepancies.handling import Reason
from reconciliation.ledger import actions as ledger
from support import settling
from support.ledger_data import order_story

AT = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
STEPS = (
    "SELECT d.kind, s.step, s.amount FROM discrepancy_steps AS s JOIN discrepancies AS d ON d.id = s.discrepancy_id "
)


async def steps(desk):
    return [tuple(row) for row in await desk.rows(STEPS + "ORDER BY d.kind, d.id, s.version")]


async def told(desk):
    rows = await desk.rows("SELECT type, payload ->> 'kind' AS kind FROM outbox ORDER BY position")
    return [(row.type.split(".")[2], row.kind) for row in rows]


async def settle(desk, found, *, amount_max=10**9, words="Looked at."):
    wiring = desk.books.wiring
    async with wiring.database.transaction("test") as tx:
        return await actions.resolve(
            tx,
            found,
            None,
            reason=Reason("in_order", words),
            by="one",
            at=wiring.clock.now(),
            grace=wiring.grace,
            alone_max=Yen(amount_max),
        )


async def only(desk):
    [row] = await desk.rows("SELECT id, state, amount FROM discrepancies")
    return row


async def test_what_does_not_agree_is_raised_and_told_once(desk):
    await desk.take(random.Random(1), AT, "short", "admitted", "unallocated")
    await desk.examine()
    assert await desk.examine() == 0
    assert [(kind, step) for kind, step, _ in await steps(desk)] == [
        ("amounts_differ", "raised"),
        ("unallocated", "raised"),
    ]
    assert sorted(await told(desk)) == [("raised", "amounts_differ"), ("raised", "unallocated")]


async def test_what_may_still_arrive_is_raised_when_its_grace_is_over(desk):
    desk.books.clock.at = AT + timedelta(minutes=6)
    await desk.take(random.Random(1), AT, "not_sold")
    await desk.examine()
    assert await steps(desk) == []
    desk.books.clock.at += timedelta(minutes=5)
    await desk.examine()
    assert [(kind, step) for kind, step, _ in await steps(desk)] == [("not_sold", "raised")]


async def test_what_arrives_within_its_grace_is_never_raised(desk):
    desk.books.clock.at = AT + timedelta(minutes=6)
    story = order_story(random.Random(1), AT, end="kept")
    late = [event for event in story.events if event.type == "ticketing.order.confirmed.v1"]
    await desk.books.take([event for event in story.events if event not in late])
    await desk.examine()
    await desk.books.take(late)
    desk.books.clock.at += timedelta(hours=1)
    await desk.examine()
    assert await steps(desk) == []


async def test_a_ticket_that_is_voided_after_its_entrance_is_found_by_that_alone(desk):
    story = order_story(random.Random(1), AT, end="admitted")
    await desk.books.take(story.events)
    await desk.examine()
    entered = next(event.fact for event in story.events if isinstance(event.fact, ticketing.TicketAdmitted))
    ticket = {name: getattr(entered, name) for name in ticketing.TicketFact.model_fields}
    story.tell(ticketing.TicketVoided(**ticket, voided_at=AT, reason="closure"), entered.ticket_id, AT)
    await desk.books.take(story.events[-1:])
    await desk.examine()
    assert [(kind, step) for kind, step, _ in await steps(desk)] == [("admitted_though_void", "raised")]


async def test_what_agrees_by_now_vanishes_and_is_raised_again_if_it_comes_back(desk):
    story = order_story(random.Random(1), AT, end="short")
    captured = next(event for event in story.events if isinstance(event.fact, payments.ChargeCaptured))
    await desk.books.take(story.events)
    await desk.examine()
    more = captured.fact.model_copy(update={"captured": Yen(100)})
    story.tell(more, captured.subject, AT)
    await desk.books.take(story.events[-1:])
    await desk.examine()
    back = payments.ChargeReversed(
        **{name: getattr(more, name) for name in ("charge_id", "reference", "caller", "method", "amount", "facility")},
        allocations=more.allocations,
        reversed=Yen(100),
        reversed_at=AT,
    )
    story.tell(back, captured.subject, AT)
    await desk.books.take(story.events[-1:])
    await desk.examine()
    said = [("raised", -100), ("vanished", -100), ("reopened", -100)]
    assert [(step, amount) for _, step, amount in await steps(desk)] == said
    assert [verb for verb, _ in await told(desk)] == ["raised", "vanished", "raised"]
    [again] = await desk.rows("SELECT payload FROM outbox ORDER BY position DESC LIMIT 1")
    assert again.payload["again"] is True


async def test_a_resolution_holds_for_its_amount_only(desk):
    await desk.items({"amount": 30})
    await desk.examine()
    row = await only(desk)
    await settle(desk, row.id)
    await desk.items({"amount": 40})
    await desk.examine()
    assert ((await only(desk)).state, (await only(desk)).amount) == ("open", 40)
    await desk.items({"amount": 30})
    await desk.examine()
    assert (await only(desk)).state == "resolved"
    assert [step for _, step, _ in await steps(desk)] == ["raised", "resolved", "reopened", "resolved"]
    [last] = await desk.rows("SELECT payload FROM outbox ORDER BY position DESC LIMIT 1")
    assert (last.payload["reason"], last.payload["resolved_by"]) == ("Looked at.", "one")


async def test_a_changed_amount_takes_a_proposal_away(desk):
    await desk.items({"amount": 90_000})
    await desk.examine()
    assert (await settle(desk, (await only(desk)).id, amount_max=50_000)).state == "proposed"
    await desk.items({"amount": 80_000})
    await desk.examine()
    assert (await only(desk)).state == "open"


async def test_what_matching_leaves_open_comes_and_goes_whole(desk):
    await desk.items(*({"subject": f"line:{number}"} for number in range(5)))
    await desk.examine()
    async with desk.books.wiring.database.transaction("test") as tx:
        await tx.execute("DELETE FROM told_items WHERE subject < 'line:3'")
    await desk.examine()
    counts = await desk.rows("SELECT state, count(*) AS n FROM discrepancies GROUP BY state ORDER BY state")
    assert [(row.state, row.n) for row in counts] == [("open", 2), ("vanished", 3)]


async def test_many_at_once_are_raised_in_portions(desk, monkeypatch):
    monkeypatch.setattr(actions, "PORTION_ITEMS_MAX", 7)
    monkeypatch.setattr(actions, "BATCH_EVENTS_MAX", 3)
    monkeypatch.setattr(actions, "PORTION_TOUCHES_MAX", 4)
    await desk.items(*({"subject": f"line:{number}"} for number in range(20)))
    await desk.take(random.Random(2), AT, *["short"] * 5)
    async with desk.books.wiring.database.transaction("test") as tx:
        assert await actions.examine_items(tx, at=AT) == 7
    await desk.examine()
    assert len(await told(desk)) == len(await steps(desk)) == 25


async def test_the_worker_raises_all_in_portions_and_folds_the_counts(desk, monkeypatch):
    monkeypatch.setattr(actions, "PORTION_ITEMS_MAX", 5)
    await desk.items(*({"subject": f"line:{number}"} for number in range(12)))
    await desk.take(random.Random(1), AT, "short")
    stop = asyncio.Event()
    await work._examine(desk.books.wiring, stop)
    await work._examine_items(desk.books.wiring, stop)
    await work._compact(desk.books.wiring, stop)
    assert len(await told(desk)) == 13
    assert len(await desk.rows("SELECT FROM discrepancy_counts")) == 2


async def test_the_worker_leaves_its_turn_out_while_a_new_file_is_about_to_be_matched_but_not_for_long(desk):
    wiring, stop = desk.books.wiring, asyncio.Event()
    await desk.items({"subject": "line:1"})
    async with wiring.database.transaction("test") as tx:
        await settling.put_file(tx)
    desk.books.clock.at = settling.AT + timedelta(minutes=1)
    await work._examine_items(wiring, stop)
    assert await told(desk) == []
    desk.books.clock.at = settling.AT + timedelta(minutes=11)
    await work._examine_items(wiring, stop)
    assert len(await told(desk)) == 1


async def test_a_fault_does_not_end_the_worker_s_rounds():
    stop, rounds = asyncio.Event(), []

    async def once():
        rounds.append(1)
        if len(rounds) == 1:
            raise ValueError
        stop.set()

    await asyncio.wait_for(work._every(0.001, once, stop), 5)
    assert len(rounds) == 2


async def test_a_booking_under_way_while_its_order_is_judged_is_judged_afterwards(desk):
    story = order_story(random.Random(1), AT, end="short")
    await desk.books.take(story.events[:2])  # the order is on the list already
    async with desk.books.wiring.database.transaction("booking") as booking:
        for event in story.events[2:]:
            await ledger.record(booking, event)
        await desk.examine()
    await desk.examine()
    assert [kind for kind, _, _ in await steps(desk)] == ["amounts_differ"]


async def test_nobody_who_changes_many_waits_for_another(desk):
    await desk.items({"subject": "line:1"}, {"subject": "line:2"})
    await desk.examine()
    ids = [row.id for row in await desk.rows("SELECT id FROM discrepancies ORDER BY id")]
    database = desk.books.wiring.database
    async with database.transaction("one") as one:
        await store.take(one, ids[:1], None)
        with pytest.raises(Conflict):
            async with database.transaction("two") as two:
                await store.take(two, ids, None)


@pytest.mark.parametrize("statement", ["UPDATE discrepancy_steps SET by = 'x'", "DELETE FROM discrepancy_steps"])
async def test_steps_are_never_changed(desk, statement):
    await desk.items({})
    await desk.examine()
    address = desk.books.wiring.database.url.replace("+psycopg", "", 1)
    with (
        psycopg.connect(address) as connection,
        pytest.raises(psycopg.errors.RaiseException, match="keeps its history"),
    ):
        connection.execute(statement)
