import hashlib
import hmac
import re
import threading
import time

import pytest

from kernel.clock import SystemClock
from sandbox.komoju.model import fee_of

BANK = {
    "customer_name": "ヒロシマ タロウ",
    "bank_name": "もみじ銀行",
    "bank_code": "0569",
    "branch_name": "本店",
    "branch_number": "001",
    "account_type": "normal",
    "account_number": "0012345",
}


def wait_for(claim):
    deadline = time.monotonic() + 5
    while not claim() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert claim()


def status_of(live, payment):
    return live.komoju("GET", f"/payments/{payment}").json()["status"]


def paid(live, amount=1000):
    made = live.numbers(amount=amount).json()
    assert live.pay(made["payment_details"]["payment_url"]).status_code == 200
    return made["id"]


def test_numbers_are_issued_and_paid_at_a_bank(live):
    made = live.numbers("order-7", 5000).json()
    details = made["payment_details"]
    assert (made["status"], made["total"], made["captured_at"]) == ("authorized", 5000, None)
    assert re.fullmatch(r"\d{5}", details["bank_id"])
    assert re.fullmatch(r"\d{11}", details["customer_id"])
    assert re.fullmatch(r"\d{6}", details["confirmation_id"])
    assert details["customer_id"] in live.client.get(details["payment_url"]).text
    numbers = {name: details[name] for name in ("bank_id", "customer_id", "confirmation_id")}
    wrong = live.client.post(details["payment_url"], data=numbers | {"confirmation_id": "x"})
    assert (wrong.status_code, status_of(live, made["id"])) == (422, "authorized")
    assert live.client.post(details["payment_url"], data=numbers).status_code == 303
    found = live.komoju("GET", "/payments?external_order_num=order-7").json()
    assert [(each["id"], each["status"]) for each in found["data"]] == [(made["id"], "captured")]
    assert found["data"][0]["captured_at"].endswith("Z")


def test_the_fee_and_its_tax_are_each_rounded():
    assert fee_of(5000, 275) == 138 + 14


@pytest.mark.parametrize("missing", ["email", "phone", "family_name", "given_name_kana"])
def test_every_field_of_the_payer_is_required(live, missing):
    body = live.pay_easy("o", 500)
    del body["payment_details"][missing]
    answer = live.komoju("POST", "/payments", body)
    assert answer.status_code == 422
    error = answer.json()["error"]
    assert (error["code"], error["param"]) == ("missing_parameter", f"payment_details[{missing}]")


@pytest.mark.parametrize("wrong", [{"amount": 0}, {"amount": 1_000_000}, {"currency": "USD"}], ids=str)
def test_wrong_amounts_and_currencies_are_refused(live, wrong):
    assert live.numbers(**{"order": "o"} | wrong).status_code == 422


def test_a_form_is_as_good_as_json(live):
    body = (
        "amount=1000&currency=JPY&external_order_num=f&payment_details[type]=pay_easy&payment_details[email]=a@b.jp"
        "&payment_details[phone]=0820000000&payment_details[family_name]=あ&payment_details[given_name]=い"
        "&payment_details[family_name_kana]=ア&payment_details[given_name_kana]=イ"
    )
    answer = live.client.post(
        "/komoju/api/v1/payments",
        content=body.encode(),
        headers={"content-type": "application/x-www-form-urlencoded"},
        auth=(live.settings.komoju_secret_key.get_secret_value(), ""),
    )
    assert answer.json()["status"] == "authorized"


def test_a_wrong_key_is_unauthorized(live):
    assert live.komoju("GET", "/payments", secret="another").json()["error"]["code"] == "unauthorized"


def test_the_same_key_gives_the_same_answer(live):
    first, again = live.numbers(key="k"), live.numbers(key="k")
    assert first.json() == again.json()
    assert live.komoju("GET", "/payments").json()["total"] == 1
    assert live.numbers(amount=2000, key="k").status_code == 422
    assert live.numbers(key="x" * 101).status_code == 400


def test_a_key_in_flight_conflicts(live):
    live.fault("komoju", "slow_ms:600", "open")
    answers = []
    first = threading.Thread(target=lambda: answers.append(live.numbers(key="k")))
    first.start()
    time.sleep(0.2)
    assert live.numbers(key="k").status_code == 409
    first.join()
    assert live.numbers(key="k").json() == answers[0].json()


def test_only_an_unpaid_payment_can_be_cancelled(live):
    made = live.numbers().json()["id"]
    assert live.komoju("POST", f"/payments/{made}/cancel").json()["status"] == "cancelled"
    assert live.komoju("POST", f"/payments/{made}/cancel").status_code == 422
    assert live.komoju("POST", f"/payments/{paid(live)}/cancel").status_code == 422


def test_a_payment_expires_by_itself_and_can_then_not_be_paid(start):
    live = start(komoju_deadline_seconds=1)
    made = live.numbers().json()
    wait_for(lambda: status_of(live, made["id"]) == "expired")
    wait_for(lambda: live.catcher.events("komoju", "payment.expired"))
    assert live.pay(made["payment_details"]["payment_url"]).status_code == 422


def test_the_deadline_asked_for_is_kept(live):
    made = live.numbers(expires_in_seconds=3600).json()
    left = SystemClock().now().timestamp()
    deadline = time.mktime(time.strptime(made["payment_deadline"], "%Y-%m-%dT%H:%M:%SZ")) - time.timezone
    assert 3590 <= deadline - left <= 3600


def test_a_refund_is_requested_with_a_bank_account(live):
    payment = paid(live)
    assert live.komoju("POST", f"/payments/{payment}/refund", {}).json()["error"]["code"] == "not_refundable"
    asked = live.komoju("POST", f"/payments/{payment}/refund_request", BANK | {"amount": 1000}).json()
    assert asked["status"] == "pending"
    wait_for(lambda: status_of(live, payment) == "refunded")
    now = live.komoju("GET", f"/payments/{payment}").json()
    assert (now["amount_refunded"], now["refund_requests"][0]["status"]) == (1000, "approved")
    wait_for(lambda: live.catcher.events("komoju", "payment.refunded"))


def test_more_than_was_paid_is_never_refunded(live):
    payment = paid(live)
    assert live.komoju("POST", f"/payments/{payment}/refund_request", BANK | {"amount": 600}).status_code == 200
    over = live.komoju("POST", f"/payments/{payment}/refund_request", BANK | {"amount": 401})
    assert over.json()["error"]["code"] == "refund_exceeds_payment"


def test_a_rejected_refund_request_frees_its_amount(live):
    payment = paid(live)
    live.fault("komoju", "fails", "refund")
    live.komoju("POST", f"/payments/{payment}/refund_request", BANK | {"amount": 1000})
    wait_for(lambda: live.komoju("GET", f"/payments/{payment}").json()["refund_requests"][0]["status"] == "rejected")
    again = live.komoju("POST", f"/payments/{payment}/refund_request", BANK | {"amount": 1000})
    assert again.json()["status"] == "pending"


@pytest.mark.parametrize("name", ["customer_name", "bank_code", "account_number"])
def test_a_refund_request_needs_the_whole_account(live, name):
    account = {key: value for key, value in BANK.items() if key != name}
    answer = live.komoju("POST", f"/payments/{paid(live)}/refund_request", account)
    assert (answer.status_code, answer.json()["error"]["param"]) == (422, name)


def test_webhooks_are_signed_over_the_raw_body(live):
    paid(live)
    wait_for(lambda: live.catcher.events("komoju", "payment.captured"))
    caught = next(each for each in live.catcher.of("komoju") if each.json["type"] == "payment.captured")
    secret = live.settings.komoju_webhook_secret.get_secret_value().encode()
    assert caught.headers["x-komoju-signature"] == hmac.new(secret, caught.body, hashlib.sha256).hexdigest()
    assert caught.headers["x-komoju-event"] == "payment.captured"
    assert caught.headers["x-komoju-id"] == caught.json["id"]
