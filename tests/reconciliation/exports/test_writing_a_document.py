"""A document as a file: nothing in it is run, numbers stay numbers, sums follow filters, and paper is readable."""

import io
from datetime import date, datetime

import openpyxl
import pypdf
import pytest

from reconciliation.exports import csv_text, paper, workbook
from reconciliation.exports.model import Unmappable
from reconciliation.reports.model import Column, Document, Table

COLUMNS = (
    Column("収納日", "date", 12),
    Column("施設名", "text", 20),
    Column("税率(%)", "percent", 9),
    Column("収納額", "yen", 12),
    Column("累計", "yen", 12, summed=False),
)
ROWS = (
    (date(2026, 11, 24), "県立美術館〜本館−", 10, 12_340, 12_340),
    (date(2026, 11, 24), "=HYPERLINK(1)", 10, -1_000, 11_340),
    (None, "縮景園", 8, 700, None),
)


def document(rows=ROWS, **more):
    return Document(
        "収納日計表", "令和8年11月", "全施設", (Table("収納日計表", COLUMNS, rows, **more),), ("金額は税込みです。",)
    )


def text_of(pdf):
    return [page.extract_text() for page in pypdf.PdfReader(io.BytesIO(pdf)).pages]


@pytest.mark.parametrize(("write", "encoding"), [(csv_text.in_utf8, "utf-8-sig"), (csv_text.in_shift_jis, "cp932")])
def test_a_csv_ends_its_lines_guards_its_text_and_leaves_amounts(write, encoding):
    text = write(document()).decode(encoding)
    assert text.count("\r\n") == text.count("\n") == 4
    assert text.splitlines()[2:] == ["2026-11-24,'=HYPERLINK(1),10,-1000,11340", ",縮景園,8,700,"]


def test_a_csv_holds_several_tables_under_their_titles_and_none_that_is_for_people():
    one, other = (Table(title, COLUMNS[1:2], ((title,),)) for title in ("一", "二"))
    beside = Table("三", COLUMNS[1:2], (("三",),), beside=True)
    text = csv_text.in_utf8(Document("題", "", "", (one, other, beside))).decode("utf-8-sig")
    assert text.split("\r\n") == ["一", "施設名", "一", "", "二", "施設名", "二", ""]


def test_cp932_maps_look_alikes_and_names_what_it_cannot_write():
    assert "県立美術館\uff5e本館\uff0d".encode("cp932") in csv_text.in_shift_jis(document())
    with pytest.raises(Unmappable) as refused:
        csv_text.in_shift_jis(document((ROWS[0], (None, "𠮷野", 10, 0, 0))))
    assert (refused.value.fields["row"], refused.value.fields["column"]) == (2, "施設名")


def test_a_workbook_holds_numbers_dates_and_sums_that_follow_a_filter():
    written = workbook.write(document())
    sheet = openpyxl.load_workbook(io.BytesIO(written)).active
    kept = openpyxl.load_workbook(io.BytesIO(written), data_only=True).active
    assert sheet["A5"].value == datetime(2026, 11, 24)  # noqa: DTZ001 - a workbook knows no offset
    assert (sheet["D5"].value, sheet["D8"].value, kept["D8"].value) == (12_340, "=SUBTOTAL(109,D5:D7)", 12_040)
    assert not sheet["E8"].value
    assert (sheet.freeze_panes, sheet.print_title_rows, sheet.page_setup.orientation) == ("A5", "$1:$4", "landscape")
    assert (sheet.page_setup.paperSize, sheet.page_setup.fitToHeight, sheet.print_area) == (
        9,
        0,
        "'収納日計表'!$A$1:$E$10",
    )


def test_a_workbook_has_a_sheet_for_each_table_under_a_name_that_it_may_have():
    tables = tuple(Table(title, COLUMNS[1:2], ((title,),)) for title in ("科目別", "科目別", "a/b", "長" * 40))
    book = openpyxl.load_workbook(io.BytesIO(workbook.write(Document("題", "", "", tables))))
    assert book.sheetnames == ["科目別", "科目別(2)", "a・b", "長" * 31]


def test_paper_repeats_its_heading_numbers_its_pages_and_adds_up():
    pages = text_of(paper.write(document(ROWS * 30)))
    assert len(pages) > 1
    assert all("施設名" in page for page in pages)
    assert f"{len(pages)} / {len(pages)}" in pages[-1]
    assert "361,200" in pages[-1]
    assert "△1,000" in pages[0]


def test_paper_embeds_its_font_and_prints_markup_as_it_is():
    written = paper.write(document(((None, "#panic() *x* $y$", 10, 1, 1),)))
    assert "#panic() *x* $y$" in text_of(written)[0]
    fonts = [
        font.get_object()
        for page in pypdf.PdfReader(io.BytesIO(written)).pages
        for font in page["/Resources"]["/Font"].values()
    ]
    assert all(
        "/FontFile" in str(each["/DescendantFonts"][0].get_object()["/FontDescriptor"].get_object()) for each in fonts
    )


def test_a_paper_of_too_many_rows_is_refused_with_what_to_do(monkeypatch):
    monkeypatch.setattr(paper, "ROWS_MAX", 2)
    with pytest.raises(paper.TooLongForPaper, match="Choose fewer days"):
        paper.write(document())


@pytest.mark.parametrize("write", [csv_text.in_utf8, csv_text.in_shift_jis, workbook.write, paper.write])
def test_the_same_document_is_the_same_bytes_and_an_empty_one_is_a_file(write):
    assert write(document()) == write(document())
    assert write(document(()))
