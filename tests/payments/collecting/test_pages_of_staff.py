"""Staff make collecting systems, replace their keys and look after what was not delivered, on pages."""

import html
import re
from uuid import UUID, uuid4

import pytest

from kernel.access import Role
from support.collecting import HOME, receiver
from support.live_payments import eventually

PLACE = "/operations/systems"
SIGN_OUT = '<form method="post" action="/sign-out">'


@pytest.fixture
def name():
    return f"page-{uuid4().hex[:8]}"


def get(desk, path="", role=Role.ADMIN, **headers):
    headers = desk.as_role(role) | {"Accept-Language": "en"} | headers
    return desk.till.client.get(f"{desk.till.url}{PLACE}{path}", headers=headers)


def post(desk, path="", role=Role.ADMIN, data=None, **headers):
    headers = desk.as_role(role) | {"Accept-Language": "en"} | headers
    return desk.till.client.post(f"{desk.till.url}{PLACE}{path}", data=data or {}, headers=headers)


def form(name, **more):
    return {
        "name": name,
        "title": "道路占用システム",
        "facility": "online",
        "methods": ["stripe_card", "paypay"],
        "accounts": "prefecture 使用料 土木使用料",
        "return_origins": HOME,
        "webhook_url": "",
    } | more


def key_on(page):
    return re.search(r"mmk_\w{8}_[\w-]{43}", page.text)[0]


def test_a_system_is_made_and_its_key_works(desk, name):
    page = post(desk, data=form(name))
    assert page.status_code == 201, page.text
    assert page.headers["cache-control"] == "no-store"
    answer = desk.till.client.get(f"{desk.till.url}/v1/charges", headers={"Authorization": f"Bearer {key_on(page)}"})
    assert answer.json() == {"charges": [], "next": None}
    assert key_on(page) not in get(desk, f"/{name}").text
    assert "道路占用システム" in get(desk).text


def test_an_account_may_hold_spaces(desk, name):
    post(desk, data=form(name))
    (account,) = desk.call("GET", f"/v1/collecting-systems/{name}").json()["accounts"]
    assert account == {"owner": "prefecture", "account": "使用料 土木使用料"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": "No Spaces"}, "small letters"),
        ({"title": ""}, "“Name for people”"),
        ({"accounts": "prefecture"}, "“Revenue accounts”"),
        ({"return_origins": "nonsense-without-scheme"}, "no web address"),
        ({"webhook_url": "ftp://a.example"}, "not sent to this address"),
        ({"name": "ticketing"}, "belongs to Momiji itself"),
    ],
)
def test_what_is_wrong_in_the_form_is_said_and_the_rest_kept(desk, name, change, said):
    page = post(desk, data=form(name) | change)
    assert page.status_code == 422
    assert said in html.unescape(page.text)
    assert "土木使用料" in page.text or "accounts" in change


def test_a_key_and_a_secret_are_replaced_on_the_page(desk, name):
    old = key_on(post(desk, data=form(name))).split("_")[1]
    newer = post(desk, f"/{name}/keys")
    assert (newer.status_code, key_on(newer).split("_")[1] != old) == (201, True)
    assert post(desk, f"/{name}/keys").status_code == 409
    assert post(desk, f"/{name}/keys/{old}/revoke").status_code == 303
    secret = post(desk, f"/{name}/secrets")
    assert re.search("mms_[0-9a-f]{64}", secret.text)
    page = get(desk, f"/{name}").text
    assert page.count("/keys/") == 1
    assert page.count("/secrets/") == 2


def test_a_system_is_changed_and_shut_out(desk, name):
    post(desk, data=form(name))
    assert post(desk, f"/{name}", data=form(name, title="新しい名前")).status_code == 303
    found = desk.call("GET", f"/v1/collecting-systems/{name}").json()
    assert (found["title"], found["active"]) == ("新しい名前", False)


def test_what_was_not_delivered_is_seen_and_sent_again(desk):
    with receiver() as hook:
        hook.status = 500
        system = desk.make(webhook_url=hook.url)
        charge = system.open()
        desk.till.pay(charge["checkout_url"])
        assert eventually(lambda: hook.got)
        (message,) = eventually(lambda: [m for m in system.get("/v1/messages").json()["messages"] if m["tries"]])
        desk.till.rows(
            "UPDATE caller_messages SET state = 'given_up', next_try_at = NULL WHERE id = %s", UUID(message["id"])
        )
        page = get(desk, f"/{system.name}", role=Role.ACCOUNTING).text
        assert "1 messages were not delivered" in page
        assert "it answered 500" in page
        hook.status = 204
        assert post(desk, f"/{system.name}/messages/{message['id']}/replay", role=Role.ACCOUNTING).status_code == 303
        assert eventually(lambda: system.get("/v1/messages", state="delivered").json()["messages"])


@pytest.mark.parametrize("role", [Role.ACCOUNTING, Role.AUDITOR])
def test_others_read_and_change_nothing(desk, name, role):
    post(desk, data=form(name))
    assert get(desk, f"/{name}", role=role).status_code == 200
    assert re.findall("<form[^>]*>", get(desk, f"/{name}", role=role).text) == [SIGN_OUT]
    for path in ("", f"/{name}", f"/{name}/keys", f"/{name}/secrets"):
        assert post(desk, path, role=role, data=form(name)).status_code == 403


@pytest.mark.parametrize("role", [Role.GATE, Role.FACILITY])
def test_who_has_nothing_to_do_with_it_sees_nothing(desk, role):
    assert get(desk, role=role).status_code == 403


def test_nobody_is_led_to_the_sign_in(desk):
    answer = desk.till.client.get(f"{desk.till.url}{PLACE}")
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?next=/operations/systems")


def test_a_form_of_another_site_makes_nothing(desk, name):
    page = post(desk, data=form(name), **{"Sec-Fetch-Site": "cross-site"})
    assert page.status_code == 403
    assert desk.call("GET", f"/v1/collecting-systems/{name}").status_code == 404
