"""The card adapter against localstripe, which others wrote: what we believe of Stripe is not only our own belief.

What it cannot show, and what shows it instead: Checkout Sessions and opening (it has none: our sandbox, and stripe-mock
in test_stripe_against_its_own_description.py), our idempotency keys and refunds of more than was paid (it looks at
neither: our sandbox), captures of a part (it names no amount_received: our sandbox), disputes and payouts (it has none:
our sandbox). Decision 0072.
"""

import fcntl
import hashlib
import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from kernel.clock import SystemClock
from kernel.money import Yen
from payments.charges.model import Attempt, NotThere, Over, Paid, Refused, Unpaid
from payments.methods.protocol import NotGenuine, RefundWanted
from payments.methods.stripe_card.adapter import connect
from payments.settings import PaymentsSettings
from support.live_payments import eventually, free_port

ROOT = Path(__file__).parents[3]
PEERS = ROOT / ".venv-peers"
SERVE = (
    "import sys; from aiohttp import web; import localstripe.server as s; "
    "web.run_app(s.app, host='127.0.0.1', port=int(sys.argv[1]), print=None)"
)
KEY = "sk_test_peer"


def peers_python() -> Path:
    """Return the Python of the peers' own environment, made on demand from the lock file; a GPL program stays apart."""
    lock_file = ROOT / "requirements" / "peers.txt"
    python, mark = PEERS / "bin" / "python", PEERS / "made-from"
    digest = hashlib.sha256(lock_file.read_bytes()).hexdigest()
    with (ROOT / ".venv" / "peers.lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if not mark.exists() or mark.read_text() != digest:
            subprocess.run([sys.executable, "-m", "venv", str(PEERS)], check=True)
            subprocess.run(
                [str(python), "-m", "pip", "install", "-q", "--require-hashes", "-r", str(lock_file)], check=True
            )
            mark.write_text(digest)
    return python


@pytest.fixture(scope="module")
def peer(tmp_path_factory):
    port = free_port()
    folder = tmp_path_factory.mktemp("localstripe")
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([str(peers_python()), "-c", SERVE, str(port)], cwd=folder, stdout=log, stderr=log)
    client = httpx.Client(base_url=f"http://127.0.0.1:{port}", auth=(KEY, ""), trust_env=False)

    def answers():
        try:
            return client.get("/v1/payment_intents").is_success
        except httpx.HTTPError:
            return process.poll() is not None

    assert eventually(answers)
    assert process.poll() is None, (folder / "log").read_text()
    yield client
    client.close()
    process.terminate()
    process.wait(10)


@pytest.fixture
async def card(peer):
    settings = PaymentsSettings(
        stripe_api_base=str(peer.base_url).rstrip("/"), stripe_secret_key=KEY, stripe_webhook_secrets=("whsec_peer",)
    )
    method = connect(settings, SystemClock())
    yield method
    await method.close()


def intent(peer, card_number="pm_card_visa", amount=510):
    said = {"amount": amount, "currency": "jpy", "payment_method": card_number, "confirm": "true"}
    answer = peer.post("/v1/payment_intents", data=said)
    assert answer.is_success, answer.text
    return answer.json()


def attempt(provider_id, amount=510):
    now = SystemClock().now()
    state = "open"
    return Attempt(
        uuid4(), uuid4(), "stripe_card", state, Yen(amount), now + timedelta(minutes=30), now, provider_id=provider_id
    )


async def test_a_paid_intent_is_found_paid_with_its_yen(peer, card):
    finding = await card.query(attempt(intent(peer)["id"]))
    assert isinstance(finding, Paid)
    assert finding.amount == Yen(510)


async def test_an_intent_that_waits_for_3d_secure_is_not_paid(peer, card):
    made = peer.post("/v1/payment_intents", data={"amount": 510, "currency": "jpy"}).json()
    assert await card.query(attempt(made["id"])) == Unpaid()


def begun(peer, card_number):
    """Return an intent whose payer typed a card's number at Stripe: here at a peer on this machine."""
    card = {"type": "card", "card[number]": card_number, "card[exp_month]": "12", "card[exp_year]": "2030"}
    made = peer.post("/v1/payment_methods", data=card | {"card[cvc]": "123"})
    assert made.is_success, made.text
    said = {"amount": 510, "currency": "jpy", "payment_method": made.json()["id"], "confirm": "true"}
    answer = peer.post("/v1/payment_intents", data=said).json()
    return answer.get("error", {}).get("payment_intent") or answer


async def test_3d_secure_stands_between_the_card_and_the_money(peer, card):
    waiting = begun(peer, "4000002760003184")
    assert waiting["status"] == "requires_action"
    assert await card.query(attempt(waiting["id"])) == Unpaid()
    done = peer.post(
        f"/v1/payment_intents/{waiting['id']}/_authenticate",
        data={"success": "true", "client_secret": waiting["client_secret"]},
    )
    assert done.is_success, done.text
    finding = await card.query(attempt(waiting["id"]))
    assert isinstance(finding, Paid)
    assert finding.amount == Yen(510)


async def test_a_refused_card_is_not_paid(peer, card):
    before = {each["id"] for each in peer.get("/v1/payment_intents", params={"limit": 100}).json()["data"]}
    begun(peer, "4000000000000341")
    listed = peer.get("/v1/payment_intents", params={"limit": 100}).json()["data"]
    (refused,) = [each for each in listed if each["id"] not in before]
    assert refused["status"] == "requires_payment_method"
    assert isinstance(await card.query(attempt(refused["id"])), Refused | Unpaid)


async def test_a_cancelled_intent_is_over(peer, card):
    made = peer.post("/v1/payment_intents", data={"amount": 510, "currency": "jpy"}).json()
    await card.expire(attempt(made["id"]))
    assert await card.query(attempt(made["id"])) == Over()


async def test_an_intent_that_never_was_is_not_there(card):
    assert await card.query(attempt("pi_doesnotexist")) == NotThere()


async def test_money_goes_back_whole_and_in_part(peer, card):
    paid = attempt(intent(peer)["id"])
    for amount in (110, 400):
        wanted = RefundWanted(uuid4(), paid, Yen(amount), None, SystemClock().now())
        finding = await card.refund(wanted, None)
        assert finding.state == "settled"
        again = RefundWanted(wanted.id, paid, Yen(amount), finding.provider_id, wanted.requested_at)
        assert (await card.query_refund(again)).state == "settled"
    listed = peer.get("/v1/refunds", params={"payment_intent": paid.provider_id}).json()["data"]
    assert sorted(each["amount"] for each in listed) == [110, 400]


async def test_the_peer_s_signature_is_believed_and_another_is_not(peer, card):
    """localstripe signs by its own code; its webhook is caught and read by ours."""
    body, signature = _caught_webhook(peer)
    event = card.read_webhook({"stripe-signature": signature}, body, at=SystemClock().now())
    assert event.event_id == json.loads(body)["id"]
    with pytest.raises(NotGenuine):
        card.read_webhook({"stripe-signature": signature}, body + b" ", at=SystemClock().now())
    with pytest.raises(NotGenuine):
        card.read_webhook({"stripe-signature": signature}, body, at=SystemClock().now() + timedelta(minutes=6))


def _caught_webhook(peer):
    from http.server import BaseHTTPRequestHandler, HTTPServer
    from threading import Thread

    caught = []

    class Catcher(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            caught.append((body, self.headers["stripe-signature"]))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Catcher)
    thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    said = {
        "url": f"http://127.0.0.1:{server.server_port}/",
        "secret": "whsec_peer",
        "events": ["payment_intent.succeeded"],
    }
    answer = peer.post("/_config/webhooks/ours", json=said)
    assert answer.is_success, answer.text
    try:
        intent(peer)
        assert eventually(lambda: caught, 10)
    finally:
        server.shutdown()
        server.server_close()
    return caught[0]
