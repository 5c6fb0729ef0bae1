"""Rows that belong together have their sums below them for people; the total counts each row once."""

import io

import openpyxl
import pypdf
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.web import Language
from reconciliation.exports import csv_text, paper, workbook
from reconciliation.reports import display
from reconciliation.reports.model import Column, Document, Table

COLUMNS = (
    Column("款", "text", 18),
    Column("項", "text", 14),
    Column("科目", "text", 18),
    Column("調定額", "yen", 12),
    Column("日数", "count", 9, summed=False),
)
BOOK = (
    ("使用料及び手数料", "使用料", "美術館", 1_000, 1),
    ("使用料及び手数料", "使用料", "縮景園", 200, 2),
    ("使用料及び手数料", "手数料", "証明", 30, 3),
    ("諸収入", "雑入", "その他", 4, 4),
)
names = st.sampled_from(["甲", "乙", ""])
rows = st.lists(st.tuples(names, names, names, st.integers(-(10**9), 10**9), st.integers(0, 9)), max_size=12)


def table(given=BOOK):
    return Table("歳入簿", COLUMNS, tuple(given), grouped_by=(0, 1))


def document(given=BOOK):
    return Document("歳入簿", "令和8年11月", "全施設", (table(given),))


def said(found):
    return [[each.cells for each in found[row]] for row in sorted(found)]


def test_the_inner_group_comes_first_and_a_group_of_one_row_needs_no_sum():
    assert said(table().subtotals) == [
        [(None, "使用料 計", None, 1_200, None)],
        [("使用料及び手数料 計", None, None, 1_230, None)],
    ]


def test_rows_of_one_group_that_stand_apart_are_a_fault_of_the_report():
    with pytest.raises(ValueError, match="do not stand together"):
        _ = table((BOOK[0], BOOK[3], BOOK[1])).subtotals


@given(rows)
def test_each_sum_is_of_the_rows_of_its_group_and_of_all_of_them(drawn):
    made = table(sorted(drawn))
    for last, several in made.subtotals.items():
        for each in several:
            place = next(place for place in (0, 1) if each.cells[place] is not None)
            head = made.rows[last][: place + 1]
            mine = [row for row in made.rows if row[: place + 1] == head]
            assert mine == list(made.rows[each.first : each.last + 1])
            assert each.cells[3] == sum(row[3] for row in mine)


@given(rows)
def test_a_program_reads_the_same_rows_as_without_them(drawn):
    plain = Document("歳入簿", "令和8年11月", "全施設", (Table("歳入簿", COLUMNS, tuple(sorted(drawn))),))
    assert csv_text.in_utf8(document(sorted(drawn))) == csv_text.in_utf8(plain)


def test_a_workbook_s_sums_are_formulas_that_no_other_sum_counts_twice():
    written = workbook.write(document())
    sheet = openpyxl.load_workbook(io.BytesIO(written)).active
    kept = openpyxl.load_workbook(io.BytesIO(written), data_only=True).active
    formulas = {row: sheet.cell(row, 4).value for row in range(5, 12)}
    assert formulas == {
        5: 1_000,
        6: 200,
        7: "=SUBTOTAL(109,D5:D6)",
        8: 30,
        9: "=SUBTOTAL(109,D5:D8)",
        10: 4,
        11: "=SUBTOTAL(109,D5:D10)",
    }
    assert [kept.cell(row, 4).value for row in (7, 9, 11)] == [1_200, 1_230, 1_234]
    assert (sheet["B7"].value, sheet["A9"].value, sheet["A11"].value) == ("使用料 計", "使用料及び手数料 計", "合計")


def test_paper_and_page_have_them_too():
    [text] = [each.extract_text() for each in pypdf.PdfReader(io.BytesIO(paper.write(document()))).pages]
    assert "使用料 計" in text
    assert "1,230" in text
    [shown] = display.tables_of(document(), Language("ja", "日本語"))
    assert [[each.text for each in shown.rows[at]][3] for at in sorted(shown.sums)] == ["1,200", "1,230"]
    assert shown.totals is not None
    assert shown.totals[3].text == "1,234"
