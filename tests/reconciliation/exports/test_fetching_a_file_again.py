"""A file that was fetched can be made again: the same bytes, or a word that the figures changed and by what."""

import random
import re
from datetime import UTC, datetime, timedelta

from kernel.access import Role
from support.ledger_data import order_story

ADDRESS = "from=2026-11-01&to=2026-11-30"
OWN_PAGE = {"origin": "http://127.0.0.1:8103"}


async def fetch(web, books, role=Role.ACCOUNTING, *facilities, more=""):
    token = books.token(role, *facilities)
    answer = await web.get(f"/v1/exports/daily_receipts_csv?{ADDRESS}{more}", headers=token)
    assert answer.status_code == 200
    log = await web.get("/v1/export-log?limit=1", headers=token)
    return log.json()["items"][0]["position"]


async def again(web, books, position, role=Role.ACCOUNTING, *facilities):
    return await web.post(f"/exports/{position}/again", headers=books.token(role, *facilities) | OWN_PAGE)


async def test_without_news_it_is_the_same_byte_for_byte(example, web):
    position = await fetch(web, example)
    assert "1バイトも違わず同じです" in (await again(web, example, position)).text


async def test_what_facility_staff_fetched_is_made_again_of_their_facilities(example, web):
    position = await fetch(web, example, Role.FACILITY, "shukkeien")
    assert "1バイトも違わず同じです" in (await again(web, example, position)).text


async def test_news_are_told_and_shown(example, web):
    position = await fetch(web, example, more="&facility=hpam")
    await example.take(order_story(random.Random(3), datetime(2026, 11, 25, 1, tzinfo=UTC), place="hpam").events)
    answer = await again(web, example, position)
    assert "その後、数字が変わりました" in answer.text
    assert "&amp;facility=hpam&amp;since=2026-11-25T03%3A00%3A00" in answer.text


async def test_making_it_again_is_a_fetch_of_its_own(example, web):
    position = await fetch(web, example)
    await again(web, example, position, Role.AUDITOR)
    log = (await web.get("/v1/export-log", headers=example.token(Role.ACCOUNTING))).json()["items"]
    assert [each["fetched_by"] for each in log[:2]] == ["test-auditor", "test-accounting"]
    assert log[0]["sha256"] == log[1]["sha256"]


async def test_another_facilitys_export_is_not_to_be_seen(example, web):
    position = await fetch(web, example)
    token = example.token(Role.FACILITY, "shukkeien")
    assert (await web.get(f"/exports/{position}", headers=token)).status_code == 404
    assert (await again(web, example, position, Role.FACILITY, "shukkeien")).status_code == 404


async def test_the_list_goes_on_where_a_page_ends(example, web):
    async with example.wiring.database.transaction("test") as tx:
        for number in range(51):
            await tx.execute(
                "INSERT INTO export_log (at, fetched_by, format, first_day, last_day, facility, sha256) "
                "VALUES (:at, :by, 'gone_csv', '2026-01-01', '2026-01-31', '', 'ab')",
                at=example.clock.at + timedelta(minutes=number),
                by=f"auditor-{number:02}",
            )
    token = example.token(Role.AUDITOR)
    first = (await web.get("/exports", headers=token)).text
    assert ("auditor-50" in first, "auditor-01" in first, "auditor-00" in first) == (True, True, False)
    second = re.search(r'href="(/exports\?before=\d+)"', first).group(1)
    assert "auditor-00" in (await web.get(second, headers=token)).text
