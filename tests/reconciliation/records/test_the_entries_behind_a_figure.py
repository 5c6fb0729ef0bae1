"""The entries behind a figure: narrowed as it was, added up, in pages."""

import re

import pytest

from kernel.access import Role

DAYS = "from=2026-11-01&to=2026-11-30"


async def shown(web, books, query, role=Role.ACCOUNTING, *facilities):
    return await web.get(f"/entries?{query}", headers=books.token(role, *facilities) | {"accept-language": "ja"})


async def sum_of(books, kind, **columns):
    where = " AND ".join(f"{name} = :{name}" for name in ("kind", *columns))
    async with books.wiring.database.transaction("test") as tx:
        found = await tx.execute(f"SELECT sum(amount) FROM entries WHERE {where}", kind=kind, **columns)
        return found.scalar_one()


@pytest.mark.parametrize(
    ("query", "columns"),
    [
        ("", {}),
        ("&facility=hpam", {"facility": "hpam"}),
        ("&method=paypay&rate=10", {"method": "paypay", "tax_rate_percent": 10}),
        ("&facility=hpam&product=special", {"facility": "hpam", "product": "special"}),
        ("&owner=manager-hpam", {"revenue_owner": "manager-hpam"}),
        ("&account=", {"revenue_account": ""}),
    ],
)
async def test_their_sum_is_the_figure(example, web, query, columns):
    amount = await sum_of(example, "captured", **columns)
    text = (await shown(web, example, f"{DAYS}&kind=captured{query}")).text
    said = re.search(r'<th scope="row">収納</th>.*?([−-]?¥[\d,]+)</td></tr>', text, re.DOTALL).group(1)
    assert int(re.sub(r"[¥,]", "", said)) == amount


async def test_every_hour_has_the_entries_of_its_figure(example, web):
    text = (await web.get(f"/reports/hourly_statistics?{DAYS}", headers=example.token(Role.ACCOUNTING))).text
    links = re.findall(r'href="(/entries\?[^"]*hour=\d+&amp;kind=admitted,admission_reversed)">(\d+)<', text)
    assert links
    for address, figure in links:
        behind = (await web.get(address.replace("&amp;", "&"), headers=example.token(Role.ACCOUNTING))).text
        people = re.findall(r'<th scope="row">[^<]*</th><td class="number">\d+</td><td class="number">(-?\d+)', behind)
        assert sum(map(int, people)) == int(figure)


async def test_pages_go_on_to_the_last_entry(example, web, monkeypatch):
    monkeypatch.setattr("reconciliation.records.pages.PAGE_SIZE", 25)
    orders, address = [], f"/entries?{DAYS}&kind=sold"
    while address:
        text = (await web.get(address, headers=example.token(Role.ACCOUNTING) | {"accept-language": "ja"})).text
        orders += re.findall(r'href="/orders/([0-9a-f-]{36})"', text)
        more = re.search(r'href="(/entries[^"]*)">続きを見る', text)
        address = more.group(1).replace("&amp;", "&") if more else ""
    async with example.wiring.database.transaction("test") as tx:
        kept = (await tx.execute("SELECT count(*) FROM entries WHERE kind = 'sold'")).scalar_one()
    assert len(orders) == kept > 25


async def test_another_facility_is_refused_and_all_means_ones_own(example, web):
    assert (await shown(web, example, f"{DAYS}&facility=hpam", Role.FACILITY, "shukkeien")).status_code == 403
    text = (await shown(web, example, DAYS, Role.FACILITY, "shukkeien")).text
    assert "縮景園" in text
    assert "県立美術館" not in text


@pytest.mark.parametrize("query", ["day=yesterday", "from=2026-11-01&to=x", "rate=ten", "cursor=1"])
async def test_an_address_that_cannot_be_read_says_so(example, web, query):
    assert (await shown(web, example, query)).status_code == 422
