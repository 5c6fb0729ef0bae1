"""From an opened charge to its captured event, by every method, on good days and bad ones."""

import time

import pytest

from support.live_payments import eventually

METHODS = ("stripe_card", "paypay", "payeasy_komoju", "payeasy_gmopg")
PROVIDER = {"stripe_card": "stripe", "paypay": "paypay", "payeasy_komoju": "komoju", "payeasy_gmopg": "gmopg"}
PAY_EASY = ("payeasy_komoju", "payeasy_gmopg")


@pytest.mark.parametrize("method", METHODS)
def test_a_paid_charge_is_captured_once_and_told(till, method):
    charge = till.open(method=method)
    till.pay(charge["checkout_url"])
    assert till.captured(charge["id"])
    fact = till.events("charge.captured", charge["id"])[0]
    assert (fact["captured"], fact["method"], fact["reference"]) == (510, method, charge["reference"])


@pytest.mark.parametrize("method", METHODS)
def test_a_lost_webhook_is_made_up_for_by_asking(till, method):
    charge = till.open(method=method)
    till.fault(PROVIDER[method], "lost_webhook", "webhook", 2 if method == "stripe_card" else 1)
    till.pay(charge["checkout_url"])
    till.ask_soon()
    assert till.captured(charge["id"])


@pytest.mark.parametrize("method", METHODS)
def test_a_payment_told_twice_and_late_is_captured_once(till, method):
    charge = till.open(method=method)
    till.fault(PROVIDER[method], "duplicate_webhook", "webhook")
    till.pay(charge["checkout_url"])
    assert till.captured(charge["id"])
    till.ask_soon()
    time.sleep(1.5)
    assert len(till.events("charge.captured", charge["id"])) == 1
    assert till.events("charge.unallocated", charge["id"]) == []


@pytest.mark.parametrize("method", METHODS)
def test_a_call_whose_answer_was_lost_makes_no_second_payment(till, method):
    till.fault(PROVIDER[method], "error_500_after_success", "open")
    wanted = till.wanted(method=method)
    assert till.post(wanted).status_code == 503
    second = till.post(wanted)
    assert second.is_success, second.text
    charge = second.json()
    till.pay(charge["checkout_url"])
    assert till.captured(charge["id"])
    assert till.events("charge.unallocated", charge["id"]) == []
    payable = till.rows(
        "SELECT count(*) FROM attempts WHERE charge_id = %s AND state IN ('open', 'captured')", charge["id"]
    )
    assert payable == [(1,)]


@pytest.mark.parametrize("method", METHODS)
def test_the_same_request_again_is_the_same_charge(till, method):
    wanted = till.wanted(method=method)
    first, again = till.post(wanted), till.post(wanted)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == again.json()["id"]
    assert till.rows("SELECT count(*) FROM attempts WHERE charge_id = %s", first.json()["id"]) == [(1,)]


def test_another_method_ends_the_former_one_and_pays_the_same_charge(till):
    first = till.open(method="stripe_card")
    second = till.post(till.wanted(first["reference"], method="paypay"))
    assert second.is_success
    assert second.json()["id"] == first["id"]
    till.pay(second.json()["checkout_url"])
    assert till.captured(first["id"])[0]["method"] == "paypay"
    states = dict(till.rows("SELECT method, state FROM attempts WHERE charge_id = %s", first["id"]))
    assert states["paypay"] == "captured"
    till.ask_soon()
    assert eventually(
        lambda: (
            till.rows("SELECT state FROM attempts WHERE charge_id = %s AND method = 'stripe_card'", first["id"])
            == [("expired",)]
        )
    )


def test_pay_easy_numbers_paid_twice_become_a_case_for_a_person(till):
    charge = till.open(method="payeasy_komoju")
    till.pay(charge["checkout_url"], "pay_twice")
    (captured,) = till.captured(charge["id"])
    cases = eventually(lambda: till.events("charge.unallocated", charge["id"]))
    said = [(case["cause"], case["captured"], case["attempt_id"]) for case in cases]
    assert said == [("paid_twice", 510, captured["attempt_id"])]
    assert len(till.events("charge.captured", charge["id"])) == 1


@pytest.mark.parametrize("method", METHODS)
def test_money_that_comes_after_the_end_is_still_taken_up(till, method):
    charge = till.open(method=method)
    till.rewind(charge["id"], "2 hours")
    url = till.rows("SELECT pay_url FROM attempts WHERE charge_id = %s", charge["id"])[0][0]
    till.ask_soon()
    assert eventually(lambda: till.events("charge.expired", charge["id"]))
    till.pay(url, "pay_late")
    assert till.captured(charge["id"])
    assert till.get(charge["id"])["status"] == "captured"


@pytest.mark.parametrize("method", METHODS)
def test_money_after_the_end_is_found_even_if_nobody_told(till, method):
    charge = till.open(method=method)
    till.rewind(charge["id"], "2 hours")
    url = till.rows("SELECT pay_url FROM attempts WHERE charge_id = %s", charge["id"])[0][0]
    till.ask_soon()
    assert eventually(lambda: till.events("charge.expired", charge["id"]))
    till.fault(PROVIDER[method], "lost_webhook", "webhook", 2 if method == "stripe_card" else 1)
    till.pay(url, "pay_late")
    till.ask_soon()
    assert till.captured(charge["id"])


def test_a_provider_in_maintenance_is_said_and_leaves_the_charge_open_to_another_try(till):
    till.fault("stripe", "maintenance", "open")
    wanted = till.wanted()
    refused = till.post(wanted)
    assert (refused.status_code, refused.headers["content-type"]) == (503, "application/problem+json")

    def opened():
        till.end_pauses()
        return till.post(wanted).is_success

    assert eventually(opened)


def test_a_crash_before_the_provider_answered_charges_nobody_twice(till):
    """The attempt is written before the call: as after a kill -9, it is found prepared and called under its key."""
    charge = till.open(method="payeasy_komoju")
    till.rows(
        "UPDATE attempts SET state = 'prepared', provider_id = NULL, pay_url = NULL, shown = '{}', "
        "next_poll_at = now(), deadline = (SELECT expires_at FROM charges WHERE id = charge_id) "
        "WHERE charge_id = %s",
        charge["id"],
    )

    def called_again():
        till.ask_soon()  # A webhook of the first call may have been on its way, and have set a later time.
        return till.rows("SELECT state FROM attempts WHERE charge_id = %s", charge["id"]) == [("open",)]

    assert eventually(called_again)
    reference = till.rows("SELECT id FROM attempts WHERE charge_id = %s", charge["id"])[0][0]
    listed = till.client.get(
        f"{till.sandbox_url}/komoju/api/v1/payments",
        params={"external_order_num": str(reference)},
        auth=("sk_test_komoju_momiji_sandbox", ""),
    ).json()
    assert listed["total"] == 1


@pytest.mark.parametrize("method", PAY_EASY)
def test_a_payment_that_the_bank_takes_back_is_told_and_becomes_a_case(till, method):
    charge = till.open(method=method)
    url = till.rows("SELECT pay_url FROM attempts WHERE charge_id = %s", charge["id"])[0][0]
    till.pay(url)
    (captured,) = till.captured(charge["id"])
    till.pay(url, "reverse")
    told = eventually(lambda: till.events("charge.reversed", charge["id"]))
    assert [(fact["reversed"], fact["attempt_id"]) for fact in told] == [(510, captured["attempt_id"])]
    assert till.get(charge["id"])["status"] == "reversed"
    assert till.rows("SELECT kind, state FROM cases WHERE charge_id = %s", charge["id"]) == [("reversed", "open")]


@pytest.mark.parametrize("method", PAY_EASY)
def test_a_reversal_that_nobody_told_is_found_by_asking(till, method):
    charge = till.open(method=method)
    url = till.rows("SELECT pay_url FROM attempts WHERE charge_id = %s", charge["id"])[0][0]
    till.pay(url)
    assert till.captured(charge["id"])
    till.fault(PROVIDER[method], "lost_webhook", "webhook")
    till.pay(url, "reverse")
    till.ask_soon()
    assert eventually(lambda: till.events("charge.reversed", charge["id"]))


def test_the_second_agency_is_answered_with_0_even_about_what_is_not_ours(till):
    body = {"ShopID": "tshop00000001", "OrderID": "another-system-1", "Status": "PAYSUCCESS"}
    told = till.client.post(f"{till.url}/v1/webhooks/payeasy_gmopg", data=body)
    assert (told.status_code, told.text) == (200, "0")
    refused = till.client.post(f"{till.url}/v1/webhooks/payeasy_gmopg", data=body | {"ShopID": "nobody"})
    assert refused.status_code == 401


def test_the_second_agency_s_numbers_are_cancelled_there_when_our_deadline_is_over(till):
    till.fault("gmopg", "lost_webhook", "webhook")
    charge = till.open(method="payeasy_gmopg")
    url = till.rows("SELECT pay_url FROM attempts WHERE charge_id = %s", charge["id"])[0][0]
    till.rewind(charge["id"], "2 minutes")
    till.ask_soon()
    assert eventually(lambda: till.events("charge.expired", charge["id"]))
    refused = till.client.post(f"{till.sandbox_url}/payers", json={"checkout_url": url, "outcome": "pay"})
    assert (refused.status_code, "CANCEL" in refused.text) == (422, True)


def test_a_card_payment_whose_id_never_reached_us_is_found_by_our_reference(till):
    charge = till.open(method="stripe_card")
    url = till.rows("SELECT pay_url FROM attempts WHERE charge_id = %s", charge["id"])[0][0]
    till.rows(
        "UPDATE attempts SET provider_id = NULL, state = 'expired', next_poll_at = NULL WHERE charge_id = %s",
        charge["id"],
    )
    till.pay(url)
    assert till.captured(charge["id"])
    assert till.refund(charge["id"]).is_success
    assert eventually(lambda: till.events("refund.settled", charge["id"]))
