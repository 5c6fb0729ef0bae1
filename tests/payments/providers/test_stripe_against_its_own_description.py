"""Every request to Stripe against stripe-mock, Stripe's own program: it knows each parameter of the real interface.

It is stateless and answers with fixtures, so what is claimed here is that what we send is accepted, and nothing of what
comes of it. v0.203.0 holds the interface of 2026-08-26: it does not know PayPay yet (Stripe takes it since 2026-09-30),
does not look at `expand`, and lets unknown names pass inside nested objects.
"""

import inspect
import subprocess
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
import stripe.params.checkout as stripe_params

from kernel.clock import SystemClock
from kernel.money import Yen
from payments.charges.model import Attempt
from payments.methods.protocol import RefundWanted, RefusedError, Wanted
from payments.methods.stripe_card import adapter as card
from payments.methods.stripe_checkout import StripeCheckout
from payments.methods.stripe_paypay import adapter as paypay
from payments.settings import PaymentsSettings
from support.live_payments import eventually, free_port

ROOT = Path(__file__).parents[3]

pytestmark = pytest.mark.peer


@pytest.fixture(scope="module")
def description(tmp_path_factory):
    """The address of a running stripe-mock; built on demand, where there is Go."""
    built = subprocess.run([ROOT / "deploy" / "build-stripe-mock.sh"], capture_output=True, text=True, check=False)
    if built.returncode:
        pytest.skip(built.stderr.strip().splitlines()[-1])
    plain, tls = free_port(), free_port()
    log = tmp_path_factory.mktemp("stripe-mock") / "log"
    # Without an address for TLS it would take a port of its own choice on every interface.
    places = ["-http-addr", f"127.0.0.1:{plain}", "-https-addr", f"127.0.0.1:{tls}"]
    with log.open("wb") as out:
        process = subprocess.Popen([built.stdout.strip(), *places], stdout=out, stderr=out)

    def answers():
        try:
            return httpx.get(f"http://127.0.0.1:{plain}/", trust_env=False).status_code
        except httpx.HTTPError:
            return process.poll() is not None

    assert eventually(answers, 30)
    assert process.poll() is None, log.read_text()
    yield f"http://127.0.0.1:{plain}"
    process.terminate()
    process.wait(10)


@pytest.fixture
def settings(description):
    return PaymentsSettings(stripe_api_base=description, stripe_secret_key="sk_test_123")


@pytest.fixture
async def heard(settings):
    """The card adapter, and what each of its requests was answered with."""
    method = card.connect(settings, SystemClock())
    answers = []

    async def note(answer):
        answers.append((answer.request.method, answer.request.url.path, answer.status_code))

    method._transport._client_async.event_hooks["response"].append(note)
    yield method, answers
    await method.close()


def attempt(provider_id=None):
    now = SystemClock().now()
    ends = now + timedelta(minutes=40)
    return Attempt(uuid4(), uuid4(), "stripe_card", "open", Yen(510), ends, now, provider_id=provider_id)


def wanted():
    return Wanted(attempt(), "縮景園 2026-11-24", "https://tickets.example/orders/1", "ja")


async def open_one(method):
    await method.open(wanted())


async def query_session(method):
    await method.query(attempt("cs_test_1"))


async def query_intent(method):
    await method.query(attempt("pi_1"))


async def expire_session(method):
    await method.expire(attempt("cs_test_1"))


async def expire_intent(method):
    await method.expire(attempt("pi_1"))


async def refund(method):
    await method.refund(refund_wanted("pi_1"), None)


async def refund_a_session(method):
    await method.refund(refund_wanted("cs_test_1"), None)


async def ask_about_a_refund(method):
    await method.query_refund(replace(refund_wanted("pi_1"), provider_id="re_1"))


async def look_for_a_lost_refund(method):
    await method.query_refund(refund_wanted("pi_1"))


async def read_a_payout(method):
    await method.lines_of_payout("po_1")


async def list_payouts(method):
    await method.payouts(SystemClock().now())


async def ask_for_the_attempt_of_a_payment(method):
    await method.attempt_of_payment("pi_1")


def refund_wanted(provider_id):
    return RefundWanted(uuid4(), attempt(provider_id), Yen(110), None, SystemClock().now())


@pytest.mark.parametrize(
    ("act", "sent"),
    [
        (open_one, {("POST", "/v1/checkout/sessions")}),
        (query_session, {("GET", "/v1/checkout/sessions/cs_test_1")}),
        (query_intent, {("GET", "/v1/payment_intents/pi_1")}),
        (expire_session, {("POST", "/v1/checkout/sessions/cs_test_1/expire")}),
        (expire_intent, {("POST", "/v1/payment_intents/pi_1/cancel")}),
        (refund, {("POST", "/v1/refunds")}),
        (refund_a_session, {("GET", "/v1/checkout/sessions/cs_test_1")}),
        (ask_about_a_refund, {("GET", "/v1/refunds/re_1")}),
        (look_for_a_lost_refund, {("GET", "/v1/refunds"), ("POST", "/v1/refunds")}),
        (read_a_payout, {("GET", "/v1/balance_transactions")}),
        (list_payouts, {("GET", "/v1/payouts")}),
        (ask_for_the_attempt_of_a_payment, {("GET", "/v1/payment_intents/pi_1")}),
    ],
)
async def test_stripe_s_description_accepts_what_the_adapter_sends(heard, act, sent):
    method, answers = heard
    await act(method)
    assert {(verb, path) for verb, path, _ in answers} >= sent
    assert {status for *_, status in answers} == {200}


async def test_a_wrong_value_is_refused_so_that_this_check_can_fail(settings):
    wrong = StripeCheckout(
        settings,
        SystemClock(),
        capabilities=card.CAPABILITIES,
        method_type="card",
        options={"request_three_d_secure": "sometimes"},
    )
    with pytest.raises(RefusedError):
        await wrong.open(wanted())
    await wrong.close()


def test_an_unknown_parameter_is_refused_so_that_this_check_can_fail(settings):
    answer = httpx.post(
        f"{settings.stripe_api_base}/v1/refunds",
        data={"payment_intent": "pi_1", "ammount": "110"},
        auth=("sk_test_123", ""),
        trust_env=False,
    )
    assert answer.status_code == 400


async def test_paypay_is_newer_than_stripe_mock_and_stands_in_the_library_s_own_list(settings):
    """When this fails, stripe-mock has learned it: take stripe_paypay into the list above."""
    method = paypay.connect(settings, SystemClock())
    with pytest.raises(RefusedError):
        await method.open(wanted())
    await method.close()
    known = inspect.getsource(inspect.getmodule(stripe_params.SessionCreateParams))
    assert '"paypay"' in known[known.index("payment_method_types:") :]
