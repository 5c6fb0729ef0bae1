"""What staff see under /operations, and what they decide there."""

import pytest

from support.live_payments import eventually

ENGLISH = {"Accept-Language": "en"}
PAGES = ("", "/charges", "/cases", "/providers", "/messages", "/transfers", "/systems", "/static-codes")


def audit(office, action, subject):
    return office.till.rows("SELECT actor FROM audit WHERE action = %s AND subject = %s", action, subject)


@pytest.mark.parametrize("page", PAGES)
def test_nobody_is_led_to_the_sign_in_and_back(office, page):
    answer = office.till.client.get(f"{office.till.url}/operations{page}")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/sign-in?next=/operations{page}")


def test_a_wrong_password_says_what_to_do_and_keeps_the_name(office):
    answer = office.till.client.post(f"{office.till.url}/sign-in", data={"name": "ana", "password": "no"})
    assert answer.status_code == 401
    assert 'value="ana"' in answer.text
    assert 'role="alert"' in answer.text


@pytest.mark.parametrize("target", ["https://evil.example", "//evil.example", "/\\evil.example"])
def test_signing_in_leads_to_no_other_site(office, target):
    said = {"name": "ana", "password": "for-tests-1234", "next": target}
    answer = office.till.client.post(f"{office.till.url}/sign-in", data=said)
    assert (answer.status_code, answer.headers["location"]) == (303, "/operations")


def test_after_signing_out_the_pages_are_closed(office):
    client = office.signed_in()
    assert client.get("/operations").status_code == 200
    client.post("/sign-out")
    assert client.get("/operations").status_code == 303


@pytest.mark.parametrize("page", PAGES)
def test_who_stands_at_a_gate_sees_none_of_it(office, page):
    client = office.signed_in("gen")
    assert client.get(f"/operations{page}").status_code == 403


def test_money_paid_twice_waits_on_the_first_page_and_leads_to_its_case(office):
    charge, case = office.paid_twice()
    client = office.signed_in(**ENGLISH)
    first = client.get("/operations").text
    assert "Paid twice" in first
    assert "Nothing waits for a decision" not in first
    assert f"/operations/cases/{case}" in client.get("/operations/cases?queue=unallocated").text
    said = client.get(f"/operations/cases/{case}").text
    assert "Paid twice: ¥1,020" in said
    assert f"/operations/charges/{charge['id']}" in said
    assert "Money without a place: ¥1,020" in said


def test_giving_it_back_asks_the_payer_for_an_account_once(office):
    charge, case = office.paid_twice()
    client = office.signed_in()
    given = client.post(f"/operations/cases/{case}/give-back")
    assert (given.status_code, given.headers["location"]) == (303, f"/operations/cases/{case}")
    again = client.post(f"/operations/cases/{case}/give-back")
    assert again.status_code == 409
    refunds = office.till.rows("SELECT amount, state FROM refunds WHERE charge_id = %s", charge["id"])
    assert refunds == [(1020, "needs_bank_account")]
    assert audit(office, "case.given_back", case) == [("ana",)]


def test_closing_by_hand_needs_a_reason_which_is_kept(office):
    _, case = office.paid_twice()
    client = office.signed_in(**ENGLISH)
    empty = client.post(f"/operations/cases/{case}/close", data={"words": "  "})
    assert empty.status_code == 422
    assert "auditors read it" in empty.text
    client.post(f"/operations/cases/{case}/close", data={"words": "The payer came to the counter."})
    assert "The payer came to the counter." in client.get(f"/operations/cases/{case}").text
    assert audit(office, "case.closed_by_hand", case) == [("ana",)]


def test_a_card_number_is_no_reason(office):
    _, case = office.paid_twice()
    answer = office.signed_in().post(f"/operations/cases/{case}/close", data={"words": "card 4242 4242 4242 4242"})
    assert answer.status_code == 422
    assert office.till.rows("SELECT state FROM cases WHERE id = %s", case) == [("open",)]


def test_an_auditor_reads_and_decides_nothing(office):
    _, case = office.paid_twice()
    client = office.signed_in("rei")
    page = client.get(f"/operations/cases/{case}")
    assert page.status_code == 200
    assert "give-back" not in page.text
    for step in ("give-back", "ask", "close"):
        assert client.post(f"/operations/cases/{case}/{step}", data={"words": "no"}).status_code == 403


def test_other_facilities_cases_are_not_shown(office):
    charge, case = office.paid_twice()
    client = office.signed_in("yui")
    assert case not in client.get("/operations/cases").text
    assert client.get(f"/operations/cases/{case}").status_code == 403
    assert client.get(f"/operations/charges/{charge['id']}").status_code == 403
    assert client.get("/operations/messages").status_code == 403


def test_a_form_of_another_site_decides_nothing(office):
    _, case = office.paid_twice()
    client = office.signed_in()
    answer = client.post(f"/operations/cases/{case}/give-back", headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403
    assert office.till.rows("SELECT state FROM cases WHERE id = %s", case) == [("open",)]


def test_programs_decide_by_json_and_a_repeat_gives_back_once(office):
    charge, case = office.paid_twice()
    headers = office.desk.as_role() | {"Idempotency-Key": f"give-{case}"}
    first = office.till.client.post(f"{office.till.url}/v1/cases/{case}/refunds", headers=headers)
    again = office.till.client.post(f"{office.till.url}/v1/cases/{case}/refunds", headers=headers)
    assert (first.status_code, again.json()) == (201, first.json())
    assert first.json()["state"] == "refunding"
    assert len(office.till.rows("SELECT id FROM refunds WHERE charge_id = %s", charge["id"])) == 1
    listed = office.desk.call("GET", "/v1/cases?kind=paid_twice&limit=200").json()["cases"]
    assert case in [each["id"] for each in listed]


@pytest.mark.parametrize("look", ["reference", "id", "attempt", "provider_id", "number"])
def test_a_charge_is_found_by_any_of_its_names(office, look):
    charge = office.till.open(method="paypay", description=f"縮景園 2026-11-24 {look[:4].upper()}-7Q2X")
    attempt, provider_id = office.till.rows("SELECT id, provider_id FROM attempts WHERE charge_id = %s", charge["id"])[
        0
    ]
    typed = {
        "reference": charge["reference"],
        "id": charge["id"],
        "attempt": str(attempt),
        "provider_id": provider_id,
        "number": f"{look[:4]}-7q2x",
    }[look]
    found = office.signed_in().get("/operations/charges", params={"q": typed}).text
    assert f"/operations/charges/{charge['id']}" in found


def test_a_charge_is_found_by_the_day_and_its_amount(office):
    charge = office.till.open(method="paypay", amount=77_701)
    client = office.signed_in()
    day = office.till.rows("SELECT (now() AT TIME ZONE 'Asia/Tokyo')::date")[0][0]
    assert charge["id"] in client.get("/operations/charges", params={"amount": "77,701", "day": str(day)}).text
    assert charge["id"] not in client.get("/operations/charges", params={"amount": "77701", "day": "2020-01-01"}).text


def test_a_search_that_cannot_be_read_keeps_what_was_typed(office):
    answer = office.signed_in(**ENGLISH).get("/operations/charges", params={"q": "ABCD", "amount": "many"})
    assert answer.status_code == 422
    assert "This is no amount" in answer.text
    assert 'value="ABCD"' in answer.text
    assert 'value="many"' in answer.text


def test_a_charge_tells_its_whole_story_in_the_reader_s_language(office):
    charge, _ = office.paid_twice()
    page = office.signed_in(**{"Accept-Language": "ja"}).get(f"/operations/charges/{charge['id']}").text
    assert "支払われました：¥1,020" in page
    assert "行き先のない入金：¥1,020" in page
    assert "¥2,040" in page  # what came in all
    assert "使用料" in page  # whose revenue it is


def test_a_message_read_again_changes_nothing(office):
    charge = office.till.open(method="stripe_card")
    office.till.pay(charge["checkout_url"])
    assert office.till.captured(charge["id"])
    find = (
        "SELECT m.id FROM provider_messages m JOIN attempts a ON a.id::text = m.reference "
        "WHERE a.charge_id = %s AND m.processed_at IS NOT NULL ORDER BY m.id DESC LIMIT 1"
    )
    ((message,),) = eventually(lambda: office.till.rows(find, charge["id"]))
    before = office.till.rows("SELECT * FROM charges WHERE id = %s", charge["id"])
    client = office.signed_in()
    assert client.post(f"/operations/messages/{message}/replay").status_code == 303
    done = "SELECT outcome FROM provider_messages WHERE id = %s AND processed_at IS NOT NULL"
    assert eventually(lambda: office.till.rows(done, message)) == [("Unchanged",)]
    assert office.till.rows("SELECT * FROM charges WHERE id = %s", charge["id"]) == before
    assert len(office.till.events("charge.captured", charge["id"])) == 1
    assert audit(office, "provider_message.replayed", str(message)) == [("ana",)]


def test_what_was_sent_is_for_administrators_and_looking_is_written_down(office):
    charge = office.till.open(method="stripe_card")
    office.till.pay(charge["checkout_url"])
    find = "SELECT max(m.id) FROM provider_messages m WHERE m.method = 'stripe_card' HAVING max(m.id) IS NOT NULL"
    ((message,),) = eventually(lambda: office.till.rows(find))
    assert office.signed_in("ana").post(f"/operations/messages/{message}/body").status_code == 403
    shown = office.signed_in("ken").post(f"/operations/messages/{message}/body")
    assert "checkout.session" in shown.text or "payment_intent" in shown.text
    assert audit(office, "provider_message.read", str(message)) == [("ken",)]


def test_a_paused_way_to_pay_is_said_with_its_reason(office):
    office.till.rows(
        "INSERT INTO breakers (method, operation, state, trouble, until, pauses) "
        "VALUES ('paypay', 'open', 'open', 'maintenance', now() + interval '1 hour', 1) "
        "ON CONFLICT (method, operation) DO UPDATE "
        "SET state = 'open', trouble = 'maintenance', until = now() + interval '1 hour', pauses = 1"
    )
    try:
        client = office.signed_in(**ENGLISH)
        for page in ("/operations", "/operations/providers"):
            assert "The provider says that it is in maintenance." in client.get(page).text
    finally:
        office.till.rows("UPDATE breakers SET state = 'closed', trouble = NULL, until = NULL, pauses = 0, failures = 0")
