import threading
import time

import pytest
import stripe
from stripe import StripeClient

from kernel.clock import SystemClock


def client_of(live, key="sk_test_momiji_sandbox"):
    return StripeClient(key, base_addresses={"api": f"{live.url}/stripe"}, max_network_retries=0)


def order(**more):
    return {
        "mode": "payment",
        "line_items": [
            {"price_data": {"currency": "jpy", "unit_amount": 510, "product_data": {"name": "大人"}}, "quantity": 2},
            {"price_data": {"currency": "jpy", "unit_amount": 300, "product_data": {"name": "こども"}}},
        ],
        "success_url": "http://127.0.0.1:9/ok?session={CHECKOUT_SESSION_ID}",
        "cancel_url": "http://127.0.0.1:9/no",
        "client_reference_id": "attempt-1",
        "payment_intent_data": {"metadata": {"attempt": "1"}, "description": "入館料"},
        "metadata": {"attempt": "1"},
        "locale": "ja",
        "payment_method_types": ["card"],
        "expires_at": int(SystemClock().now().timestamp()) + 1800,
    } | more


def opened(live, **more):
    return client_of(live).v1.checkout.sessions.create(params=order(**more))


def form(live, body, key="sk_test_momiji_sandbox", **headers):
    headers |= {"authorization": f"Bearer {key}", "content-type": "application/x-www-form-urlencoded"}
    return live.client.post("/stripe/v1/checkout/sessions", content=body, headers=headers)


def test_a_paid_session_is_found_with_its_intent_charge_and_fee(live):
    session = opened(live)
    assert (session.amount_total, session.status, session.payment_status) == (1320, "open", "unpaid")
    answer = live.client.post(f"/stripe/pay/{session.id}", data={"card": "approve"})
    assert answer.status_code == 303
    assert answer.headers["location"] == f"http://127.0.0.1:9/ok?session={session.id}"
    found = client_of(live).v1.checkout.sessions.retrieve(
        session.id, params={"expand": ["payment_intent.latest_charge.balance_transaction"]}
    )
    assert (found.status, found.payment_status, found.url) == ("complete", "paid", None)
    assert found.payment_intent.amount_received == 1320
    assert found.payment_intent.metadata["attempt"] == "1"
    entry = found.payment_intent.latest_charge.balance_transaction
    assert (entry.amount, entry.fee, entry.net) == (1320, 47, 1273)
    listed = client_of(live).v1.checkout.sessions.list(params={"payment_intent": found.payment_intent.id})
    assert [each.id for each in listed.data] == [session.id]


async def test_the_asynchronous_client_works_too(live):
    client = StripeClient(
        "sk_test_momiji_sandbox", base_addresses={"api": f"{live.url}/stripe"}, http_client=stripe.HTTPXClient()
    )
    session = await client.v1.checkout.sessions.create_async(params=order())
    assert (await client.v1.checkout.sessions.retrieve_async(session.id)).id == session.id


def test_a_declined_card_leaves_the_session_open_for_another(live):
    session = opened(live)
    page = live.client.post(f"/stripe/pay/{session.id}", data={"card": "decline"})
    assert "The card was declined" in page.text
    now = client_of(live).v1.checkout.sessions.retrieve(session.id, params={"expand": ["payment_intent"]})
    assert now.status == "open"
    assert now.payment_intent.status == "requires_payment_method"
    assert now.payment_intent.last_payment_error.code == "card_declined"
    assert live.client.post(f"/stripe/pay/{session.id}", data={"card": "approve"}).status_code == 303


@pytest.mark.parametrize(
    ("card", "code", "decline_code"),
    [
        ("decline", "card_declined", "generic_decline"),
        ("decline:insufficient_funds", "card_declined", "insufficient_funds"),
        ("decline:stolen_card", "card_declined", "stolen_card"),
        ("decline:expired_card", "expired_card", None),
        ("decline:no_such_word", "card_declined", "generic_decline"),
    ],
)
def test_a_test_card_is_declined_for_its_own_reason(live, card, code, decline_code):
    session = opened(live)
    live.client.post(f"/stripe/pay/{session.id}", data={"card": card})
    now = client_of(live).v1.checkout.sessions.retrieve(session.id, params={"expand": ["payment_intent"]})
    error = now.payment_intent.last_payment_error
    assert (error.code, getattr(error, "decline_code", None)) == (code, decline_code)


def test_a_payer_who_is_not_recognised_is_not_authenticated(live):
    session = opened(live)
    asked = live.client.post(f"/stripe/pay/{session.id}", data={"card": "challenge"})
    live.client.post(asked.headers["location"], data={"answer": "fail"})
    now = client_of(live).v1.checkout.sessions.retrieve(session.id, params={"expand": ["payment_intent"]})
    assert now.payment_intent.last_payment_error.code == "payment_intent_authentication_failure"


def test_a_session_by_paypay_has_its_own_page(live):
    session = opened(live, payment_method_types=["paypay"])
    page = live.client.get(f"/stripe/pay/{session.id}").text
    assert "Pay with PayPay" in page
    assert "4242" not in page
    assert live.client.post(f"/stripe/pay/{session.id}", data={"card": "approve"}).status_code == 303
    paid = client_of(live).v1.checkout.sessions.retrieve(
        session.id, params={"expand": ["payment_intent.latest_charge"]}
    )
    assert paid.payment_intent.latest_charge.payment_method_details.type == "paypay"


@pytest.mark.parametrize(("said", "status"), [("complete", "complete"), ("fail", "open")])
def test_three_d_secure_asks_the_payer(live, said, status):
    session = opened(live)
    asked = live.client.post(f"/stripe/pay/{session.id}", data={"card": "challenge"})
    assert asked.status_code == 303
    assert "It is me" in live.client.get(asked.headers["location"]).text
    live.client.post(asked.headers["location"], data={"answer": said})
    assert client_of(live).v1.checkout.sessions.retrieve(session.id).status == status


def test_cancelling_on_the_page_goes_back_to_the_shop(live):
    session = opened(live)
    answer = live.client.post(f"/stripe/pay/{session.id}", data={"card": "cancel"})
    assert answer.headers["location"] == "http://127.0.0.1:9/no"
    assert client_of(live).v1.checkout.sessions.retrieve(session.id).status == "open"


def test_only_an_open_session_can_be_expired(live):
    client, session = client_of(live), opened(live)
    assert client.v1.checkout.sessions.expire(session.id).status == "expired"
    with pytest.raises(stripe.InvalidRequestError, match="status of expired"):
        client.v1.checkout.sessions.expire(session.id)
    live.client.post(f"/stripe/pay/{session.id}", data={"card": "approve"})
    assert client.v1.checkout.sessions.retrieve(session.id).payment_status == "unpaid"


@pytest.mark.parametrize("seconds", [60, 25 * 3600])
def test_a_session_lives_between_thirty_minutes_and_a_day(live, seconds):
    with pytest.raises(stripe.InvalidRequestError, match="30 minutes and less than 24 hours"):
        opened(live, expires_at=int(SystemClock().now().timestamp()) + seconds)


def test_an_unknown_parameter_is_refused_by_name(live):
    answer = form(live, "mode=payment&line_items[0][price_data][colour]=red")
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error["code"], error["param"]) == ("parameter_unknown", "line_items[0][price_data][colour]")


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"mode": "subscription"}, "mode"),
        ({"success_url": "javascript:alert(1)"}, "success_url"),
        ({"line_items": [{"price_data": {"currency": "usd", "unit_amount": 500, "product_data": {"name": "x"}}}]},
         "line_items[0][price_data][currency]"),
        ({"line_items": [{"price_data": {"currency": "jpy", "unit_amount": "5.5", "product_data": {"name": "x"}}}]},
         "line_items[0][price_data][unit_amount]"),
        ({"line_items": [{"price_data": {"currency": "jpy", "unit_amount": 10, "product_data": {"name": "x"}}}]}, None),
        ({"metadata": {"k" * 41: "v"}}, f"metadata[{'k' * 41}]"),
        ({"payment_method_types": ["card", "beer"]}, "payment_method_types[1]"),
        ({"payment_method_options": {"card": {"request_three_d_secure": "sometimes"}}},
         "payment_method_options[card][request_three_d_secure]"),
        ({"payment_method_options": {"card": {"three_d_secure": "any"}}},
         "payment_method_options[card][three_d_secure]"),
    ],
)  # fmt: skip
def test_what_stripe_would_refuse_is_refused(live, more, param):
    with pytest.raises(stripe.InvalidRequestError) as refused:
        opened(live, **more)
    assert refused.value.param == param


def test_a_wrong_key_is_refused_in_stripes_shape(live):
    with pytest.raises(stripe.AuthenticationError):
        client_of(live, "sk_test_of_somebody_else").v1.checkout.sessions.list()
    assert live.client.get("/stripe/v1/events").status_code == 401
    assert live.client.get("/stripe/v1/events", auth=("sk_test_momiji_sandbox", "")).status_code == 200


def test_the_same_key_and_body_is_answered_once(live):
    client = client_of(live)
    params = order()
    first = client.v1.checkout.sessions.create(params=params, options={"idempotency_key": "k1"})
    again = client.v1.checkout.sessions.create(params=params, options={"idempotency_key": "k1"})
    assert again.id == first.id
    assert again.last_response.headers["idempotent-replayed"] == "true"
    with pytest.raises(stripe.IdempotencyError):
        client.v1.checkout.sessions.create(params=order(locale="en"), options={"idempotency_key": "k1"})


def test_two_requests_at_once_under_one_key_conflict(live):
    live.fault("stripe", "slow_ms:600", "open")
    body = (
        "mode=payment&success_url=http://127.0.0.1/ok&line_items[0][price_data][currency]=jpy"
        "&line_items[0][price_data][unit_amount]=500&line_items[0][price_data][product_data][name]=x"
    )
    answers = []
    first = threading.Thread(target=lambda: answers.append(form(live, body, **{"idempotency-key": "same"})))
    first.start()
    time.sleep(0.2)
    second = form(live, body, **{"idempotency-key": "same"})
    first.join()
    assert (second.status_code, second.json()["error"]["code"]) == (409, "idempotency_key_in_use")
    assert form(live, body, **{"idempotency-key": "same"}).json()["id"] == answers[0].json()["id"]
    assert len(client_of(live).v1.checkout.sessions.list().data) == 1


def test_payment_intents_confirm_decline_and_challenge(live):
    intents = client_of(live).v1.payment_intents
    paid = intents.create(params={"amount": 700, "currency": "jpy", "payment_method": "pm_card_visa", "confirm": True})
    assert (paid.status, paid.amount_received) == ("succeeded", 700)
    with pytest.raises(stripe.CardError) as refused:
        intents.create(
            params={"amount": 700, "currency": "jpy", "payment_method": "pm_card_chargeDeclined", "confirm": True}
        )
    assert refused.value.code == "card_declined"
    waiting = intents.create(params={"amount": 700, "currency": "jpy"})
    asked = intents.confirm(
        waiting.id,
        params={
            "payment_method_data": {"type": "card", "card": {"number": "4000002760003184"}},
            "return_url": "http://127.0.0.1:9/ok",
        },
    )
    assert asked.status == "requires_action"
    live.client.post(asked.next_action.redirect_to_url.url, data={"answer": "complete"})
    assert intents.retrieve(waiting.id).status == "succeeded"
    with pytest.raises(stripe.InvalidRequestError, match="cannot cancel"):
        intents.cancel(waiting.id)
    open_one = intents.create(params={"amount": 700, "currency": "jpy"})
    assert intents.cancel(open_one.id, params={"cancellation_reason": "abandoned"}).status == "canceled"
    with pytest.raises(stripe.InvalidRequestError) as real:
        intents.confirm(open_one.id, params={"payment_method_data": {"type": "card", "card": {"number": "4111"}}})
    assert "4111" not in str(real.value)


def test_an_unknown_address_is_refused_in_stripes_shape(live):
    with pytest.raises(stripe.InvalidRequestError, match="Unrecognized request URL"):
        client_of(live).v1.customers.list()


def test_intents_are_found_by_their_metadata(live):
    client = client_of(live)
    made = client.v1.payment_intents.create({"amount": 510, "currency": "jpy", "metadata": {"attempt": "a-1"}})
    client.v1.payment_intents.create({"amount": 510, "currency": "jpy", "metadata": {"attempt": "a-2"}})
    found = client.v1.payment_intents.search({"query": "metadata['attempt']:'a-1'"})
    assert [each.id for each in found.data] == [made.id]
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.payment_intents.search({"query": "amount>5"})
