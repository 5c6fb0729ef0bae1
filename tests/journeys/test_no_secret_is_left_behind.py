"""After money went both ways and much was refused: no log and no table holds a secret, a bank account or a card."""

import hashlib
import hmac
import json
import re
import time
from datetime import timedelta
from uuid import uuid4

import httpx
import psycopg
import pytest

from console.installation import Installation
from console.postgres import DATABASE_USER, EmbeddedPostgres
from kernel.access import Issuer
from kernel.clock import SystemClock
from support.live_payments import eventually
from support.transfer_desk import ACCOUNT, SECRETS_OF_THE_PAYER

CARD, SPACED, WIDE = "5555555555554444", "5555 5555 5555 4444", "５５５５－５５５５－５５５５－４４４４"
DATABASES = ("ticketing", "payments", "reconciliation", "stream")
TYPED_PASSWORD = "correct-horse-battery-9041"


class Searched:
    """Every log and every table of an installation."""

    def __init__(self, momiji):
        self.momiji = momiji
        self.postgres = EmbeddedPostgres(momiji.home / "postgres")

    def connect(self, database):
        return psycopg.connect(host=str(self.postgres.sockets), dbname=database, user=DATABASE_USER, autocommit=True)

    def texts(self):
        """Yield (where, text): each line of each log, each row of each table, byte columns as the text they hold."""
        home = self.momiji.home
        for log in [*(home / "log").glob("*"), self.momiji.output, home / "postgres.log"]:
            if log.is_file():
                for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
                    yield log.name, line
        for database in DATABASES:
            with self.connect(database) as connection:
                tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
                for (table,) in tables:
                    for (row,) in connection.execute(f'SELECT t::text FROM "{table}" t'):
                        yield f"{database}.{table}", row
                        for blob in re.findall(r"\\x((?:[0-9a-f]{2})+)", row):
                            for encoding in ("utf-8", "shift_jis"):
                                yield f"{database}.{table}", bytes.fromhex(blob).decode(encoding, "replace")

    def holding(self, needles):
        """Return (where, which needle) wherever one of some words stands for itself, not within a longer number."""
        found = re.compile(
            "|".join(rf"(?<![0-9a-fA-F]){re.escape(each)}(?![0-9a-fA-F])" for each in sorted(needles, key=len)[::-1])
        )
        return {(where, found.search(text)[0]) for where, text in self.texts() if found.search(text)}


def secrets_of(momiji):
    """Return what must never be seen: the installation's own secrets, the providers', and the staff's passwords."""
    found = set()
    for file in Installation(momiji.home).secrets.rglob("*"):
        if file.is_file() and "trusted" not in file.parts:  # those are public keys
            text = file.read_text().strip()
            if text.startswith("-----BEGIN"):
                found.add("".join(text.splitlines()[1:-1])[-40:])
            elif text.startswith("["):
                found |= set(json.loads(text))
            else:
                found.add(text)
    found |= {line.split()[2] for line in (momiji.home / "sign-ins.txt").read_text().splitlines()[1:]}
    found |= {"sk_test_momiji_sandbox", "whsec_momiji_sandbox", "paypay-secret-momiji-sandbox"}
    found |= {"sk_test_komoju_momiji_sandbox", "komoju-webhook-momiji-sandbox"}
    assert len(found) > 12
    return found


@pytest.fixture(scope="module")
def searched(momiji):
    return Searched(momiji)


@pytest.fixture(scope="module")
def run(momiji, searched):
    """Sell by each method, give back to a bank account, and let people and programs say what they should not."""
    client = httpx.Client(timeout=30, trust_env=False)
    ticketing, payments, sandbox = (momiji.url(each) for each in ("ticketing", "payments", "sandbox"))
    key = (Installation(momiji.home).secrets / "ticketing" / "momiji_service_key").read_text()
    token = Issuer("ticketing", key).service_token(audience="payments", at=SystemClock().now())
    used = {token, momiji.token("accounting"), momiji.token("gate"), TYPED_PASSWORD}
    paid = {each: _paid(client, payments, sandbox, token, each) for each in ("stripe_card", "paypay", "payeasy_komoju")}
    charge = paid["payeasy_komoju"]
    wanted = {"Authorization": f"Bearer {token}", "Idempotency-Key": str(uuid4())}
    said = client.post(f"{payments}/v1/charges/{charge}/refunds", json={"reason": "visitor_cancelled"}, headers=wanted)
    assert said.status_code == 201, said.text
    form = f"{payments}/pay/{charge}/refund"
    assert client.post(form, data=ACCOUNT | {"branch_code": "x"}).status_code < 500  # once with a mistake
    assert client.post(form, data=ACCOUNT | {"number": CARD}).status_code < 500
    assert client.post(form, data=ACCOUNT).status_code == 303
    for door in (f"{ticketing}/staff/sign-in", f"{payments}/sign-in"):
        client.post(door, data={"name": "ana", "password": TYPED_PASSWORD, "token": ""})
        client.post(door, data={"name": "", "password": "", "token": momiji.token("gate")[:-2]})
    _messages_with_cards(client, payments, paid)
    scanned = {"code": SPACED, "scan_id": str(uuid4()), "scanned_at": SystemClock().now().isoformat()}
    gate = {"Authorization": f"Bearer {momiji.token('gate')}"}
    answer = client.post(f"{ticketing}/v1/gates/hpam-1/scans", json=scanned, headers=gate)
    assert (answer.status_code, answer.json()["reason"]) == (200, "malformed")
    with searched.connect("payments") as connection:
        done = "SELECT count(*) = 0 FROM provider_messages WHERE processed_at IS NULL"
        eventually(lambda: connection.execute(done).fetchone()[0])
    return used


def _paid(client, payments, sandbox, token, method):
    part = {"facility": "hpam", "product": "admission", "revenue_owner": "prefecture", "revenue_account": "使用料"}
    wish = {
        "reference": str(uuid4()),
        "amount": 1020,
        "method": method,
        "description": "県立美術館",
        "expires_at": (SystemClock().now() + timedelta(minutes=40)).isoformat(),
        "return_url": "http://127.0.0.1:9/",
        "locale": "ja",
        "facility": "hpam",
        "allocations": [part | {"tax_rate_percent": 10, "amount": 1020}],
    }
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": str(uuid4())}
    opened = client.post(f"{payments}/v1/charges", json=wish, headers=headers)
    assert opened.status_code == 201, opened.text
    charge = opened.json()
    client.post(f"{sandbox}/payers", json={"checkout_url": charge["checkout_url"], "outcome": "pay"})
    address = f"{payments}/v1/charges/{charge['id']}"
    assert eventually(lambda: client.get(address, headers=headers).json()["status"] == "captured")
    return charge["id"]


def _messages_with_cards(client, payments, paid):
    """Send what providers might: genuine messages that name a card, and PayPay's, which anybody can make up."""
    hooks = f"{payments}/v1/webhooks"
    event = {"id": "evt_with_card", "type": "payment_intent.succeeded", "note": SPACED, "wide": WIDE}
    event |= {"data": {"object": {"id": "pi_1", "object": "payment_intent", "number": int(CARD)}}}
    body, moment = json.dumps(event).encode(), int(time.time())
    mac = hmac.new(b"whsec_momiji_sandbox", f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    answer = client.post(f"{hooks}/stripe_card", content=body, headers={"stripe-signature": f"t={moment},v1={mac}"})
    assert answer.status_code == 200, answer.text
    body = json.dumps({"id": "k1", "data": {"external_order_num": "x-1", "holder": WIDE, "card": CARD}}).encode()
    mac = hmac.new(b"komoju-webhook-momiji-sandbox", body, hashlib.sha256).hexdigest()
    signed = {"x-komoju-signature": mac, "x-komoju-id": CARD}
    assert client.post(f"{hooks}/payeasy_komoju", content=body, headers=signed).status_code == 200
    said = {"merchant_order_id": paid["paypay"], "order_id": CARD, "state": "COMPLETED", "store_id": WIDE}
    assert client.post(f"{hooks}/paypay", json=said).status_code == 200
    assert client.post(f"{hooks}/paypay", json={"merchant_order_id": CARD}).status_code == 422


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize("card", [CARD, SPACED, WIDE, hashlib.sha256(SPACED.encode()).hexdigest()])
def test_no_card_number_is_kept_whoever_sent_it(searched, card):
    assert searched.holding({card}) == set()


@pytest.mark.usefixtures("run")
def test_no_bank_account_is_kept_in_clear(searched):
    assert searched.holding(SECRETS_OF_THE_PAYER) == set()


def test_no_secret_and_no_token_is_kept(searched, run, momiji):
    assert searched.holding(secrets_of(momiji) | run) == set()


@pytest.mark.parametrize("kind", ["card", "account", "secret"])
@pytest.mark.parametrize("place", ["log", "row", "bytes", "bytes in Shift_JIS", "a new table"])
def test_a_leak_that_is_planted_is_found(searched, momiji, kind, place):
    leak = {"card": SPACED, "account": ACCOUNT["number"], "secret": max(secrets_of(momiji), key=len)}[kind]
    log = momiji.home / "log" / "planted.log"
    plant = (
        "INSERT INTO provider_messages (method, event_id, reference, body, received_at, processed_at) "
        "VALUES ('stripe_card', 'planted', %s, %s, now(), now())"
    )
    with searched.connect("payments") as connection:
        try:
            match place:
                case "log":
                    log.write_text(json.dumps({"message": f"said {leak}"}) + "\n")
                case "row":
                    connection.execute(plant, (leak, b"{}"))
                case "bytes":
                    connection.execute(plant, ("-", json.dumps({"typed": leak}).encode()))
                case "bytes in Shift_JIS":
                    connection.execute(plant, ("-", f"口座 {leak}".encode("shift_jis")))
                case "a new table":
                    connection.execute("CREATE TABLE planted (payload jsonb)")
                    connection.execute("INSERT INTO planted VALUES (%s)", (json.dumps({"fact": {"x": leak}}),))
            assert {found for _, found in searched.holding({leak})} == {leak}
        finally:
            log.unlink(missing_ok=True)
            connection.execute("DELETE FROM provider_messages WHERE event_id = 'planted'")
            connection.execute("DROP TABLE IF EXISTS planted")
