"""A provider goes into maintenance under a running installation: visitors see it, pay another way, and see it back."""

import re
from datetime import timedelta
from uuid import uuid4

import httpx
import psycopg
import pytest

from console.postgres import DATABASE_USER, EmbeddedPostgres
from kernel.clock import SystemClock, business_date
from support.live_payments import eventually


@pytest.fixture
def visitor():
    with httpx.Client(timeout=30, trust_env=False, headers={"accept-language": "en"}, follow_redirects=True) as made:
        yield made


def test_visitors_see_it_and_that_it_is_back(momiji, visitor):
    ticketing, sandbox = momiji.url("ticketing"), momiji.url("sandbox")
    day = str(business_date(SystemClock().now()) + timedelta(days=2))

    def can_be_chosen(method):
        page = visitor.get(f"{ticketing}/f/hpam/{day}").text
        return re.search(rf'value="{method}"[^>]* disabled', page) is None

    def status(order):
        said = visitor.get(f"{ticketing}/v1/orders/{order['id']}", headers={"X-Order-Key": order["key"]}).json()
        return said["status"]

    def end_the_pause():
        sockets = EmbeddedPostgres(momiji.home / "postgres").sockets
        with psycopg.connect(host=str(sockets), dbname="payments", user=DATABASE_USER, autocommit=True) as connection:
            connection.execute("UPDATE breakers SET until = now() WHERE until IS NOT NULL")

    assert can_be_chosen("paypay")
    fault = {"provider": "paypay", "operation": "*", "kind": "maintenance", "count": 1}
    assert visitor.post(f"{sandbox}/faults", json=fault).status_code == 201
    line = {"product": "collection", "category": "adult", "quantity": 1}
    wish = {"facility": "hpam", "visit_date": day, "lines": [line], "method": "paypay"}
    try:
        order = visitor.post(f"{ticketing}/v1/orders", json=wish, headers={"Idempotency-Key": str(uuid4())}).json()
        assert eventually(lambda: not can_be_chosen("paypay"))
        assert can_be_chosen("stripe_card")
        assert "Taking a break; it is tried again" in visitor.get(order["page_url"]).text
        assert status(order) == "awaiting_payment"  # the places are held all the same
    finally:
        end_the_pause()
    assert eventually(lambda: can_be_chosen("paypay"))

    def pay():  # The pause was ended behind payments' back: it reads it again once a second.
        url = f"{ticketing}/orders/{order['id']}/pay"
        return visitor.post(url, data={"method": "paypay"}, follow_redirects=False).headers.get("location")

    paid_at = eventually(pay)
    assert paid_at
    visitor.post(f"{sandbox}/payers", json={"checkout_url": paid_at, "outcome": "pay"})
    assert eventually(lambda: status(order) == "confirmed")
