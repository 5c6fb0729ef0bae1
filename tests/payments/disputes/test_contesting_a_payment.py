"""A payer contests a card payment: staff are told, answer the bank, and the books hear how it ended."""

import io
import json
import zipfile

import pytest

from support.live_payments import eventually

ENGLISH = {"Accept-Language": "en"}


def address(office, charge):
    return office.till.rows("SELECT pay_url FROM attempts WHERE charge_id = %s", charge["id"])[0][0]


@pytest.fixture
def contested(office):
    """Return (charge, our id of the dispute, the provider's)."""
    charge = office.till.open(method="stripe_card", amount=810)
    office.till.pay(address(office, charge), "dispute")
    assert office.till.captured(charge["id"])
    find = "SELECT id, provider_id FROM disputes WHERE charge_id = %s"
    ((mine, theirs),) = eventually(lambda: office.till.rows(find, charge["id"]))
    return charge, str(mine), theirs


def facts(office, kind, dispute):
    rows = office.till.rows(
        "SELECT payload FROM outbox WHERE type = %s AND aggregateid = %s ORDER BY position",
        f"payments.dispute.{kind}.v1",
        dispute,
    )
    return [row[0] for row in rows]


def decided(office, dispute):
    found = "SELECT status FROM disputes WHERE id = %s AND closed_at IS NOT NULL"
    return eventually(lambda: office.till.rows(found, dispute))


def test_a_person_and_the_books_are_told_once(office, contested):
    charge, dispute, _ = contested
    (fact,) = facts(office, "opened", dispute)
    assert (fact["charge_id"], fact["amount"], fact["reason"]) == (charge["id"], 810, "fraudulent")
    cases = office.till.rows("SELECT kind, amount, state FROM cases WHERE charge_id = %s", charge["id"])
    assert cases == [("disputed", 810, "open")]
    client = office.signed_in(**ENGLISH)
    assert f"/operations/disputes/{dispute}" in client.get("/operations/disputes").text
    page = client.get(f"/operations/disputes/{dispute}").text
    assert "the cardholder did not make this payment" in page
    assert charge["reference"] in page


def test_nothing_goes_back_while_the_bank_has_the_money(office, contested):
    charge, _, _ = contested
    refused = office.till.refund(charge["id"])
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/payment-contested")
    assert office.till.rows("SELECT count(*) FROM refunds WHERE charge_id = %s", charge["id"]) == [(0,)]


@pytest.mark.parametrize(("evidence", "status"), [("winning_evidence", "won"), ("losing_evidence", "lost")])
def test_it_is_answered_and_decided(office, contested, evidence, status):
    charge, dispute, _ = contested
    client = office.signed_in(**ENGLISH)
    sent = client.post(f"/operations/disputes/{dispute}/answer", data={"text": evidence})
    assert sent.status_code == 303
    assert decided(office, dispute) == [(status,)]
    (fact,) = facts(office, "closed", dispute)
    assert (fact["won"], fact["amount"]) == (status == "won", 810)
    assert (fact["attempt_id"], fact["method"]) == (office.till.captured(charge["id"])[0]["attempt_id"], "stripe_card")
    cases = office.till.rows("SELECT state, resolution FROM cases WHERE charge_id = %s", charge["id"])
    assert cases == [("closed", "dispute_closed")]
    assert office.till.refund(charge["id"]).status_code == (201 if status == "won" else 409)
    said = office.till.rows("SELECT actor FROM audit WHERE action = 'dispute.answered' AND subject = %s", dispute)
    assert said == [("ana",)]
    again = client.post(f"/operations/disputes/{dispute}/answer", data={"text": "again"})
    assert (again.status_code, "takes no answer any more" in again.text) == (409, True)


def test_an_answer_that_was_not_taken_stays_on_the_page_and_can_be_sent_again(office, contested):
    _, dispute, _ = contested
    office.till.fault("stripe", "maintenance")
    client = office.signed_in(**ENGLISH)
    away = client.post(f"/operations/disputes/{dispute}/answer", data={"text": "the ticket was used at gate 1"})
    assert (away.status_code, "nothing was sent" in away.text, "used at gate 1" in away.text) == (503, True, True)
    sent = client.post(f"/operations/disputes/{dispute}/answer", data={"text": "the ticket was used at gate 1"})
    assert sent.status_code == 303


def test_what_no_message_told_of_is_found_by_asking(office):
    charge = office.till.open(method="stripe_card")
    office.till.fault("stripe", "lost_webhook", "webhook", 3)  # the payment twice, and the dispute
    office.till.pay(address(office, charge), "dispute")
    office.ask_about_disputes()
    assert len(office.till.rows("SELECT id FROM disputes WHERE charge_id = %s", charge["id"])) == 1


def test_asking_again_changes_nothing(office, contested):
    charge, dispute, _ = contested
    before = office.till.rows("SELECT * FROM charge_history WHERE charge_id = %s", charge["id"])
    office.ask_about_disputes()
    assert office.till.rows("SELECT * FROM charge_history WHERE charge_id = %s", charge["id"]) == before
    assert len(facts(office, "opened", dispute)) == 1


def test_the_evidence_is_a_file_that_a_person_can_read(office, contested):
    charge, dispute, theirs = contested
    answer = office.signed_in().get(f"/operations/disputes/{dispute}/evidence.zip")
    assert f"evidence-{theirs}.zip" in answer.headers["content-disposition"]
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert sorted(archive.namelist()) == ["answer.txt", "charge.json", "history.csv"]
        said = json.loads(archive.read("charge.json"))
        assert (said["reference"], said["attempts"][0]["captured"]) == (charge["reference"], 810)
        assert "The payer contests ¥810" in archive.read("history.csv").decode("utf-8-sig")
        assert charge["reference"] in archive.read("answer.txt").decode()


def test_an_auditor_answers_nobody_and_others_see_nothing(office, contested):
    _, dispute, _ = contested
    auditor = office.signed_in("rei")
    assert "<textarea" not in auditor.get(f"/operations/disputes/{dispute}").text
    assert auditor.post(f"/operations/disputes/{dispute}/answer", data={"text": "x"}).status_code == 403
    other = office.signed_in("yui")
    assert other.get(f"/operations/disputes/{dispute}").status_code == 403
    assert other.get(f"/operations/disputes/{dispute}/evidence.zip").status_code == 403


def test_a_card_number_is_not_sent(office, contested):
    _, dispute, _ = contested
    answer = office.signed_in().post(f"/operations/disputes/{dispute}/answer", data={"text": "4242 4242 4242 4242"})
    assert answer.status_code == 422
    assert office.till.rows("SELECT answered_at FROM disputes WHERE id = %s", dispute) == [(None,)]
