"""Every format that a folder holds writes its example as it lies there, and the same bytes each time."""

import hashlib
import os
from datetime import date
from pathlib import Path
from urllib.parse import unquote

from kernel.access import Role
from kernel.web.pages import BUILT
from reconciliation import exports, reports
from reconciliation.exports.discovery import formats
from support import example_books

ADDRESS = f"from={example_books.FIRST}&to={example_books.LAST}"


def example_of(chosen):
    folder = Path(reports.__path__[0]) / chosen.report if chosen.report else Path(exports.__path__[0]) / chosen.name
    return folder / "example" / f"{chosen.name}.{chosen.suffix}"


async def test_the_example_in_each_folder_is_what_is_written_twice(example, web):
    assert (BUILT / "fonts").is_dir(), "Run 'make web' first: the PDFs need its font."
    token, differing = example.token(Role.ACCOUNTING), []
    for name, chosen in formats().items():
        first, second = [await web.get(f"/v1/exports/{name}?{ADDRESS}", headers=token) for _ in range(2)]
        assert first.status_code == 200, (name, first.text)
        assert first.content == second.content, name
        file = example_of(chosen)
        if os.environ.get("MOMIJI_WRITE_EXAMPLES"):
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(first.content)
        if not file.exists() or file.read_bytes() != first.content:
            differing.append(name)
    assert not differing, "Look at what changed, then write the examples anew with MOMIJI_WRITE_EXAMPLES=1."


async def test_an_empty_range_is_a_file_of_every_format_too(books, web):
    for name in formats():
        answer = await web.get(
            f"/v1/exports/{name}?from=2026-01-01&to=2026-01-02", headers=books.token(Role.ACCOUNTING)
        )
        assert answer.status_code == 200, (name, answer.text)


async def test_a_file_is_named_in_japanese_and_logged_with_who_has_it(example, web):
    answer = await web.get(f"/v1/exports/daily_receipts_csv?{ADDRESS}", headers=example.token(Role.ACCOUNTING))
    assert unquote(answer.headers["content-disposition"].split("UTF-8''")[1]) == "収納日計表_2026-11-01_2026-11-30.csv"
    log = await web.get("/v1/export-log", headers=example.token(Role.AUDITOR))
    line = log.json()["items"][0]
    assert (line["format"], line["fetched_by"]) == ("daily_receipts_csv", "test-accounting")
    assert line["sha256"] == hashlib.sha256(answer.content).hexdigest()
    assert line["bytes_count"] == len(answer.content)


async def test_facility_staff_get_their_own_facilities_only(example, web):
    token = example.token(Role.FACILITY, "shukkeien")
    other = await web.get(f"/v1/exports/daily_receipts_csv?{ADDRESS}&facility=hpam", headers=token)
    assert other.status_code == 403
    own = await web.get(f"/v1/exports/daily_receipts_csv?{ADDRESS}", headers=token)
    assert {line.split(",")[2] for line in own.text.splitlines()[1:]} == {"shukkeien"}


async def test_the_log_shows_facility_staff_what_is_theirs(example, web):
    token = example.token(Role.FACILITY, "shukkeien")
    await web.get(f"/v1/exports/daily_receipts_csv?{ADDRESS}", headers=example.token(Role.ACCOUNTING))
    await web.get(f"/v1/exports/daily_receipts_csv?{ADDRESS}", headers=token)
    seen = await web.get("/v1/export-log", headers=token)
    assert {each["fetched_by"] for each in seen.json()["items"]} == {"test-facility"}


async def test_an_unknown_format_says_which_there_are(books, web):
    answer = await web.get("/v1/exports/pdf?from=2026-11-01&to=2026-11-30", headers=books.token(Role.ACCOUNTING))
    assert answer.status_code == 404
    assert "daily_receipts_xlsx" in answer.json()["detail"]


async def test_a_range_the_wrong_way_round_is_refused(books, web):
    address = f"/v1/exports/daily_receipts_csv?from={date(2026, 11, 2)}&to={date(2026, 11, 1)}"
    assert (await web.get(address, headers=books.token(Role.ACCOUNTING))).status_code == 422


async def test_the_names_in_a_file_stay_when_ticketing_does_not_answer(example, web):
    answer = await web.get(f"/v1/exports/daily_receipts_csv?{ADDRESS}", headers=example.token(Role.ACCOUNTING))
    assert "もみのき森林公園" in answer.text
