import time

import pytest
import stripe
from stripe import StripeClient


def client_of(live):
    return StripeClient("sk_test_momiji_sandbox", base_addresses={"api": f"{live.url}/stripe"}, max_network_retries=0)


def paid(live, amount=1000):
    return client_of(live).v1.payment_intents.create(
        params={"amount": amount, "currency": "jpy", "payment_method": "pm_card_visa", "confirm": True}
    )


def wait_for(claim):
    deadline = time.monotonic() + 5
    while not claim() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert claim()


def test_a_refund_is_pending_and_then_succeeds(live):
    refunds, intent = client_of(live).v1.refunds, paid(live)
    refund = refunds.create(params={"payment_intent": intent.id, "reason": "requested_by_customer"})
    assert (refund.status, refund.amount) == ("pending", 1000)
    wait_for(lambda: refunds.retrieve(refund.id).status == "succeeded")
    wait_for(lambda: live.catcher.events("stripe", "refund.updated"))
    assert live.catcher.events("stripe", "refund.created")[0]["data"]["object"]["status"] == "pending"
    charge = client_of(live).v1.charges.retrieve(intent.latest_charge)
    assert (charge.refunded, charge.amount_refunded) == (True, 1000)


def test_more_than_was_paid_is_never_refunded(live):
    refunds, intent = client_of(live).v1.refunds, paid(live)
    refunds.create(params={"payment_intent": intent.id, "amount": 600})
    with pytest.raises(stripe.InvalidRequestError, match="greater than unrefunded amount"):
        refunds.create(params={"payment_intent": intent.id, "amount": 401})
    refunds.create(params={"payment_intent": intent.id, "amount": 400})
    with pytest.raises(stripe.InvalidRequestError) as refused:
        refunds.create(params={"payment_intent": intent.id})
    assert refused.value.code == "charge_already_refunded"
    assert len(refunds.list(params={"payment_intent": intent.id}).data) == 2


def test_a_failed_refund_frees_its_amount(live):
    refunds, intent = client_of(live).v1.refunds, paid(live)
    live.fault("stripe", "fails", "refund")
    refund = refunds.create(params={"payment_intent": intent.id})
    wait_for(lambda: refunds.retrieve(refund.id).status == "failed")
    wait_for(lambda: live.catcher.events("stripe", "refund.failed"))
    assert refunds.create(params={"payment_intent": intent.id}).amount == 1000


def test_an_unpaid_intent_cannot_be_refunded(live):
    client = client_of(live)
    intent = client.v1.payment_intents.create(params={"amount": 500, "currency": "jpy"})
    with pytest.raises(stripe.InvalidRequestError, match="successful charge"):
        client.v1.refunds.create(params={"payment_intent": intent.id})
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.refunds.create(params={"payment_intent": "pi_nobody"})
    assert refused.value.code == "resource_missing"


def test_a_payout_is_the_sum_of_its_balance_transactions(live):
    client = client_of(live)
    first, _ = paid(live, 1000), paid(live, 2000)
    client.v1.refunds.create(params={"payment_intent": first.id, "amount": 300})
    payout = live.client.post("/stripe/advance").json()["payout"]
    entries = client.v1.balance_transactions.list(params={"payout": payout["id"], "limit": 100}).data
    batch = [each for each in entries if each.type != "payout"]
    assert sum(each.net for each in batch) == payout["amount"] == 1000 - 36 + 2000 - 72 - 300
    assert [each.amount for each in entries if each.type == "payout"] == [-payout["amount"]]
    assert [each.id for each in client.v1.payouts.list().data] == [payout["id"]]
    wait_for(lambda: live.catcher.events("stripe", "payout.reconciliation_completed"))
    assert live.client.post("/stripe/advance").json()["payout"] is None


def test_payouts_are_listed_by_when_they_were_made(live):
    payouts = client_of(live).v1.payouts
    paid(live, 1000)
    made = live.client.post("/stripe/advance").json()["payout"]
    at = made["created"]
    assert [each.id for each in payouts.list(params={"created": {"gte": at}}).data] == [made["id"]]
    assert payouts.list(params={"created": {"gt": at}}).data == []
    assert payouts.list(params={"created": {"lt": at}}).data == []
    with pytest.raises(stripe.InvalidRequestError, match="unknown parameter"):
        payouts.list(params={"created": {"since": at}})


def test_a_payout_arrives_on_a_day_and_is_final_when_its_lines_are(live):
    payouts = client_of(live).v1.payouts
    paid(live, 1000)
    made = live.client.post("/stripe/advance", params={"completed": False}).json()["payout"]
    assert (made["reconciliation_status"], made["arrival_date"] % 86_400) == ("in_progress", 0)
    live.client.post("/stripe/advance")
    assert payouts.retrieve(made["id"]).reconciliation_status == "completed"


def test_lists_are_read_page_by_page(live):
    client = client_of(live)
    made = [paid(live).id for _ in range(5)]
    seen = [each.id for each in client.v1.payment_intents.list(params={"limit": 2}).auto_paging_iter()]
    assert seen == made[::-1]


def test_a_dispute_takes_the_money_and_a_won_one_gives_it_back(live):
    client = client_of(live)
    session = client.v1.checkout.sessions.create(
        params={
            "mode": "payment",
            "line_items": [
                {"price_data": {"currency": "jpy", "unit_amount": 1000, "product_data": {"name": "x"}}, "quantity": 1}
            ],
            "success_url": "http://127.0.0.1:9/ok",
        }
    )
    dispute_id = live.pay(session.url, "dispute").json()["status"].removeprefix("disputed:")
    wait_for(lambda: live.catcher.events("stripe", "charge.dispute.created"))
    dispute = client.v1.disputes.retrieve(dispute_id)
    assert (dispute.amount, dispute.status) == (1000, "needs_response")
    won = client.v1.disputes.update(dispute_id, params={"evidence": {"uncategorized_text": "winning_evidence"}})
    assert won.status == "won"
    wait_for(lambda: live.catcher.events("stripe", "charge.dispute.closed"))
    assert len(won.balance_transactions) == 2


def test_a_lost_dispute_cannot_be_refunded_as_well(live):
    client = client_of(live)
    session = client.v1.checkout.sessions.create(
        params={
            "mode": "payment",
            "line_items": [
                {"price_data": {"currency": "jpy", "unit_amount": 1000, "product_data": {"name": "x"}}, "quantity": 1}
            ],
            "success_url": "http://127.0.0.1:9/ok",
        }
    )
    dispute_id = live.pay(session.url, "dispute").json()["status"].removeprefix("disputed:")
    assert live.client.post(f"/stripe/disputes/{dispute_id}/lost").json()["status"] == "lost"
    charge = client.v1.disputes.retrieve(dispute_id).charge
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.refunds.create(params={"charge": charge})
    assert refused.value.code == "charge_disputed"
