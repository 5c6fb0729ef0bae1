"""Providers that lose, repeat, delay and lie: one capture, no second charge, nothing forgotten."""

import time
from uuid import UUID, uuid4

import pytest

from support.live_payments import eventually

METHODS = ["stripe_card", "paypay", "payeasy_komoju"]
PROVIDER = {"stripe_card": "stripe", "paypay": "paypay", "payeasy_komoju": "komoju"}


def ask_soon(paying, charge):
    paying.query(
        "UPDATE attempts SET next_poll_at = now() WHERE charge_id = %s AND next_poll_at IS NOT NULL", UUID(charge["id"])
    )


@pytest.mark.parametrize("method", METHODS)
def test_a_payment_that_no_webhook_told_is_found_by_asking(paying, method):
    charge = paying.open(method).json()
    paying.fault(provider=PROVIDER[method], operation="webhook", kind="lost_webhook", count=10)
    paying.pay(charge)

    def found():
        ask_soon(paying, charge)  # Again and again: a question that was under way before sets its own next time.
        return paying.status(charge) == "captured"

    assert eventually(found)
    assert len(paying.events("charge.captured", charge)) == 1


@pytest.mark.parametrize("method", METHODS)
def test_a_webhook_that_comes_twice_captures_once(paying, method):
    charge = paying.open(method).json()
    paying.fault(provider=PROVIDER[method], operation="webhook", kind="duplicate_webhook", count=5)
    paying.pay(charge)
    paying.until(charge, "captured")
    time.sleep(1)
    assert len(paying.events("charge.captured", charge)) == 1


@pytest.mark.parametrize("method", METHODS)
def test_an_answer_that_was_lost_after_success_makes_no_second_charge(paying, method):
    paying.fault(provider=PROVIDER[method], operation="open", kind="error_500_after_success", count=1)
    reference = str(uuid4())
    answer = paying.open(method, reference=reference)
    assert answer.status_code == 503
    ((charge_id,),) = paying.query("SELECT id FROM charges WHERE reference = %s", reference)
    assert paying.query("SELECT state FROM attempts WHERE charge_id = %s", charge_id) == [("unknown",)]
    before = len(paying.books(PROVIDER[method])["payments"])
    paying.query("UPDATE attempts SET next_poll_at = now() WHERE charge_id = %s", charge_id)
    deadline = time.monotonic() + 20
    while paying.query("SELECT state FROM attempts WHERE charge_id = %s", charge_id) == [("unknown",)]:
        assert time.monotonic() < deadline, paying.logs()
        time.sleep(0.1)
    again = paying.open(method, reference=reference).json()
    assert again["id"] == str(charge_id)
    assert len(paying.books(PROVIDER[method])["payments"]) == before
    paying.pay(again)
    paying.until(again, "captured")


@pytest.mark.parametrize("method", METHODS)
def test_maintenance_is_said_and_the_charge_can_be_opened_later(paying, method):
    paying.fault(provider=PROVIDER[method], operation="open", kind="maintenance", count=1)
    reference = str(uuid4())
    answer = paying.open(method, reference=reference)
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/provider-away")
    paying.end_pauses()
    assert eventually(lambda: paying.open(method, reference=reference).is_success)


@pytest.mark.parametrize(
    ("method", "headers", "body", "status"),
    [
        ("stripe_card", {}, b'{"id": "evt_1", "data": {"object": {}}}', 401),
        ("stripe_card", {"stripe-signature": "t=1,v1=00"}, b'{"id": "evt_1"}', 401),
        ("payeasy_komoju", {}, b'{"id": "x", "type": "payment.captured"}', 401),
        ("payeasy_komoju", {"x-komoju-signature": "00"}, b"{}", 401),
        ("paypay", {}, b"not json", 400),
        ("cash", {}, b"{}", 404),
    ],
)
def test_a_message_that_is_not_the_provider_s_changes_nothing(paying, method, headers, body, status):
    before = paying.query("SELECT count(*) FROM provider_messages")
    answer = paying.client.post(f"{paying.payments}/v1/webhooks/{method}", content=body, headers=headers)
    assert answer.status_code == status
    assert paying.query("SELECT count(*) FROM provider_messages") == before


def test_an_unsigned_hint_alone_pays_nothing(paying):
    charge = paying.open("paypay").json()
    ((attempt,),) = paying.query("SELECT id FROM attempts WHERE charge_id = %s", UUID(charge["id"]))
    hint = {
        "notification_type": "Transaction",
        "merchant_order_id": str(attempt),
        "order_id": "1",
        "state": "COMPLETED",
    }
    assert paying.client.post(f"{paying.payments}/v1/webhooks/paypay", json=hint).status_code == 200
    time.sleep(2)
    assert paying.status(charge) == "pending"


def test_a_body_that_is_too_large_is_refused(paying):
    answer = paying.client.post(f"{paying.payments}/v1/webhooks/paypay", content=b"x" * 70_000)
    assert answer.status_code == 413


def test_a_second_payment_of_the_same_charge_is_put_aside_and_told(paying):
    reference = str(uuid4())
    card = paying.open("stripe_card", reference=reference).json()
    ((pay_url,),) = paying.query("SELECT pay_url FROM attempts WHERE charge_id = %s", UUID(card["id"]))
    paying.fault(provider="stripe", operation="expire", kind="error_500", count=5)
    code = paying.open("paypay", reference=reference).json()
    paying.pay(code)
    paying.until(code, "captured")
    paying.pay({"checkout_url": pay_url})
    deadline = time.monotonic() + 20
    while not paying.events("charge.unallocated", card) and time.monotonic() < deadline:
        time.sleep(0.1)
    (fact,) = paying.events("charge.unallocated", card)
    assert (fact["cause"], fact["captured"], fact["method"]) == ("paid_twice", 1020, "stripe_card")
    assert len(paying.events("charge.captured", card)) == 1


def test_a_worker_killed_at_any_moment_captures_once(paying):
    charges = [paying.open(METHODS[number % 3]).json() for number in range(9)]
    for position, charge in enumerate(charges):
        paying.pay(charge)
        if position % 3 == 1:
            paying.kill("work payments")
            paying.start("work", "payments")
    for charge in charges:
        ask_soon(paying, charge)
        paying.until(charge, "captured", seconds=40)
        assert len(paying.events("charge.captured", charge)) == 1
