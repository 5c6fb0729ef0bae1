"""Refunds that go by our own bank: one Zengin file, the bank's answer, and what becomes of each payer."""

import hashlib
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from kernel.access import Role
from kernel.clock import SystemClock
from payments.transfer_files.actions import proposed_day
from payments.transfers import zengin
from support.live_payments import eventually
from support.transfer_desk import NUMBER, SECRETS_OF_THE_PAYER, desk


@pytest.fixture(scope="module")
def at_desk(postgres, tmp_path_factory):
    with desk(postgres, tmp_path_factory.mktemp("keys"), refunds_by_own_transfer=("payeasy_komoju",)) as made:
        yield made


def day():
    return proposed_day(SystemClock().now()).isoformat()


def make(at_desk, **form):
    """Make a file of what is approved; return its address."""
    answer = at_desk.do("/operations/transfer-files", "cleo", **({"transfer_on": day()} | form))
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def read(at_desk, address):
    answer = at_desk.look(f"{address}/download", "cleo")
    assert answer.status_code == 200, answer.text
    return answer.content


@pytest.mark.parametrize("method", ["payeasy_komoju", "payeasy_gmopg"])
def test_from_approval_by_a_file_to_settled(at_desk, method):
    charge, refund = at_desk.approved(at_desk.paid(method=method))
    assert at_desk.state(refund) == "approved"
    address = make(at_desk)
    body = read(at_desk, address)
    (row,) = zengin.read(body).rows
    assert (row.bank_code, row.branch_code, row.number, row.holder, row.amount.amount) == (
        "0169",
        "001",
        NUMBER,
        "ﾋﾛｼﾏ ﾊﾅｺ",
        510,
    )
    assert "The bank transfers the money on" in at_desk.page(charge).text
    assert at_desk.do(f"{address}/done", "cleo").status_code == 303
    assert at_desk.reaches(refund, "transferred")
    (fact,) = at_desk.till.events("refund.settled", charge)
    assert (fact["refund_id"], fact["by_us"]) == (refund, True)
    booked = at_desk.till.client.get(f"{at_desk.till.sandbox_url}/books").json()["komoju"]
    assert [each["refunded"] for each in booked["payments"]] == [0] * len(booked["payments"])


def test_each_download_is_the_same_and_its_sum_is_shown(at_desk):
    at_desk.approved()
    address = make(at_desk)
    first, again = read(at_desk, address), read(at_desk, address)
    assert first == again
    assert hashlib.sha256(first).hexdigest() in at_desk.look(address).text
    trail = "SELECT actor, action FROM audit WHERE subject = %s"
    assert at_desk.till.rows(trail, address.rsplit("/", 1)[1]) == [("cleo", "transfer_file.downloaded")] * 2


def test_a_file_lies_encrypted_and_is_deleted_once_it_is_done(at_desk):
    at_desk.approved()
    address = make(at_desk)
    read(at_desk, address)
    assert at_desk.in_clear(*SECRETS_OF_THE_PAYER) == set()
    at_desk.do(f"{address}/done", "cleo")
    purged = "SELECT sealed IS NULL AND purged_at IS NOT NULL FROM transfer_files WHERE id = %s"
    assert eventually(lambda: at_desk.till.rows(purged, address.rsplit("/", 1)[1]) == [(True,)])
    answer = at_desk.look(f"{address}/download", "cleo")
    assert (answer.status_code, "its bank data was deleted" in answer.text) == (409, True)


def test_a_returned_row_opens_the_form_again_and_the_others_settle(at_desk):
    (bad_charge, bad), (charge, good) = at_desk.approved(), at_desk.approved()
    address = make(at_desk)
    read(at_desk, address)
    rows = at_desk.till.rows("SELECT row FROM transfer_file_rows WHERE transfer_id = %s", bad)
    form = {"fault": "closed", "words": ""}
    assert at_desk.do(f"{address}/rows/{rows[0][0]}/returned", "cleo", **form).status_code == 303
    at_desk.do(f"{address}/done", "cleo")
    assert at_desk.reaches(good, "transferred")
    assert at_desk.state(bad) == "awaiting_account"
    assert "This account takes no money" in at_desk.page(bad_charge).text
    assert len(at_desk.till.events("refund.settled", charge)) == 1
    assert at_desk.till.events("refund.settled", bad_charge) == []


def test_a_returned_transfer_goes_into_another_file_once_it_has_an_account_again(at_desk):
    charge, refund = at_desk.approved()
    first = make(at_desk)
    read(at_desk, first)
    at_desk.do(f"{first}/rows/1/returned", "cleo", fault="not_found")
    assert at_desk.submit(charge, number="1112223").status_code == 303
    for step, name in (("open", "ana"), ("propose", "ana"), ("open", "ben"), ("approve", "ben")):
        assert at_desk.step(refund, step, name).status_code == 303
    second = make(at_desk)
    assert [row.number for row in zengin.read(read(at_desk, second)).rows] == ["1112223"]


def test_a_transfer_is_in_one_file_even_if_two_people_make_one_at_once(at_desk):
    charges = [at_desk.approved() for _ in range(2)]
    with ThreadPoolExecutor(4) as pool:
        answers = list(
            pool.map(lambda _: at_desk.do("/operations/transfer-files", "cleo", transfer_on=day()), range(4))
        )
    assert sorted(each.status_code for each in answers) == [303, 409, 409, 409]
    (made,) = [each.headers["location"] for each in answers if each.status_code == 303]
    assert len(zengin.read(read(at_desk, made)).rows) == len(charges)


def test_the_database_itself_refuses_a_second_file_for_a_transfer(at_desk):
    _, refund = at_desk.approved()
    file_id = make(at_desk).rsplit("/", 1)[1]
    with pytest.raises(Exception, match="transfer_in_one_file"):
        at_desk.till.rows("INSERT INTO transfer_file_rows VALUES (%s, 99, %s, 510)", file_id, refund)


def test_a_file_that_nobody_downloaded_is_withdrawn_and_its_transfers_go_with_the_next(at_desk):
    _, refund = at_desk.approved()
    address = make(at_desk)
    assert at_desk.do(f"{address}/withdraw", "cleo").status_code == 303
    assert at_desk.state(refund) == "approved"
    assert at_desk.look(f"{address}/download", "cleo").status_code == 409
    assert len(zengin.read(read(at_desk, make(at_desk))).rows) == 1


def test_a_downloaded_file_is_not_withdrawn(at_desk):
    at_desk.approved()
    address = make(at_desk)
    read(at_desk, address)
    answer = at_desk.do(f"{address}/withdraw", "cleo")
    assert (answer.status_code, "may be at the bank" in answer.text) == (409, True)


def test_a_file_is_done_once_and_then_no_row_returns(at_desk):
    at_desk.approved()
    address = make(at_desk)
    assert at_desk.do(f"{address}/done", "cleo").status_code == 409  # nobody has taken it to the bank
    read(at_desk, address)
    assert at_desk.do(f"{address}/done", "cleo").status_code == 303
    assert at_desk.do(f"{address}/done", "cleo").status_code == 409
    assert at_desk.do(f"{address}/rows/1/returned", "cleo", fault="closed").status_code == 409


@pytest.mark.parametrize("on", ["2026-11-22", "2020-01-06", "2099-01-05", "tomorrow", ""])
def test_only_a_business_day_soon_is_taken(at_desk, on):
    at_desk.approved()
    answer = at_desk.do("/operations/transfer-files", "cleo", transfer_on=on)
    assert (answer.status_code, "business days only" in answer.text) == (422, True)


def test_a_file_of_nothing_is_not_made(at_desk):
    if at_desk.till.rows("SELECT 1 FROM transfers WHERE state = 'approved'"):
        make(at_desk)
    answer = at_desk.do("/operations/transfer-files", "cleo", transfer_on=day())
    assert (answer.status_code, "No approved transfer waits" in answer.text) == (409, True)


def test_an_auditor_reads_files_without_accounts_and_takes_none(at_desk):
    at_desk.approved()
    address = make(at_desk)
    page = at_desk.look(address, "audrey", Role.AUDITOR)
    assert (page.status_code, NUMBER in page.text, "/download" in page.text) == (200, False, False)
    assert re.findall("<form[^>]*>", page.text) == ['<form method="post" action="/sign-out">']
    assert at_desk.look(f"{address}/download", "audrey", Role.AUDITOR).status_code == 403


def test_files_are_for_people_who_see_every_facility(at_desk):
    at_desk.approved()
    address = make(at_desk)
    assert at_desk.look(address, facilities=("shukkeien",)).status_code == 403


def test_an_account_without_progress_is_forgotten_and_asked_for_again(at_desk):
    charge, refund = at_desk.approved()
    at_desk.till.rows("UPDATE transfers SET moved_at = moved_at - interval '91 days' WHERE id = %s", refund)
    assert at_desk.reaches(refund, "awaiting_account")
    assert at_desk.till.rows("SELECT sealed FROM transfers WHERE id = %s", refund) == [(None,)]
    assert "Much time has passed" in at_desk.page(charge).text


def test_an_old_file_is_deleted_although_nobody_marked_it(at_desk):
    at_desk.approved()
    file_id = make(at_desk).rsplit("/", 1)[1]
    at_desk.till.rows(
        "UPDATE transfer_files SET made_at = %s WHERE id = %s", SystemClock().now() - timedelta(91), file_id
    )
    assert eventually(
        lambda: at_desk.till.rows("SELECT sealed FROM transfer_files WHERE id = %s", file_id) == [(None,)]
    )
