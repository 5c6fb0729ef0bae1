"""The order's page tells why the last payment was refused, in payments' words; unknown ones say little."""

from types import SimpleNamespace
from uuid import UUID

import pytest

from kernel.contracts.payments import ChargeExpired, ChargeFailed
from kernel.money import Yen
from support.selling import place
from ticketing.orders.consumers import handlers


def fact_of(kind, order, shop, **more):
    whole = {
        "charge_id": shop.charges.opened[order["id"]],
        "reference": order["id"],
        "caller": "ticketing",
        "method": "stripe_card",
        "amount": Yen(1020),
        "facility": "hpam",
        "allocations": (),
    }
    return kind(**whole, **more)


async def told(shop, fact):
    """Hand a fact of payments to the consumer, as its runner does."""
    handle = handlers(rules=shop.wiring.rules, clock=shop.clock)[type(fact)]
    async with shop.wiring.database.transaction("test-told") as tx:
        await handle(tx, SimpleNamespace(fact=fact, time=shop.clock.now()))


async def page(web, order, language="en"):
    await web.get(f"/o/{order['id']}", params={"key": order["key"]})
    answer = await web.get(f"/orders/{order['id']}", headers={"accept-language": language})
    assert answer.status_code == 200
    return answer.text


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("insufficient_funds", "There is not enough money or credit left"),
        ("card_expired", "The card is out of date"),
        ("declined", "only that company can tell you why"),
        ("a_word_of_next_year", "only that company can tell you why"),
        ("stolen_card", "only that company can tell you why"),
    ],
)
async def test_why_a_payment_was_refused(shop, web, reason, words):
    order = (await place(web)).json()
    await told(shop, fact_of(ChargeFailed, order, shop, reason=reason, failed_at=shop.clock.now()))
    shown = await page(web, order)
    assert words in shown
    assert "stolen" not in shown


async def test_it_is_told_in_japanese(shop, web):
    order = (await place(web)).json()
    await told(shop, fact_of(ChargeFailed, order, shop, reason="limit_reached", failed_at=shop.clock.now()))
    assert "上限に達しています" in await page(web, order, "ja")


async def test_an_endless_reason_breaks_nothing(shop, web):
    order = (await place(web)).json()
    await told(shop, fact_of(ChargeFailed, order, shop, reason="x" * 500, failed_at=shop.clock.now()))
    assert shop.query("SELECT payment_refused_because FROM orders WHERE id = %s", UUID(order["id"])) == [("x" * 64,)]


async def test_a_page_that_was_open_too_long_has_no_reason(shop, web):
    order = (await place(web)).json()
    await told(shop, fact_of(ChargeExpired, order, shop, expired_at=shop.clock.now()))
    shown = await page(web, order)
    assert "open for too long" in shown
    assert "can tell you why" not in shown
