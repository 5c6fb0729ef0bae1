import time

import pytest

from kernel.clock import SystemClock
from sandbox.paypay.model import UNAUTHORIZED, Code, PayPayError, cancel, pay
from sandbox.paypay.signing import Doorman, body_hash, mac_of


def code_of(answer):
    return answer.json()["resultInfo"]["code"]


def test_the_two_published_signature_vectors_hold():
    secret = "sample_secret"
    assert (
        mac_of(
            secret,
            path="/v2/payments/TEST_merchantPaymentID",
            method="GET",
            nonce="a360e2",
            epoch="1743139337",
            content_type="empty",
            hash_said="empty",
        )
        == "JbUZwAUKeQ+WDClEjkCGwYG/juFR+Dd5RK5AfL0gK9w="
    )
    assert (
        mac_of(
            secret,
            path="/v2/codes",
            method="POST",
            nonce="fedaa4",
            epoch="1743138611",
            content_type="application/json",
            hash_said="T9wzkv1tUWIxzIHQUT7iDQ==",
        )
        == "C2a7jD7OjL1DXnZhSYQfRI2Oxfdh43htV7pG8cwgCy4="
    )


def test_the_doorman_lets_the_published_request_in_once():
    doorman = Doorman(key="sample_key", secret="sample_secret")
    header = "hmac OPA-Auth:sample_key:JbUZwAUKeQ+WDClEjkCGwYG/juFR+Dd5RK5AfL0gK9w=:a360e2:1743139337:empty"
    request = {"path": "/v2/payments/TEST_merchantPaymentID", "method": "GET", "content_type": "", "body": b""}
    doorman.check(header, now=1743139337, **request)
    with pytest.raises(PayPayError, match="nonce"):
        doorman.check(header, now=1743139338, **request)
    with pytest.raises(PayPayError, match="epoch"):
        doorman.check(header, now=1743139337 + 121, **request)


def test_a_body_is_hashed_with_its_content_type():
    assert body_hash("application/json", b"{}") != body_hash("application/json;charset=UTF-8", b"{}")
    assert body_hash("application/json", b"") == "empty"


@pytest.mark.parametrize(
    "wrong",
    [
        {"secret": "another"},
        {"epoch": 1_743_139_337},
        {"merchant": "somebody-else"},
    ],
    ids=lambda each: next(iter(each)),
)
def test_a_wrongly_signed_request_is_unauthorized(live, wrong):
    answer = live.paypay("GET", "/v2/payments/x", **wrong)
    assert answer.status_code == 401
    assert answer.json()["resultInfo"]["codeId"] == UNAUTHORIZED[1] == "08100016"


def test_a_nonce_serves_once(live):
    assert live.paypay("GET", "/v2/payments/x", nonce="abcdefgh").status_code == 404
    assert live.paypay("GET", "/v2/payments/x", nonce="abcdefgh").status_code == 401


def test_a_code_is_paid_found_and_refunded(live):
    made = live.code(
        "p-1", 800, orderDescription="入館料", redirectUrl="http://127.0.0.1:9/ok", redirectType="WEB_LINK"
    )
    assert made.status_code == 201
    data = made.json()["data"]
    assert 290 <= data["expiryDate"] - SystemClock().now().timestamp() <= 300
    assert data["deeplink"].startswith("paypay://")
    unpaid = live.paypay("GET", "/v2/codes/payments/p-1").json()["data"]
    assert unpaid == {"status": "CREATED", "acceptedAt": 0, "requestedAt": 0}
    gone = live.client.post(f"/paypay/pay/{data['codeId']}", data={"do": "pay"})
    assert gone.headers["location"] == "http://127.0.0.1:9/ok"
    payment = live.paypay("GET", "/v2/codes/payments/p-1").json()["data"]
    assert (payment["status"], payment["amount"]["amount"]) == ("COMPLETED", 800)
    assert live.paypay("GET", "/v2/payments/p-1").json()["data"]["paymentId"] == payment["paymentId"]

    def refund(refund_id, amount):
        said = {
            "merchantRefundId": refund_id,
            "paymentId": payment["paymentId"],
            "amount": {"amount": amount, "currency": "JPY"},
            "requestedAt": int(SystemClock().now().timestamp()),
            "reason": "取消",
        }
        return live.paypay("POST", "/v2/refunds", said)

    assert refund("r-1", 500).json()["data"]["status"] == "REFUNDED"
    assert refund("r-1", 500).status_code == 201  # the same refund again is the same refund
    assert code_of(refund("r-1", 300)) == "DUPLICATE_REFUND_REQUEST"
    assert code_of(refund("r-2", 301)) == "REFUND_LIMIT_EXCEEDED"
    assert refund("r-3", 300).status_code == 201
    assert live.paypay("GET", "/v2/refunds/r-3").json()["data"]["amount"]["amount"] == 300
    assert code_of(live.paypay("GET", "/v2/refunds/nobody")) == "NO_SUCH_REFUND_ORDER"
    whole = live.paypay("GET", "/v2/codes/payments/p-1").json()["data"]
    assert (whole["status"], len(whole["refunds"]["data"])) == ("REFUNDED", 2)


def test_a_merchant_payment_id_serves_once_unless_its_code_was_deleted(live):
    first = live.code("p-1").json()["data"]
    again = live.code("p-1")
    assert (code_of(again), again.json()["resultInfo"]["codeId"]) == ("DUPLICATE_DYNAMIC_QR_REQUEST", "01652073")
    assert live.paypay("DELETE", f"/v2/codes/{first['codeId']}").status_code == 200
    assert code_of(live.paypay("DELETE", f"/v2/codes/{first['codeId']}")) == "DYNAMIC_QR_NOT_FOUND"
    assert code_of(live.paypay("GET", "/v2/codes/payments/p-1")) == "DYNAMIC_QR_PAYMENT_NOT_FOUND"
    assert live.code("p-1").status_code == 201


def test_a_paid_code_cannot_be_deleted_but_cancelled(live):
    data = live.code("p-1").json()["data"]
    live.pay(data["url"])
    assert code_of(live.paypay("DELETE", f"/v2/codes/{data['codeId']}")) == "DYNAMIC_QR_ALREADY_PAID"
    assert live.paypay("DELETE", "/v2/payments/p-1").status_code == 202
    assert live.paypay("GET", "/v2/payments/p-1").json()["data"]["status"] == "CANCELED"


def test_cancelling_before_payment_burns_the_id(live):
    live.code("p-1")
    live.paypay("DELETE", "/v2/payments/p-1")
    assert code_of(live.code("p-1")) == "DUPLICATE_DYNAMIC_QR_REQUEST"


def test_a_payment_can_be_cancelled_until_a_quarter_past_midnight():
    noon = 1_795_402_800  # 2026-11-23 12:00 in Japan
    paid = pay(
        Code(id="p", code_id="c", amount=500, requested_at=noon, expires_at=noon + 300),
        at=noon,
        payment_id="1",
        fee_basis_points=198,
    )
    last = noon + 12 * 3600 + 14 * 60 + 59
    assert cancel(paid, at=last).status == "CANCELED"
    with pytest.raises(PayPayError, match="refund"):
        cancel(paid, at=last + 1)


def test_an_expired_code_cannot_be_paid(start):
    live = start(paypay_code_seconds=1)
    data = live.code("p-1").json()["data"]
    time.sleep(1.1)
    assert live.client.post(f"/paypay/pay/{data['codeId']}", data={"do": "pay"}).status_code == 409
    assert live.paypay("GET", "/v2/codes/payments/p-1").json()["data"]["status"] == "CREATED"


@pytest.mark.parametrize(
    "wrong",
    [
        {"amount": {"amount": 0, "currency": "JPY"}},
        {"amount": {"amount": 100, "currency": "USD"}},
        {"codeType": "STATIC"},
        {"merchantPaymentId": "x" * 65},
        {"orderDescription": "x" * 256},
        {"redirectUrl": "javascript:alert(1)"},
        {"colour": "red"},
    ],
    ids=lambda each: next(iter(each)),
)
def test_a_code_with_wrong_fields_is_refused(live, wrong):
    answer = live.code("p-1", **wrong)
    assert (answer.status_code, code_of(answer)) == (400, "INVALID_REQUEST_PARAMS")


def test_the_notification_is_unsigned_and_names_our_order(live):
    live.pay(live.code("p-9", 700).json()["data"]["url"])
    deadline = time.monotonic() + 5
    while not live.catcher.of("paypay") and time.monotonic() < deadline:
        time.sleep(0.02)
    caught = live.catcher.of("paypay")[0]
    assert not any("signature" in name for name in caught.headers)
    assert (caught.json["merchant_order_id"], caught.json["state"], caught.json["order_amount"]) == (
        "p-9",
        "COMPLETED",
        700,
    )
