"""From an opened charge to its captured event, by every method, on good days and bad ones."""

import time

import pytest

from support.live_payments import eventually

METHODS = ("stripe_card", "paypay", "payeasy_komoju")
PROVIDER = {"stripe_card": "stripe", "paypay": "paypay", "payeasy_komoju": "komoju"}


@pytest.mark.parametrize("method", METHODS)
def test_a_paid_charge_is_captured_once_and_told(live, method):
    charge = live.open(method=method)
    live.pay(charge["checkout_url"])
    assert live.captured(charge["id"])
    fact = live.events("charge.captured", charge["id"])[0]
    assert (fact["captured"], fact["method"], fact["reference"]) == (510, method, charge["reference"])


@pytest.mark.parametrize("method", METHODS)
def test_a_lost_webhook_is_made_up_for_by_asking(live, method):
    charge = live.open(method=method)
    live.fault(PROVIDER[method], "lost_webhook", "webhook", 2 if method == "stripe_card" else 1)
    live.pay(charge["checkout_url"])
    live.ask_soon()
    assert live.captured(charge["id"])


@pytest.mark.parametrize("method", METHODS)
def test_a_payment_told_twice_and_late_is_captured_once(live, method):
    charge = live.open(method=method)
    live.fault(PROVIDER[method], "duplicate_webhook", "webhook")
    live.pay(charge["checkout_url"])
    assert live.captured(charge["id"])
    live.ask_soon()
    time.sleep(1.5)
    assert len(live.events("charge.captured", charge["id"])) == 1
    assert live.events("charge.unallocated", charge["id"]) == []


@pytest.mark.parametrize("method", METHODS)
def test_a_call_whose_answer_was_lost_makes_no_second_payment(live, method):
    live.fault(PROVIDER[method], "error_500_after_success", "open")
    wanted = live.wanted(method=method)
    assert live.post(wanted).status_code == 503
    second = live.post(wanted)
    assert second.is_success, second.text
    charge = second.json()
    live.pay(charge["checkout_url"])
    assert live.captured(charge["id"])
    assert live.events("charge.unallocated", charge["id"]) == []
    payable = live.rows(
        "SELECT count(*) FROM attempts WHERE charge_id = %s AND state IN ('open', 'captured')", charge["id"]
    )
    assert payable == [(1,)]


@pytest.mark.parametrize("method", METHODS)
def test_the_same_request_again_is_the_same_charge(live, method):
    wanted = live.wanted(method=method)
    first, again = live.post(wanted), live.post(wanted)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == again.json()["id"]
    assert live.rows("SELECT count(*) FROM attempts WHERE charge_id = %s", first.json()["id"]) == [(1,)]


def test_another_method_ends_the_former_one_and_pays_the_same_charge(live):
    first = live.open(method="stripe_card")
    second = live.post(live.wanted(first["reference"], method="paypay"))
    assert second.is_success
    assert second.json()["id"] == first["id"]
    live.pay(second.json()["checkout_url"])
    assert live.captured(first["id"])[0]["method"] == "paypay"
    states = dict(live.rows("SELECT method, state FROM attempts WHERE charge_id = %s", first["id"]))
    assert states["paypay"] == "captured"
    live.ask_soon()
    assert eventually(
        lambda: (
            live.rows("SELECT state FROM attempts WHERE charge_id = %s AND method = 'stripe_card'", first["id"])
            == [("expired",)]
        )
    )


def test_pay_easy_numbers_paid_twice_become_a_case_for_a_person(live):
    charge = live.open(method="payeasy_komoju")
    live.pay(charge["checkout_url"], "pay_twice")
    assert live.captured(charge["id"])
    cases = eventually(lambda: live.events("charge.unallocated", charge["id"]))
    assert [(case["cause"], case["captured"]) for case in cases] == [("paid_twice", 510)]
    assert len(live.events("charge.captured", charge["id"])) == 1


@pytest.mark.parametrize("method", METHODS)
def test_money_that_comes_after_the_end_is_still_taken_up(live, method):
    charge = live.open(method=method)
    live.rows("UPDATE attempts SET deadline = now() - interval '2 hours' WHERE charge_id = %s", charge["id"])
    live.rows("UPDATE charges SET expires_at = now() - interval '2 hours' WHERE id = %s", charge["id"])
    url = live.rows("SELECT pay_url FROM attempts WHERE charge_id = %s", charge["id"])[0][0]
    live.ask_soon()
    assert eventually(lambda: live.events("charge.expired", charge["id"]))
    live.pay(url, "pay_late")
    assert live.captured(charge["id"])
    assert live.get(charge["id"])["status"] == "captured"


@pytest.mark.parametrize("method", METHODS)
def test_money_after_the_end_is_found_even_if_nobody_told(live, method):
    charge = live.open(method=method)
    live.rows("UPDATE attempts SET deadline = now() - interval '2 hours' WHERE charge_id = %s", charge["id"])
    live.rows("UPDATE charges SET expires_at = now() - interval '2 hours' WHERE id = %s", charge["id"])
    url = live.rows("SELECT pay_url FROM attempts WHERE charge_id = %s", charge["id"])[0][0]
    live.ask_soon()
    assert eventually(lambda: live.events("charge.expired", charge["id"]))
    live.fault(PROVIDER[method], "lost_webhook", "webhook", 2 if method == "stripe_card" else 1)
    live.pay(url, "pay_late")
    live.ask_soon()
    assert live.captured(charge["id"])


def test_a_provider_in_maintenance_is_said_and_leaves_the_charge_open_to_another_try(live):
    live.fault("stripe", "maintenance", "open")
    wanted = live.wanted()
    refused = live.post(wanted)
    assert (refused.status_code, refused.headers["content-type"]) == (503, "application/problem+json")
    assert live.post(wanted).is_success


def test_a_crash_before_the_provider_answered_charges_nobody_twice(live):
    """The attempt is written before the call: as after a kill -9, it is found prepared and called under its key."""
    charge = live.open(method="payeasy_komoju")
    live.rows(
        "UPDATE attempts SET state = 'prepared', provider_id = NULL, pay_url = NULL, shown = '{}', "
        "next_poll_at = now(), deadline = (SELECT expires_at FROM charges WHERE id = charge_id) "
        "WHERE charge_id = %s",
        charge["id"],
    )
    assert eventually(lambda: live.rows("SELECT state FROM attempts WHERE charge_id = %s", charge["id"]) == [("open",)])
    reference = live.rows("SELECT id FROM attempts WHERE charge_id = %s", charge["id"])[0][0]
    listed = live.client.get(
        f"{live.sandbox_url}/komoju/api/v1/payments",
        params={"external_order_num": str(reference)},
        auth=("sk_test_komoju_momiji_sandbox", ""),
    ).json()
    assert listed["total"] == 1
