"""What every payment method must do, asked of each folder under methods/ against a live sandbox."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest

import payments.methods
from kernel.clock import SystemClock
from kernel.money import Yen
from payments.charges.model import Attempt, NoAnswer, NotThere, Over, Paid, Reversed, Unpaid
from payments.methods import connect_all
from payments.methods.protocol import (
    AmbiguousError,
    Away,
    BankAccount,
    MisconfiguredError,
    RefundWanted,
    RefusedError,
    Wanted,
)
from support.live_payments import eventually

NAMES = sorted(each.parent.name for folder in payments.methods.__path__ for each in Path(folder).glob("*/adapter.py"))
ACCOUNT = BankAccount("モミジ タロウ", "もみじ銀行", "0569", "本店", "001", "normal", "7654321")


@pytest.fixture(params=NAMES)
async def method(request, till):
    found = connect_all(only(till.settings, request.param), SystemClock())[request.param]
    yield found
    await found.close()


def only(settings, name, **more):
    """Settings with one method: two of them may be two routes to the same wallet, which no installation offers."""
    return settings.model_copy(update={"methods_enabled": (name,)} | more)


def attempt(method):
    now = SystemClock().now()
    return Attempt(uuid4(), uuid4(), method.capabilities.name, "prepared", Yen(510), now + timedelta(minutes=40), now)


def wanted(attempt):
    return Wanted(attempt, "縮景園", "http://127.0.0.1:8101/orders/1", "ja")


async def opened(method):
    prepared = attempt(method)
    made = await method.open(wanted(prepared))
    return replace(prepared, state="open", provider_id=made.provider_id, pay_url=made.pay_url, deadline=made.deadline)


async def test_it_opens_and_waits_for_its_payer(method):
    found = await opened(method)
    assert found.pay_url.startswith("http")
    assert found.deadline > SystemClock().now()
    assert await method.query(found) == Unpaid()


async def test_opening_the_same_attempt_again_makes_nothing_new_where_it_says_so(method):
    prepared = attempt(method)
    first = await method.open(wanted(prepared))
    if method.capabilities.reopens:
        assert (await method.open(wanted(prepared))).provider_id == first.provider_id
    else:
        with pytest.raises(Exception, match=r".+"):
            await method.open(wanted(prepared))


async def test_what_is_paid_is_found_paid(method, till):
    found = await opened(method)
    before = SystemClock().now() - timedelta(seconds=2)
    till.pay(found.pay_url)
    finding = await method.query(found)
    assert isinstance(finding, Paid)
    assert finding.amount == Yen(510)
    assert before < finding.at <= SystemClock().now() + timedelta(seconds=1)


async def test_what_was_never_opened_is_not_there(method):
    assert await method.query(attempt(method)) == NotThere()


async def test_what_is_given_up_cannot_be_paid(method, till):
    found = await opened(method)
    await method.expire(found)
    assert await method.query(found) in (Over(), NotThere())
    answer = till.client.post(f"{till.sandbox_url}/payers", json={"checkout_url": found.pay_url, "outcome": "pay"})
    assert answer.status_code == 422


async def test_giving_up_what_is_paid_leaves_the_money_seen(method, till):
    found = await opened(method)
    till.pay(found.pay_url)
    await method.expire(found)
    assert isinstance(await method.query(found), Paid)


async def test_what_a_bank_takes_back_is_found_reversed_where_a_bank_can(method, till):
    found = await opened(method)
    till.pay(found.pay_url)
    answer = till.client.post(f"{till.sandbox_url}/payers", json={"checkout_url": found.pay_url, "outcome": "reverse"})
    assert answer.is_success == method.capabilities.reversible
    assert isinstance(await method.query(found), Reversed if method.capabilities.reversible else Paid)


async def test_a_refund_under_one_id_is_one_refund(method, till):
    found = await opened(method)
    till.pay(found.pay_url)
    wish = RefundWanted(uuid4(), found, Yen(510), None, SystemClock().now())
    if method.capabilities.refund == "transfer":  # We transfer it ourselves: the provider is never asked to.
        with pytest.raises(RefusedError):
            await method.refund(wish, ACCOUNT)
        return
    account = ACCOUNT if method.capabilities.refund == "bank_account" else None
    first = await method.refund(wish, account)
    again = await method.refund(wish, account)
    assert first.state in {"settled", "pending"}
    assert again.provider_id == first.provider_id
    known = replace(wish, provider_id=first.provider_id)
    states = []
    for _ in range(100):
        states.append((await method.query_refund(known)).state)
        if states[-1] == "settled":
            break
        eventually(lambda: False, 0.05)
    assert states[-1] == "settled"
    booked = till.client.get(f"{till.sandbox_url}/books").json()[method.capabilities.carrier]
    assert [row["refunded"] for row in booked["payments"]][-1] == 510


async def test_maintenance_is_away_and_not_a_failure(method, till):
    till.fault(method.capabilities.carrier, "maintenance", "open")
    with pytest.raises(Away) as away:
        await method.open(wanted(attempt(method)))
    assert away.value.kind == "maintenance"


async def test_a_key_that_is_not_known_is_a_mistake_of_ours_and_concludes_nothing(method, till):
    found = await opened(method)
    carrier = method.capabilities.carrier
    till.fault(carrier, "unauthorized", "open")
    with pytest.raises(MisconfiguredError, match="check MOMIJI_"):
        await method.open(wanted(attempt(method)))
    till.fault(carrier, "unauthorized", "query")
    assert await method.query(found) == NoAnswer()


async def test_a_provider_that_is_asked_too_often_is_away_and_says_so(method, till):
    till.fault(method.capabilities.carrier, "rate_limited", "open")
    with pytest.raises(Away) as away:
        await method.open(wanted(attempt(method)))
    assert (away.value.kind, away.value.retry_after) == ("rate_limited", 1.0)


async def test_a_refund_that_is_asked_about_too_often_is_not_sent_again(method, till):
    found = await opened(method)
    till.pay(found.pay_url)
    if method.capabilities.refund != "transfer":
        till.fault(method.capabilities.carrier, "rate_limited", "query")
    wish = RefundWanted(uuid4(), found, Yen(510), None, SystemClock().now())
    asked = "not_there" if method.capabilities.refund == "transfer" else "no_answer"
    assert (await method.query_refund(wish)).state == asked
    booked = till.client.get(f"{till.sandbox_url}/books").json()[method.capabilities.carrier]
    assert [row["refunded"] for row in booked["payments"]][-1] == 0


async def test_a_question_that_comes_too_often_concludes_nothing(method, till):
    found = await opened(method)
    till.fault(method.capabilities.carrier, "rate_limited", "query")
    assert isinstance(await method.query(found), NoAnswer)
    eventually(lambda: False, 1.1)
    assert await method.query(found) == Unpaid()


async def test_a_server_error_on_opening_is_ambiguous(method, till):
    till.fault(method.capabilities.carrier, "error_500", "open")
    with pytest.raises(AmbiguousError):
        await method.open(wanted(attempt(method)))


async def test_a_server_error_on_asking_concludes_nothing(method, till):
    found = await opened(method)
    till.fault(method.capabilities.carrier, "error_500", "query")
    assert await method.query(found) == NoAnswer()


async def test_a_provider_that_cannot_be_reached_concludes_nothing(method, till):
    nowhere = "http://127.0.0.1:9"
    name = method.capabilities.name
    places = dict.fromkeys(("stripe_api_base", "paypay_base_url", "komoju_base_url", "sandbox_url"), nowhere)
    lost = connect_all(only(till.settings, name, **places), SystemClock())[name]
    found = replace(attempt(method), provider_id="x", state="open")
    assert await lost.query(found) == NoAnswer()
    with pytest.raises(Away) as away:  # Nothing was sent: another try, by another method too, is safe.
        await lost.open(wanted(attempt(method)))
    assert away.value.kind == "unreachable"
    await lost.close()
