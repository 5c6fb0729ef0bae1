"""A collecting system is told what became of its charges: signed, again until it has it, and nobody else."""

import hashlib
import hmac
import json
from uuid import UUID

import pytest

from kernel.access import Role
from support.collecting import receiver
from support.live_payments import eventually


@pytest.fixture(scope="module")
def hook():
    with receiver() as kept:
        yield kept


@pytest.fixture
def system(desk, hook):
    hook.got.clear()
    hook.status = 204
    return desk.make(webhook_url=hook.url)


def messages(system, count=1, **query):
    """Return the system's messages once there are so many."""
    return eventually(
        lambda: (found := system.get("/v1/messages", **query).json()["messages"]) and len(found) >= count and found
    )


def in_state(system, state):
    return eventually(lambda: system.get("/v1/messages", state=state).json()["messages"])


def paid(desk, system, **more):
    charge = system.open(**more)
    desk.till.pay(charge["checkout_url"])
    assert desk.till.captured(charge["id"])
    return charge


def test_a_paid_charge_is_told_under_the_event_s_own_id(desk, hook, system):
    charge = paid(desk, system, reference="B-1")
    (event,) = eventually(hook.events)
    assert event["type"] == "charge.captured"
    assert event["charge"]["reference"] == "B-1"
    assert (event["charge"]["status"], event["charge"]["captured"]) == ("captured", 400)
    (row,) = desk.till.rows(
        "SELECT type FROM outbox WHERE id = %s AND aggregateid = %s", UUID(event["id"]), charge["id"]
    )
    assert row == ("payments.charge.captured.v1",)
    assert in_state(system, "delivered")[0]["id"] == event["id"]


def signatures(header, body, secret):
    parts = [part.partition("=")[::2] for part in header.split(",")]
    moment = dict(parts)["t"]
    made = hmac.new(secret.encode(), f"{moment}.{body}".encode(), hashlib.sha256).hexdigest()
    return [value for name, value in parts if name == "v1"], made


def test_a_message_is_signed_under_each_active_secret(desk, hook, system):
    newer = desk.call("POST", f"/v1/collecting-systems/{system.name}/webhook-secrets").json()
    paid(desk, system)
    assert eventually(hook.events)
    headers, body = hook.got[0]
    for secret in (system.webhook_secret, newer["webhook_secret"]):
        given, made = signatures(headers["momiji-signature"], body, secret)
        assert made in given
    assert len(given) == 2
    assert headers["momiji-event-id"] == json.loads(body)["id"]


def test_a_revoked_secret_signs_nothing(desk, hook, system):
    address = f"/v1/collecting-systems/{system.name}"
    old = desk.call("GET", address).json()["webhook_secrets"][0]["id"]
    newer = desk.call("POST", f"{address}/webhook-secrets").json()
    assert desk.call("DELETE", f"{address}/webhook-secrets/{old}").status_code == 204
    paid(desk, system)
    assert eventually(hook.events)
    headers, body = hook.got[0]
    given, made = signatures(headers["momiji-signature"], body, newer["webhook_secret"])
    assert given == [made]


def test_a_receiver_that_was_down_is_told_later_and_once(desk, hook, system):
    hook.status = 503
    paid(desk, system)
    assert eventually(lambda: (found := messages(system)) and found[0]["tries"] >= 1)
    (message,) = messages(system)
    assert (message["state"], message["last_status"], message["last_problem"]) == ("waiting", 503, "it answered 503")
    hook.status = 204
    desk.till.rows("UPDATE caller_messages SET next_try_at = now() WHERE id = %s", UUID(message["id"]))
    assert in_state(system, "delivered")
    assert [event["id"] for event in hook.events()] == [message["id"]] * 2


def test_after_three_days_a_person_is_told_instead(desk, hook, system):
    hook.status = 500
    paid(desk, system)
    (message,) = eventually(lambda: (found := messages(system)) and found[0]["tries"] and found)
    desk.till.rows(
        "UPDATE caller_messages SET asked_at = now() - interval '3 days', next_try_at = now() WHERE id = %s",
        UUID(message["id"]),
    )
    (given_up,) = in_state(system, "given_up")
    assert given_up["next_try_at"] is None


def test_a_message_is_sent_once_more_when_asked(desk, hook, system):
    paid(desk, system)
    (message,) = in_state(system, "delivered")
    assert system.post(f"/v1/messages/{message['id']}/replay", {}).status_code == 202
    assert eventually(lambda: len(hook.got) == 2)
    assert {event["id"] for event in hook.events()} == {message["id"]}


def test_a_redirect_is_not_followed(desk, hook, system):
    hook.status = 302
    paid(desk, system)
    (message,) = eventually(lambda: (found := messages(system)) and found[0]["tries"] and found)
    assert message["last_problem"] == "redirects are not followed"
    assert len(hook.got) == 1


def test_a_receiver_that_is_not_there_holds_up_nobody_else(desk, hook, system):
    absent = desk.make(webhook_url="http://127.0.0.1:9/hook")
    paid(desk, absent)
    paid(desk, system)
    assert in_state(system, "delivered")
    (message,) = eventually(lambda: (found := messages(absent)) and found[0]["tries"] and found)
    assert message["last_problem"].startswith("it cannot be reached")


def test_a_system_without_an_address_reads_its_messages(desk):
    silent = desk.make()
    charge = paid(desk, silent)
    (message,) = messages(silent)
    assert (message["state"], message["charge"], message["event"]["type"]) == ("kept", charge["id"], "charge.captured")
    answer = silent.post(f"/v1/messages/{message['id']}/replay", {})
    assert answer.json()["type"] == "/problems/no-webhook-url"


def test_a_refund_that_went_back_is_told(desk, hook, system):
    charge = paid(desk, system)
    refund = system.post(f"/v1/charges/{charge['id']}/refunds", {"amount": 150, "reason": "withdrawn"}).json()
    (event,) = eventually(lambda: hook.events("refund.settled"))
    assert event["refund"] == {"id": refund["id"], "amount": 150}
    assert event["charge"]["id"] == charge["id"]


def test_a_charge_that_nobody_paid_in_time_is_told(desk, hook, system):
    charge = system.open()
    desk.till.rows(
        "UPDATE attempts SET state = 'expired', next_poll_at = NULL WHERE charge_id = %s", UUID(charge["id"])
    )
    desk.till.rows("UPDATE charges SET expires_at = now() - interval '1 hour' WHERE id = %s", UUID(charge["id"]))
    (event,) = eventually(lambda: hook.events("charge.expired"))
    assert event["charge"]["status"] == "expired"


def test_the_messages_of_another_are_not_there(desk, system):
    paid(desk, system)
    (message,) = messages(system)
    stranger = desk.make()
    assert stranger.get("/v1/messages", system=system.name).json()["messages"] == []
    assert stranger.post(f"/v1/messages/{message['id']}/replay", {}).status_code == 404


def test_staff_read_all_messages_and_send_them_again(desk, hook, system):
    paid(desk, system)
    assert in_state(system, "delivered")
    found = desk.call("GET", f"/v1/messages?system={system.name}", role=Role.ACCOUNTING).json()["messages"]
    assert desk.call("POST", f"/v1/messages/{found[0]['id']}/replay", role=Role.ACCOUNTING).status_code == 202
    assert desk.call("POST", f"/v1/messages/{found[0]['id']}/replay", role=Role.AUDITOR).status_code == 403


def test_the_shop_is_told_nothing_by_webhook(desk):
    charge = desk.till.open()
    desk.till.pay(charge["checkout_url"])
    assert desk.till.captured(charge["id"])
    assert desk.till.rows("SELECT count(*) FROM caller_messages WHERE charge_id = %s", UUID(charge["id"])) == [(0,)]
