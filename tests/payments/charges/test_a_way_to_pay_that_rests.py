"""Payments' own pages while a provider rests: it is said until when, others are offered, nothing is sent twice."""

import os
import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

from kernel.clock import SystemClock
from support.collecting import desk as open_desk

SHOTS = os.environ.get("MOMIJI_TEST_SHOTS")  # a folder for those who want to look
REST = (
    "INSERT INTO breakers (method, operation, state, trouble, until) "
    "VALUES (%s, 'open', 'open', 'maintenance', now() + interval '10 minutes') ON CONFLICT (method, operation) "
    "DO UPDATE SET state = 'open', trouble = 'maintenance', until = excluded.until"
)
BACK = "UPDATE breakers SET state = 'closed', trouble = NULL, until = NULL"


@pytest.fixture(scope="module")
def shop(postgres, tmp_path_factory):
    """Yield payments with an administrator; Pay-easy's agency announced a maintenance for in six hours."""
    begins = SystemClock().now() + timedelta(hours=6)
    window = {"method": "payeasy_komoju", "from": begins, "until": begins + timedelta(hours=2)}
    database, stream = postgres.new_database("payments"), postgres.new_database("stream")
    settings = {"payments": {"methods_maintenance": [window]}}
    with open_desk(database, stream, tmp_path_factory.mktemp("keys"), **settings) as made:
        yield made
    postgres.drop(database)
    postgres.drop(stream)


@pytest.fixture
def resting(shop):
    def rest(*methods):
        for each in methods:
            shop.till.rows(REST, each)

    yield rest
    shop.till.rows(BACK)


def page(shop, address, language="en"):
    answer = shop.till.client.get(address, headers={"accept-language": language}, follow_redirects=False)
    return answer.status_code, answer.text


def attempts(shop, charge):
    return shop.till.rows("SELECT method, state FROM attempts WHERE charge_id = %s", charge["id"])


@pytest.mark.parametrize("method", ["stripe_card", "paypay"])
def test_who_began_before_is_told_and_may_still_go_on(shop, resting, method):
    charge = shop.till.open(method=method)
    before = attempts(shop, charge)
    resting(method)

    status, text = page(shop, charge["checkout_url"])

    assert (status, "is taking a break" in text, "Do not pay a second time" in text) == (200, True, True)
    assert "Your order stays until" in text
    assert f'href="{shop.till.sandbox_url}/' in text  # on to the provider, for who knows better
    assert attempts(shop, charge) == before


def test_it_is_said_in_japanese(shop, resting):
    charge = shop.till.open(method="paypay")
    resting("paypay")
    assert "現在PayPayはお休みしています" in page(shop, charge["checkout_url"], "ja")[1]


def test_a_payment_made_all_the_same_is_found(shop, resting):
    charge = shop.till.open(method="paypay")
    resting("paypay")
    shop.till.pay(charge["checkout_url"])
    assert shop.till.captured(charge["id"])


def test_numbers_for_an_atm_stay_good(shop, resting):
    charge = shop.till.open(method="payeasy_komoju")
    resting("payeasy_komoju")
    assert "is taking a break" not in page(shop, charge["checkout_url"])[1]


def test_when_it_is_back_the_page_is_as_ever(shop, resting):
    charge = shop.till.open(method="paypay")
    resting("paypay")
    shop.till.rows(BACK)
    assert "is taking a break" not in page(shop, charge["checkout_url"])[1]


def test_an_ended_page_cannot_be_opened_again_while_it_rests(shop, resting):
    charge = shop.till.open(method="paypay")
    shop.till.rows("UPDATE attempts SET state = 'expired' WHERE charge_id = %s", charge["id"])
    resting("paypay")
    text = page(shop, charge["checkout_url"])[1]
    assert '<button class="full" disabled>' in text
    assert "PayPay does not work at the moment; it is tried again" in text


def test_what_is_not_known_is_not_paid_a_second_way(shop, resting):
    charge = shop.till.open(method="paypay")
    shop.till.rows(
        "UPDATE attempts SET state = 'unknown', next_poll_at = now() + interval '1 day' WHERE charge_id = %s",
        charge["id"],
    )
    resting("paypay")
    assert "Do not pay another way until you see here what came of it" in page(shop, charge["checkout_url"])[1]


def test_payers_of_other_systems_choose_among_the_rest(shop, resting):
    charge = shop.make().open()
    resting("paypay")
    text = page(shop, f"{charge['checkout_url']}/method")[1]
    assert 'value="paypay" aria-describedby="about-paypay" disabled' in text
    assert "Taking a break; it is tried again" in text
    assert 'value="payeasy_komoju" aria-describedby="about-payeasy_komoju">' in text


def test_a_maintenance_to_come_is_told_while_there_is_time_to_pay(shop):
    later = (SystemClock().now() + timedelta(hours=9)).isoformat()
    soon = (SystemClock().now() + timedelta(hours=3)).isoformat()
    system = shop.make()
    told = [
        "Maintenance from" in page(shop, f"{system.open(expires_at=each)['checkout_url']}/method")[1]
        for each in (later, soon)
    ]
    assert told == [True, False]


def test_when_all_rest_nothing_is_lost(shop, resting):
    charge = shop.make().open()
    resting("stripe_card", "paypay", "payeasy_komoju")
    text = page(shop, f"{charge['checkout_url']}/method")[1]
    assert "Nothing is lost: come back to this page later and pay by" in text


@pytest.mark.browser
@pytest.mark.skipif(not shutil.which("chromium"), reason="Chromium is needed: apt-get install chromium")
@pytest.mark.parametrize(("language", "width"), [("ja", 360), ("en", 1280)])
def test_the_pages_fit_and_are_readable_by_everybody(shop, resting, language, width):
    ours, theirs = shop.till.open(method="paypay"), shop.make().open()
    resting("paypay", "stripe_card")
    ended = shop.till.open(method="payeasy_komoju")
    shop.till.rows("UPDATE attempts SET state = 'expired' WHERE charge_id = %s", ended["id"])
    resting("payeasy_komoju")
    with sync_playwright() as playwright:
        found = "/usr/bin/chromium" if Path("/usr/bin/chromium").exists() else None
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        context = browser.new_context(viewport={"width": width, "height": 800}, locale=language)
        look = context.new_page()
        for name, address in (
            ("began", ours["checkout_url"]),
            ("ended", ended["checkout_url"]),
            ("choose", f"{theirs['checkout_url']}/method"),
        ):
            look.goto(address)
            if SHOTS:
                look.screenshot(path=f"{SHOTS}/rests-{name}-{language}-{width}.png", full_page=True)
            assert look.evaluate("document.documentElement.scrollWidth") <= width
            report = Axe().run(look)
            assert report.violations_count == 0, report.generate_report()
        browser.close()
