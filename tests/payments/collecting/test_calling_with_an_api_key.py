"""A collecting system opens charges with its key: its own contract, and nobody else's charges."""

from uuid import uuid4

import pytest

from kernel.access import Role


@pytest.fixture(scope="module")
def system(desk):
    return desk.make()


@pytest.fixture(scope="module")
def other(desk):
    return desk.make(accounts=[{"owner": "prefecture", "account": "使用料"}, {"owner": "city", "account": "使用料"}])


def slug(answer):
    return answer.status_code, answer.json()["type"].removeprefix("/problems/")


def test_a_charge_is_opened_under_the_name_of_the_system(desk, system):
    charge = system.open(reference="A-1")
    (fact,) = desk.till.events("charge.requested", charge["id"])
    assert (fact["caller"], fact["reference"], fact["facility"]) == (system.name, "A-1", "online")


def test_a_system_with_one_revenue_account_need_not_name_it(desk, system):
    charge = system.open(amount=750)
    (fact,) = desk.till.events("charge.requested", charge["id"])
    (part,) = fact["allocations"]
    assert (part["revenue_owner"], part["revenue_account"], part["amount"]) == ("prefecture", "手数料", 750)


def test_a_system_with_several_revenue_accounts_is_asked_for_one(other):
    answer = other.ask()
    assert slug(answer) == (422, "allocations-missing")
    assert "使用料 (city)" in answer.json()["detail"]


def test_a_revenue_account_of_others_is_refused_and_the_allowed_ones_are_named(system):
    part = {"facility": "online", "product": "fee", "tax_rate_percent": 0, "amount": 400}
    answer = system.ask(allocations=[part | {"revenue_owner": "city", "revenue_account": "手数料"}])
    assert slug(answer) == (403, "account-not-allowed")
    assert "手数料 (prefecture)" in answer.json()["detail"]


@pytest.mark.parametrize(
    "url",
    [
        "https://shinsei.example.jp.evil.example/x",
        "https://shinsei.example.jp@evil.example/x",
        "http://shinsei.example.jp/x",
        "https://shinsei.example.jp:8443/x",
    ],
)
def test_a_payer_is_led_back_only_to_the_system(system, url):
    assert slug(system.ask(return_url=url)) == (403, "return-url-not-allowed")


def test_a_way_to_pay_that_is_not_the_system_s_is_refused(desk):
    only_card = desk.make(methods=["stripe_card"])
    assert slug(only_card.ask(method="paypay")) == (422, "method-unknown")


def test_what_looks_like_a_card_number_is_refused(system):
    assert slug(system.ask(description="4242 4242 4242 4242")) == (422, "card-number-refused")


def test_the_key_that_makes_a_repeat_safe_is_needed(desk, system):
    answer = desk.till.client.post(
        f"{desk.till.url}/v1/charges", json=system.wanted(), headers={"Authorization": f"Bearer {system.key}"}
    )
    assert slug(answer) == (400, "idempotency-key-missing")


def test_the_same_key_with_another_body_is_refused(system):
    system.ask(system.wanted("R-1"), key="once")
    assert slug(system.ask(system.wanted("R-2"), key="once")) == (422, "idempotency-key-reused")


def test_the_same_reference_is_the_same_charge(system):
    first = system.open(reference=(reference := str(uuid4())))
    again = system.ask(reference=reference)
    assert (again.status_code, again.json()["id"]) == (200, first["id"])


def test_two_systems_may_use_the_same_reference(desk, system):
    beside = desk.make()
    assert system.open(reference="SAME")["id"] != beside.open(reference="SAME")["id"]


def test_the_charge_of_another_is_not_there(desk, system, other):
    charge = system.open()
    for answer in (
        other.get(f"/v1/charges/{charge['id']}"),
        other.post(f"/v1/charges/{charge['id']}/refunds", {"reason": "x"}),
    ):
        assert slug(answer) == (404, "unknown-charge")
    assert system.get(f"/v1/charges/{charge['id']}").json()["reference"] == charge["reference"]


def test_a_system_does_not_see_the_shop_s_charges(desk, system):
    charge = desk.till.open()
    assert slug(system.get(f"/v1/charges/{charge['id']}")) == (404, "unknown-charge")


def test_another_s_refund_is_not_told_under_its_own_key(desk, system, other):
    charge = system.open()
    desk.till.pay(charge["checkout_url"])
    assert desk.till.captured(charge["id"])
    address, body = f"/v1/charges/{charge['id']}/refunds", {"amount": 1, "reason": "x"}
    assert system.post(address, body, key="guessed").status_code == 201
    assert slug(other.post(address, body, key="guessed")) == (404, "unknown-charge")


def test_a_list_holds_the_system_s_own_charges_newest_first_page_by_page(desk):
    alone = desk.make()
    references = [f"L-{number}" for number in range(5)]
    for reference in references:
        alone.open(reference=reference, method="")
    seen, cursor = [], {}
    for _ in range(3):
        page = alone.get("/v1/charges", limit=2, **cursor).json()
        seen += [each["reference"] for each in page["charges"]]
        cursor = {"cursor": page["next"]}
    assert (seen, cursor) == (references[::-1], {"cursor": None})
    found = alone.get("/v1/charges", reference="L-3").json()["charges"]
    assert [each["reference"] for each in found] == ["L-3"]


@pytest.mark.parametrize("key", ["mmk_", "mmk_aaaaaaaa_" + "x" * 43, "mmk_' OR 1=1", "mmk_aaaaaaaa_short"])
def test_a_wrong_key_opens_nothing(desk, system, key):
    answer = desk.till.client.get(f"{desk.till.url}/v1/charges", headers={"Authorization": f"Bearer {key}"})
    assert slug(answer) == (401, "api-key-not-valid")


def test_a_key_of_another_system_s_prefix_opens_nothing(desk, system, other):
    mixed = "_".join([*other.key.split("_", 2)[:2], system.key.split("_", 2)[2]])
    answer = desk.till.client.get(f"{desk.till.url}/v1/charges", headers={"Authorization": f"Bearer {mixed}"})
    assert answer.status_code == 401


def test_an_expired_key_opens_nothing(desk):
    brief = desk.make(key_days=1)
    assert brief.get("/v1/charges").status_code == 200
    desk.till.rows("UPDATE collecting_keys SET expires_at = now() WHERE system = %s", brief.name)
    assert slug(brief.get("/v1/charges")) == (401, "api-key-not-valid")


def test_a_key_is_replaced_without_a_pause(desk):
    system = desk.make()
    newer = desk.call("POST", f"/v1/collecting-systems/{system.name}/keys", {}).json()
    third = desk.call("POST", f"/v1/collecting-systems/{system.name}/keys", {})
    assert slug(third) == (409, "collecting-two-active")
    old = system.key.split("_")[1]
    assert system.get("/v1/charges").status_code == 200
    assert desk.call("DELETE", f"/v1/collecting-systems/{system.name}/keys/{old}").status_code == 204
    assert slug(system.get("/v1/charges")) == (401, "api-key-not-valid")
    system.key = newer["key"]
    assert system.get("/v1/charges").status_code == 200


def test_a_system_that_is_switched_off_is_let_in_no_more(desk):
    system = desk.make()
    said = desk.said(active=False)
    del said["name"]
    assert desk.call("PUT", f"/v1/collecting-systems/{system.name}", said).json()["active"] is False
    assert system.get("/v1/charges").status_code == 401


def test_only_a_hash_of_a_key_is_kept(desk, system):
    secret = system.key.split("_", 2)[2]
    for table in ("collecting_systems", "collecting_keys", "collecting_secrets", "audit", "idempotency"):
        for (row,) in desk.till.rows(f"SELECT t::text FROM {table} t"):
            assert secret not in row
            assert system.webhook_secret not in row


def test_who_made_and_changed_what_is_in_the_audit_trail(desk):
    system = desk.make()
    rows = desk.till.rows(
        "SELECT actor, action FROM audit WHERE subject = %s ORDER BY position", f"collecting_system:{system.name}"
    )
    assert rows == [("admin", "collecting_system.made"), ("admin", "collecting_key.made")]


@pytest.mark.parametrize("role", [Role.ACCOUNTING, Role.FACILITY, Role.GATE, Role.AUDITOR])
def test_only_an_administrator_makes_systems(desk, role):
    assert desk.call("POST", "/v1/collecting-systems", desk.said(), role=role).status_code == 403


def test_no_system_takes_the_name_of_a_service_or_of_another(desk, system):
    assert slug(desk.call("POST", "/v1/collecting-systems", desk.said(name="ticketing"))) == (
        422,
        "collecting-system-name-reserved",
    )
    assert slug(desk.call("POST", "/v1/collecting-systems", desk.said(name=system.name))) == (
        409,
        "collecting-system-exists",
    )


def test_a_refund_goes_back_by_the_system_s_wish(desk, system):
    charge = system.open(amount=600)
    desk.till.pay(charge["checkout_url"])
    assert desk.till.captured(charge["id"])
    address = f"/v1/charges/{charge['id']}/refunds"
    first = system.post(address, {"amount": 200, "reason": "withdrawn"}, key="r-1")
    assert first.status_code == 201, first.text
    assert system.post(address, {"amount": 200, "reason": "withdrawn"}, key="r-1").json() == first.json()
    assert slug(system.post(address, {"amount": 401, "reason": "withdrawn"})) == (409, "refund-exceeds-payment")


def test_times_are_told_to_the_administrator(desk):
    system = desk.make(key_days=30)
    (key,) = desk.call("GET", f"/v1/collecting-systems/{system.name}").json()["keys"]
    assert key["active"]
    assert key["prefix"] == system.key.split("_")[1]
