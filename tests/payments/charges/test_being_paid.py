"""Charges against providers that behave: every method, from the open charge to the event, and back."""

import time
from uuid import UUID, uuid4

import pytest

from support.transfer_desk import ACCOUNT, HOLDER

METHODS = ["stripe_card", "paypay", "payeasy_komoju"]


@pytest.mark.parametrize("method", METHODS)
def test_a_charge_is_opened_paid_and_published(paying, method):
    answer = paying.open(method)
    assert answer.status_code == 201, answer.text
    charge = answer.json()
    assert (charge["status"], charge["amount"]) == ("pending", 1020)
    assert paying.pay(charge).json()["outcome"] == "pay"
    paying.until(charge, "captured")
    (fact,) = paying.events("charge.captured", charge)
    assert (fact["captured"], fact["method"], fact["facility"]) == (1020, method, "hpam")
    assert fact["allocations"][0]["amount"] == 1020
    assert len(paying.events("charge.requested", charge)) == 1


@pytest.mark.parametrize("method", METHODS)
def test_the_same_reference_is_the_same_charge(paying, method):
    first = paying.open(method, reference=(reference := str(uuid4()))).json()
    again = paying.open(method, reference=reference)
    assert again.status_code == 200
    assert again.json()["id"] == first["id"]
    assert paying.query("SELECT count(*) FROM attempts WHERE charge_id = %s", UUID(first["id"])) == [(1,)]


def test_another_method_is_another_attempt_and_the_old_one_cannot_be_paid(paying):
    reference = str(uuid4())
    card = paying.open("stripe_card", reference=reference).json()
    code = paying.open("paypay", reference=reference).json()
    assert (code["id"], code["method"]) == (card["id"], "paypay")
    paying.pay(code)
    paying.until(code, "captured")
    (fact,) = paying.events("charge.captured", code)
    assert fact["method"] == "paypay"


@pytest.mark.parametrize(
    ("changes", "status", "slug"),
    [
        ({"method": "cash"}, 422, "method-unknown"),
        ({"method": "payeasy_komoju", "amount": 1_000_000}, 422, "amount-not-carried"),
        ({"amount": 0}, 422, "invalid"),
        ({"return_url": "javascript:alert(1)"}, 422, "invalid"),
    ],
)
def test_a_charge_that_cannot_be_is_told_why(paying, changes, status, slug):
    wish = paying.wish("stripe_card") | changes
    if "amount" in changes:
        wish["allocations"] = []
    answer = paying.client.post(f"{paying.payments}/v1/charges", json=wish, headers=paying.headers())
    assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{slug}")


def test_allocations_that_do_not_add_up_are_refused(paying):
    wish = paying.wish("stripe_card") | {"amount": 999}
    answer = paying.client.post(f"{paying.payments}/v1/charges", json=wish, headers=paying.headers())
    assert answer.status_code == 422
    assert "add up" in answer.text


def test_another_amount_for_the_same_reference_is_refused(paying):
    reference = str(uuid4())
    paying.open("stripe_card", reference=reference)
    answer = paying.open("stripe_card", reference=reference, amount=999)
    assert answer.json()["type"] == "/problems/amount-differs"


def test_nobody_opens_a_charge_without_a_token(paying):
    wish = paying.wish("stripe_card")
    answer = paying.client.post(f"{paying.payments}/v1/charges", json=wish, headers={"Idempotency-Key": "x"})
    assert answer.status_code == 401


@pytest.mark.parametrize("method", ["stripe_card", "paypay"])
def test_a_full_refund_settles_and_is_published_once(paying, method):
    charge = paying.open(method).json()
    paying.pay(charge)
    paying.until(charge, "captured")
    address = f"{paying.payments}/v1/charges/{charge['id']}/refunds"
    key = paying.headers()
    first = paying.client.post(address, json={"reason": "visitor_cancelled"}, headers=key)
    again = paying.client.post(address, json={"reason": "visitor_cancelled"}, headers=key)
    assert first.status_code == 201, first.text
    assert first.json() == again.json()
    deadline = time.monotonic() + 20
    while not paying.events("refund.settled", charge) and time.monotonic() < deadline:
        time.sleep(0.05)
    (fact,) = paying.events("refund.settled", charge)
    assert (fact["amount"], fact["allocations"][0]["amount"]) == (1020, 1020)


def test_more_than_was_paid_is_never_given_back(paying):
    charge = paying.open("paypay").json()
    paying.pay(charge)
    paying.until(charge, "captured")
    address = f"{paying.payments}/v1/charges/{charge['id']}/refunds"
    assert paying.client.post(address, json={"reason": "a", "amount": 1000}, headers=paying.headers()).is_success
    answer = paying.client.post(address, json={"reason": "b", "amount": 100}, headers=paying.headers())
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/refund-exceeds-payment")
    assert answer.json()["fields"]["left"] == 20


def test_nothing_is_given_back_for_what_was_not_paid(paying):
    charge = paying.open("paypay").json()
    address = f"{paying.payments}/v1/charges/{charge['id']}/refunds"
    answer = paying.client.post(address, json={"reason": "a"}, headers=paying.headers())
    assert answer.json()["type"] == "/problems/nothing-to-refund"


def test_a_pay_easy_refund_waits_for_a_bank_account_of_which_nothing_lies_readable(paying):
    charge = paying.open("payeasy_komoju").json()
    paying.pay(charge)
    paying.until(charge, "captured")
    address = f"{paying.payments}/v1/charges/{charge['id']}/refunds"
    assert paying.client.post(address, json={"reason": "a"}, headers=paying.headers()).json()["state"] == (
        "needs_bank_account"
    )
    form = f"{paying.payments}/pay/{charge['id']}/refund"
    assert paying.client.post(form, data=ACCOUNT | {"number": "76543219"}).status_code == 422
    assert paying.client.post(form, data=ACCOUNT).status_code == 303
    for (table,) in paying.query("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"):
        for word in (ACCOUNT["number"], ACCOUNT["holder"], HOLDER):
            kept = paying.query(f'SELECT count(*) FROM "{table}" t WHERE t::text LIKE %s', f"%{word}%")
            assert kept == [(0,)], table
    assert ACCOUNT["number"] not in paying.logs()
    assert paying.query("SELECT state FROM transfers WHERE charge_id = %s", charge["id"]) == [("awaiting_check",)]
