"""PayPay by Stripe in place of our own contract: the whole way; and the old route only ends what it began."""

import json
import secrets
import time

import pytest

from payments.methods.paypay.signing import authorization
from support.live_payments import counter, eventually


@pytest.fixture(scope="module")
def till(postgres, tmp_path_factory):
    database, stream = postgres.new_database("payments"), postgres.new_database("stream")
    chosen = {"methods_enabled": ("stripe_card", "stripe_paypay"), "methods_retired": ("paypay",)}
    with counter(database, stream, tmp_path_factory.mktemp("keys"), payments=chosen) as made:
        yield made
    postgres.drop(database)
    postgres.drop(stream)


def test_a_payment_by_the_second_route_is_captured(till):
    """Stripe tells of it at the card's address; it is found among the methods of one provider."""
    charge = till.open(method="stripe_paypay")
    page = till.client.get(charge["checkout_url"], follow_redirects=True).text
    assert "Pay with PayPay (by Stripe)" in page
    till.pay(charge["checkout_url"])
    (fact,) = till.captured(charge["id"])
    assert (fact["method"], fact["captured"]) == ("stripe_paypay", 510)
    told = "SELECT DISTINCT method FROM provider_messages WHERE outcome IN ('Captured', 'Unchanged')"
    assert eventually(lambda: till.rows(told)) == [("stripe_card",)]


def test_its_money_goes_back(till):
    charge = till.open(method="stripe_paypay")
    till.pay(charge["checkout_url"])
    (captured,) = till.captured(charge["id"])
    assert till.refund(charge["id"]).is_success
    (fact,) = eventually(lambda: till.events("refund.settled", charge["id"]))
    assert (fact["method"], fact["amount"]) == ("stripe_paypay", 510)
    assert fact["attempt_id"] == captured["attempt_id"]


def test_the_retired_route_takes_no_new_payment(till):
    answer = till.post(till.wanted(method="paypay"))
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/method-unknown")
    assert "stripe_paypay" in answer.json()["detail"]


def test_what_the_retired_route_began_is_still_paid_and_given_back(till):
    """The charge is as one that was opened before the change: by an attempt of the old route."""
    charge = till.open(method="stripe_paypay")
    answer = paypay_code(till, charge)
    till.rows("UPDATE charges SET method = 'paypay' WHERE id = %s", charge["id"])
    till.rows(
        "UPDATE attempts SET method = 'paypay', provider_id = %s, pay_url = %s, shown = '{}' WHERE charge_id = %s",
        answer["codeId"],
        answer["url"],
        charge["id"],
    )
    till.pay(answer["url"])
    assert till.captured(charge["id"])[0]["method"] == "paypay"
    assert till.refund(charge["id"]).is_success
    assert eventually(lambda: till.events("refund.settled", charge["id"]))


def paypay_code(till, charge):
    """Make a code for an attempt as the old route did."""
    (attempt,) = till.rows("SELECT id FROM attempts WHERE charge_id = %s", charge["id"])[0]
    body = json.dumps(
        {
            "merchantPaymentId": str(attempt),
            "amount": {"amount": 510, "currency": "JPY"},
            "codeType": "ORDER_QR",
            "requestedAt": int(time.time()),
        }
    ).encode()
    headers = {
        "Authorization": authorization(
            key=till.settings.paypay_api_key,
            secret=till.settings.paypay_api_secret.get_secret_value(),
            method="POST",
            path="/v2/codes",
            nonce=secrets.token_hex(4),
            epoch=int(time.time()),
            content_type="application/json",
            body=body,
        ),
        "X-ASSUME-MERCHANT": till.settings.paypay_merchant_id,
        "Content-Type": "application/json",
    }
    return till.client.post(f"{till.sandbox_url}/paypay/v2/codes", content=body, headers=headers).json()["data"]
