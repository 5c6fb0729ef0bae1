"""Programs read payouts by the days of their arrival, and each down to its lines."""

from datetime import date
from uuid import uuid4

import pytest

from kernel.access import Role
from reconciliation.matching import actions
from support.settling import AT, Line, put_lines

LINES = [Line(100 * number, provider="agency", day=date(2026, 11, number)) for number in range(1, 4)]
OTHERS = [Line(700, provider="agency", day=date(2026, 12, 1)), Line(900, provider="another")]


@pytest.fixture
async def get(books, web):
    async with books.wiring.database.transaction("test") as tx:
        await put_lines(tx, [*LINES, *OTHERS])
        await actions.run(tx, run_id=uuid4(), at=AT)

    async def read(path="", role=Role.ACCOUNTING, scope=("*",), **query):
        given = {"from": "2026-11-01", "to": "2027-12-31"} | query if not path else query
        return await web.get(f"/v1/payouts{path}", params=given, headers=books.token(role, *scope))

    return read


async def test_payouts_come_by_the_day_of_their_arrival_page_by_page(get):
    whole = (await get()).json()["items"]
    assert [(each["provider"], each["net"]) for each in whole if each["provider"] == "agency"] == [
        ("agency", 600),
        ("agency", 700),
    ]
    seen, cursor = [], None
    while True:
        page = (await get(limit=1, **({"cursor": cursor} if cursor else {}))).json()
        seen += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == whole


async def test_a_payout_is_read_down_to_its_lines(get):
    first = (await get(provider="agency")).json()["items"][0]
    assert (await get(f"/{first['id']}")).json() == first
    begin = (await get(f"/{first['id']}/lines", limit=2)).json()
    rest = (await get(f"/{first['id']}/lines", cursor=begin["next_cursor"])).json()
    assert (len(begin["items"]), rest["next_cursor"]) == (2, None)
    assert sorted(each["gross"] for each in begin["items"] + rest["items"]) == [100, 200, 300]


async def test_what_is_not_there_is_said(get):
    answer = await get(f"/{uuid4()}")
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/unknown-payout")
    assert (await get(cursor="x")).status_code == 422


async def test_a_payout_is_about_all_facilities(get):
    assert (await get(role=Role.FACILITY, scope=("hpam",))).status_code == 403
