"""A way to pay whose provider rests is shown and cannot be chosen; the others can, and it comes back by itself."""

import re
from datetime import timedelta
from types import SimpleNamespace

import pytest

from kernel.contracts.payments import MethodPaused, MethodResumed
from support.selling import place, wish
from ticketing.orders.consumers import handlers


async def told(shop, fact, version):
    """Hand a fact of payments to the consumer, as its runner does."""
    handle = handlers(rules=shop.wiring.rules, clock=shop.clock)[type(fact)]
    async with shop.wiring.database.transaction("test-told") as tx:
        await handle(tx, SimpleNamespace(fact=fact, time=shop.clock.now(), aggregate_version=version))


async def rests(shop, method="paypay", *, minutes=10, version=1):
    now = shop.clock.now()
    until = None if minutes is None else now + timedelta(minutes=minutes)
    await told(shop, MethodPaused(method=method, trouble="maintenance", paused_at=now, until=until), version)


async def comes_back(shop, method="paypay", *, version=2):
    await told(shop, MethodResumed(method=method, resumed_at=shop.clock.now()), version)


async def choice(web, language="en"):
    wished = wish()
    answer = await web.get(f"/f/{wished['facility']}/{wished['visit_date']}", headers={"accept-language": language})
    assert answer.status_code == 200
    return answer.text


def can_be_chosen(page, method):
    return re.search(f'value="{method}"[^>]* disabled', page) is None


async def test_it_is_shown_with_words_and_the_others_stay(shop, web):
    await rests(shop)
    page = await choice(web)
    assert not can_be_chosen(page, "paypay")
    assert can_be_chosen(page, "stripe_card")
    assert "Taking a break; it is tried again" in page
    assert "お休みしています" in await choice(web, "ja")


async def test_it_comes_back(shop, web):
    await rests(shop)
    await comes_back(shop)
    page = await choice(web)
    assert can_be_chosen(page, "paypay")
    assert "Taking a break" not in page


async def test_news_that_overtook_one_another_leave_it_open(shop, web):
    await comes_back(shop, version=2)
    await rests(shop, version=1)
    assert can_be_chosen(await choice(web), "paypay")


@pytest.mark.parametrize("minutes", [10, None])
async def test_a_pause_whose_end_nobody_told_ends_by_itself(shop, web, minutes):
    await rests(shop, minutes=minutes)
    shop.clock.move(minutes=11)
    assert not can_be_chosen(await choice(web), "paypay")
    shop.clock.move(minutes=5)
    assert can_be_chosen(await choice(web), "paypay")


async def test_when_all_rest_the_page_says_what_to_do(shop, web):
    for each in shop.wiring.rules.holds.ways:
        await rests(shop, each.name)
    assert "No way to pay can be used right now. Wait a few minutes" in await choice(web)


async def test_an_order_that_waits_offers_the_others(shop, web):
    order = (await place(web)).json()
    await rests(shop)
    await web.get(f"/o/{order['id']}", params={"key": order["key"]})
    page = (await web.get(f"/orders/{order['id']}", headers={"accept-language": "en"})).text
    assert not can_be_chosen(page, "paypay")
    assert can_be_chosen(page, "stripe_card")
    assert "Taking a break" in page
