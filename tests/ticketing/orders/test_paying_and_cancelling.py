"""Money and orders: confirmed once, never lost, given back when no order can take it."""

import asyncio
from uuid import UUID, uuid4

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.selling import place


async def test_captured_money_confirms_the_order_and_issues_its_tickets(shop, web):
    order = (await place(web)).json()
    await shop.capture(order["id"], 1020)
    shown = (await web.get(f"/v1/orders/{order['id']}", headers={"X-Order-Key": order["key"]})).json()
    assert (shown["status"], len(shown["tickets"])) == ("confirmed", 2)
    (fact,) = shop.events("order.confirmed")
    assert (fact["total"], fact["charge_id"]) == (1020, str(shop.charges.opened[order["id"]]))
    assert len(shop.events("ticket.issued")) == 2


async def test_the_same_capture_twice_confirms_once(shop, web):
    order = (await place(web)).json()
    for _ in range(3):
        await shop.capture(order["id"], 1020)
    assert len(shop.events("order.confirmed")) == 1
    assert shop.query("SELECT count(*) FROM tickets") == [(2,)]
    assert shop.events("refund.requested") == []


async def test_two_captures_at_once_confirm_once(shop, web):
    order = (await place(web)).json()
    await asyncio.gather(*(shop.capture(order["id"], 1020) for _ in range(6)))
    assert len(shop.events("order.confirmed")) == 1
    assert shop.query("SELECT count(*) FROM tickets") == [(2,)]


async def test_a_second_charge_that_was_paid_too_goes_back_and_the_tickets_stay(shop, web):
    order = (await place(web)).json()
    await shop.capture(order["id"], 1020)
    await shop.capture(order["id"], 1020, charge=uuid4())
    (refund,) = shop.events("refund.requested")
    assert (refund["reason"], refund["amount"]) == ("paid_twice", 1020)
    assert shop.query("SELECT DISTINCT status FROM tickets") == [("valid",)]


async def test_nobody_pays_and_the_places_are_free_again(shop, web):
    await place(web)
    assert await shop.sweep() == 0
    shop.clock.move(minutes=41)
    assert await shop.sweep() == 1
    assert shop.taken() == {}
    assert len(shop.events("order.expired")) == 1


async def test_money_after_the_hold_takes_the_places_again_if_there_is_room(shop, web):
    order = (await place(web)).json()
    shop.clock.move(minutes=41)
    await shop.sweep()
    await shop.capture(order["id"], 1020)
    (fact,) = shop.events("order.confirmed")
    assert fact["rebooked"] is True
    assert shop.taken() == {("hpam", "main"): 2}


async def test_money_after_the_hold_goes_back_if_there_is_no_room(shop, web):
    line = {"product": "kagura", "category": "adult"}
    late = (await place(web, facility="bunka", slot="14:00", lines=[line | {"quantity": 190}])).json()
    shop.clock.move(minutes=41)
    await shop.sweep()
    for _ in range(2):
        await place(web, facility="bunka", slot="14:00", lines=[line | {"quantity": 200}])
    await shop.capture(late["id"], late["total"])
    (refund,) = shop.events("refund.requested")
    assert (refund["reason"], refund["amount"]) == ("paid_too_late", late["total"])
    assert shop.taken() == {("bunka", "hall"): 400}
    assert shop.events("order.confirmed") == []


async def cancel(web, order, key="cancel-1", **headers):
    own = {"X-Order-Key": order["key"], "Idempotency-Key": key} | headers
    return await web.post(f"/v1/orders/{order['id']}/cancel", headers=own)


async def test_cancelling_a_paid_order_voids_frees_and_gives_back(shop, web):
    order = (await place(web)).json()
    await shop.capture(order["id"], 1020)
    answer = await cancel(web, order)
    assert answer.json()["status"] == "cancelled"
    assert {ticket["status"] for ticket in answer.json()["tickets"]} == {"voided"}
    assert shop.taken() == {}
    (refund,) = shop.events("refund.requested")
    assert (refund["reason"], refund["amount"]) == ("visitor_cancelled", 1020)
    assert len(shop.events("ticket.voided")) == 2


async def test_cancelling_twice_gives_back_once(shop, web):
    order = (await place(web)).json()
    await shop.capture(order["id"], 1020)
    assert (await cancel(web, order)).status_code == 200
    assert (await cancel(web, order)).status_code == 200
    assert (await cancel(web, order, key="another")).json()["type"] == "/problems/not-cancellable"
    assert len(shop.events("refund.requested")) == 1


async def test_cancelling_what_was_not_paid_gives_back_nothing(shop, web):
    order = (await place(web)).json()
    await cancel(web, order)
    assert shop.events("refund.requested") == []
    assert shop.taken() == {}


async def test_money_for_a_cancelled_order_goes_back(shop, web):
    order = (await place(web)).json()
    await cancel(web, order)
    await shop.capture(order["id"], 1020)
    (refund,) = shop.events("refund.requested")
    assert refund["reason"] == "paid_too_late"


async def test_a_used_ticket_cannot_be_cancelled(shop, web):
    order = (await place(web)).json()
    await shop.capture(order["id"], 1020)
    shop.query("UPDATE tickets SET status = 'admitted' WHERE position = 1 RETURNING 1")
    answer = await cancel(web, order)
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/ticket-already-used")
    assert shop.events("refund.requested") == []


async def test_a_visit_that_is_over_cannot_be_cancelled_by_the_visitor(shop, web):
    order = (await place(web)).json()
    await shop.capture(order["id"], 1020)
    shop.clock.move(days=3)
    assert (await cancel(web, order)).json()["type"] == "/problems/visit-over"


async def test_another_one_s_order_cannot_be_cancelled(shop, web):
    order = (await place(web)).json()
    assert (await cancel(web, order | {"key": "guess"})).status_code == 404
    assert shop.taken() == {("hpam", "main"): 2}


async def test_money_for_another_system_s_reference_is_left_alone(shop):
    await shop.capture(str(uuid4()), 500, charge=uuid4())
    assert shop.query("SELECT count(*) FROM outbox") == [(0,)]


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("place"), st.integers(1, 60)),
        st.tuples(st.sampled_from(["capture", "cancel", "again"]), st.integers(0, 20)),
        st.tuples(st.just("wait"), st.integers(1, 45)),
    ),
    min_size=1,
    max_size=25,
)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
async def test_places_taken_are_always_the_places_held_and_sold(shop, web, steps):
    placed = []
    for step, number in steps:
        if step == "place":
            line = {"product": "kagura", "category": "adult", "quantity": number}
            answer = await place(web, facility="bunka", slot="19:00", lines=[line])
            if answer.status_code == 201:
                placed.append(answer.json())
        elif step == "wait":
            shop.clock.move(minutes=number)
            await shop.sweep()
        elif placed:
            order = placed[number % len(placed)]
            if step == "capture":
                await shop.capture(order["id"], order["total"])
            elif step == "again":
                await shop.capture(order["id"], order["total"], charge=UUID(int=number + 1))
            else:
                await cancel(web, order, key=f"cancel-{order['id']}-{number}")
    held = shop.query(
        "SELECT coalesce(sum((p->>'quantity')::int), 0) FROM orders, jsonb_array_elements(places) AS p "
        "WHERE status IN ('awaiting_payment', 'confirmed')"
    )[0][0]
    taken = shop.query("SELECT coalesce(sum(taken), 0)::int FROM slots")[0][0]
    assert taken == held
    assert shop.query("SELECT count(*) FROM slots WHERE taken > capacity") == [(0,)]
    valid = shop.query("SELECT count(*) FROM tickets t JOIN orders o ON o.id = t.order_id WHERE t.status = 'valid'")[0][
        0
    ]
    sold = shop.query(
        "SELECT coalesce(sum((p->>'quantity')::int), 0) FROM orders, jsonb_array_elements(lines) AS p "
        "WHERE status = 'confirmed'"
    )[0][0]
    assert valid == sold
