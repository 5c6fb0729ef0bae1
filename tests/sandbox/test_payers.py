import time

import pytest

SESSION = (
    "mode=payment&success_url=http://127.0.0.1:9/ok&client_reference_id=order-1"
    "&line_items[0][price_data][currency]=jpy&line_items[0][price_data][unit_amount]=500"
    "&line_items[0][price_data][product_data][name]=x"
)


def session(live):
    answer = live.client.post(
        "/stripe/v1/checkout/sessions", content=SESSION, headers={"authorization": "Bearer sk_test_momiji_sandbox"}
    )
    return answer.json()["url"]


def page_of(live, provider):
    match provider:
        case "stripe":
            return session(live)
        case "paypay":
            return live.code().json()["data"]["url"]
        case _:
            return live.numbers().json()["payment_details"]["payment_url"]


def wait_for(claim):
    deadline = time.monotonic() + 5
    while not claim() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert claim()


@pytest.mark.parametrize(
    ("provider", "outcome", "status"),
    [
        ("stripe", "pay", "succeeded"),
        ("stripe", "decline", "requires_payment_method"),
        ("stripe", "abandon", "open"),
        ("stripe", "pay_late", "succeeded"),
        ("paypay", "pay", "COMPLETED"),
        ("paypay", "decline", "FAILED"),
        ("paypay", "abandon", "CREATED"),
        ("paypay", "pay_late", "COMPLETED"),
        ("komoju", "pay", "captured"),
        ("komoju", "decline", "failed"),
        ("komoju", "abandon", "authorized"),
        ("komoju", "pay_late", "captured"),
    ],
)
def test_a_payer_does_what_is_asked(live, provider, outcome, status):
    answer = live.pay(page_of(live, provider), outcome)
    assert answer.status_code == 200, answer.text
    said = answer.json()
    assert (said["provider"], said["outcome"], said["status"]) == (provider, outcome, status)
    taken = live.client.get("/books").json()[provider]["count"]
    assert taken == (1 if outcome.startswith("pay") else 0)


@pytest.mark.parametrize("provider", ["stripe", "paypay", "komoju"])
def test_the_same_payment_is_not_paid_twice_by_paying_again(live, provider):
    page = page_of(live, provider)
    live.pay(page)
    again = live.pay(page)
    assert (again.status_code, again.json()["type"]) == (422, "/problems/not-payable")
    assert live.client.get("/books").json()[provider]["count"] == 1


def test_pay_twice_at_stripe_is_told_by_a_second_event_of_its_own_id(live):
    live.pay(session(live), "pay_twice")
    wait_for(lambda: len(live.catcher.events("stripe", "checkout.session.completed")) == 2)
    told = live.catcher.events("stripe", "checkout.session.completed")
    assert told[0]["id"] != told[1]["id"]
    assert told[0]["data"]["object"]["id"] == told[1]["data"]["object"]["id"]
    assert live.client.get("/books").json()["stripe"]["captured"] == 500


def test_pay_twice_at_komoju_is_a_second_payment_of_the_same_order(live):
    live.pay(page_of(live, "komoju"), "pay_twice")
    found = live.komoju("GET", "/payments?external_order_num=order-1").json()["data"]
    assert [each["status"] for each in found] == ["captured", "captured"]
    wait_for(lambda: len(live.catcher.events("komoju", "payment.captured")) == 2)
    assert live.client.get("/books").json()["komoju"]["captured"] == 2000


def test_pay_twice_at_paypay_is_one_payment_told_twice(live):
    live.pay(page_of(live, "paypay"), "pay_twice")
    wait_for(lambda: len(live.catcher.events("paypay", "COMPLETED")) == 2)
    assert live.client.get("/books").json()["paypay"]["captured"] == 500


def test_a_dispute_is_raised_after_paying_by_card_only(live):
    assert live.pay(session(live), "dispute").json()["status"].startswith("disputed:")
    wait_for(lambda: live.catcher.events("stripe", "charge.dispute.created"))
    for provider in ("paypay", "komoju"):
        answer = live.pay(page_of(live, provider), "dispute")
        assert (answer.status_code, answer.json()["type"]) == (422, "/problems/not-payable")


def test_what_the_merchant_expired_can_still_turn_out_paid(live):
    code = live.code().json()["data"]
    live.paypay("DELETE", f"/v2/codes/{code['codeId']}")
    assert live.pay(code["url"], "pay_late").json()["status"] == "COMPLETED"
    numbers = live.numbers().json()
    live.komoju("POST", f"/payments/{numbers['id']}/cancel")
    assert live.pay(numbers["payment_details"]["payment_url"], "pay_late").json()["status"] == "captured"


@pytest.mark.parametrize("provider", ["stripe", "paypay", "komoju"])
def test_the_payment_is_found_in_a_checkout_page(live, provider):
    live.catcher.page = f'<p>…</p><a href="{page_of(live, provider)}?a=1&amp;b=2">支払う</a>'
    said = live.pay(f"http://127.0.0.1:{live.catcher.port}/pay/charge-1").json()
    assert said["provider"] == provider


def test_the_payment_is_found_behind_a_redirect(live):
    live.catcher.page = session(live)
    assert live.pay(f"http://127.0.0.1:{live.catcher.port}/redirect").json()["status"] == "succeeded"


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://198.51.100.7/pay/1", "is not this installation"),
        ("file:///etc/passwd", "is not this installation"),
        ("http://127.0.0.1:1/pay/1", "ConnectError"),
    ],
)
def test_nothing_to_pay_says_what_to_do(live, url, reason):
    answer = live.pay(url)
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/nothing-to-pay")
    assert reason in answer.json()["detail"]
    assert "checkout_url" in answer.json()["detail"]


def test_a_page_without_a_payment_and_endless_redirects_end(live):
    base = f"http://127.0.0.1:{live.catcher.port}"
    live.catcher.page = "<p>nothing</p>"
    assert "without a link" in live.pay(f"{base}/pay/1").json()["detail"]
    live.catcher.page = f"{base}/redirect"
    assert "redirects" in live.pay(f"{base}/redirect").json()["detail"]


def test_a_page_in_trouble_may_be_tried_again(live):
    answer = live.pay(f"http://127.0.0.1:{live.catcher.port}/away")
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/page-away")


def test_an_unknown_payment_or_outcome_is_refused(live):
    assert live.pay(f"{live.url}/stripe/pay/cs_test_nobody").status_code == 422
    assert live.pay(session(live), "steal").status_code == 422


def test_payments_public_address_is_reached_by_its_internal_one(start, catcher):
    live = start(
        payments_url="https://pay.example.jp", payments_internal_url=f"http://127.0.0.1:{catcher.port}", payer_hosts=()
    )
    catcher.page = session(live)
    said = live.pay("https://pay.example.jp/pay/charge-1").json()
    assert said["status"] == "succeeded"
    assert "is not this installation" in live.pay("https://pay.example.jp.evil.example/pay/1").json()["detail"]
