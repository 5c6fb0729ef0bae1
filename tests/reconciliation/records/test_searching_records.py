"""Records are found by days, amounts and counterparty, any two together, in pages, and only by whom they concern."""

import re
from datetime import date
from uuid import UUID, uuid5

import pytest

from kernel.access import Role

FAMILY = UUID(int=7)


async def bank_line(tx, number, day, amount, payer):
    await tx.execute(
        "INSERT INTO bank_lines (id, file_id, record, basis, account, booked_on, value_on, amount, reference, kind, "
        "payer, payer_code, bank, branch, summary, edi, cancelled) VALUES (:id, :id, 1, 'statement', '0001-001-1', "
        ":day, :day, :amount, '', '11', :payer, '', '', '', '', '', false) ON CONFLICT DO NOTHING",
        id=uuid5(FAMILY, f"b{number}"),
        day=day,
        amount=amount,
        payer=payer,
    )


async def settlement_line(tx, number, day, gross, provider, key):
    await tx.execute(
        "INSERT INTO settlement_lines (id, file_id, record, provider, kind, word, reference, key, gross, fee, tax, "
        "net, payout, occurred_on) VALUES (:id, :id, 1, :provider, 'charge', '', '', :key, :gross, 0, 0, :gross, '', "
        ":day) ON CONFLICT DO NOTHING",
        id=uuid5(FAMILY, f"s{number}"),
        day=day,
        gross=gross,
        provider=provider,
        key=key,
    )


@pytest.fixture
async def found(example, web):
    async with example.wiring.database.transaction("test") as tx:
        await bank_line(tx, 1, date(2026, 11, 20), 98_765, "ｽﾄﾗｲﾌﾟｼﾞﾔﾊﾟﾝ(ｶ")
        await bank_line(tx, 2, date(2026, 11, 21), -220, "100% ﾌﾘｺﾐﾃｽｳﾘﾖｳ")
        await settlement_line(tx, 1, date(2026, 11, 21), 98_765, "stripe", "ch_1")
        await settlement_line(tx, 2, date(2026, 11, 22), 510, "paypay", "04712345678901234567")

    async def search(query, role=Role.ACCOUNTING, *facilities):
        answer = await web.get(f"/v1/records?{query}", headers=example.token(role, *facilities))
        return answer.json()["items"] if answer.status_code == 200 else answer

    return search


@pytest.mark.parametrize(
    ("query", "kinds"),
    [
        ("min=98000&max=99000", ["settlement_line", "bank_line"]),
        ("min=98000&max=99000&from=2026-11-21", ["settlement_line"]),
        ("counterparty=stripe&min=98000", ["settlement_line"]),
        ("counterparty=ストライプジャパン&min=98000", ["bank_line"]),
        ("counterparty=ストライプジャパン&max=1000", []),
        ("counterparty=assessment:2026-11-21:hpam&from=2026-11-21", ["voucher"]),
        ("counterparty=ch_1&min=1", ["settlement_line"]),
        ("counterparty=04712345678901234567", ["settlement_line"]),
        ("min=220&max=220&kind=bank_line", ["bank_line"]),
        ("counterparty=100%25", ["bank_line"]),
    ],
)
async def test_a_record_is_found_by_any_of_them_together(found, query, kinds):
    assert [each["kind"] for each in await found(query)] == kinds


@pytest.mark.parametrize("write", [str, lambda number: number.replace("-", ""), str.lower])
async def test_an_order_number_finds_its_entries_however_it_is_written(found, example, write):
    async with example.wiring.database.transaction("test") as tx:
        row = (await tx.execute("SELECT number, order_id FROM order_positions WHERE sold > 0 ORDER BY 1 LIMIT 1")).one()
    items = await found(f"counterparty={write(row.number)}&from=2026-11-01")
    assert {each["order_id"] for each in items} == {row.order_id}
    assert {"sold", "captured"} <= {each["what"] for each in items}


async def test_a_fetched_file_is_found_by_whoever_has_it(found, example, web):
    await web.get("/v1/exports/daily_receipts_csv?from=2026-11-01&to=2026-11-30", headers=example.token(Role.AUDITOR))
    item, *_ = await found("counterparty=test-auditor&from=2026-11-25")
    assert (item["kind"], item["what"], item["day"]) == ("export", "daily_receipts_csv", "2026-11-25")


async def test_pages_follow_each_other_without_gap_or_repetition(found, example, web):
    whole = await found("from=2026-11-22&limit=500")
    pages, cursor = [], ""
    while cursor is not None:
        answer = await web.get(f"/v1/records?from=2026-11-22&limit=17{cursor}", headers=example.token(Role.ACCOUNTING))
        body = answer.json()
        pages += body["items"]
        cursor = f"&cursor={body['next_cursor']}" if body["next_cursor"] else None
    assert len(whole) > 50
    assert pages == whole
    assert [each["day"] for each in whole] == sorted((each["day"] for each in whole), reverse=True)


async def test_facility_staff_find_only_what_is_theirs(found):
    items = await found("from=2026-11-01&limit=500", Role.FACILITY, "shukkeien")
    assert {(each["kind"], each["facility"]) for each in items} == {("entry", "shukkeien")}


@pytest.mark.parametrize(
    ("query", "slug"),
    [
        ("", "nothing-asked"),
        ("kind=entry", "nothing-asked"),
        ("from=2026-11-02&to=2026-11-01", "bad-search"),
        ("min=2&max=1", "bad-search"),
        ("counterparty=x", "bad-search"),
        ("from=2026-11-01&cursor=nothing", "bad-cursor"),
    ],
)
async def test_a_search_for_nothing_or_nonsense_says_what_to_do(found, query, slug):
    answer = await found(query)
    assert (answer.status_code, answer.json()["type"].rsplit("/", maxsplit=1)[1]) == (422, slug)


async def test_the_page_takes_amounts_as_people_write_them(found, example, web):
    token = example.token(Role.ACCOUNTING)
    for said_ in ("98,765", "¥98,765", "９８７６５", "98765円"):
        answer = await web.get("/search", params={"min": said_, "max": said_}, headers=token)
        assert "ch_1" in answer.text
    wrong = await web.get("/search?min=much", headers=token)
    assert (wrong.status_code, "入力してください" in wrong.text) == (422, True)


async def test_a_voucher_and_a_payout_are_opened_where_they_are_found(found, example, web):
    token = example.token(Role.ACCOUNTING)
    page = (await web.get("/search?from=2026-11-21&to=2026-11-21&kind=voucher", headers=token)).text
    voucher = re.search(r'href="(/journal/\d+)"', page).group(1)
    assert (await web.get(voucher, headers=token)).status_code == 200
    page = (await web.get("/reports/provider_payouts?from=2026-11-01&to=2026-11-30", headers=token)).text
    payout = re.search(r'href="(/payouts/[0-9a-f-]{36})"', page).group(1)
    assert (await web.get(payout, headers=token)).status_code == 200


@pytest.mark.parametrize(
    ("query", "page", "name"),
    [
        ("min=98000&max=99000&kind=settlement_line", "/statements/lines", "s1"),
        ("counterparty=ストライプジャパン&from=2026-11-20", "/statements/bank-lines", "b1"),
        ("counterparty=すとらいぷ&max=99000&kind=bank_line", "/statements/bank-lines", "b1"),
        ("counterparty=0001-001-1&min=98000", "/statements/bank-lines", "b1"),
    ],
)
async def test_a_line_that_is_found_leads_to_its_page(found, example, web, query, page, name):
    answer = await web.get(f"/search?{query}", headers=example.token(Role.ACCOUNTING))
    address = f"{page}/{uuid5(FAMILY, name)}"
    assert f'href="{address}"' in answer.text
    assert (await web.get(address, headers=example.token(Role.ACCOUNTING))).status_code == 200


async def test_signs_alone_are_nobody_s_name(found):
    assert list(await found("counterparty=・・・&kind=bank_line")) == []
