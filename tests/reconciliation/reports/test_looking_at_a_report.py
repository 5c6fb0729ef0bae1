"""Reports on pages: chosen by days and facility, each figure with what is behind it, nobody else's figures."""

import re
from html import unescape

import pytest

from kernel.access import Role
from reconciliation.reports.discovery import reports

DAYS = "from=2026-11-01&to=2026-11-30"


async def page(web, books, address, role=Role.ACCOUNTING, *facilities, language="ja"):
    return await web.get(address, headers=books.token(role, *facilities) | {"accept-language": language})


async def test_the_list_offers_every_report_in_every_writing(example, web):
    shown = (await page(web, example, f"/reports?{DAYS}")).text
    for report in reports().values():
        assert report.title.ja in shown
        assert f"/reports/{report.name}?{DAYS.replace('&', '&amp;')}" in shown
        assert all(f'data-file="{report.name}_{each}"' in shown for each in ("csv", "csv_cp932", "xlsx", "pdf"))


@pytest.mark.parametrize("language", ["ja", "en"])
async def test_every_report_is_shown_in_both_languages(example, web, language):
    for report in reports().values():
        shown = await page(web, example, f"/reports/{report.name}?{DAYS}", language=language)
        assert shown.status_code == 200, report.name
        assert report.title.of(language) in shown.text
        columns = set(re.findall(r'<th scope="col"[^>]*>([^<]*)', shown.text))
        assert all((word.isascii() or language == "ja") for word in columns), (report.name, columns)


async def test_a_figure_leads_to_the_entries_that_it_is_the_sum_of(example, web):
    shown = (await page(web, example, f"/reports/daily_receipts?{DAYS}")).text
    row = next(row for row in shown.split("<tr>") if "もみのき" in row and "kind=captured" in row)
    address, figure = re.search(r'href="([^"]*kind=captured)">([\d,]+)<', row).groups()
    behind = (await page(web, example, unescape(address))).text
    assert f"¥{figure}</td>" in behind
    assert re.search(r'href="/orders/[0-9a-f-]{36}"', behind)


async def test_an_order_behind_a_figure_has_its_story(example, web):
    behind = (await page(web, example, f"/entries?{DAYS}&kind=captured&facility=hpam")).text
    address = re.search(r'href="(/orders/[0-9a-f-]{36})"', behind).group(1)
    assert (await page(web, example, address)).status_code == 200


async def test_facility_staff_see_their_facilities_only(example, web):
    shown = (await page(web, example, f"/reports/daily_receipts?{DAYS}", Role.FACILITY, "shukkeien")).text
    assert "縮景園" in shown
    assert "もみのき" not in shown
    other = await page(web, example, f"/reports/daily_receipts?{DAYS}&facility=hpam", Role.FACILITY, "shukkeien")
    assert "県立美術館" not in other.text


async def test_an_empty_period_says_so(example, web):
    shown = (await page(web, example, "/reports/daily_receipts?from=2025-01-01&to=2025-01-02")).text
    assert "この期間に該当するものはありません" in shown


async def test_days_that_are_none_become_this_month(example, web):
    shown = (await page(web, example, "/reports?from=x&to=2026-02-31")).text
    assert 'value="2026-11-01"' in shown
    assert 'value="2026-11-30"' in shown


async def test_an_unknown_report_says_which_there_are(example, web):
    shown = await page(web, example, "/reports/nothing")
    assert shown.status_code == 404
    assert "daily_receipts" in shown.text


async def test_a_file_that_is_refused_says_why_on_a_page(example, web):
    refused = await page(web, example, "/reports/files/daily_receipts_csv?from=2026-11-30&to=2026-11-01")
    assert (refused.status_code, "text/html" in refused.headers["content-type"]) == (422, True)


async def test_whoever_is_not_signed_in_signs_in_first(books, web):
    answer = await web.get(f"/reports?{DAYS}")
    assert (answer.status_code, answer.headers["location"][:13]) == (303, "/sign-in?next")
