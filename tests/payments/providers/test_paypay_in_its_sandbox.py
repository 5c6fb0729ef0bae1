"""PayPay's refusals as the sandbox gives them, and what the adapter makes of each."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from kernel.clock import SystemClock
from kernel.money import Yen
from payments.charges.model import Attempt, NoAnswer, NotThere, Paid
from payments.methods.paypay.adapter import connect
from payments.methods.protocol import AmbiguousError, MisconfiguredError, RefundWanted, Wanted
from support.live_payments import eventually


@pytest.fixture
async def paypay(till):
    method = connect(till.settings, SystemClock())
    yield method
    await method.close()


@pytest.fixture
async def stranger(till):
    method = connect(till.settings.model_copy(update={"paypay_api_key": "somebody_else"}), SystemClock())
    yield method
    await method.close()


def attempt():
    now = SystemClock().now()
    return Attempt(uuid4(), uuid4(), "paypay", "prepared", Yen(510), now + timedelta(minutes=5), now)


def wanted(attempt):
    return Wanted(attempt, "縮景園", "http://127.0.0.1:8101/orders/1", "ja")


async def opened(method):
    made = await method.open(wanted(prepared := attempt()))
    return replace(prepared, state="open", provider_id=made.provider_id, pay_url=made.pay_url)


async def paid(method, till):
    found = await opened(method)
    till.pay(found.pay_url)
    return found


def refund(found, amount=510):
    return RefundWanted(uuid4(), found, Yen(amount), None, SystemClock().now())


def calls(method):
    """What the adapter sends from now on."""
    sent = []

    async def note(request):
        sent.append((request.method, request.url.path.removeprefix("/paypay").rsplit("/", 1)[0]))

    method._client.event_hooks["request"].append(note)
    return sent


async def test_a_reference_that_was_used_is_asked_about_and_not_given_up(paypay):
    """DUPLICATE_DYNAMIC_QR_REQUEST: an earlier call of ours made the code, and its answer was lost."""
    await paypay.open(wanted(prepared := attempt()))
    with pytest.raises(AmbiguousError):
        await paypay.open(wanted(prepared))


async def test_a_wrong_key_is_said_to_be_our_own_mistake(stranger):
    with pytest.raises(MisconfiguredError, match="MOMIJI_PAYPAY_API_KEY"):
        await stranger.open(wanted(attempt()))


async def test_a_clock_that_is_wrong_is_said_to_be_our_own_mistake(till):
    class Ahead:
        def now(self):
            return SystemClock().now() + timedelta(minutes=10)

    method = connect(till.settings, Ahead())
    with pytest.raises(MisconfiguredError, match="clock"):
        await method.open(wanted(attempt()))
    await method.close()


async def test_an_id_that_was_used_for_another_refund_shows_that_one(paypay, till):
    """DUPLICATE_REFUND_REQUEST."""
    found = await paid(paypay, till)
    wish = refund(found, 110)
    first = await paypay.refund(wish, None)
    again = await paypay.refund(replace(wish, amount=Yen(120)), None)
    assert (again.state, again.provider_id) == (first.state, first.provider_id)


async def test_a_wrong_key_concludes_nothing_about_money(paypay, stranger, till):
    found = await paid(paypay, till)
    assert await stranger.query(found) == NoAnswer()
    assert (await stranger.refund(refund(found), None)).state == "no_answer"
    assert (await stranger.query_refund(refund(found))).state == "no_answer"


async def test_a_code_that_is_not_there_is_not_there(paypay):
    """DYNAMIC_QR_PAYMENT_NOT_FOUND, and DYNAMIC_QR_NOT_FOUND on deleting: nothing is raised."""
    found = replace(attempt(), provider_id="04-nothing")
    assert await paypay.query(found) == NotThere()
    await paypay.expire(found)


async def test_a_paid_code_cannot_be_deleted_and_its_money_is_found(paypay, till):
    """DYNAMIC_QR_ALREADY_PAID."""
    found = await paid(paypay, till)
    await paypay.expire(found)
    assert isinstance(await paypay.query(found), Paid)


async def test_a_payment_of_today_is_cancelled_whole(paypay, till):
    found = await paid(paypay, till)
    sent = calls(paypay)
    finding = await paypay.refund(refund(found), None)
    assert finding.state == "settled"
    assert ("DELETE", "/v2/payments") in sent
    assert ("POST", "/v2") not in sent


async def test_a_part_of_it_is_refunded(paypay, till):
    found = await paid(paypay, till)
    sent = calls(paypay)
    assert (await paypay.refund(refund(found, 110), None)).state == "settled"
    assert ("DELETE", "/v2/payments") not in sent


async def test_the_rest_after_a_part_is_refunded_too(paypay, till):
    """ORDER_NOT_REVERSIBLE would be the answer to a cancellation of what was refunded in part."""
    found = await paid(paypay, till)
    await paypay.refund(refund(found, 110), None)
    assert (await paypay.refund(refund(found, 400), None)).state == "settled"


async def test_what_cannot_be_cancelled_any_more_is_refunded(paypay, till, monkeypatch):
    """The window closed at PayPay between our look and our call."""
    found = await paid(paypay, till)
    await paypay.refund(refund(found, 110), None)
    monkeypatch.setattr("payments.methods.paypay.adapter._whole", lambda *_: True)
    sent = calls(paypay)
    assert (await paypay.refund(refund(found, 400), None)).state == "settled"
    assert ("DELETE", "/v2/payments") in sent
    assert ("POST", "/v2") in sent


async def test_once_the_window_is_over_nothing_is_cancelled(paypay, till, monkeypatch):
    """The window itself is a table in tests/payments/methods/test_when_paypay_cancels.py."""
    found = await paid(paypay, till)
    monkeypatch.setattr("payments.methods.paypay.windows.may_be_cancelled", lambda *_, **__: False)
    sent = calls(paypay)
    assert (await paypay.refund(refund(found), None)).state == "settled"
    assert ("POST", "/v2") in sent
    assert ("DELETE", "/v2/payments") not in sent


async def test_more_parts_than_the_contract_allows_fail_in_words_of_our_own(paypay, till):
    """REFUND_LIMIT_EXCEEDED; the sandbox allows ten."""
    found = await paid(paypay, till)
    findings = [await paypay.refund(refund(found, 10), None) for _ in range(11)]
    assert [each.state for each in findings] == ["settled"] * 10 + ["failed"]
    assert findings[-1].problem == "refund_limit"


async def test_a_refund_that_paypay_does_not_know_is_sent_again_under_its_id(paypay, till):
    """NO_SUCH_REFUND_ORDER."""
    found = await paid(paypay, till)
    wish = refund(found, 110)
    assert (await paypay.query_refund(wish)).state == "settled"
    assert (await paypay.query_refund(wish)).state == "settled"
    booked = till.client.get(f"{till.sandbox_url}/books").json()["paypay"]["payments"]
    assert [row["refunded"] for row in booked if row["external_reference"] == str(found.id)] == [110]


async def test_a_cancellation_whose_answer_was_lost_is_found(paypay, till):
    found = await paid(paypay, till)
    wish = refund(found)
    till.fault("paypay", "error_500_after_success", "expire")
    assert (await paypay.refund(wish, None)).state == "no_answer"
    assert (await paypay.query_refund(wish)).state == "settled"
    booked = till.client.get(f"{till.sandbox_url}/books").json()["paypay"]["payments"]
    assert [row["refunded"] for row in booked if row["external_reference"] == str(found.id)] == [510]


def test_the_staff_reads_that_paypay_takes_no_more_refunds_of_a_payment(till):
    charge = till.open(method="paypay")
    till.pay(charge["checkout_url"])
    assert till.captured(charge["id"])
    for _ in range(11):
        assert till.refund(charge["id"], 10).is_success
    (fact,) = eventually(lambda: till.events("refund.failed", charge["id"]), 30)
    assert fact["reason"] == "refund_limit"
    history = [line["words"] for line in till.get(charge["id"])["history"]]
    assert any("paypay takes no more refunds of this payment" in words for words in history)


def test_the_staff_reads_which_setting_is_wrong(till):
    """As when PayPay changed the key and nobody told us."""
    wanted = till.wanted(method="paypay")
    till.client.delete(f"{till.sandbox_url}/faults")
    till.fault("paypay", "unauthorized", "open")
    assert till.post(wanted).status_code == 503
    charge = till.rows("SELECT id FROM charges WHERE reference = %s", wanted["reference"])[0][0]
    history = [line["words"] for line in till.get(charge)["history"]]
    assert any("check MOMIJI_PAYPAY_API_KEY" in words for words in history)


def test_a_code_is_deleted_when_its_time_is_over(till):
    charge = till.open(method="paypay")
    url = till.rows("SELECT pay_url FROM attempts WHERE charge_id = %s", charge["id"])[0][0]
    till.rows("UPDATE attempts SET deadline = now() - interval '2 minutes' WHERE charge_id = %s", charge["id"])
    till.ask_soon()
    assert eventually(
        lambda: till.rows("SELECT state FROM attempts WHERE charge_id = %s", charge["id"]) == [("expired",)]
    )
    answer = till.client.post(f"{till.sandbox_url}/payers", json={"checkout_url": url, "outcome": "pay"})
    assert answer.status_code == 422
    assert "DELETED" in answer.text
