"""A provider's table by its mapping: what it becomes, whatever the order of columns, and where it is refused."""

import csv
import io
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.money import Yen
from kernel.refusals import Refusal
from reconciliation.statements import tabular
from reconciliation.statements.columns import Column, Columns, Skip

PLAIN = Columns(
    provider="test",
    columns={
        "line": Column(("番号",)),
        "kind": Column(("種別", "区分")),
        "attempt": Column(("参照",)),
        "gross": Column(("金額",)),
        "fee": Column(("手数料",), negated=True, optional=True),
        "tax": Column(("消費税",), negated=True, optional=True),
        "net": Column(("差引",), optional=True),
        "payout": Column(("振込番号",), optional=True),
        "arrives_on": Column(("振込日",), optional=True),
        "occurred_on": Column(("日付",)),
    },
    kinds={"売上": "charge", "返金": "refund"},
    skips=(Skip(Column(("状態",), optional=True), frozenset({"失敗"})),),
    currency=Column(("通貨",), optional=True),
)
HEADINGS = ["番号", "種別", "参照", "金額", "手数料", "消費税", "差引", "振込番号", "振込日", "日付", "状態", "通貨"]
ROW = ["1", "売上", "", "1000", "-30", "-3", "967", "P1", "2026-11-30", "2026-11-23", "完了", "JPY"]


def table(*rows, headings=HEADINGS, encoding="utf-8", **how):
    out = io.StringIO(newline="")
    csv.writer(out, **how).writerows([headings, *rows])
    return out.getvalue().encode(encoding)


@pytest.fixture(scope="module")
def lines_of(tmp_path_factory):
    def read(body, columns=PLAIN):
        folder = tmp_path_factory.mktemp("statement")
        (folder / "given.csv").write_bytes(body)
        (folder / "scratch").mkdir()
        with tabular.read(folder / "given.csv", columns, scratch=folder / "scratch") as lines:
            found = [dict(zip(tabular.LINE_COLUMNS, row, strict=True)) for row in lines.rows()]
            assert lines.count == len(found)
            assert lines.sums.net == Yen(sum(each["net"] for each in found))
            return found

    return read


def changed(column, said):
    row = list(ROW)
    row[HEADINGS.index(column)] = said
    return row


def test_a_row_becomes_a_line(lines_of):
    [line] = lines_of(table(ROW))
    assert (line["record"], line["provider"], line["kind"], line["word"]) == (2, "test", "charge", "売上")
    assert (line["gross"], line["fee"], line["tax"], line["net"]) == (1000, 30, 3, 967)
    assert (line["payout"], line["arrives_on"], line["occurred_on"]) == ("P1", date(2026, 11, 30), date(2026, 11, 23))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932"])
@pytest.mark.parametrize("ending", ["\r\n", "\n"])
def test_both_encodings_and_line_ends_say_the_same(lines_of, encoding, ending):
    assert lines_of(table(ROW, encoding=encoding, lineterminator=ending)) == lines_of(table(ROW))


def test_columns_may_stand_anywhere_and_be_named_as_before(lines_of):
    turned = [each.replace("種別", "区分") for each in reversed(HEADINGS)]
    assert lines_of(table(list(reversed(ROW)), headings=turned)) == lines_of(table(ROW))


@pytest.mark.parametrize(
    ("said", "yen"),
    [("1000", 1000), ("1,000", 1000), ("1000.00", 1000), ("¥1,000", 1000), (" 1000 ", 1000), ("△5", -5), ("-5", -5)],
)
def test_yen_as_people_write_them(lines_of, said, yen):
    row = changed("金額", said)
    row[HEADINGS.index("差引")] = ""
    assert lines_of(table(row))[0]["gross"] == yen


def test_a_long_number_stays_text(lines_of):
    assert lines_of(table(changed("参照", "00123456789012345678")))[0]["reference"] == "00123456789012345678"


def test_rows_that_say_nothing_about_money_are_not_read(lines_of):
    assert lines_of(table(changed("状態", "失敗"))) == []


def test_what_is_not_there_is_known_from_the_rest(lines_of):
    headings, row = ["番号", "種別", "参照", "金額", "日付"], ["1", "返金", "", "-500", "2026/11/23"]
    [line] = lines_of(table(row, headings=headings))
    assert (line["gross"], line["fee"], line["tax"], line["net"], line["payout"]) == (-500, 0, 0, -500, "")


def test_the_same_row_twice_is_two_lines_that_keep_their_ids_in_another_file(lines_of):
    twice = [each["id"] for each in lines_of(table(ROW, changed("番号", "2"), ROW))]
    again = [each["id"] for each in lines_of(table(ROW, ROW, changed("番号", "2")))]
    assert len(set(twice)) == 3
    assert set(twice) == set(again)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (
            table(ROW, changed("金額", "1000.50")),
            "Row 3, column “金額”: found “1000.50”, expected a whole amount of yen",
        ),
        (table(changed("金額", "")), "Row 2, column “金額”: found “”, expected a whole amount of yen"),
        (table(changed("金額", "1e3")), "Row 2, column “金額”: found “1e3”, expected a whole amount of yen"),
        (table(changed("手数料", "x")), "Row 2, column “手数料”: found “x”, expected a whole amount of yen"),
        (table(changed("番号", " ")), "Row 2, column “番号”: found “”, expected something"),
        (table(changed("種別", "配当")), "Row 2, column “種別”: found “配当”, expected a kind of booking"),
        (table(changed("日付", "23/11/2026")), "Row 2, column “日付”: found “23/11/2026”, expected a day such as"),
        (table(changed("日付", "2026-02-30")), "Row 2, column “日付”: found “2026-02-30”, expected a day such as"),
        (table(changed("通貨", "usd")), "Row 2, column “通貨”: found “usd”, expected jpy"),
        (table(changed("差引", "966")), "Row 2: the net is 966, but gross, fee and tax make 967"),
        (table(ROW, ROW[:-1]), "Row 3 has 11 cells, but there are 12 headings"),
        (table(ROW, [*ROW, "x"]), "Row 3 has 13 cells, but there are 12 headings"),
        (table(ROW) + b'"unfinished', "Record 3: found a row that cannot be read, expected cells whose quotation"),
        (table(ROW, headings=[each.replace("金額", "額") for each in HEADINGS]), "no column “金額”"),
        (table(ROW) + b"\xff\xfe", "Row 3, column 1: this is no character of UTF-8, CP932"),
        (b"", "found an empty file, expected a row of headings"),
    ],
)
def test_a_table_is_refused_whole_with_row_column_found_and_expected(lines_of, body, said):
    with pytest.raises(Refusal) as refused:
        lines_of(body)
    assert said in refused.value.detail
    assert refused.value.detail.startswith("Nothing of this file was taken.")


def test_headings_are_found_below_a_title_and_rows_are_counted_from_the_top(lines_of):
    title = '"明細\r\n書",2026-11\r\n\r\n'.encode()
    assert [each["record"] for each in lines_of(title + table(ROW, ROW))] == [4, 5]
    with pytest.raises(Refusal, match="Row 5, column “金額”: found “x”"):
        lines_of(title + table(ROW, changed("金額", "x")))
    with pytest.raises(Refusal, match="Row 4 has 11 cells"):
        lines_of(title + table(ROW[:-1]))


def test_a_second_column_of_the_same_name_has_a_name_of_its_own(lines_of):
    headings = ["番号", "種別", "参照", "金額", "金額", "日付"]
    body = table(["1", "売上", "", "1000", "300", "2026-11-23"], headings=headings)
    second = replace(PLAIN, columns=PLAIN.columns | {"gross": Column(("金額 (2)",))})
    assert lines_of(body)[0]["gross"] == 1000
    assert lines_of(body, second)[0]["gross"] == 300


def test_text_in_two_bytes_a_character_is_refused_in_words(lines_of):
    with pytest.raises(Refusal, match=r"Row 1, column [12]: this is no character of UTF-8, CP932"):
        lines_of(table(ROW, encoding="utf-16-le"))
    with pytest.raises(Refusal, match="Row 2, column 3: this is no character"):
        lines_of(table(changed("参照", "a\0b")))


def test_no_row_is_lost_between_two_readers(lines_of, monkeypatch):
    body = table(ROW, changed("参照", "two\r\nlines"), ROW) + b"\r\n\r\n"
    assert len(lines_of(body)) == 3
    monkeypatch.setattr(tabular, "_count", lambda _: 2)  # as if the fast reader had passed over one
    with pytest.raises(Refusal, match="found a row that cannot be read"):
        lines_of(body)


def test_a_table_without_rows_is_a_statement_too(lines_of):
    assert lines_of(table()) == []


WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=20)


@given(
    rows=st.lists(
        st.tuples(
            WORDS.filter(str.strip),
            st.sampled_from(["売上", "返金"]),
            WORDS,
            st.integers(-(10**12), 10**12),
            st.integers(0, 10**6),
            st.dates(date(2019, 5, 1), date(2030, 12, 31)),
        ),
        max_size=30,
    )
)
def test_any_text_and_amounts_come_through_unchanged(lines_of, rows):
    headings = ["番号", "種別", "参照", "金額", "手数料", "日付"]
    body = table(*([*row[:4], -row[4], row[5]] for row in rows), headings=headings)
    found = lines_of(body)
    assert [(each["word"], each["gross"], each["fee"], each["occurred_on"]) for each in found] == [
        (row[1], row[3], row[4], row[5]) for row in rows
    ]
    assert [each["reference"] for each in found] == [row[2].strip() for row in rows]
    assert len({each["id"] for each in found}) == len(rows)


def test_moments_of_another_zone_fall_on_japan_s_day(lines_of):
    columns = Columns(
        provider="test",
        columns={
            "line": Column(("id",)),
            "gross": Column(("gross",)),
            "occurred_on": Column(("created_utc",), parse="moment_utc"),
        },
        kinds={"+": "charge", "-": "refund"},
    )
    body = table(
        ["1", "10.00", "2026-03-31 14:59:59"],
        ["2", "-10", "2026-03-31 15:00:00"],
        headings=["id", "gross", "created_utc"],
    )
    assert [(each["kind"], each["occurred_on"]) for each in lines_of(body, columns)] == [
        ("charge", date(2026, 3, 31)),
        ("refund", date(2026, 4, 1)),
    ]


def test_a_mapping_without_what_it_needs_is_no_mapping():
    with pytest.raises(ValueError, match="missing"):
        Columns(provider="test", columns={"line": Column(("a",))}, kinds={})


def test_a_hundred_thousand_rows_keep_their_order_and_sum(lines_of):
    day = date(2026, 4, 1)
    rows = [
        [
            str(number),
            "売上",
            "",
            str(number),
            "0",
            "0",
            str(number),
            "P",
            "2026-11-30",
            str(day + timedelta(number % 300)),
            "",
            "jpy",
        ]
        for number in range(100_000)
    ]
    found = lines_of(table(*rows))
    assert [each["record"] for each in found] == list(range(2, 100_002))
    assert Decimal(sum(each["gross"] for each in found)) == Decimal(99_999 * 50_000)
