"""Ordering over HTTP: prices, holds, idempotency, keys, and refusals that say what to do."""

import asyncio
from datetime import UTC, date, datetime, time

import httpx
import pytest

from kernel.access import Role
from support.selling import close_shop, open_shop, place, wish
from ticketing.app import create_app
from ticketing.facilities.model import Place
from ticketing.orders.store import take


async def test_an_order_holds_places_and_says_where_to_pay(shop, web):
    answer = await place(web)
    assert answer.status_code == 201
    order = answer.json()
    assert (order["status"], order["total"], order["tickets"]) == ("awaiting_payment", 1020, [])
    assert order["checkout_url"].startswith("http://payments.test/pay/")
    assert order["page_url"].endswith(f"/o/{order['id']}?key={order['key']}")
    assert shop.taken() == {("hpam", "main"): 2}
    (fact,) = shop.events("order.placed")
    assert (fact["total"], fact["tax"], fact["lines"][0]["revenue_owner"]) == (1020, 92, "manager-hpam")


async def test_payments_gets_the_whole_charge_with_a_deadline_before_the_hold(shop, web):
    await place(web)
    (asked,) = shop.charges.asked
    assert asked["expires_at"] < asked["order"].expires_at
    assert asked["order"].basket.total.amount == 1020


async def test_a_free_order_is_confirmed_at_once_with_its_tickets(shop, web):
    answer = await place(web, lines=[{"product": "collection", "category": "senior", "quantity": 3}])
    order = answer.json()
    assert (order["status"], order["total"], len(order["tickets"])) == ("confirmed", 0, 3)
    assert len({ticket["code"] for ticket in order["tickets"]}) == 3
    assert len(shop.events("ticket.issued")) == 3
    assert shop.charges.asked == []


async def test_a_combined_ticket_takes_places_at_both_facilities(shop, web):
    await place(web, lines=[{"product": "combo-shukkeien", "category": "adult", "quantity": 2}])
    assert shop.taken() == {("hpam", "main"): 2, ("shukkeien", "main"): 2}


@pytest.mark.parametrize(
    ("changes", "status", "slug"),
    [
        ({"facility": "louvre"}, 404, "unknown-facility"),
        ({"visit_date": "2026-11-30"}, 409, "closed-day"),
        ({"visit_date": "2026-11-24"}, 422, "past-date"),
        ({"visit_date": "2031-01-10"}, 422, "too-far-ahead"),
        ({"lines": []}, 422, "no-tickets"),
        ({"lines": [{"product": "collection", "category": "adult", "quantity": 0}]}, 422, "no-tickets"),
        ({"lines": [{"product": "collection", "category": "adult", "quantity": 10_000}]}, 422, "too-many-tickets"),
        ({"lines": [{"product": "collection", "category": "adult", "quantity": -1}]}, 422, "invalid"),
        ({"lines": [{"product": "submarine", "category": "adult", "quantity": 1}]}, 422, "unknown-product"),
        ({"lines": [{"product": "collection", "category": "child", "quantity": 1}]}, 422, "unknown-category"),
        ({"method": "Cash!"}, 422, "invalid"),
        ({"method": "cash"}, 422, "method-not-sold"),
        ({"method": "payeasy_komoju", "visit_date": "2026-11-25"}, 409, "method-not-offered"),
        (
            {"facility": "bunka", "lines": [{"product": "kagura", "category": "adult", "quantity": 1}]},
            422,
            "slot-needed",
        ),
        ({"surprise": 1}, 422, "invalid"),
    ],
)
async def test_a_wish_that_cannot_be_met_is_told_why_and_leaves_nothing(shop, web, changes, status, slug):
    answer = await place(web, **changes)
    assert answer.status_code == status, answer.text
    assert answer.json()["type"] == f"/problems/{slug}"
    assert len(answer.json()["detail"]) > 10
    assert shop.taken() == {}
    assert shop.query("SELECT count(*) FROM orders") == [(0,)]
    assert shop.query("SELECT count(*) FROM outbox") == [(0,)]


async def test_the_last_places_are_said_to_be_the_last(shop, web):
    slot = {"facility": "bunka", "slot": "14:00"}
    line = {"product": "kagura", "category": "adult"}
    for _ in range(2):
        await place(web, **slot, lines=[line | {"quantity": 200}])
    answer = await place(web, **slot, lines=[line | {"quantity": 200}])
    assert answer.status_code == 409
    assert answer.json()["type"] == "/problems/sold-out"
    assert answer.json()["fields"]["remaining"] == 130
    assert shop.taken() == {("bunka", "hall"): 400}


async def test_nobody_is_sold_a_place_twice_however_many_ask_at_once(ticketing_url, tmp_path):
    shop = await open_shop(ticketing_url, tmp_path, at=datetime(2026, 11, 25, 3, 0, tzinfo=UTC))
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=create_app(wiring=shop.wiring)), base_url="http://127.0.0.1:8101"
    ) as web:
        line = {"product": "kagura", "category": "adult", "quantity": 20}
        answers = await asyncio.gather(*(place(web, facility="bunka", slot="19:00", lines=[line]) for _ in range(40)))
    sold = sum(answer.status_code == 201 for answer in answers)
    assert sold == 26  # 530 seats
    assert {answer.status_code for answer in answers} == {201, 409}
    assert shop.taken() == {("bunka", "hall"): 520}
    await close_shop(shop)


async def test_the_first_orders_of_a_day_all_find_room_when_they_come_at_once(shop):
    place = Place("hpam", "main", date(2026, 12, 20), time(0), 2, 3000)
    async with shop.wiring.database.transaction("first") as first:
        assert await take(first, place)  # has made the slot's row, and has not committed

        async def second():
            async with shop.wiring.database.transaction("second") as tx:
                return await take(tx, place)

        waiting = asyncio.create_task(second())
        await asyncio.sleep(0.3)
        assert not waiting.done()
    assert await waiting
    assert shop.query("SELECT taken FROM slots WHERE visit_date = '2026-12-20'") == [(4,)]


async def test_the_same_key_gives_the_same_order(shop, web):
    first, second = await place(web, key="one"), await place(web, key="one")
    assert first.json() == second.json()
    assert shop.query("SELECT count(*) FROM orders") == [(1,)]


async def test_the_same_key_with_another_body_is_refused(web):
    await place(web, key="one")
    answer = await place(web, key="one", method="paypay")
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/idempotency-key-reused")


async def test_a_missing_key_is_refused(web):
    answer = await web.post("/v1/orders", json=wish())
    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/idempotency-key-missing")


async def test_the_same_order_sent_twice_at_once_is_placed_once(shop, web):
    answers = await asyncio.gather(*(place(web, key="twice") for _ in range(5)))
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert shop.query("SELECT count(*) FROM orders") == [(1,)]
    assert shop.taken() == {("hpam", "main"): 2}


async def test_an_order_is_shown_to_who_holds_its_key_and_to_nobody_else(shop, web):
    mine, other = (await place(web)).json(), (await place(web)).json()
    address = f"/v1/orders/{mine['id']}"
    assert (await web.get(address, headers={"X-Order-Key": mine["key"]})).json()["number"] == mine["number"]
    for headers in ({"X-Order-Key": other["key"]}, {"X-Order-Key": "guess"}, {}):
        assert (await web.get(address, headers=headers)).status_code == 404


async def test_staff_see_the_orders_of_their_own_facility_only(shop, web):
    order = (await place(web)).json()
    mine = {"Authorization": f"Bearer {shop.token(Role.FACILITY, 'hpam')}"}
    others = {"Authorization": f"Bearer {shop.token(Role.FACILITY, 'sera')}"}
    assert (await web.get(f"/v1/orders/{order['id']}", headers=mine)).status_code == 200
    assert (await web.get(f"/v1/orders/{order['id']}", headers=others)).status_code == 404
    found = await web.get("/v1/orders", params={"number": order["number"].lower()}, headers=mine)
    assert [item["id"] for item in found.json()["items"]] == [order["id"]]


async def test_the_key_is_nowhere_in_the_database(shop, web):
    order = (await place(web)).json()
    dumped = shop.query(
        "SELECT row_to_json(o)::text FROM orders o UNION ALL SELECT row_to_json(i)::text FROM idempotency i"
    )
    assert all(order["key"] not in row[0] for row in dumped)


async def test_an_order_stays_when_the_payment_cannot_be_started(shop, web):
    shop.charges.away = True
    order = (await place(web)).json()
    assert (order["status"], order["checkout_url"]) == ("awaiting_payment", None)
    own = {"X-Order-Key": order["key"], "Idempotency-Key": "again"}
    again = await web.post(f"/v1/orders/{order['id']}/charge", json={"method": "paypay"}, headers=own)
    assert again.status_code == 503
    shop.charges.away = False
    again = await web.post(f"/v1/orders/{order['id']}/charge", json={"method": "paypay"}, headers=own)
    assert (again.status_code, again.json()["method"]) == (200, "paypay")
    assert again.json()["checkout_url"]
