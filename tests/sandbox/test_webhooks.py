import time

import stripe

from sandbox.settings import SandboxSettings


def wait_for(claim, seconds=6):
    deadline = time.monotonic() + seconds
    while not claim() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert claim()


def pay_intent(live):
    body = "amount=500&currency=jpy&payment_method=pm_card_visa&confirm=true"
    headers = {"authorization": "Bearer sk_test_momiji_sandbox"}
    return live.client.post("/stripe/v1/payment_intents", content=body, headers=headers).json()["id"]


def test_stripes_own_package_believes_each_of_two_secrets(start):
    live = start(stripe_webhook_secrets=("whsec_sandbox_old", "whsec_sandbox_new"))
    intent = pay_intent(live)
    wait_for(lambda: live.catcher.of("stripe"))
    caught = live.catcher.of("stripe")[0]
    for secret in ("whsec_sandbox_old", "whsec_sandbox_new"):
        event = stripe.Webhook.construct_event(caught.body, caught.headers["stripe-signature"], secret)
        assert (event.type, event.data.object.id) == ("payment_intent.succeeded", intent)
    try:
        stripe.Webhook.construct_event(caught.body, caught.headers["stripe-signature"], "whsec_other")
        believed = True
    except stripe.SignatureVerificationError:
        believed = False
    assert not believed


def test_a_refused_webhook_is_tried_again_until_it_is_taken(live):
    live.catcher.refusals_left = 3
    pay_intent(live)
    wait_for(lambda: live.catcher.events("stripe", "payment_intent.succeeded"))
    assert live.catcher.refusals_left == 0


def test_paypay_gives_up_after_three_tries(live):
    live.catcher.refusals_left = 100
    live.pay(live.code().json()["data"]["url"])
    wait_for(lambda: live.catcher.refusals_left == 97)
    time.sleep(1)
    assert live.catcher.refusals_left == 97


def test_a_lost_webhook_never_comes_and_a_doubled_one_comes_twice(live):
    live.fault("komoju", "lost_webhook", "webhook")
    live.fault("komoju", "duplicate_webhook", "webhook")
    made = live.numbers().json()
    live.pay(made["payment_details"]["payment_url"])
    wait_for(lambda: len(live.catcher.of("komoju")) == 2)
    assert {each["type"] for each in live.catcher.events("komoju")} == {"payment.captured"}
    assert len({each["id"] for each in live.catcher.events("komoju")}) == 1


def test_a_reordered_webhook_arrives_after_the_next(live):
    live.fault("komoju", "reordered_webhook", "webhook")
    made = live.numbers().json()
    live.pay(made["payment_details"]["payment_url"])
    wait_for(lambda: len(live.catcher.of("komoju")) == 2)
    assert [each["type"] for each in live.catcher.events("komoju")] == ["payment.captured", "payment.authorized"]


def test_only_what_the_merchant_chose_is_told():
    settings = SandboxSettings(stripe_webhook_events=("checkout.session.*", "refund.updated"))
    assert settings.is_told("stripe", "checkout.session.completed")
    assert settings.is_told("stripe", "refund.updated")
    assert not settings.is_told("stripe", "payment_intent.succeeded")
    assert settings.is_told("paypay", "COMPLETED")


def test_each_provider_has_its_own_address_at_payments():
    settings = SandboxSettings(payments_url="http://pay.example", komoju_webhook_url="http://other.example/hook")
    assert settings.webhook_url("stripe") == "http://pay.example/v1/webhooks/stripe_card"
    assert settings.webhook_url("paypay") == "http://pay.example/v1/webhooks/paypay"
    assert settings.webhook_url("komoju") == "http://other.example/hook"
