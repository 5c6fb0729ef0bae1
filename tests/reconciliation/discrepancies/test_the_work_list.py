"""Accounting works through the list on pages that need no script, and loses nothing that was typed."""

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kernel.access import Principal, Role
from reconciliation import statements

AT = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
PAGE = "/discrepancies"


@pytest.fixture
def sees(books, web):
    async def get(address, *, role=Role.ACCOUNTING, facilities=("*",), language="ja"):
        headers = books.token(role, *facilities) | {"accept-language": language}
        return await web.get(address, headers=headers)

    return get


@pytest.fixture
def sends(books, web):
    async def post(address, *, by="one", **data):
        principal = Principal(by, Role.ACCOUNTING, frozenset({"*"}))
        token = books.issuer.token(principal, audience="staff", at=books.clock.at, lifetime=timedelta(hours=1))
        headers = {"Authorization": f"Bearer {token}", "accept-language": "en"}
        return await web.post(address, data=data, headers=headers)

    return post


async def raised(desk, *amounts):
    await desk.items(*({"subject": f"line:{place}", "amount": each} for place, each in enumerate(amounts)))
    await desk.examine()
    return [str(row.id) for row in await desk.rows("SELECT id FROM discrepancies ORDER BY subject")]


async def test_the_list_says_how_many_of_what_and_how_old(desk, sees):
    await desk.take(random.Random(1), AT, "short")
    await raised(desk, 30, 50)
    page = (await sees(PAGE)).text
    assert "3件" in page
    assert "¥180" in page
    assert page.count("手数料の相違") == 1 + 1 + 2  # a bar, a choice, two rows
    assert "1日経過" in page


async def test_what_was_checked_is_resolved_together(desk, sees, sends):
    found = await raised(desk, 30, 90_000, 40)
    answer = await sends(
        f"{PAGE}/bulk", id=found, action="resolve", cause="late", words="All of the 20th.", back="kind=fee_differs"
    )
    assert (answer.status_code, answer.headers["location"]) == (303, f"{PAGE}?kind=fee_differs&changed=3")
    assert "3 were changed." in (await sees(answer.headers["location"], language="en")).text
    states = await desk.rows("SELECT state, count(*) AS n FROM discrepancies GROUP BY 1 ORDER BY 1")
    assert [tuple(row) for row in states] == [("proposed", 1), ("resolved", 2)]


async def test_a_refused_bulk_keeps_what_was_checked_and_typed(desk, sends):
    found = await raised(desk, 30, 40)
    answer = await sends(f"{PAGE}/bulk", id=found[:1], action="assign", assignee="x" * 101, words="Half a thought")
    assert answer.status_code == 422
    assert answer.text.count(" checked>") == 1
    assert 'value="Half a thought"' in answer.text
    assert "at most 100 characters" in answer.text


async def test_no_reason_is_chosen_for_anybody(desk, sends):
    found = await raised(desk, 30)
    answer = await sends(f"{PAGE}/bulk", id=found, action="resolve", cause="", words="All of the 20th.")
    assert (answer.status_code, "Choose the reason too" in answer.text) == (422, True)
    assert "All of the 20th." in answer.text  # what was typed is kept


async def test_nothing_checked_is_said(desk, sends):
    await raised(desk, 30)
    answer = await sends(f"{PAGE}/bulk", action="resolve", words="All.")
    assert (answer.status_code, "Choose between 1 and" in answer.text) == (422, True)


async def test_all_are_checked_without_a_script(desk, sees):
    await raised(desk, 30, 40)
    assert (await sees(f"{PAGE}?checked=all")).text.count(" checked>") == 2


async def test_a_second_person_approves_on_the_page(desk, sees, sends):
    [found] = await raised(desk, 90_000)
    await sends(f"{PAGE}/{found}/resolve", cause="provider", words="A new rate.")
    own = await sends(f"{PAGE}/{found}/approve")
    assert (own.status_code, "You proposed this yourself" in own.text) == (409, True)
    assert (await sends(f"{PAGE}/{found}/approve", by="two")).status_code == 303
    page = (await sees(f"{PAGE}/{found}", language="en")).text
    for said in ("A new rate.", "The proposal was approved", "Resolved", "(two)"):
        assert said in page


async def test_a_refused_word_keeps_what_was_typed(desk, sends):
    [found] = await raised(desk, 90_000)
    await sends(f"{PAGE}/{found}/resolve", cause="provider", words="A new rate.")
    answer = await sends(f"{PAGE}/{found}/resolve", by="two", cause="bank", words="No, the bank's.")
    assert answer.status_code == 409
    assert "one proposed how this is settled" in answer.text


@pytest.mark.parametrize("action", ["assign", "comment", "decline", "shred"])
async def test_each_deed_of_the_page_answers(desk, sends, action):
    [found] = await raised(desk, 90_000)
    await sends(f"{PAGE}/{found}/resolve", cause="provider", words="A new rate.")
    answer = await sends(f"{PAGE}/{found}/{action}", by="two", words="Hm.", assignee="two")
    assert answer.status_code == (422 if action == "shred" else 303)


async def test_a_page_shows_the_row_of_the_file_that_it_rests_on(desk, web, books, sees):
    file = Path(statements.__path__[0]) / "stripe_payouts" / "example" / "one_payout.csv"
    headers = books.token(Role.ACCOUNTING)
    await web.post("/v1/statements/stripe_payouts?name=nov.csv", content=file.read_bytes(), headers=headers)
    [line] = await desk.rows("SELECT id, file_id FROM settlement_lines WHERE record = 2")
    await desk.items({"kind": "missing_here", "subject": f"line:{line.id}", "amount": 1020})
    await desk.examine()
    [row] = await desk.rows("SELECT id FROM discrepancies")
    page = (await sees(f"{PAGE}/{row.id}")).text
    for said in ("nov.csv", "ファイルの行", "¥983", f"/v1/statements/{line.file_id}/file"):
        assert said in page


async def test_a_page_of_any_subject_opens(desk, sees):
    families = ("line", "claim", "payout", "deposit", "order", "day")
    await desk.items(*({"subject": f"{each}:01939f00-0000-7000-8000-000000000001"} for each in families))
    await desk.examine()
    for row in await desk.rows("SELECT id, subject FROM discrepancies"):
        assert (await sees(f"{PAGE}/{row.id}")).status_code == 200, row.subject


async def test_an_auditor_reads_and_has_nothing_to_press(desk, sees):
    [found] = await raised(desk, 30)
    for address in (PAGE, f"{PAGE}/{found}"):
        page = await sees(address, role=Role.AUDITOR)
        assert page.status_code == 200
        assert "/resolve" not in page.text
        assert 'name="action"' not in page.text


async def test_staff_of_a_facility_see_their_own_only(desk, sees):
    await desk.take(random.Random(1), AT, "short", place="hpam")
    found = (await raised(desk, 30))[0]
    mine = await sees(PAGE, role=Role.FACILITY, facilities=("shukkeien",))
    assert "対応が必要なものはありません" in mine.text
    assert (await sees(f"{PAGE}/{found}", role=Role.FACILITY, facilities=("shukkeien",))).status_code == 404


async def test_a_filter_that_cannot_be_read_is_passed_over(desk, sees):
    await raised(desk, 30)
    for query in (
        "cursor=x",
        "from=yesterday",
        "amount_min=many",
        "state=shut",
        "sort=colour",
        "changed=<b>",
        "number=%00",
    ):
        assert (await sees(f"{PAGE}?{query}")).status_code == 200, query


async def test_the_day_page_leads_to_the_discrepancy(desk, sees):
    await desk.take(random.Random(1), AT, "short")
    page = (await sees("/?day=2026-11-24")).text
    [row] = await desk.rows("SELECT id FROM discrepancies")
    assert f"{PAGE}/{row.id}" in page
