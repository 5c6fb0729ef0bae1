"""A refund to a bank account through the agency, from the payer's form to the settled refund, by four eyes."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from kernel.access import Role
from payments.transfers.actions import TokenIsNobody, require_person
from support.transfer_desk import ACCOUNT, HOLDER, NUMBER, SECRETS_OF_THE_PAYER, desk


@pytest.fixture(scope="module")
def at_desk(postgres, tmp_path_factory):
    with desk(postgres, tmp_path_factory.mktemp("keys")) as made:
        yield made


def test_from_the_payers_form_to_settled(at_desk):
    charge, refund = at_desk.approved()
    assert at_desk.reaches(refund, "transferred")
    (fact,) = at_desk.till.events("refund.settled", charge)
    assert (fact["refund_id"], fact["amount"]) == (refund, 510)
    booked = at_desk.till.client.get(f"{at_desk.till.sandbox_url}/books").json()["komoju"]
    assert booked["payments"][-1]["refunded"] == 510
    assert at_desk.history(refund) == [
        "submitted",
        "opened",
        "proposed",
        "opened_to_approve",
        "approved",
        "sent",
        "transferred",
    ]


def test_the_account_lies_encrypted_and_nowhere_else(at_desk):
    _, refund = at_desk.submitted()
    sealed = at_desk.till.rows("SELECT sealed, number_end, bank_name FROM transfers WHERE id = %s", refund)
    assert (len(sealed[0][0]) > 100, *sealed[0][1:]) == (True, "321", "広島銀行")
    assert at_desk.in_clear(*SECRETS_OF_THE_PAYER) == set()
    assert at_desk.in_clear("広島銀行") >= {"transfers"}  # the search does find what is there


def test_the_account_is_deleted_once_the_money_has_left(at_desk):
    _, refund = at_desk.approved()
    assert at_desk.reaches(refund, "transferred")
    rows = at_desk.till.rows("SELECT sealed, purged_at IS NULL, number_end FROM transfers WHERE id = %s", refund)
    assert rows == [(None, False, "321")]


def test_whoever_checked_cannot_approve(at_desk):
    _, refund = at_desk.proposed(by="ana")
    for name in ("ana", " Ana"):
        answer = at_desk.step(refund, "open", name)
        assert (answer.status_code, "Another person has to approve it" in answer.text) == (409, True)
        assert at_desk.step(refund, "approve", name).status_code == 409
    assert at_desk.state(refund) == "awaiting_approval"


def test_nobody_approves_what_they_have_not_opened(at_desk):
    _, refund = at_desk.proposed()
    answer = at_desk.step(refund, "approve", "ben")
    assert (answer.status_code, "Open the account and read it first" in answer.text) == (409, True)


def test_two_roles_at_once_by_one_person_end_in_one_step(at_desk):
    _, refund = at_desk.submitted()
    at_desk.step(refund, "open", "ana")
    steps = ["propose", "approve", "open", "approve", "propose", "approve"] * 4
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda step: at_desk.step(refund, step, "ana"), steps))
    assert at_desk.state(refund) == "awaiting_approval"


def test_of_two_people_who_approve_at_once_one_is_told_that_it_moved_on(at_desk):
    charge, refund = at_desk.proposed()
    at_desk.step(refund, "open", "ben")
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: at_desk.step(refund, "approve", "ben").status_code, range(4)))
    assert sorted(answers) == [303, 409, 409, 409]
    assert at_desk.reaches(refund, "transferred")
    assert len(at_desk.till.events("refund.settled", charge)) == 1


def test_each_view_of_the_account_is_in_the_audit_trail(at_desk):
    _, refund = at_desk.submitted()
    before = at_desk.look(f"/operations/transfers/{refund}")
    assert NUMBER not in before.text
    at_desk.step(refund, "open", "ana")
    for _ in range(2):
        assert NUMBER in at_desk.look(f"/operations/transfers/{refund}").text
    trail = "SELECT actor, action FROM audit WHERE subject = %s ORDER BY position"
    assert at_desk.till.rows(trail, refund) == [("ana", "transfer.account_shown")] * 2


@pytest.mark.parametrize(
    ("name", "role"), [("ben", Role.ACCOUNTING), ("root", Role.ADMIN), ("audrey", Role.AUDITOR), ("ana", Role.AUDITOR)]
)
def test_nobody_but_the_two_sees_the_account(at_desk, name, role):
    _, refund = at_desk.submitted()
    at_desk.step(refund, "open", "ana")
    page = at_desk.look(f"/operations/transfers/{refund}", name, role)
    assert (page.status_code, NUMBER in page.text, "ヒロシマ" in page.text) == (200, False, False)


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.FACILITY, Role.GATE, Role.SUPERVISOR])
def test_other_roles_decide_nothing(at_desk, role):
    _, refund = at_desk.submitted()
    answer = at_desk.do(f"/operations/transfers/{refund}/open", "zoe", role)
    assert (answer.status_code, at_desk.history(refund)) == (403, ["submitted"])


def test_accounting_of_another_facility_sees_nothing_of_it(at_desk):
    _, refund = at_desk.submitted()
    answer = at_desk.look(f"/operations/transfers/{refund}", facilities=("elsewhere",))
    listed = at_desk.look("/operations/transfers", facilities=("elsewhere",))
    assert (answer.status_code, listed.status_code, str(refund) in listed.text) == (403, 200, False)


def test_nobody_signed_in_is_led_to_sign_in(at_desk):
    answer = at_desk.till.client.get(f"{at_desk.till.url}/operations/transfers?queue=sent")
    assert (answer.status_code, answer.headers["location"]) == (
        303,
        "/sign-in?next=/operations/transfers%3Fqueue%3Dsent",
    )


def test_an_account_that_is_sent_back_is_deleted_and_asked_for_with_the_reason(at_desk):
    charge, refund = at_desk.proposed()
    at_desk.step(refund, "open", "ben")
    at_desk.step(refund, "send-back", "ben", fault="name_differs", words="Family name first, please")
    page = at_desk.page(charge).text
    assert "The name does not agree with the account" in page
    assert "Family name first, please" in page
    told = at_desk.till.rows("SELECT kind FROM charge_history WHERE charge_id = %s ORDER BY position", charge)
    assert told[-1] == ("refund_account_needed",)
    assert at_desk.till.rows("SELECT sealed FROM transfers WHERE id = %s", refund) == [(None,)]
    assert at_desk.submit(charge).status_code == 303
    assert at_desk.state(refund) == "awaiting_check"


def test_a_rejected_refund_fails_and_leaves_a_case(at_desk):
    charge, refund = at_desk.submitted()
    assert at_desk.step(refund, "reject", words="").status_code == 422
    assert at_desk.step(refund, "reject", words="The payer was paid in cash").status_code == 303
    (fact,) = at_desk.till.events("refund.failed", charge)
    assert fact["reason"] == "rejected_by_staff"
    cases = at_desk.till.rows("SELECT kind, state FROM cases WHERE charge_id = %s", charge)
    assert cases == [("refund_failed", "open")]
    assert at_desk.till.rows("SELECT sealed, state FROM transfers WHERE id = %s", refund) == [(None, "rejected")]


def test_the_amount_stays_reserved_while_people_look(at_desk):
    charge, _ = at_desk.submitted()
    assert at_desk.till.refund(charge, 1).status_code == 409


def test_an_account_that_the_agency_refuses_is_asked_for_again(at_desk):
    charge, refund = at_desk.proposed()
    at_desk.step(refund, "open", "ben")
    # The sandbox knows no banks, but refuses more than was paid: the same answer.
    at_desk.till.rows("UPDATE refunds SET amount = 99999 WHERE id = %s", refund)
    at_desk.step(refund, "approve", "ben")
    assert at_desk.reaches(refund, "awaiting_account")
    assert "The bank account was not accepted" in at_desk.page(charge).text
    assert at_desk.till.rows("SELECT state FROM refunds WHERE id = %s", refund) == [("needs_bank_account",)]


def test_a_transfer_that_the_agency_rejects_fails_the_refund(at_desk):
    at_desk.till.fault("komoju", "fails", "refund")
    charge, refund = at_desk.approved()
    assert at_desk.reaches(refund, "rejected")
    assert len(at_desk.till.events("refund.failed", charge)) == 1
    assert at_desk.till.rows("SELECT sealed FROM transfers WHERE id = %s", refund) == [(None,)]


def test_two_refunds_of_one_payment_are_two_transfers(at_desk):
    charge = at_desk.paid(1000)
    refunds = [at_desk.waiting(amount, charge)[1] for amount in (300, 200)]
    at_desk.submit(charge)
    for refund in refunds:
        for step, name in (("open", "ana"), ("propose", "ana"), ("open", "ben"), ("approve", "ben")):
            assert at_desk.step(refund, step, name).status_code == 303
        assert at_desk.reaches(refund, "transferred")
    assert [fact["amount"] for fact in at_desk.till.events("refund.settled", charge)] == [300, 200]


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"bank_code": "16"}, "The bank code has 4 digits"),
        ({"branch_code": ""}, "The branch code has 3 digits"),
        ({"number": "12345678"}, "The account number has up to 7 digits"),
        ({"holder": "広島花子"}, "Write the name in katakana"),
    ],
)
def test_a_wrong_field_is_marked_and_the_rest_is_kept(at_desk, typed, said):
    charge, refund = at_desk.waiting()
    answer = at_desk.submit(charge, **typed)
    assert (answer.status_code, answer.text.count('aria-invalid="true"'), said in answer.text) == (422, 1, True)
    assert 'value="広島銀行"' in answer.text
    assert at_desk.state(refund) == "awaiting_account"


def test_a_card_number_is_neither_kept_nor_shown_again(at_desk):
    charge, _ = at_desk.waiting()
    answer = at_desk.submit(charge, number="4242424242424242")
    assert ("looks like a card number" in answer.text, "4242" in answer.text) == (True, False)
    assert at_desk.in_clear("4242424242424242") == set()


def test_a_symbol_and_number_of_japan_post_bank_become_a_branch_and_an_account(at_desk):
    charge, refund = at_desk.waiting()
    page = at_desk.page(charge, params={"to": "yucho"})
    assert "Symbol (kigou)" in page.text
    assert at_desk.submit(charge, to="yucho", symbol="11940", number="12345671").status_code == 303
    at_desk.step(refund, "open")
    shown = at_desk.look(f"/operations/transfers/{refund}").text
    assert ("ゆうちょ銀行 (9900)" in shown, "一九八 (198)" in shown, "1234567" in shown) == (True, True, True)


def test_the_payer_reads_what_happens_next(at_desk):
    charge, refund = at_desk.submitted()
    assert "Two members of staff check the account" in at_desk.page(charge).text
    assert "ending in 321" in at_desk.page(charge).text
    assert NUMBER not in at_desk.page(charge).text
    for step, name in (("open", "ana"), ("propose", "ana"), ("open", "ben"), ("approve", "ben")):
        at_desk.step(refund, step, name)
    assert at_desk.reaches(refund, "transferred")
    assert "The money was transferred to your account at 広島銀行" in at_desk.page(charge).text


def test_an_agency_that_cannot_transfer_waits_for_our_own_file(at_desk):
    _, refund = at_desk.approved(at_desk.paid(method="payeasy_gmopg"))
    rows = at_desk.till.rows("SELECT route, state FROM transfers WHERE id = %s", refund)
    assert rows == [("file", "approved")]
    assert "1 approved transfers wait for a file" in at_desk.look("/operations/transfers").text


def test_the_list_names_each_queue(at_desk):
    _, refund = at_desk.submitted()
    for queue in ("check", "approve", "send", "sent", "payer", "over"):
        page = at_desk.look(f"/operations/transfers?queue={queue}", "audrey", Role.AUDITOR)
        assert (page.status_code, str(refund) in page.text) == (200, queue == "check")
    assert HOLDER not in at_desk.look("/operations/transfers").text


def test_what_the_page_needs_is_there_in_japanese(at_desk):
    charge, _ = at_desk.waiting()
    page = at_desk.till.client.get(f"{at_desk.till.url}/pay/{charge}/refund", headers={"Accept-Language": "ja"})
    assert "通帳のとおり" in page.text
    assert ACCOUNT["bank_name"] not in page.text


def test_a_refund_that_an_older_version_asked_for_gets_its_form(at_desk):
    charge, refund = at_desk.waiting()
    at_desk.till.rows("DELETE FROM transfers WHERE id = %s", refund)
    assert "Ask for the refund" in at_desk.page(charge).text
    assert at_desk.submit(charge).status_code == 303
    assert at_desk.state(refund) == "awaiting_check"


def test_where_real_money_moves_a_token_is_nobody():
    with pytest.raises(TokenIsNobody):
        require_person("token-accounting-1a2b3c4d", production=True)
    assert require_person("token-accounting-1a2b3c4d", production=False)
    assert require_person("ana", production=True) == "ana"
