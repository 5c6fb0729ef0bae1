"""The office: staff see the day at their own facilities, find an order, and cancel one for a visitor."""

import pytest

from kernel.access import Role
from support.selling import place

EN = {"Accept-Language": "en"}
VISITS = "/office?day=2026-11-26"
GARDEN = {"product": "garden", "category": "adult", "quantity": 1}


async def sign_in(web, shop, role=Role.FACILITY, *facilities, **form):
    return await web.post("/staff/sign-in", data={"token": shop.token(role, *facilities), "next": "/office"} | form)


async def see(web, address, status=200, **headers):
    answer = await web.get(address, headers=EN | headers)
    assert answer.status_code == status, answer.text
    return answer.text


async def bought(shop, web, **changes):
    order = (await place(web, **changes)).json()
    await shop.capture(order["id"], order["total"])
    return order


async def test_nobody_is_shown_the_office_without_signing_in(web):
    answer = await web.get("/office")
    assert (answer.status_code, answer.headers["location"]) == (303, "/staff/sign-in?next=/office")


async def test_signing_in_leads_where_one_was_going_but_never_elsewhere(shop, web):
    assert (await sign_in(web, shop, next="/gate/hpam-1")).headers["location"] == "/gate/hpam-1"
    for elsewhere in ("https://evil.example/", "//evil.example", "/orders/1", "/gate\\@evil.example", "/office//x"):
        assert (await sign_in(web, shop, next=elsewhere)).headers["location"] == "/office"


async def test_a_wrong_token_or_password_is_refused_and_keeps_the_name(web):
    for form in ({"token": "made up"}, {"name": "hana", "password": "guess"}):
        answer = await web.post("/staff/sign-in", data=form, headers=EN)
        assert answer.status_code == 401
        assert 'role="alert"' in answer.text
    assert 'value="hana"' in answer.text


@pytest.mark.parametrize("role", [Role.GATE, Role.ACCOUNTING])
async def test_a_role_without_business_here_is_told_so(shop, web, role):
    await sign_in(web, shop, role)
    await see(web, "/office", 403)


async def test_the_day_shows_orders_and_people_of_one_s_own_facilities(shop, web):
    mine, other = await bought(shop, web), (await place(web, facility="shukkeien", lines=[GARDEN])).json()
    await sign_in(web, shop, Role.FACILITY, "hpam")
    page = await see(web, VISITS)
    assert mine["number"] in page
    assert other["number"] not in page
    assert "There are no orders for this day yet" in await see(web, "/office?day=2026-11-27")
    assert mine["number"] in await see(web, f"/office?number={mine['number'].lower()}")
    assert "no such order at your facilities" in await see(web, f"/office?number={other['number']}")


async def test_cancelling_for_a_visitor_gives_the_money_back_and_is_on_record(shop, web):
    order = await bought(shop, web)
    await sign_in(web, shop)
    answer = await web.post(f"/office/orders/{order['id']}/cancel", data={"reason": "closure"})
    assert (answer.status_code, answer.headers["location"]) == (303, f"/office?number={order['number']}")
    (asked,) = shop.events("refund.requested")
    assert (asked["amount"], asked["reason"]) == (1020, "closure")
    assert shop.query("SELECT actor, action, subject FROM audit WHERE action = 'order.cancelled'") == [
        ("test-facility", "order.cancelled", order["number"])
    ]
    assert shop.taken() == {}


async def test_an_order_elsewhere_or_a_form_from_elsewhere_cancels_nothing(shop, web):
    order = await bought(shop, web)
    await sign_in(web, shop, Role.FACILITY, "shukkeien")
    assert (await web.post(f"/office/orders/{order['id']}/cancel")).status_code == 404
    await sign_in(web, shop)
    foreign = {"Sec-Fetch-Site": "cross-site"}
    assert (await web.post(f"/office/orders/{order['id']}/cancel", headers=foreign)).status_code == 403
    assert shop.events("refund.requested") == []


async def test_signing_out_ends_the_session(shop, web):
    await sign_in(web, shop)
    await see(web, "/office")
    await web.post("/staff/sign-out")
    assert (await web.get("/office")).status_code == 303
