"""Notices are made together and paid one by one, by the way that each payer chooses."""

import csv
import io
import re
from uuid import UUID, uuid4

import pytest

from support.live_payments import eventually

HEADER = "reference,amount,description,expires_at\r\n"


@pytest.fixture(scope="module")
def system(desk):
    return desk.make(title="消防手数料システム")


def send(system, text, kind="text/csv; charset=utf-8", key=None):
    content = text if isinstance(text, bytes) else text.encode()
    return system.till.client.post(
        f"{system.till.url}/v1/notices/batches",
        content=content,
        headers=system.headers(key, **{"Content-Type": kind}),
    )


def rows(count, *, prefix=None, amount=400):
    named = prefix or uuid4().hex[:8]
    return "".join(f"{named}-{number},{amount},危険物取扱者免状,2027-03-31\r\n" for number in range(count))


def done(system, batch):
    path = f"/v1/notices/batches/{batch['id']}"
    return eventually(lambda: (found := system.get(path).json())["status"] == "done" and found)


def result(system, batch, **query):
    answer = system.get(f"/v1/notices/batches/{batch['id']}/result.csv", **query)
    assert answer.status_code == 200, answer.text
    text = answer.content.decode("cp932" if query.get("encoding") == "cp932" else "utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


@pytest.fixture
def notice(system):
    """Return the charge of one notice, as the system sees it."""
    batch = send(system, HEADER + rows(1)).json()
    assert done(system, batch)
    (row,) = result(system, batch)
    (charge,) = system.get("/v1/charges", reference=row["reference"]).json()["charges"]
    assert charge["checkout_url"] == row["checkout_url"]
    return charge


def attempts(system, charge):
    return system.till.rows("SELECT method, state FROM attempts WHERE charge_id = %s ORDER BY id", UUID(charge["id"]))


def choose(system, charge, method, **more):
    return system.till.client.post(f"{charge['checkout_url']}/method", data={"method": method}, **more)


def page(system, charge, path="", **headers):
    return system.till.client.get(charge["checkout_url"] + path, follow_redirects=True, headers=headers)


def test_every_row_becomes_a_charge_with_its_address(system):
    answer = send(system, HEADER + rows(250))
    assert answer.status_code == 202, answer.text
    assert answer.json()["total"] == 250
    batch = done(system, answer.json())
    assert (batch["made"], batch["failed"]) == (250, 0)
    made = result(system, batch)
    assert len({row["checkout_url"] for row in made}) == 250
    assert {row["status"] for row in made} == {"pending"}


def test_the_result_is_there_for_windows_too(system):
    batch = send(system, HEADER + rows(2)).json()
    assert done(system, batch)
    assert result(system, batch, encoding="cp932")[0]["description"] == "危険物取扱者免状"


def test_a_cell_is_never_a_formula(system):
    named = uuid4().hex[:8]
    batch = send(system, HEADER + f"={named},400,=1+1,2027-03-31\r\n").json()
    assert done(system, batch)
    (row,) = result(system, batch)
    assert (row["reference"], row["description"]) == (f"'={named}", "'=1+1")


def test_nothing_is_made_if_any_row_is_wrong(system):
    named = uuid4().hex[:8]
    answer = send(system, HEADER + rows(3, prefix=named) + f"{named}-x,none,件,2027-03-31\r\n")
    said = answer.json()
    assert (answer.status_code, said["type"]) == (422, "/problems/notices-not-valid")
    assert said["errors"] == [
        {"row": 5, "column": "amount", "problem": said["errors"][0]["problem"]},
    ]
    assert system.get("/v1/charges", reference=f"{named}-0").json()["charges"] == []


def test_a_file_may_be_corrected_under_the_same_key(system):
    assert send(system, HEADER + "A,x,件,2027-03-31\r\n", key="corrected").status_code == 422
    assert send(system, HEADER + rows(1), key="corrected").status_code == 202


def test_the_same_file_under_the_same_key_is_one_batch(system):
    text = HEADER + rows(2)
    first, again = (send(system, text, key="one batch").json() for _ in range(2))
    assert first["id"] == again["id"]
    assert send(system, HEADER + rows(1), key="one batch").json()["type"] == "/problems/idempotency-key-reused"


def test_the_same_rows_in_another_batch_are_the_same_charges(system):
    text = HEADER + rows(3)
    first, again = (send(system, text).json() for _ in range(2))
    assert done(system, first)
    assert done(system, again)["made"] == 3
    urls = [[row["checkout_url"] for row in result(system, each)] for each in (first, again)]
    assert urls[0] == urls[1]


def test_a_reference_with_another_amount_is_an_error_of_its_row(system):
    named = uuid4().hex[:8]
    assert done(system, send(system, HEADER + rows(1, prefix=named)).json())
    answer = send(system, HEADER + rows(1, prefix=named, amount=500)).json()
    assert [(each["row"], each["column"]) for each in answer["errors"]] == [(2, "reference")]


def test_a_file_of_another_kind_is_told_what_to_send(system):
    answer = send(system, "x", kind="application/pdf")
    assert (answer.status_code, "text/csv" in answer.json()["detail"]) == (422, True)


def test_a_large_file_comes_in_and_a_larger_one_does_not(system):
    assert send(system, HEADER + rows(2_000)).status_code == 202
    assert send(system, b"x" * (8 * 1024 * 1024 + 1)).status_code == 413


def test_the_batch_of_another_is_not_there(desk, system):
    batch = send(system, HEADER + rows(1)).json()
    stranger = desk.make()
    for path in ("", "/result.csv"):
        assert stranger.get(f"/v1/notices/batches/{batch['id']}{path}").status_code == 404
    assert stranger.get("/v1/notices/batches").json()["batches"] == []


def test_nothing_is_opened_at_a_provider_before_the_payer_chooses(desk, system, notice):
    assert (notice["method"], notice["status"]) == (None, "pending")
    assert attempts(system, notice) == []
    assert desk.till.events("charge.requested", notice["id"]) == []


def test_the_payer_sees_each_way_to_pay_as_a_button(system, notice):
    text = page(system, notice).text
    assert re.findall(r'name="method" value="(\w+)"', text) == ["stripe_card", "paypay", "payeasy_komoju"]
    assert "消防手数料システム" in text
    assert attempts(system, notice) == []


def test_a_way_to_pay_that_does_not_take_the_amount_is_not_shown(system):
    charge = system.open(amount=1_500_000, method="")
    assert "payeasy_komoju" not in page(system, charge).text
    assert choose(system, charge, "payeasy_komoju").status_code == 422


@pytest.mark.parametrize("method", ["stripe_card", "paypay", "payeasy_komoju"])
def test_a_notice_is_paid_by_the_way_that_was_chosen(desk, system, notice, method):
    answer = choose(system, notice, method)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/pay/{notice['id']}")
    assert attempts(system, notice) == [(method, "open")]
    (requested,) = desk.till.events("charge.requested", notice["id"])
    assert requested["method"] == method
    desk.till.pay(notice["checkout_url"])
    (fact,) = desk.till.captured(notice["id"])
    assert (fact["method"], fact["caller"]) == (method, system.name)
    shown = page(system, notice, **{"Accept-Language": "en"}).text
    assert "This is paid" in shown
    assert "¥400" in shown


def test_choosing_twice_opens_one_attempt(system, notice):
    choose(system, notice, "payeasy_komoju")
    choose(system, notice, "payeasy_komoju")
    assert attempts(system, notice) == [("payeasy_komoju", "open")]


def test_who_changes_their_mind_can_pay_only_the_second_way(desk, system, notice):
    choose(system, notice, "stripe_card")
    choose(system, notice, "payeasy_komoju")
    desk.till.pay(notice["checkout_url"])
    (fact,) = desk.till.captured(notice["id"])
    assert fact["method"] == "payeasy_komoju"
    desk.till.ask_soon()
    assert eventually(lambda: ("stripe_card", "expired") in attempts(system, notice))


def test_a_post_from_another_site_chooses_nothing(system, notice):
    answer = choose(system, notice, "stripe_card", headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403
    assert attempts(system, notice) == []


def test_a_notice_that_nobody_paid_in_time_ends_without_an_event_and_its_system_is_told(desk, system, notice):
    desk.till.rows("UPDATE charges SET expires_at = now() - interval '1 hour' WHERE id = %s", UUID(notice["id"]))
    (message,) = eventually(lambda: system.get("/v1/messages", charge=notice["id"]).json()["messages"])
    assert (message["type"], message["event"]["charge"]["status"]) == ("charge.expired", "expired")
    assert desk.till.events("charge.expired", notice["id"]) == []
    assert 'name="method"' not in page(system, notice).text


def test_the_shop_s_visitors_choose_on_their_order(desk):
    charge = desk.till.open(method="payeasy_komoju")
    answer = desk.till.client.get(f"{charge['checkout_url']}/method")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/pay/{charge['id']}")
    assert desk.till.post(desk.till.wanted(method="")).status_code == 422


@pytest.mark.parametrize("method", ["payeasy_komoju", "paypay"])
def test_who_pays_a_notice_hears_nothing_of_tickets_and_may_choose_again(system, notice, method):
    choose(system, notice, method)
    text = page(system, notice).text
    assert "入場券" not in text
    assert "注文" not in text
    assert f'href="/pay/{notice["id"]}/method"' in text


def test_a_page_of_the_shop_still_leads_back_to_the_order(desk):
    charge = desk.till.open(method="payeasy_komoju")
    text = desk.till.client.get(charge["checkout_url"]).text
    assert "注文に戻る" in text
    assert "/method" not in text


def test_a_way_to_pay_that_is_away_says_so_and_cannot_be_pressed(desk, system, notice):
    desk.till.rows(
        "INSERT INTO breakers (method, operation, state, trouble, until, pauses) "
        "VALUES ('paypay', 'open', 'open', 'maintenance', now() + interval '1 hour', 1) "
        "ON CONFLICT (method, operation) DO UPDATE "
        "SET state = 'open', trouble = 'maintenance', until = now() + interval '1 hour', pauses = 1"
    )
    try:
        text = page(system, notice, **{"Accept-Language": "en"}).text
        assert re.search(r'value="paypay"[^>]* disabled', text)
        assert "Taking a break" in text
        assert not re.search(r'value="stripe_card"[^>]* disabled', text)
    finally:
        desk.till.rows("UPDATE breakers SET state = 'closed', trouble = NULL, until = NULL, pauses = 0, failures = 0")


def test_more_time_opens_a_notice_again_under_its_reference(desk, system, notice):
    desk.till.rows("UPDATE charges SET expires_at = now() - interval '1 hour' WHERE id = %s", UUID(notice["id"]))
    assert eventually(lambda: system.get(f"/v1/charges/{notice['id']}").json()["status"] == "expired")
    again = system.ask(reference=notice["reference"], method="")
    assert (again.status_code, again.json()["status"], again.json()["id"]) == (200, "pending", notice["id"])
    choose(system, notice, "payeasy_komoju")
    desk.till.pay(notice["checkout_url"])
    assert desk.till.captured(notice["id"])
