"""Accounting makes a mapping of columns, and files of it are statements like any other."""

from datetime import date
from uuid import uuid4

import pytest

from kernel.access import Role
from reconciliation.mappings import shipped
from reconciliation.matching import actions as matching
from reconciliation.payouts import store as payouts

KOMOJU = {
    "title": "KOMOJU 精算明細",
    "definition": {
        "provider": "komoju",
        "columns": {
            "line": {"headings": ["決済ID"]},
            "kind": {"headings": ["種別"]},
            "attempt": {"headings": ["外部注文番号"]},
            "gross": {"headings": ["金額"]},
            "fee": {"headings": ["手数料"], "optional": True},
            "tax": {"headings": ["手数料消費税"], "optional": True},
            "payout": {"headings": ["精算ID"], "optional": True},
            "occurred_on": {"headings": ["決済日時"], "parse": "moment_japan"},
        },
        "kinds": {"売上": "charge", "返金": "refund"},
    },
}
COLUMNS = KOMOJU["definition"]["columns"]
FILE = (
    "決済ID,種別,外部注文番号,金額,手数料,手数料消費税,精算ID,決済日時\r\n"
    "k1,売上,01939f00-0000-7000-8000-000000000001,5000,138,14,s1,2026/11/20 10:00\r\n"
    "k2,返金,01939f00-0000-7000-8000-000000000001,-5000,0,0,s1,2026/11/21 10:00\r\n"
).encode("cp932")


@pytest.fixture
def put(books, web):
    async def make(wanted=KOMOJU, name="komoju", role=Role.ACCOUNTING):
        return await web.put(f"/v1/column-mappings/{name}", json=wanted, headers=books.token(role))

    return make


@pytest.fixture
def send(books, web):
    async def post(name, body=FILE):
        return await web.post(f"/v1/statements/{name}", content=body, headers=books.token(Role.ACCOUNTING))

    return post


def changed(**definition):
    return KOMOJU | {"definition": KOMOJU["definition"] | definition}


async def test_the_transfer_fee_of_the_example_that_comes_with_momiji_closes_its_payout(put, books, web):
    await put(shipped.examples()["komoju"])
    body = shipped.file_of("komoju").read_bytes()
    await web.post("/v1/statements/komoju", content=body, headers=books.token(Role.ACCOUNTING))
    async with books.wiring.database.transaction("test") as tx:
        await matching.run(tx, run_id=uuid4(), at=books.clock.at)
        (payout,) = await payouts.between(tx, first=date.min, last=date.max, limit=10)
    figures = (payout.gross, payout.fee, payout.tax, payout.transfer_fee, payout.net)
    assert [each.amount for each in figures] == [5000, 180, 18, 220, 4582]
    assert payout.equal


async def test_a_file_of_a_mapping_is_a_statement_that_names_the_version(put, send, books):
    assert (await put()).json()["version"] == 1
    said = (await send("komoju")).json()
    assert (said["format"], said["line_count"], said["amount"]) == ("komoju@1", 2, 5000 - 138 - 14 - 5000)
    async with books.wiring.database.transaction("test") as tx:
        rows = await tx.execute("SELECT kind, gross, fee, tax, net, payout FROM settlement_lines ORDER BY record")
        assert [tuple(row) for row in rows] == [
            ("charge", 5000, 138, 14, 4848, "s1"),
            ("refund", -5000, 0, 0, -5000, "s1"),
        ]


async def test_the_same_again_changes_nothing_and_a_change_is_a_new_version(put, web, books):
    await put()
    same, newer = await put(), await put(changed(otherwise="adjustment"))
    assert (same.status_code, same.json()["version"]) == (200, 1)
    assert (newer.status_code, newer.json()["version"]) == (201, 2)
    history = (await web.get("/v1/column-mappings/komoju", headers=books.token(Role.AUDITOR))).json()
    assert [each["version"] for each in history] == [2, 1]
    listed = (await web.get("/v1/column-mappings", headers=books.token(Role.AUDITOR))).json()
    assert [(each["name"], each["version"], each["made_by"]) for each in listed] == [("komoju", 2, "test-accounting")]


async def test_the_page_offers_the_mapping_and_finds_out_that_a_file_is_of_it(put, web, books):
    await put()
    headers = books.token(Role.ACCOUNTING) | {"accept-language": "en"}
    assert "KOMOJU 精算明細</option>" in (await web.get("/statements", headers=headers)).text
    answer = await web.post("/statements", files=[("file", ("k.csv", FILE))], headers=headers)
    assert "Taken: 2 lines" in answer.text
    assert ">KOMOJU 精算明細</td>" in answer.text


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"columns": {"line": {"headings": ["a"]}}}, "a column that every file has is needed for: gross, occurred_on"),
        ({"columns": COLUMNS | {"net": {"headings": ["n"], "parse": "day"}}}, "net cannot be read"),
        ({"columns": COLUMNS | {"key": {"headings": ["n"], "negated": True}}}, "key cannot be read"),
        ({"columns": COLUMNS | {"colour": {"headings": ["n"]}}}, "colour"),
        ({"columns": {name: said for name, said in COLUMNS.items() if name != "kind"}}, "has + and - only"),
        ({"kinds": {"売上": "gift"}}, "kinds"),
        ({"kinds": {}}, "kinds"),
        ({"delimiter": "|"}, "delimiter"),
        ({"surprise": 1}, "surprise"),
    ],
)
async def test_a_mapping_that_cannot_be_is_refused_with_the_place(put, wanted, said):
    answer = await put(changed(**wanted))
    assert answer.status_code == 422
    assert said in answer.text


async def test_a_format_of_momiji_s_own_keeps_its_name(put, send):
    answer = await put(name="stripe_payouts")
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/mapping-name-taken")


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.FACILITY])
async def test_only_accounting_makes_mappings(put, role):
    assert (await put(role=role)).status_code == 403


async def test_what_is_not_there_is_said_with_what_is(put, send, web, books):
    await put()
    assert "komoju, paypay_transactions" in (await send("nothing")).json()["detail"]
    answer = await web.get("/v1/column-mappings/nothing", headers=books.token(Role.AUDITOR))
    assert (answer.status_code, "komoju" in answer.json()["detail"]) == (404, True)


async def test_words_with_quotation_marks_do_no_harm(put, send):
    odd = "x'; DROP TABLE raw; --"
    await put(changed(kinds={odd: "charge", "売上": "charge", "返金": "refund"}))
    body = FILE.decode("cp932").replace("k1,売上", f"k1,{odd}").encode("cp932")
    assert (await send("komoju", body)).json()["line_count"] == 2
