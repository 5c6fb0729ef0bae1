"""Ways to pay are a setting: an agency that nobody foresaw is sold by, shown, confirmed and given back."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from pydantic import ValidationError

from kernel.clock import JAPAN
from kernel.money import Yen
from support.selling import place
from ticketing.orders import actions, store
from ticketing.orders.ways import WAYS, MethodNotSold, Way, way_known, way_sold
from ticketing.settings import TicketingSettings
from ticketing.wiring import Wiring

VILLAGE = {"name": "payeasy_village", "kind": "payeasy", "title_ja": "村のペイジー", "title_en": "Village Pay-easy"}


@pytest.fixture
async def village(shop):
    """Let the shop sell by card and by the village's agency; PayPay is not sold any more."""
    settings = TicketingSettings(
        methods=[
            {"name": "stripe_card", "kind": "card", "title_ja": "カード", "title_en": "Card"},
            VILLAGE,
            {"name": "paypay", "kind": "qr", "title_ja": "PayPay", "title_en": "PayPay", "sold": False},
        ]
    )
    ways = tuple(Way(**each.model_dump()) for each in settings.methods)
    rules = replace(shop.wiring.rules, holds=replace(shop.wiring.rules.holds, ways=ways))
    assert isinstance(shop.wiring, Wiring)
    object.__setattr__(shop.wiring, "rules", rules)
    return shop


async def test_an_order_by_it_is_held_until_the_evening_before_and_confirmed_by_its_money(village, web):
    answer = await place(web, method="payeasy_village")
    assert answer.status_code == 201
    order = answer.json()
    visit = date.fromisoformat(order["visit_date"])
    held = village.charges.asked[0]["order"].expires_at.astimezone(JAPAN)
    assert (held.date(), held.hour) == (visit - timedelta(days=1), 20)
    async with village.wiring.database.transaction("test-test") as tx:
        await actions.capture(
            tx,
            village.charges.asked[0]["order"].basket.id,
            charge_id=village.charges.opened[order["id"]],
            captured=Yen(order["total"]),
            method="payeasy_village",
            received_at=village.clock.now(),
            rules=village.wiring.rules,
            at=village.clock.now(),
        )
        confirmed = await store.find(tx, village.charges.asked[0]["order"].basket.id)
    assert confirmed.method == "payeasy_village"
    assert village.events("order.confirmed")[0]["method"] == "payeasy_village"


async def test_the_pages_name_the_ways_in_the_order_of_the_settings(village, web):
    text = (await web.get("/f/hpam/2026-11-28", headers={"accept-language": "ja"})).text
    assert text.index('value="stripe_card"') < text.index('value="payeasy_village"')
    assert "村のペイジー" in text
    assert "paypay" not in text
    placed = (await place(web, method="payeasy_village")).json()
    await web.get(placed["page_url"])
    page = (await web.get(f"/orders/{placed['id']}", headers={"accept-language": "en"})).text
    assert "Village Pay-easy" in page
    assert "Show the numbers to pay with" in page


async def test_a_way_that_is_not_sold_any_more_is_refused_with_those_that_are(village, web):
    answer = await place(web, method="paypay")
    assert answer.status_code == 422
    assert "stripe_card, payeasy_village" in answer.json()["detail"]


def test_an_order_of_before_is_still_called_by_its_name():
    assert way_known(WAYS, "stripe_paypay").title("ja") == "PayPay"
    assert way_known(WAYS, "forgotten").title("ja") == "forgotten"
    with pytest.raises(MethodNotSold):
        way_sold(WAYS, "stripe_paypay")


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        [VILLAGE, VILLAGE],
        [VILLAGE | {"sold": False}],
        [VILLAGE | {"name": "none"}],
        [VILLAGE | {"name": "A b"}],
        [VILLAGE | {"kind": "cash"}],
    ],
)
def test_settings_that_nobody_could_pay_by_are_refused(wrong):
    with pytest.raises(ValidationError):
        TicketingSettings(methods=wrong)
