"""総合振込 files: exactly as banks take them, read back strictly, on business days only."""

from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernel.money import Yen
from payments.transfer_files.actions import bank_holidays
from payments.transfers import zengin
from payments.transfers.account import ALLOWED
from payments.transfers.zengin import CRLF, RECORD_BYTES, Payer, Row, ZenginError

GOLDEN = Path(__file__).parents[2] / "vectors" / "zengin" / "sogo-furikomi.txt"
PAYER = Payer("1234567890", "ﾋﾛｼﾏｹﾝ", "0169", "ﾋﾛｼﾏ", "001", "ﾎﾝﾃﾝ", "checking", "0123456")
ROWS = (
    Row("0001", "ﾐｽﾞﾎ", "005", "", "normal", "7654321", "ﾋﾛｼﾏ ﾊﾅｺ", Yen(510), "0000000001", "0000000001"),
    Row("9900", "", "198", "", "savings", "0000123", "ｶ)ﾓﾐｼﾞ", Yen(9_999_999_999), "0000000001", "0000000002"),
    Row("0569", "", "019", "", "checking", "0123456", "JOHN.SMITH", Yen(1), "0000000001", "0000000003"),
)
DAY = date(2026, 11, 26)


def names(width, *, least=0):
    return st.text(alphabet=sorted(ALLOWED), min_size=least, max_size=width).map(lambda text: text.rstrip(" "))


def digits(width):
    return st.integers(0, 10**width - 1).map(lambda number: str(number).zfill(width))


PAYERS = st.builds(
    Payer,
    digits(10),
    names(40),
    digits(4),
    names(15),
    digits(3),
    names(15),
    st.sampled_from(["normal", "checking"]),
    digits(7),
)
A_ROW = st.builds(
    Row,
    digits(4),
    names(15),
    digits(3),
    names(15),
    st.sampled_from(["normal", "checking", "savings"]),
    digits(7),
    names(30, least=1).filter(bool),
    st.integers(1, 9_999_999_999).map(Yen),
    digits(10),
    digits(10),
)


def test_the_golden_file():
    assert zengin.write(PAYER, ROWS, on=DAY) == GOLDEN.read_bytes()


def test_each_field_of_the_golden_file_lies_where_banks_read_it():
    header, first, _, _, trailer, end = GOLDEN.read_bytes().decode("shift_jis").split("\r\n")[:-1]
    assert header[0:4] == "1210"  # record 1, kind 21, JIS
    assert header[4:14] == "1234567890"
    assert header[14:54] == "ﾋﾛｼﾏｹﾝ".ljust(40)
    assert header[54:58] == "1126"
    assert header[58:77] == "0169" + "ﾋﾛｼﾏ".ljust(15)
    assert header[77:95] == "001" + "ﾎﾝﾃﾝ".ljust(15)
    assert header[95:103] == "20123456"
    assert header[103:] == " " * 17
    assert first[0:20] == "20001" + "ﾐｽﾞﾎ".ljust(15)
    assert first[20:42] == "005" + " " * 15 + " " * 4
    assert first[42:50] == "17654321"
    assert first[50:80] == "ﾋﾛｼﾏ ﾊﾅｺ".ljust(30)
    assert first[80:90] == "0000000510"
    assert first[90] == "0"
    assert first[91:111] == "00000000010000000001"
    assert first[111:] == "7" + " " * 8
    assert trailer == ("8" + "000003" + "010000000510").ljust(120)
    assert end == "9".ljust(120)


@given(PAYERS, st.lists(A_ROW, min_size=1, max_size=5), st.dates(date(2026, 1, 1), date(2028, 12, 31)))
@settings(max_examples=60)
def test_what_was_written_is_read_and_written_again_alike(payer, rows, on):
    body = zengin.write(payer, rows, on=on)
    assert {len(each) for each in body.split(CRLF)[:-1]} == {RECORD_BYTES}
    found = zengin.read(body)
    assert (found.payer, found.rows, (found.month, found.day)) == (payer, tuple(rows), (on.month, on.day))
    assert zengin.write(found.payer, found.rows, on=on) == body


@given(st.data())
@settings(max_examples=80)
def test_a_file_with_one_changed_byte_is_refused_or_says_something_else(data):
    body = GOLDEN.read_bytes()
    place = data.draw(st.integers(0, len(body) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda value: value != body[place]))
    changed = body[:place] + bytes([byte]) + body[place + 1 :]
    try:
        found = zengin.read(changed)
    except ZenginError:
        return
    assert zengin.write(found.payer, found.rows, on=date(2028, found.month, found.day)) != body


@given(st.binary(max_size=400))
def test_anything_else_is_refused_and_nothing_breaks(body):
    with pytest.raises(ZenginError):
        zengin.read(body)


@pytest.mark.parametrize("ending", [b"\n", b"", b"\r\n"])
def test_other_line_endings_are_read_too(ending):
    records = GOLDEN.read_bytes().split(CRLF)[:-1]
    assert zengin.read(ending.join(records) + ending).rows == ROWS
    assert zengin.read(ending.join(records)).rows == ROWS


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (b"1210", b"1110", "Record 1: kind 21"),
        (b"8000003", b"8000002", "Record 5: the data records hold 3 transfers"),
        (b"010000000510", b"010000000511", "Record 5"),
        (b"0000000510", b"0000000000", "Record 2: an amount of at least 1 yen"),
        (b"1126", b"1131", "Record 1: a day as MMDD"),
        (b"17654321", b"97654321", "Record 2: an account of kind 1, 2 or 4"),
        (b"JOHN.SMITH", b"JOHN,SMITH", "Record 4: it holds a character"),
    ],
)
def test_a_wrong_record_is_named(before, after, said):
    body = GOLDEN.read_bytes()
    assert before in body
    with pytest.raises(ZenginError, match=said):
        zengin.read(body.replace(before, after, 1))


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"holder": "広島"}, "up to 30 characters"),
        ({"holder": "ｱ" * 31}, "up to 30 characters"),
        ({"holder": ""}, "the holder's name is missing"),
        ({"number": "12345678"}, "7 digits"),
        ({"bank_code": "169"}, "4 digits"),
        ({"bank_code": "１６９０"}, "4 digits"),
        ({"amount": Yen(0)}, "cannot be transferred"),
        ({"amount": Yen(10_000_000_000)}, "cannot be transferred"),
    ],
)
def test_what_does_not_fit_is_refused_before_a_byte_is_written(row, said):
    from dataclasses import replace

    with pytest.raises(ZenginError, match=f"Record 3: .*{said}"):
        zengin.write(PAYER, (ROWS[0], replace(ROWS[0], **row)), on=DAY)


@pytest.mark.parametrize("count", [0, 100_001])
def test_a_file_holds_one_to_a_hundred_thousand(count):
    with pytest.raises(ZenginError, match="1 to 100000"):
        zengin.write(PAYER, (ROWS[2],) * count, on=DAY)


@pytest.mark.parametrize(
    ("day", "works"),
    [
        (date(2026, 11, 23), False),  # 勤労感謝の日
        (date(2026, 11, 24), True),
        (date(2026, 11, 28), False),  # Saturday
        (date(2026, 12, 30), True),
        (date(2026, 12, 31), False),
        (date(2027, 1, 1), False),
        (date(2027, 1, 3), False),
        (date(2027, 1, 4), True),
        (date(2026, 9, 22), False),  # 国民の休日
    ],
)
def test_banks_work_on_business_days(day, works):
    assert zengin.is_business_day(day, bank_holidays(day.year)) is works


@given(st.dates(date(2026, 1, 1), date(2029, 12, 31)), st.integers(1, 5))
def test_the_nth_business_day_is_one_and_has_so_many_before_it(day, count):
    closed = bank_holidays(day.year)
    found = zengin.next_business_day(day, closed, days=count)
    between = [day + timedelta(days=n) for n in range(1, (found - day).days + 1)]
    assert sum(zengin.is_business_day(each, closed) for each in between) == count
    assert zengin.is_business_day(found, closed)
