"""The form of the visitor's page: an order once however often it is sent, and what was typed is never lost."""

import pytest

from support.selling import wish

FORM = {
    "facility": "hpam",
    "visit_date": "2026-11-26",
    "quantity.collection.adult": "2",
    "quantity.collection.senior": "0",
    "method": "stripe_card",
    "email": "",
    "form_id": "form-1",
}


async def send(web, language="en", **changes):
    return await web.post("/orders", data=FORM | changes, headers={"Accept-Language": language})


async def test_a_filled_in_form_leads_to_the_payment(shop, web):
    answer = await send(web)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("http://payments.test/pay/")
    assert shop.taken() == {("hpam", "main"): 2}
    order_id = shop.query("SELECT id FROM orders")[0][0]
    assert (await web.get(f"/orders/{order_id}")).status_code == 200  # the cookie came with the answer


async def test_a_form_sent_twice_is_one_order(shop, web):
    first, second = await send(web), await send(web)
    assert first.headers["location"] == second.headers["location"]
    assert shop.query("SELECT count(*) FROM orders") == [(1,)]


async def test_a_free_order_leads_to_its_tickets(web):
    answer = await send(web, **{"quantity.collection.adult": "0", "quantity.collection.senior": "1"})
    assert answer.headers["location"].startswith("/orders/")
    assert "Your tickets" in (await web.get(answer.headers["location"], headers={"Accept-Language": "en"})).text


async def test_a_payment_that_cannot_start_leads_to_the_order_s_page(shop, web):
    shop.charges.away = True
    answer = await send(web)
    assert answer.headers["location"].startswith("/orders/")
    page = await web.get(answer.headers["location"], headers={"Accept-Language": "en"})
    assert "The payment could not be started" in page.text


@pytest.mark.parametrize(
    ("changes", "status", "said"),
    [
        ({"quantity.collection.adult": "0"}, 422, "Choose at least one ticket"),
        ({"quantity.collection.adult": "many"}, 422, "Something on the form"),
        ({"quantity.collection.adult": "10000"}, 422, "at most 200"),
        ({"visit_date": "2026-11-30"}, 409, "closed"),
        ({"visit_date": "2026-11-24"}, 422, "is over"),
        ({"method": "cash"}, 422, "There is no way to pay called cash"),
        ({"email": "nobody"}, 422, "Something on the form"),
        ({"form_id": ""}, 422, "Something on the form"),
    ],
)
async def test_what_cannot_be_ordered_is_told_with_a_way_back_to_what_was_typed(shop, web, changes, status, said):
    answer = await send(web, **changes)
    assert answer.status_code == status
    assert said in answer.text
    typed = FORM | changes
    assert f'action="/f/hpam/{typed["visit_date"]}"' in answer.text
    assert f'name="quantity.collection.adult" value="{typed["quantity.collection.adult"]}"' in answer.text
    assert shop.query("SELECT count(*) FROM orders") == [(0,)]


async def test_a_refusal_is_said_in_japanese_to_who_reads_japanese(web):
    answer = await send(web, "ja", visit_date="2026-11-30")
    assert "まだ注文は完了していません" in answer.text
    assert "休館日" in answer.text


async def test_a_form_that_was_changed_after_ordering_is_a_new_order_after_asking(shop, web):
    await send(web)
    again = await send(web, **{"quantity.collection.adult": "3"})
    assert again.status_code == 409
    assert 'name="form_id"' not in again.text  # the choice gives it a new one
    assert shop.taken() == {("hpam", "main"): 2}


@pytest.mark.parametrize(
    "fields", [{}, {"facility": "louvre"}, {"facility": "hpam", "visit_date": "/evil"}, {"facility": "<b>"}]
)
async def test_a_foreign_form_gets_a_plain_refusal(web, fields):
    answer = await web.post("/orders", data=fields)
    assert answer.status_code == 422
    assert "<form method" not in answer.text
    assert "<b>" not in answer.text


async def test_a_form_from_another_site_is_refused(shop, web):
    answer = await web.post("/orders", data=FORM, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403
    assert shop.query("SELECT count(*) FROM orders") == [(0,)]


async def test_a_wrong_key_in_the_address_opens_nothing(web):
    order = (await web.post("/v1/orders", json=wish(), headers={"Idempotency-Key": "k"})).json()
    web.cookies.clear()
    answer = await web.get(f"/o/{order['id']}", params={"key": "guess"})
    assert answer.status_code == 404
    assert "set-cookie" not in answer.headers
    assert (await web.get(f"/orders/{order['id']}")).status_code == 404


async def test_cancelling_by_the_page_asks_first_and_gives_back_once(shop, web):
    await send(web)
    (order_id,) = shop.query("SELECT id FROM orders")[0]
    await shop.capture(str(order_id), 1020)
    assert "Cancel this order?" in (await web.get(f"/orders/{order_id}/cancel", headers={"Accept-Language": "en"})).text
    for _ in range(2):
        answer = await web.post(f"/orders/{order_id}/cancel")
        assert answer.headers["location"] == f"/orders/{order_id}"
    assert len(shop.events("refund.requested")) == 1
