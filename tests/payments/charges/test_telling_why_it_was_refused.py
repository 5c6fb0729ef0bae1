"""A payer whose card was refused reads why, in their own language, and never what must not be said at the till."""

import pytest

from support.live_payments import eventually


def declined(till, reason):
    charge = till.open(method="stripe_card")
    said = {"checkout_url": charge["checkout_url"], "outcome": "decline", "reason": reason}
    assert till.client.post(f"{till.sandbox_url}/payers", json=said).is_success
    return charge


def page(till, charge, language="en", **headers):
    return till.client.get(charge["checkout_url"], headers={"accept-language": language} | headers)


def test_the_page_says_why_and_leads_on_to_another_try(till):
    charge = declined(till, "insufficient_funds")
    shown = eventually(lambda: "not enough money" in (said := page(till, charge).text) and said)
    assert f"{till.sandbox_url}/stripe/pay/" in shown
    assert "残高または利用可能額が足りません" in page(till, charge, "ja").text


def test_what_is_paid_in_the_end_is_captured(till):
    charge = declined(till, "expired_card")
    assert eventually(lambda: "out of date" in page(till, charge).text)
    till.pay(charge["checkout_url"])
    assert till.captured(charge["id"])


@pytest.mark.parametrize("reason", ["stolen_card", "fraudulent"])
def test_a_suspicion_is_not_told(till, reason):
    charge = declined(till, reason)
    shown = eventually(lambda: "only that company can tell you why" in (said := page(till, charge).text) and said)
    assert shown
    assert not any(word in shown.lower() for word in ("stolen", "fraud", "盗難", "不正"))


def test_a_charge_that_ends_refused_says_so_to_its_caller_in_our_own_word(till):
    charge = declined(till, "insufficient_funds")
    session = till.rows("SELECT provider_id FROM attempts WHERE charge_id = %s", charge["id"])[0][0]
    till.client.post(
        f"{till.sandbox_url}/stripe/v1/checkout/sessions/{session}/expire", auth=("sk_test_momiji_sandbox", "")
    )
    till.ask_soon()
    (fact,) = eventually(lambda: till.events("charge.failed", charge["id"]))
    assert fact["reason"] == "insufficient_funds"
    assert "not enough money" in page(till, charge).text


PHONE = {"user-agent": "Mozilla/5.0 (Linux; Android 14) Chrome/140 Mobile Safari/537.36"}
DESK = {"user-agent": "Mozilla/5.0 (X11; Linux x86_64) Chrome/140 Safari/537.36"}


def test_on_a_phone_the_app_is_opened_and_on_a_desk_the_code_is_shown(till):
    charge = till.open(method="paypay")
    on_phone = page(till, charge, **PHONE).text
    assert on_phone.index('href="paypay://') < on_phone.index('class="qr"')
    on_desk = page(till, charge, **DESK).text
    assert "paypay://" not in on_desk
    assert 'class="qr"' in on_desk


def test_a_browser_s_hint_counts_more_than_its_name(till):
    charge = till.open(method="paypay")
    assert "paypay://" in page(till, charge, **DESK, **{"sec-ch-ua-mobile": "?1"}).text
    assert "paypay://" not in page(till, charge, **PHONE, **{"sec-ch-ua-mobile": "?0"}).text
