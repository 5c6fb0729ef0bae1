"""A statement is taken whole or not at all, once, and its lines once, in whatever files they come."""

import asyncio
import hashlib
import zlib
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from kernel.access import Role
from kernel.money import Yen
from reconciliation import statements
from reconciliation.statements import zengin_statement as zengin
from reconciliation.statements.bank_days import bank_day_before, bank_days_from, is_bank_day
from support import settling

FOLDER = Path(statements.__path__[0])
STRIPE = (FOLDER / "stripe_payouts" / "example" / "one_payout.csv").read_bytes()
PAYPAY = (FOLDER / "paypay_transactions" / "example" / "a_week.csv").read_bytes()
BANK = (FOLDER / "zengin_statement" / "example" / "two_days.dat").read_bytes()
[BOOKLET] = zengin.booklets(BANK, received=date(2026, 11, 24))


@pytest.fixture
def send(books, web):
    async def post(body, name="stripe_payouts", role=Role.ACCOUNTING, called=""):
        query = {"name": called} if called else {}
        return await web.post(f"/v1/statements/{name}", content=body, params=query, headers=books.token(role))

    return post


@pytest.fixture
def rows(books):
    async def count(table, what="count(*)"):
        async with books.wiring.database.transaction("test") as tx:
            return (await tx.execute(f"SELECT {what} FROM {table}")).scalar_one()

    return count


async def test_a_file_is_taken_with_its_lines_its_bytes_and_an_event(books, send, rows, web):
    answer = await send(STRIPE, called="入金.csv")
    assert answer.status_code == 201, answer.text
    said = answer.json()
    assert (said["line_count"], said["new_count"], said["amount"]) == (6, 6, 1195)
    assert (said["first_day"], said["last_day"], said["file_name"]) == ("2026-11-19", "2026-11-20", "入金.csv")
    assert said["sha256"] == hashlib.sha256(STRIPE).hexdigest()
    assert await rows("settlement_lines", "sum(net)") == 1195
    assert await rows("outbox WHERE type = 'reconciliation.statement.ingested.v1'") == 1
    back = await web.get(f"/v1/statements/{said['id']}/file", headers=books.token(Role.AUDITOR))
    assert back.content == STRIPE
    assert "%E5%85%A5%E9%87%91.csv" in back.headers["content-disposition"]
    [listed] = (await web.get("/v1/statements", headers=books.token(Role.AUDITOR))).json()["items"]
    assert listed == said


async def test_a_file_that_an_older_version_kept_comes_back_as_it_came(books, web):
    async with books.wiring.database.transaction("test") as tx:
        file_id = await settling.put_file(tx)
        await tx.execute(
            "INSERT INTO statement_pieces (file_id, number, body) VALUES (:id, 0, :body)",
            id=file_id,
            body=zlib.compress(b"x", 1),
        )
    back = await web.get(f"/v1/statements/{file_id}/file", headers=books.token(Role.AUDITOR))
    assert back.content == b"x"


async def test_the_same_file_twice_is_one_statement(send, rows):
    first, second = await send(STRIPE), await send(STRIPE, called="again.csv")
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()
    assert await rows("settlement_lines") == 6


async def test_the_same_file_from_two_people_at_once_is_one_statement(send, rows):
    answers = await asyncio.gather(*(send(STRIPE) for _ in range(4)))
    assert sorted(each.status_code for each in answers) == [200, 200, 200, 201]
    assert len({each.json()["id"] for each in answers}) == 1
    assert await rows("statement_files") == 1


async def test_a_line_that_comes_in_two_files_is_one_line(send, rows):
    lines = STRIPE.split(b"\r\n")
    await send(b"\r\n".join(lines[:4]))
    said = (await send(b"\r\n".join(lines))).json()
    assert (said["line_count"], said["new_count"], said["amount"]) == (6, 3, -2520 - 250 + 3000)
    assert await rows("settlement_lines", "sum(net)") == 1195
    nothing_new = (await send(b"\r\n".join([lines[0], *reversed(lines[1:7])]) + b"\r\n")).json()
    assert (nothing_new["line_count"], nothing_new["new_count"], nothing_new["amount"]) == (6, 0, 0)


async def test_a_line_that_changed_its_amount_is_refused(send, rows):
    await send(STRIPE)
    changed = STRIPE.replace(b"1020.00,37.00,983.00", b"1020.00,38.00,982.00")
    answer = await send(changed)
    assert answer.status_code == 409
    assert "Row 2: the line pi_1 came in an earlier file with other amounts" in answer.json()["detail"]
    assert await rows("statement_files") == 1


@pytest.mark.parametrize(
    ("name", "body", "said"),
    [
        ("stripe_payouts", STRIPE.replace(b"983.00", b"984.00"), "Row 2: the net is 984, but gross, fee and tax make"),
        ("paypay_transactions", STRIPE, "no column “取引番号”"),
        ("zengin_statement", BANK.replace(b"0000000096400", b"0000000096401"), "sum of credits"),
        ("stripe_payouts", b"", "The file is empty"),
    ],
)
async def test_a_broken_file_leaves_nothing_behind(send, rows, name, body, said):
    answer = await send(body, name=name)
    assert answer.status_code == 422
    assert said in answer.json()["detail"]
    for table in ("statement_files", "statement_pieces", "settlement_lines", "bank_lines", "bank_balances", "outbox"):
        assert await rows(table) == 0


async def test_a_bank_s_file_keeps_lines_and_balances(send, rows):
    said = (await send(BANK, name="zengin_statement")).json()
    assert (said["line_count"], said["new_count"], said["amount"]) == (2, 2, 96_400 - 440)
    assert await rows("bank_lines", "sum(amount)") == 95_960
    assert await rows("bank_balances", "max(closing)") == 1_095_960


def of(first, last, opening, *, created=date(2026, 11, 24)):
    header = replace(BOOKLET.header, first=first, last=last, opening=Yen(opening), created=created)
    entries = tuple(replace(each, booked=first, value=first) for each in BOOKLET.entries)
    return zengin.write([zengin.Booklet(header, entries)])


async def test_a_balance_that_does_not_go_on_is_refused(send):
    friday = of(date(2026, 11, 13), date(2026, 11, 13), 1_000_000)
    assert (await send(friday, name="zengin_statement")).status_code == 201
    monday = of(date(2026, 11, 16), date(2026, 11, 16), 1_095_961)
    answer = await send(monday, name="zengin_statement")
    assert answer.status_code == 422
    assert "¥1,095,961 at the beginning of 2026-11-16, but ¥1,095,960" in answer.json()["detail"]
    right = of(date(2026, 11, 16), date(2026, 11, 16), 1_095_960)
    assert (await send(right, name="zengin_statement")).status_code == 201


async def test_files_of_a_bank_may_come_in_any_order_and_still_must_fit(send):
    later = of(date(2026, 11, 18), date(2026, 11, 18), 2_000_000)
    assert (await send(later, name="zengin_statement")).status_code == 201
    far = of(date(2026, 11, 12), date(2026, 11, 12), 7)  # What lies between is still missing: no fault of this one.
    assert (await send(far, name="zengin_statement")).status_code == 201
    before = of(date(2026, 11, 17), date(2026, 11, 17), 5)
    answer = await send(before, name="zengin_statement")
    assert answer.status_code == 422
    assert "¥2,000,000 at the beginning of 2026-11-18, but ¥95,965" in answer.json()["detail"]


async def test_the_same_booking_in_two_files_is_one_and_twice_in_one_is_two(send, rows):
    day = date(2026, 11, 13)
    await send(of(day, day, 0), name="zengin_statement")
    header = replace(BOOKLET.header, first=day, last=day, opening=Yen(0), created=day)
    credit = replace(BOOKLET.entries[0], booked=day, value=day)
    twice = zengin.write([zengin.Booklet(header, (credit, credit))])
    assert (await send(twice, name="zengin_statement")).json()["new_count"] == 1
    assert await rows("bank_lines") == 3


@pytest.mark.parametrize("role", [Role.FACILITY, Role.AUDITOR, Role.GATE])
async def test_only_accounting_sends_statements(send, role):
    assert (await send(STRIPE, role=role)).status_code == 403


async def test_staff_of_one_facility_see_no_statement(books, web, send):
    said = (await send(STRIPE)).json()
    for path in ("", f"/{said['id']}", f"/{said['id']}/file"):
        answer = await web.get(f"/v1/statements{path}", headers=books.token(Role.FACILITY, "hpam"))
        assert answer.status_code == 403


async def test_pages_of_the_list_go_on_by_cursor(books, web, send):
    for number in range(3):
        await send(PAYPAY + b"\r\n" * number, name="paypay_transactions")
    headers = books.token(Role.ACCOUNTING)
    first = (await web.get("/v1/statements?limit=2", headers=headers)).json()
    rest = (await web.get("/v1/statements", params={"cursor": first["next_cursor"]}, headers=headers)).json()
    assert len({each["id"] for each in first["items"] + rest["items"]}) == 3
    assert rest["next_cursor"] is None
    assert (await web.get("/v1/statements?cursor=x", headers=headers)).status_code == 422


async def test_unknown_formats_and_files_are_refused_in_words(books, web, send):
    assert "zengin_notice" in (await send(STRIPE, name="mt940")).json()["detail"]
    nobody = "/v1/statements/01939f00-0000-7000-8000-000000000001"
    assert (await web.get(nobody, headers=books.token(Role.ACCOUNTING))).status_code == 404


async def test_a_statement_may_be_larger_than_other_bodies(books, send, monkeypatch):
    filler = b'"' + b"x" * 300 + b'"'
    lines = STRIPE.split(b"\r\n")
    large = (
        lines[0]
        + b"\r\n"
        + b"\r\n".join(
            lines[1].replace(b"txn_1,", b"txn_big%d," % number).replace("縮景園, 一般 2名".encode(), filler.strip(b'"'))
            for number in range(20_000)
        )
    )
    assert len(large) > books.wiring.settings.body_bytes_max
    answer = await send(large)
    assert answer.status_code == 201, answer.text
    assert answer.json()["amount"] == 20_000 * 983


@pytest.mark.parametrize(
    ("day", "open_"),
    [
        (date(2026, 11, 20), True),
        (date(2026, 11, 21), False),
        (date(2026, 11, 23), False),  # 勤労感謝の日
        (date(2026, 12, 31), False),
        (date(2027, 1, 3), False),
        (date(2027, 1, 4), True),
    ],
)
def test_days_on_which_banks_book(day, open_):
    assert is_bank_day(day) is open_


def test_bank_days_are_counted_over_weekends_and_the_new_year():
    assert bank_day_before(date(2026, 11, 24)) == date(2026, 11, 20)
    assert bank_days_from(date(2026, 12, 30), 1) == date(2027, 1, 4)
    assert bank_days_from(date(2027, 1, 2), -2) == date(2026, 12, 29)
