"""What Stripe paid out: which payouts, and line by line what is in them and of which of our attempts."""

from datetime import timedelta

import pytest
import stripe

from kernel.clock import SystemClock, business_date
from support.live_payments import eventually


def payout_of(till, *charges):
    for charge in charges:
        till.pay(charge["checkout_url"])
        assert till.captured(charge["id"])
    return till.client.post(f"{till.sandbox_url}/stripe/advance").json()["payout"]


def headers(till, issuer=None):
    return {"Authorization": f"Bearer {till.token(issuer or till.books)}"}


def read(till, payout_id, provider="stripe"):
    return till.client.get(f"{till.url}/v1/payouts/{provider}/{payout_id}", headers=headers(till))


def listed(till, since=None, provider="stripe", **asked):
    since = since or business_date(SystemClock().now())
    return till.client.get(
        f"{till.url}/v1/payouts/{provider}", params={"since": str(since)}, **{"headers": headers(till)} | asked
    )


def attempts(till):
    return {str(charge): str(attempt) for attempt, charge in till.rows("SELECT id, charge_id FROM attempts")}


def at_stripe(till):
    return stripe.StripeClient("sk_test_momiji_sandbox", base_addresses={"api": f"{till.sandbox_url}/stripe"})


def by_kind(said, kind):
    (line,) = (each for each in said["lines"] if each["kind"] == kind)
    return line


@pytest.fixture
def refunded(till):
    """A charge that was paid, paid out and then wholly at rest."""
    charge = till.open(amount=900)
    payout_of(till, charge)
    return charge


def test_the_lines_of_a_payout_add_up_and_name_what_is_ours(till):
    first, second = till.open(amount=1000), till.open(amount=2000)
    till.pay(first["checkout_url"])
    assert till.captured(first["id"])
    refund = till.refund(first["id"], 300).json()
    assert eventually(lambda: till.events("refund.settled", first["id"]))
    payout = payout_of(till, second)
    said = read(till, payout["id"]).json()
    assert said["net"] == payout["amount"] == said["gross"] - said["fee"]
    assert (said["gross"], said["fee"]) == (1000 + 2000 - 300, 36 + 72)
    kinds = {line["reference"]: line["kind"] for line in said["lines"] if line["kind"] != "payout"}
    assert {kinds[each] for each in kinds if each in attempts(till).values()} == {"charge"}
    assert kinds[refund["id"]] == "refund"


def test_a_charge_s_line_names_payment_attempt_and_card(till):
    charge = till.open(amount=700)
    line = by_kind(read(till, payout_of(till, charge)["id"]).json(), "charge")
    assert line["attempt"] == attempts(till)[charge["id"]]
    assert line["payment"].startswith("pi_")
    assert (line["brand"], line["currency"]) == ("visa", "jpy")


def test_a_refund_s_line_carries_the_attempt_of_its_payment(till, refunded):
    till.refund(refunded["id"], 300)
    assert eventually(lambda: till.events("refund.settled", refunded["id"]))
    line = by_kind(read(till, payout_of(till, till.open())["id"]).json(), "refund")
    assert line["attempt"] == attempts(till)[refunded["id"]]


def test_a_refund_made_by_hand_at_the_provider_carries_it_too(till, refunded):
    client = at_stripe(till)
    intents = client.v1.payment_intents.search(
        params={"query": f"metadata['attempt']:'{attempts(till)[refunded['id']]}'"}
    )
    client.v1.refunds.create(params={"payment_intent": intents.data[0].id, "amount": 100})
    line = by_kind(read(till, payout_of(till, till.open())["id"]).json(), "refund")
    assert line["reference"] is None
    assert line["attempt"] == attempts(till)[refunded["id"]]


def test_a_dispute_s_line_carries_the_attempt_of_its_payment(till):
    charge = till.open(amount=5000)
    till.pay(charge["checkout_url"], "dispute")
    assert till.captured(charge["id"])
    payout = eventually(lambda: till.events("dispute.opened", charge["id"])) and payout_of(till)
    line = by_kind(read(till, payout["id"]).json(), "dispute")
    assert line["attempt"] == attempts(till)[charge["id"]]


def test_payouts_are_listed_with_their_day_and_sum(till):
    payout = payout_of(till, till.open(amount=800))
    today = business_date(SystemClock().now())
    (item,) = (each for each in listed(till).json()["items"] if each["payout"] == payout["id"])
    assert (item["net"], item["arrives_on"]) == (payout["amount"], str(today))
    assert listed(till, today + timedelta(days=1)).json()["items"] == []


def test_a_payout_whose_lines_are_not_final_is_not_listed(till):
    charge = till.open()
    till.pay(charge["checkout_url"])
    assert till.captured(charge["id"])
    unfinished = till.client.post(f"{till.sandbox_url}/stripe/advance", params={"completed": False}).json()["payout"]
    assert unfinished["id"] not in {each["payout"] for each in listed(till).json()["items"]}
    till.client.post(f"{till.sandbox_url}/stripe/advance")
    assert unfinished["id"] in {each["payout"] for each in listed(till).json()["items"]}


def test_a_payout_that_is_not_there_is_not_found(till):
    assert read(till, "po_nothing").status_code == 404
    assert read(till, "po_1", "paypay").status_code == 404
    assert listed(till, provider="paypay").status_code == 404


def test_a_provider_in_maintenance_is_said_to_be_away(till):
    till.fault("stripe", "maintenance", "query", count=2)
    for answer in (read(till, "po_1"), listed(till)):
        assert (answer.status_code, answer.json()["type"]) == (503, "/problems/provider-away")


def test_nobody_reads_it_without_a_token(till):
    assert till.client.get(f"{till.url}/v1/payouts/stripe/po_1").status_code == 401
    assert listed(till, headers={}).status_code == 401


def test_another_service_s_token_is_refused(till):
    answer = listed(till, headers=headers(till, till.issuer))
    assert (answer.status_code, answer.json()["type"]) == (403, "/problems/not-allowed")


def test_the_books_key_opens_no_charge(till):
    answer = till.client.post(
        f"{till.url}/v1/charges", json=till.wanted(), headers=headers(till) | {"Idempotency-Key": "k"}
    )
    assert answer.status_code == 403
