"""A way to pay that nobody foresaw is in the books under its name: its title from the settings, else its code."""

import random
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kernel.access import Role
from reconciliation import days
from reconciliation.days.display import colour_of
from reconciliation.days.wording import METHODS, method_name
from reconciliation.settings import MethodTitle, ReconciliationSettings
from support.ledger_data import order_story

AT = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
DAY = "2026-11-24"
VILLAGE = MethodTitle(name="payeasy_village", title_ja="村のペイジー", title_en="Village Pay-easy")


@pytest.mark.parametrize(
    ("method", "tag", "name"),
    [
        ("payeasy_village", "ja", "村のペイジー"),
        ("payeasy_village", "en", "Village Pay-easy"),
        ("payeasy_komoju", "en", "[Pay-easy]"),
        ("stripe_paypay", "en", "[PayPay by Stripe]"),
        ("payeasy_town", "en", "payeasy_town"),
    ],
)
def test_a_title_is_before_a_word_of_ours_and_a_code_is_last(method, tag, name):
    assert method_name(method, [VILLAGE], tag, lambda message: f"[{message}]") == name


def test_every_way_to_pay_has_a_colour_that_the_pages_know():
    styles = (Path(days.__file__).parent / "islands" / "ledger.css").read_text()
    for method in (*METHODS, "payeasy_village"):
        assert f".m{colour_of(method)} {{" in styles


def test_ticketing_s_own_setting_is_understood():
    whole = VILLAGE.model_dump() | {"kind": "payeasy", "sold": True}
    assert ReconciliationSettings(methods=[whole]).methods == (VILLAGE,)


async def test_a_day_and_its_export_name_it(books, web):
    told = order_story(random.Random(1), AT, place="hpam", method="payeasy_village")
    await books.take(told.events)
    token = books.token(Role.ACCOUNTING)
    address = f"/v1/exports/daily_receipts_csv?from={DAY}&to={DAY}"
    assert "payeasy_village" in (await web.get(f"/?day={DAY}", headers=token)).text
    assert "payeasy_village" in (await web.get(address, headers=token)).text
    named = replace(books.wiring, settings=books.wiring.settings.model_copy(update={"methods": (VILLAGE,)}))
    web._transport.app.state.wiring = named
    assert "村のペイジー" in (await web.get(f"/?day={DAY}&lang=ja", headers=token)).text
    assert "村のペイジー" in (await web.get(address, headers=token)).text
