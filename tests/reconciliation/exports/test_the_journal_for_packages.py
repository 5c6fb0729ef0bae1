"""What packages of accounting read of the journal is the journal: every voucher, balanced, to the yen."""

import csv
import io
from collections import defaultdict

import duckdb
import pytest

from kernel.access import Role
from reconciliation.exports import journal_yayoi
from support import example_books

ADDRESS = f"from={example_books.FIRST}&to={example_books.LAST}"
# Where number, account and amount of either side stand in a row.
LAYOUTS = {
    "journal_yayoi": ("cp932", 0, (1, 4, 8, 10, 14)),
    "journal_money_forward": ("utf-8-sig", 1, (0, 2, 8, 10, 16)),
    "journal_freee": ("utf-8-sig", 1, (1, 3, 4, 7, 8)),
}


@pytest.fixture
def fetch(example, web):
    async def get(name):
        answer = await web.get(f"/v1/exports/{name}?{ADDRESS}", headers=example.token(Role.ACCOUNTING))
        assert answer.status_code == 200, answer.text
        return answer.content

    return get


@pytest.fixture
async def booked(example):
    async with example.wiring.database.transaction("test") as tx:
        rows = await tx.execute("SELECT voucher, side, sum(amount) AS amount FROM postings GROUP BY 1, 2")
        return {(row.voucher, row.side): int(row.amount) for row in rows}


@pytest.mark.parametrize("name", LAYOUTS)
async def test_every_voucher_comes_with_every_yen_of_either_side(fetch, booked, name):
    encoding, heading, (number, debit, debit_amount, credit, credit_amount) = LAYOUTS[name]
    rows = list(csv.reader(io.StringIO((await fetch(name)).decode(encoding), newline="")))[heading:]
    found = defaultdict(int)
    for row in rows:
        for side, account, amount in (("debit", debit, debit_amount), ("credit", credit, credit_amount)):
            if row[account]:
                found[int(row[number]), side] += int(row[amount])
    assert found == booked


async def test_for_yayoi_a_row_has_25_columns_and_a_split_entry_begins_goes_on_and_ends(fetch):
    rows = list(csv.reader(io.StringIO((await fetch("journal_yayoi")).decode("cp932"), newline="")))
    assert {len(row) for row in rows} == {25} == {len(journal_yayoi.COLUMNS)}
    flags = defaultdict(list)
    for row in rows:
        flags[row[1]].append(row[0])
    for each in flags.values():
        assert each in (["2000"], ["2110", *["2100"] * (len(each) - 2), "2101"])


async def test_the_parquet_file_balances_and_carries_the_chain(fetch, booked, tmp_path):
    (tmp_path / "journal.parquet").write_bytes(await fetch("journal_parquet"))
    table = f"'{tmp_path / 'journal.parquet'}'"
    sums = duckdb.sql(f"SELECT voucher, side, CAST(sum(amount) AS bigint) FROM {table} GROUP BY 1, 2").fetchall()
    assert {(number, side): amount for number, side, amount in sums} == booked
    chain = duckdb.sql(f"SELECT DISTINCT voucher, previous_hash, hash FROM {table} ORDER BY voucher").fetchall()
    assert [before for _, before, _ in chain[1:]] == [hash_ for _, _, hash_ in chain[:-1]]


async def test_remittances_are_what_the_journal_says_of_revenue_refunds_and_fees(example, web, fetch):
    rows = list(csv.reader(io.StringIO((await fetch("remittances_csv")).decode("utf-8-sig"), newline="")))[1:]
    balance = await web.get(
        "/v1/journal/trial-balance?from=2026-11-01&to=2026-11-30", headers=example.token(Role.AUDITOR)
    )
    held = {each["account"]: each["closing"] for each in balance.json()}
    expected = -sum(held[code] for code in ("revenue", "refunds", "fees", "fee_tax", "transfer_fees"))
    assert sum(int(row[-1]) for row in rows) == expected
    assert all(int(row[3]) - int(row[4]) - int(row[5]) - int(row[6]) == int(row[7]) for row in rows)


async def test_accounting_lays_out_the_columns_for_the_prefecture_and_each_version_stays(example, web, fetch):
    address, token = "/v1/export-layouts/journal_prefecture", example.token(Role.ACCOUNTING)
    before = (await fetch("journal_prefecture")).decode("cp932").splitlines()
    assert before[0].startswith("会計年度,出納整理期間,伝票番号")
    layout = {
        "columns": [
            {"heading": "科目", "value": "section"},
            {"heading": "区分", "value": "text", "text": "S"},
            {"heading": "金額", "value": "amount"},
        ],
        "accounts": ["revenue"],
        "encoding": "utf-8-sig",
        "delimiter": "\t",
    }
    first, again = [await web.put(address, json=layout, headers=token) for _ in range(2)]
    assert (first.status_code, first.json()["version"], again.status_code) == (201, 1, 200)
    after = (await fetch("journal_prefecture")).decode("utf-8-sig").splitlines()
    assert after[0] == "科目\t区分\t金額"
    assert all(line.split("\t")[1] == "S" for line in after[1:])
    assert [each["version"] for each in (await web.get(address, headers=token)).json()] == [1, 0]
    wrong = await web.put(address, json=layout | {"columns": []}, headers=token)
    assert wrong.status_code == 422
    assert (await web.put(address, json=layout, headers=example.token(Role.AUDITOR))).status_code == 403
    assert (await web.get("/v1/export-layouts/x", headers=token)).status_code == 404
