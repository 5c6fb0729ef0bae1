"""Every format that a folder holds writes its example as it lies there, and the same bytes each time."""

import io
import random
from datetime import UTC, date, datetime
from pathlib import Path
from urllib.parse import unquote

import openpyxl
import pytest

from kernel.access import Role
from kernel.money import Yen
from reconciliation import exports
from reconciliation.exports.discovery import formats
from reconciliation.exports.model import Receipts, Unmappable, table_of
from support.ledger_data import order_story

NAMES = {"hpam": "県立美術館〜本館−", "shukkeien": "縮景園", "risky": "=HYPERLINK(1)"}


def receipts(facility, gross, refunded=0, unallocated=0):
    return Receipts(
        date(2026, 11, 24), facility, "一般会計・使用料", "hiroshima", "stripe_card", 10, 3,
        Yen(gross), Yen(unallocated), Yen(refunded), Yen(0),
    )  # fmt: skip


def example(names=NAMES):
    rows = [
        receipts("hpam", 12_340),
        receipts("risky", 500, refunded=1_500),
        receipts("shukkeien", 700, unallocated=350),
    ]
    return table_of(
        rows,
        first=date(2026, 11, 1),
        last=date(2026, 11, 30),
        facility_name=lambda code: names[code],
        method_name=lambda _: "クレジットカード",
    )


@pytest.mark.parametrize("name", sorted(formats()))
def test_the_example_in_the_folder_is_what_is_written(name):
    chosen = formats()[name]
    folder = Path(exports.__path__[0]) / name / "example"
    assert (folder / f"example.{chosen.suffix}").read_bytes() == chosen.write(example())


@pytest.mark.parametrize("name", sorted(formats()))
def test_an_empty_range_is_a_file_too(name):
    empty = table_of([], first=date(2026, 1, 1), last=date(2026, 1, 2), facility_name=str, method_name=str)
    assert formats()[name].write(empty)


@pytest.mark.parametrize(
    ("name", "encoding"), [("daily_receipts_csv", "utf-8-sig"), ("daily_receipts_csv_cp932", "cp932")]
)
def test_a_csv_ends_its_lines_guards_its_text_and_leaves_amounts(name, encoding):
    text = formats()[name].write(example()).decode(encoding)
    assert text.count("\r\n") == text.count("\n") == 4
    assert ",'=HYPERLINK(1)," in text
    assert text.splitlines()[2].endswith(",-1000")


def test_cp932_maps_look_alikes_and_names_what_it_cannot_write():
    written = formats()["daily_receipts_csv_cp932"].write(example())
    assert "県立美術館\uff5e本館\uff0d".encode("cp932") in written
    with pytest.raises(Unmappable) as refused:
        formats()["daily_receipts_csv_cp932"].write(example(NAMES | {"risky": "𠮷野"}))
    assert refused.value.fields["row"] == 2
    assert refused.value.fields["column"] == "施設名"


def test_a_workbook_holds_numbers_dates_and_sums_that_follow_a_filter():
    written = formats()["daily_receipts_xlsx"].write(example())
    sheet = openpyxl.load_workbook(io.BytesIO(written)).active
    kept = openpyxl.load_workbook(io.BytesIO(written), data_only=True).active
    assert sheet["A5"].value == datetime(2026, 11, 24)  # noqa: DTZ001 - a workbook knows no offset
    assert sheet["B5"].value == "令和8年11月24日"
    assert (sheet["J5"].value, sheet["J8"].value, kept["J8"].value) == (12_340, "=SUBTOTAL(109,J5:J7)", 13_540)
    assert (sheet.freeze_panes, sheet.print_title_rows, sheet.page_setup.orientation) == ("A5", "$1:$4", "landscape")
    assert (sheet.page_setup.paperSize, sheet.page_setup.fitToHeight) == (9, 0)


@pytest.mark.parametrize("name", sorted(formats()))
async def test_a_file_is_fetched_named_in_japanese_and_logged(books, web, name):
    told = order_story(random.Random(1), datetime(2026, 11, 24, 1, 0, tzinfo=UTC), end="admitted", place="hpam")
    await books.take(told.events)
    address = f"/v1/exports/{name}?from=2026-11-01&to=2026-11-30"
    first, second = [await web.get(address, headers=books.token(Role.ACCOUNTING)) for _ in range(2)]
    assert first.status_code == 200, first.text
    assert first.content == second.content
    assert unquote(first.headers["content-disposition"].split("UTF-8''")[1]).startswith("収納日計表_2026-11-01")
    async with books.wiring.database.transaction("test") as tx:
        assert (await tx.execute("SELECT count(*) FROM export_log WHERE format = :name", name=name)).scalar_one() == 2


async def test_nobody_fetches_another_facilitys_file(books, web):
    address = "/v1/exports/daily_receipts_csv?from=2026-11-01&to=2026-11-30&facility=hpam"
    assert (await web.get(address, headers=books.token(Role.FACILITY, "shukkeien"))).status_code == 403


async def test_an_unknown_format_says_which_there_are(books, web):
    answer = await web.get("/v1/exports/pdf?from=2026-11-01&to=2026-11-30", headers=books.token(Role.ACCOUNTING))
    assert answer.status_code == 404
    assert "daily_receipts_xlsx" in answer.json()["detail"]
