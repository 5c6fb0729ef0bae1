"""Card numbers are typed wherever a person can type, and sent wherever a program can: no table and no log keeps one."""

import json
import re
from datetime import timedelta
from uuid import uuid4

import httpx
import psycopg
import pytest

from console.installation import Installation
from console.postgres import DATABASE_USER, EmbeddedPostgres
from kernel.access import Issuer
from kernel.clock import SystemClock, business_date

CARD = "4242424242424242"
TYPED = (CARD, "4242 4242 4242 4242", "4242-4242-4242-4242", "４２４２４２４２４２４２４２４２")
SEEN = re.compile("|".join(re.escape(each) for each in TYPED))
DATABASES = ("ticketing", "payments", "reconciliation", "stream")


@pytest.fixture(scope="module")
def postgres_of(momiji):
    return EmbeddedPostgres(momiji.home / "postgres")


def kept(momiji, postgres_of):
    """Yield every place in which a card number lies: (where, what)."""
    for log in [*(momiji.home / "log").glob("*"), momiji.output, momiji.home / "postgres.log"]:
        for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if log.is_file() else ():
            if SEEN.search(line):
                yield log.name, line[:300]
    for database in DATABASES:
        address = {"host": str(postgres_of.sockets), "dbname": database, "user": DATABASE_USER}
        with psycopg.connect(**address, autocommit=True) as connection:
            tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
            for (table,) in tables:
                for (row,) in connection.execute(f'SELECT t::text FROM "{table}" t'):
                    plain = re.sub(r"\\\\?x((?:[0-9a-f]{2})+)", lambda found: _decoded(found[1]), row)
                    if SEEN.search(plain):
                        yield f"{database}.{table}", plain[:300]


def _decoded(digits):
    return bytes.fromhex(digits).decode("utf-8", errors="replace")


def wish(**changes):
    day = business_date(SystemClock().now()) + timedelta(days=2)
    return {
        "facility": "hpam",
        "visit_date": str(day),
        "lines": [{"product": "collection", "category": "adult", "quantity": 1}],
        "method": "stripe_card",
    } | changes


def charge(**changes):
    return {
        "reference": str(uuid4()),
        "amount": 510,
        "method": "stripe_card",
        "description": "入館料",
        "expires_at": (SystemClock().now() + timedelta(minutes=35)).isoformat(),
        "return_url": "http://127.0.0.1:9/",
    } | changes


def type_it_everywhere(momiji, card):
    """Send a card number by every door; yield each answer that took it."""
    client = httpx.Client(timeout=30, trust_env=False)
    ticketing, payments, books = (momiji.url(each) for each in ("ticketing", "payments", "reconciliation"))
    key = (Installation(momiji.home).secrets / "ticketing" / "momiji_service_key").read_text()
    service = Issuer("ticketing", key).service_token(audience="payments", at=SystemClock().now())
    staff = {"Authorization": f"Bearer {momiji.token('accounting')}"}
    mine = {"Authorization": f"Bearer {service}"}
    plain = card.encode().decode("ascii", errors="ignore") or CARD  # a header holds no full-width digit

    def send(verb, url, **more):
        more["headers"] = {"Idempotency-Key": str(uuid4())} | more.get("headers", {})
        return client.request(verb, url, **more)

    # A visitor.
    yield send("POST", f"{ticketing}/v1/orders", json=wish(email=f"{card}@example.jp".replace(" ", "")))
    yield send("POST", f"{ticketing}/v1/orders", json=wish(card=card))
    yield send("POST", f"{ticketing}/v1/orders", json=wish(method=card, facility=card))
    yield send("POST", f"{ticketing}/v1/orders", content=f'{{"email": "{card}"'.encode())
    yield send("POST", f"{ticketing}/orders", data={"email": f"{card}@example.jp", "card": card})
    yield send("GET", f"{ticketing}/f/{card}")
    yield send("GET", f"{ticketing}/o/{uuid4()}", params={"key": card})
    yield send("GET", f"{ticketing}/v1/orders/{uuid4()}", headers={"X-Order-Key": plain, "X-Correlation-Id": plain})
    # A gate and staff.
    scanned = {"code": card, "scan_id": str(uuid4()), "scanned_at": SystemClock().now().isoformat()}
    gate = {"Authorization": f"Bearer {momiji.token('gate')}"}
    yield send("POST", f"{ticketing}/v1/gates/hpam-1/scans", json=scanned, headers=gate)
    yield send("POST", f"{ticketing}/gate/hpam-1", data={"code": card, "scan_id": str(uuid4())}, headers=gate)
    for address in (f"{ticketing}/staff/sign-in", f"{payments}/sign-in", f"{books}/sign-in"):
        yield send("POST", address, data={"name": card, "password": card, "token": ""})
        yield send("POST", address, data={"name": "", "password": "", "token": card})
    # Another system, and its payers.
    yield send("POST", f"{payments}/v1/charges", json=charge(description=card), headers=mine)
    yield send("POST", f"{payments}/v1/charges", json=charge(card=card), headers=mine)
    yield send("POST", f"{payments}/v1/charges", content=f'{{"description": "{card}'.encode(), headers=mine)
    opened = send("POST", f"{payments}/v1/charges", json=charge(), headers=mine | {"X-Correlation-Id": plain}).json()
    yield send("POST", f"{payments}/v1/charges/{opened['id']}/refunds", json={"reason": card}, headers=mine)
    yield send("GET", f"{payments}/pay/{opened['id']}", params={"card": card})
    for method in ("stripe_card", "paypay", "payeasy_komoju"):
        said = {"id": "evt_1", "number": card, "data": {"object": {"number": card}}}
        yield send("POST", f"{payments}/v1/webhooks/{method}", json=said)
        yield send("POST", f"{payments}/v1/webhooks/{method}", content=card.encode())
    yield send("POST", f"{payments}/operations/cases/{uuid4()}/close", data={"words": card}, headers=staff)
    yield send("POST", f"{payments}/operations/static-codes/check", data={"text": card}, headers=staff)
    yield send("GET", f"{payments}/operations/charges", params={"q": card, "amount": card}, headers=staff)
    yield send("GET", f"{books}/orders/{card}", headers=staff)
    yield send("POST", f"{books}/discrepancies/{uuid4()}/resolve", data={"reason": card}, headers=staff)


@pytest.mark.parametrize("typed", TYPED)
def test_no_table_and_no_log_keeps_a_card_number(momiji, postgres_of, typed):
    answers = list(type_it_everywhere(momiji, typed))

    assert len(answers) > 25
    assert {each.status_code for each in answers} <= {200, 303, 400, 401, 404, 409, 422}
    assert list(kept(momiji, postgres_of)) == []


def test_the_search_would_find_one(momiji, postgres_of):
    address = {"host": str(postgres_of.sockets), "dbname": "payments", "user": DATABASE_USER}
    said = json.dumps({"typed": TYPED[1]})
    with psycopg.connect(**address) as connection:
        connection.execute(
            "INSERT INTO provider_messages (method, event_id, reference, body, received_at) "
            "VALUES ('stripe_card', 'planted', '-', %s, now())",
            (said.encode(),),
        )
    log = momiji.home / "log" / "planted.log"
    log.write_text(f"somebody typed {TYPED[3]}\n")
    try:
        assert {where for where, _ in kept(momiji, postgres_of)} == {"payments.provider_messages", "planted.log"}
    finally:
        log.unlink()
        with psycopg.connect(**address) as connection:
            connection.execute("DELETE FROM provider_messages WHERE event_id = 'planted'")
