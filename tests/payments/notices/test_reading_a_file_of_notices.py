"""A file of notices is right as a whole, or every error in it is told with its row and column."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernel.money import Yen
from payments.collecting.model import Account, System
from payments.notices.model import COLUMNS, NEEDED, ROWS_MAX, read

NOW = datetime(2026, 11, 24, 0, 0, tzinfo=UTC)
SYSTEM = System(
    "shinsei",
    "電子申請",
    "online",
    ("stripe_card",),
    (Account("prefecture", "手数料"),),
    ("https://shinsei.example.jp",),
    None,
    True,
    NOW,
)
GOOD = {"reference": "A-1", "amount": "400", "description": "住民票の写し", "expires_at": "2026-12-25"}


def parsed(content, kind="csv", charset="", system=SYSTEM):
    raw = content if isinstance(content, bytes) else content.encode()
    return read(raw, kind, charset, system, carried=lambda amount: amount <= Yen(900_000), at=NOW)


def lines(*rows):
    return "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)


def csv_of(*rows, header=NEEDED):
    return "\r\n".join(",".join(each) for each in (header, *rows)) + "\r\n"


ROW = tuple(GOOD.values())


def test_a_row_becomes_a_notice_with_what_the_system_fills_in():
    (notice,), problems = parsed(csv_of(ROW))
    assert problems == []
    assert (notice.row, notice.reference, notice.amount, notice.locale) == (2, "A-1", Yen(400), "ja")
    part = notice.part
    assert (part.facility, part.revenue_owner, part.revenue_account, part.amount) == (
        "online",
        "prefecture",
        "手数料",
        Yen(400),
    )


def test_a_date_is_the_end_of_that_day_in_japan():
    (notice,), _ = parsed(csv_of(ROW))
    assert notice.expires_at == datetime(2026, 12, 25, 14, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    ("encoded", "charset"),
    [("utf-8", ""), ("utf-8-sig", ""), ("utf-8-sig", "utf-8"), ("cp932", ""), ("cp932", "Shift_JIS")],
)
def test_japanese_headers_and_encodings_are_read(encoded, charset):
    text = csv_of(ROW, header=[COLUMNS[name] for name in NEEDED])
    (notice,), problems = parsed(text.encode(encoded), charset=charset)
    assert (problems, notice.description) == ([], "住民票の写し")


def test_json_lines_say_the_same():
    (made, _), problems = parsed(lines(GOOD | {"amount": 400}) + "\n\n" + lines(GOOD | {"reference": "A-2"}), "json")
    assert problems == []
    assert made.amount == Yen(400)


@pytest.mark.parametrize(
    ("change", "column"),
    [
        ({"reference": ""}, "reference"),
        ({"reference": "x" * 65}, "reference"),
        ({"amount": "0"}, "amount"),
        ({"amount": "1,000"}, "amount"),
        ({"amount": "４００"}, "amount"),
        ({"amount": "-1"}, "amount"),
        ({"amount": 400.5}, "amount"),
        ({"amount": True}, "amount"),
        ({"amount": "900001"}, "amount"),
        ({"description": "4242 4242 4242 4242"}, "description"),
        ({"description": "a\nb"}, "description"),
        ({"description": "\ud800"}, "description"),
        ({"expires_at": "2026-11-23"}, "expires_at"),
        ({"expires_at": "2026-02-30"}, "expires_at"),
        ({"expires_at": "2026-12-25T17:00:00"}, "expires_at"),
        ({"expires_at": "2199-12-25"}, "expires_at"),
        ({"revenue_account": "使用料"}, "revenue_account"),
        ({"revenue_owner": "city"}, "revenue_owner"),
        ({"return_url": "https://evil.example/"}, "return_url"),
        ({"tax_rate_percent": "100"}, "tax_rate_percent"),
        ({"locale": "fr"}, "locale"),
        ({"reference": ["A"]}, "reference"),
    ],
)
def test_each_error_names_its_row_and_column(change, column):
    text = json.dumps(GOOD) + "\n" + json.dumps(GOOD | {"reference": "A-2"} | change)
    notices, problems = parsed(text, "json")
    assert notices == []
    assert [(each.row, each.column) for each in problems] == [(2, column)]
    assert ". " in problems[0].problem or "Use" in problems[0].problem


def test_all_errors_are_told_at_once():
    text = csv_of(("A-1", "x", "", "y"), ROW, ("A-1", "400", "件", "2026-12-25"), ("short",))
    _, problems = parsed(text)
    assert [(each.row, each.column) for each in problems] == [
        (2, "amount"),
        (2, "description"),
        (2, "expires_at"),
        (3, "reference"),
        (4, "reference"),
        (5, ""),
    ]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", (1, "")),
        ("reference,amount\r\n", (1, "description")),
        ("reference,amount,description,expires_at,colour\r\n", (1, "colour")),
        ("reference,reference,amount\r\n", (1, "reference")),
        (csv_of(), (0, "")),
        (csv_of(('"', "1", "1", "1")), (2, "")),
        (b"\xff\xfe\x00\x81", (0, "")),
    ],
)
def test_a_file_that_is_none_is_told_so(content, told):
    notices, problems = parsed(content)
    assert notices == []
    assert (problems[0].row, problems[0].column) == told


def test_a_file_has_a_greatest_number_of_rows():
    text = csv_of(*((f"A-{number}", *ROW[1:]) for number in range(ROWS_MAX + 1)))
    notices, problems = parsed(text)
    assert notices == []
    assert [each.row for each in problems] == [ROWS_MAX + 2]
    assert len(parsed(text.rsplit("\r\n", 2)[0])[0]) == ROWS_MAX


CELL = st.one_of(
    st.sampled_from(["", "A-1", "A-2", "400", "2026-12-25", "住民票", "手数料", "prefecture", '"', ",", "=1+1", "\n"]),
    st.text(max_size=20),
)
OBJECT = st.dictionaries(st.sampled_from([*COLUMNS, "x"]), st.one_of(CELL, st.integers(), st.none()))
TEXT = st.one_of(
    st.text(max_size=200),
    st.lists(st.lists(CELL, min_size=4, max_size=4), max_size=6).map(lambda rows: csv_of(*rows)),
    st.lists(OBJECT, max_size=5).map(lambda rows: "\n".join(json.dumps(row) for row in rows)),
)
FILE = st.one_of(st.binary(max_size=200), TEXT.map(lambda text: text.encode("utf-8", "surrogatepass")))


@settings(max_examples=400, deadline=None, derandomize=True)
@given(content=FILE, kind=st.sampled_from(["csv", "json"]), charset=st.sampled_from(["", "utf-8", "shift_jis", "x"]))
def test_any_file_gives_notices_or_errors_and_never_both(content, kind, charset):
    notices, problems = parsed(content, kind, charset)
    assert bool(notices) != bool(problems)
    assert len({each.reference for each in notices}) == len(notices)
    for notice in notices:
        assert Yen(0) < notice.amount <= Yen(900_000)
        assert notice.expires_at > NOW
        assert notice.part.amount == notice.amount


@settings(max_examples=100, deadline=None, derandomize=True)
@given(wrong=st.sets(st.integers(0, 9)), column=st.sampled_from(["amount", "expires_at", "revenue_account", "locale"]))
def test_one_wrong_row_keeps_all_others_from_being_made(wrong, column):
    rows = [GOOD | {"reference": f"A-{number}"} | ({column: "?"} if number in wrong else {}) for number in range(10)]
    notices, problems = parsed(lines(*rows), "json")
    assert len(notices) == (0 if wrong else 10)
    assert [each.row for each in problems] == [number + 1 for number in sorted(wrong)]
