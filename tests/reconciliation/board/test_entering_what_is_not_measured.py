"""Counted cash and assumptions: who may enter them, how they are kept, and what is refused."""

import random
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.access import Role
from kernel.refusals import Refusal
from reconciliation.board import cash_file, rounds
from reconciliation.board.cash_file import CashFileUnreadable, CashRowTwice, CashRowWrong
from support.ledger_data import order_story

AT = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
OURS = {"sec-fetch-site": "same-origin"}
HEAD = "month,facility,cash_yen,payments,paper_tickets\n"


async def sell(books, place="hpam"):
    told = order_story(random.Random(1), AT, place=place, method="paypay")
    await books.take(told.events)
    await rounds.count_all(books.wiring)
    return told.events[0].fact.total.amount


async def share(web, books):
    answer = await web.get("/v1/board?year=2026", headers=books.token(Role.AUDITOR))
    return answer.json()["whole"]["share"]


def keeper(books):
    return books.token(Role.ACCOUNTING) | OURS


async def test_the_share_is_shown_only_once_cash_is_known(books, web):
    taken = await sell(books)
    assert (await share(web, books))["percent"] is None
    await web.post("/board/cash", data={"month": "2026-11", "cash-hpam": str(3 * taken)}, headers=keeper(books))
    assert await share(web, books) == {"cashless": taken, "cash": 3 * taken, "facilities": 1, "percent": 25.0}


async def test_cash_of_nothing_is_known_and_an_empty_field_is_not(books, web):
    taken = await sell(books)
    await web.post("/board/cash", data={"month": "2026-11", "cash-hpam": "0"}, headers=keeper(books))
    assert await share(web, books) == {"cashless": taken, "cash": 0, "facilities": 1, "percent": 100.0}
    await web.post("/board/cash", data={"month": "2026-11", "cash-hpam": ""}, headers=keeper(books))
    assert (await share(web, books))["percent"] is None


async def test_a_correction_is_a_version_and_the_same_again_is_none(books, web):
    await sell(books)
    for amount in ("100", "100", "200"):
        await web.post("/board/cash", data={"month": "2026-11", "cash-hpam": amount}, headers=keeper(books))
    async with books.wiring.database.transaction("test") as tx:
        kept = await tx.execute("SELECT version, amount FROM counted_cash ORDER BY version")
    assert [tuple(row) for row in kept] == [(1, 100), (2, 200)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932"])
async def test_a_file_is_taken_as_spreadsheets_write_it(books, web, encoding):
    text = '年月,施設,現金,件数,紙の券\r\n2026年10月,hpam,"12,300",40,41\r\n2026-11,shukkeien,5００円,1,1\r\n\r\n'
    answer = await web.post("/board/cash", files={"file": ("cash.csv", text.encode(encoding))}, headers=keeper(books))
    assert answer.status_code == 303
    async with books.wiring.database.transaction("test") as tx:
        kept = await tx.execute("SELECT facility, month::text, amount, payments FROM counted_cash ORDER BY facility")
    assert [tuple(row) for row in kept] == [("hpam", "2026-10-01", 12300, 40), ("shukkeien", "2026-11-01", 500, 1)]


@pytest.mark.parametrize(
    ("rows", "refused", "fields"),
    [
        ("2026-13,hpam,1,1,1", CashRowWrong, {"row": 2, "column": "month"}),
        ("2026-11,県立美術館,1,1,1", CashRowWrong, {"row": 2, "column": "facility"}),
        ("2026-11,hpam,1.5,1,1", CashRowWrong, {"row": 2, "column": "cash_yen"}),
        ("2026-11,hpam,1,-1,1", CashRowWrong, {"row": 2, "column": "payments"}),
        ("2026-11,hpam,1,1,1\n\n2026-11,hpam,2,1,1", CashRowTwice, {"row": 4}),
    ],
)
def test_a_wrong_cell_is_refused_by_row_and_column(rows, refused, fields):
    with pytest.raises(refused) as told:
        cash_file.read((HEAD + rows).encode())
    assert fields.items() <= told.value.fields.items()


async def test_of_a_file_with_one_wrong_row_nothing_is_taken(books, web):
    text = HEAD + "2026-11,hpam,1,1,1\n2026-11,shukkeien,x,1,1\n"
    answer = await web.post("/board/cash", files={"file": ("cash.csv", text.encode())}, headers=keeper(books))
    assert answer.status_code == 422
    assert "3" in answer.text
    async with books.wiring.database.transaction("test") as tx:
        assert (await tx.execute("SELECT count(*) FROM counted_cash")).scalar_one() == 0


@given(st.binary(max_size=300))
def test_no_bytes_are_more_than_refused(content):
    with suppress(Refusal):
        assert cash_file.read(content) == []  # no random bytes spell the heading


def test_a_table_of_something_else_is_refused():
    with pytest.raises(CashFileUnreadable):
        cash_file.read(b"a,b\n1,2\n")


async def test_the_api_takes_cash_once_for_a_key(books, web):
    wanted = {"rows": [{"facility": "hpam", "month": "2026-11", "cash_yen": 5, "payments": 1, "paper_tickets": 0}]}
    headers = books.token(Role.ACCOUNTING) | {"Idempotency-Key": "k-1"}
    answers = [(await web.post("/v1/board/cash", json=wanted, headers=headers)).json() for _ in range(2)]
    assert answers == [{"changed": 1}] * 2


FORM = {
    "facilities_total": "14",
    "seconds_per_sale": "75",
    "seconds_per_match": "30",
    "minutes_per_facility_day": "20",
    "minutes_per_discrepancy": "10",
    "sheets_per_ticket": "1",
    "sheets_per_payment": "1",
    "printed_percent": "20",
    "milestones": "2026-10-31 9\n2027-03-31 14\n",
    "reason": "Timed at three windows in October",
}


async def test_a_changed_assumption_is_a_version_with_its_reason(books, web):
    await sell(books)
    await web.post("/board/assumptions", data=FORM, headers=keeper(books))
    answer = (await web.get("/v1/board?year=2026", headers=books.token(Role.AUDITOR))).json()
    assert (answer["assumptions_version"], answer["assumptions"]["seconds_per_sale"]) == (1, 75)
    assert [each["planned_facilities"] for each in answer["months"]] == [0, 0, 0, 0, 0, 0, 9, 9]
    page = await web.get("/board/assumptions?lang=en", headers=books.token(Role.AUDITOR))
    assert FORM["reason"] in page.text
    older = (await web.get("/v1/board?year=2026&assumptions=0", headers=books.token(Role.AUDITOR))).json()
    assert older["assumptions"]["seconds_per_sale"] == 60


@pytest.mark.parametrize(
    ("name", "value", "slug"),
    [
        ("printed_percent", "101", "Percent of tickets"),
        ("seconds_per_sale", "a minute", "Seconds of staff"),
        ("milestones", "2027-03-31 14\n2026-10-31 9", "Plan: a day"),
        ("milestones", "soon 14", "Plan: a day"),
        ("reason", " ", "Write down why"),
    ],
)
async def test_what_cannot_be_assumed_is_refused_by_name(books, web, name, value, slug):
    answer = await web.post("/board/assumptions?lang=en", data=FORM | {name: value}, headers=keeper(books))
    assert answer.status_code == 422
    assert slug in answer.text


@pytest.mark.parametrize("path", ["/board", "/board/cash", "/board/assumptions", "/v1/board"])
async def test_who_may_look(books, web, path):
    answers = {
        role: (await web.get(path, headers=books.token(role, *places))).status_code
        for role, places in [(Role.AUDITOR, ()), (Role.ACCOUNTING, ()), (Role.FACILITY, ("hpam",)), (Role.GATE, ())]
    }
    assert answers == {Role.AUDITOR: 200, Role.ACCOUNTING: 200, Role.FACILITY: 403, Role.GATE: 403}


@pytest.mark.parametrize(("path", "form"), [("/board/cash", {"month": "2026-11"}), ("/board/assumptions", FORM)])
async def test_who_may_change(books, web, path, form):
    auditor = await web.post(path, data=form, headers=books.token(Role.AUDITOR) | OURS)
    foreign = await web.post(path, data=form, headers=keeper(books) | {"sec-fetch-site": "cross-site"})
    assert (auditor.status_code, foreign.status_code) == (403, 403)


@pytest.mark.parametrize("address", ["/board?year=1999", "/board?year=x", "/board/cash?month=2026-00"])
async def test_an_address_that_means_nothing_says_what_would(books, web, address):
    assert (await web.get(address, headers=books.token(Role.AUDITOR))).status_code == 422


@pytest.mark.parametrize("language", ["ja", "en"])
async def test_the_board_shows_its_formulas_with_their_values(books, web, language):
    await sell(books)
    page = await web.get(f"/board?lang={language}", headers=books.token(Role.AUDITOR))
    assert page.status_code == 200
    assert "× 60" in page.text
    assert {"ja": "初期の推定値", "en": "own guesses"}[language] in page.text
