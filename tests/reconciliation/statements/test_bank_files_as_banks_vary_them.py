"""What banks and their transmission programs may write differently, and what no field can hold."""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kernel.access import Role
from kernel.money import ZERO, Yen
from reconciliation import statements
from reconciliation.statements import zengin_notice as notice
from reconciliation.statements import zengin_records as zengin
from reconciliation.statements import zengin_statement as statement
from reconciliation.statements.model import BrokenField

RECEIVED = date(2026, 11, 24)
FOLDER = Path(statements.__path__[0])
[ACCOUNT] = statement.booklets(
    (FOLDER / "zengin_statement" / "example" / "two_days.dat").read_bytes(), received=RECEIVED
)
[NOTICE] = notice.notices((FOLDER / "zengin_notice" / "example" / "both_layouts.dat").read_bytes(), received=RECEIVED)
KINDS = {"statement": (statement, [ACCOUNT, ACCOUNT]), "notice": (notice, [NOTICE, NOTICE])}
ENDS = {
    "jis": [b"", b"\n", b"\r\n"],
    "ebcdic": [b"", b"\n", b"\r\n", b"\x25", b"\r\x25", b"\x15"],  # its own new line, a host's line feed, a converter's
}
FILE_ENDS = {"jis": b"\x1a", "ebcdic": b"\x3f"}
MIXED = [(encoding, end) for encoding, ends in ENDS.items() for end in ends]


def read(kind, body):
    module, _ = KINDS[kind]
    return list(module.read(body, received=RECEIVED))


def records(kind, encoding):
    module, accounts = KINDS[kind]
    body = module.write(accounts, encoding=encoding, line_end="none")
    return [body[at : at + 200] for at in range(0, len(body), 200)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("encoding", "end"), MIXED)
def test_records_may_be_followed_by_any_line_end_or_none(kind, encoding, end):
    lines, wanted = records(kind, encoding), read(kind, b"".join(records(kind, "jis")))
    for body in (end.join(lines), b"".join(each + end for each in lines)):
        assert read(kind, body) == wanted
        assert read(kind, body + FILE_ENDS[encoding]) == wanted


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("encoding", ENDS)
@given(data=st.data())
def test_a_file_of_parts_with_different_line_ends_says_the_same(kind, encoding, data):
    lines = records(kind, encoding)
    ends = data.draw(st.lists(st.sampled_from(ENDS[encoding]), min_size=len(lines), max_size=len(lines)))
    body = b"".join(line + end for line, end in zip(lines, ends, strict=True))
    assert read(kind, body) == read(kind, b"".join(records(kind, "jis")))


@given(day=st.dates(date(1926, 12, 25), date(2049, 12, 31)), ahead=st.integers(0, 31))
@example(day=date(1989, 1, 7), ahead=0)
@example(day=date(1989, 1, 8), ahead=0)
@example(day=date(2019, 4, 30), ahead=31)
@example(day=date(2019, 5, 1), ahead=31)
@example(day=date(2024, 2, 29), ahead=0)
def test_a_day_of_any_era_is_read_back_by_a_file_of_its_time(day, ahead):
    assert zengin.Era(day + timedelta(days=ahead)).day(zengin.era_text(day)) == day


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("made", [date(1989, 1, 10), date(2019, 5, 7), date(2019, 4, 26), date(2027, 1, 4)])
def test_a_file_over_the_change_of_an_era_or_a_year_is_read_back(kind, made):
    module, accounts = KINDS[kind]
    first = made - timedelta(days=9)
    header = replace(accounts[0].header, created=made, first=first, last=made)
    lines = "entries" if kind == "statement" else "credits"
    moved = tuple(
        replace(each, booked=first + timedelta(days=place), value=made)
        for place, each in enumerate(getattr(accounts[0], lines))
    )
    wanted = [replace(accounts[0], header=header, **{lines: moved})]
    body = module.write(wanted)
    assert (module.booklets if kind == "statement" else module.notices)(body, received=made) == wanted


LARGEST = Yen(999_999_999_999)


def test_the_largest_amount_that_a_field_holds_is_read_back():
    credit = replace(NOTICE.credits[0], amount=LARGEST, paper=LARGEST, layout="b")
    assert notice.notices(notice.write([replace(NOTICE, credits=(credit,))]), received=RECEIVED)[0].credits == (credit,)
    entry = replace(ACCOUNT.entries[0], amount=LARGEST, paper=LARGEST)
    account = replace(ACCOUNT, entries=(entry,) * 9)
    assert statement.booklets(statement.write([account]), received=RECEIVED) == [account]


def test_a_sum_that_its_field_does_not_hold_is_not_written():
    credit = replace(NOTICE.credits[0], amount=LARGEST, paper=None, layout="b")
    with pytest.raises(BrokenField, match="Record 4, sum of credits: found “1999999999998”"):
        notice.write([replace(NOTICE, credits=(credit, credit))])
    with pytest.raises(BrokenField, match="Record 2, amount: found “1000000000000”"):
        statement.write([replace(ACCOUNT, entries=(replace(ACCOUNT.entries[0], amount=Yen(10**12)),))])


@pytest.mark.parametrize("kind", KINDS)
def test_each_line_names_the_record_that_it_stands_in(kind):
    lines = [each.decode("shift_jis") for each in records(kind, "jis")]
    for line in (line for each in read(kind, b"".join(records(kind, "jis"))) for line in each.lines):
        record = lines[line.record - 1]
        assert record[0] == "2"
        assert line.payer in record
        assert line.amount == ZERO or f"{abs(line.amount.amount):010}" in record


async def test_the_same_bookings_in_another_encoding_are_the_same_lines(books, web):
    counts = []
    for encoding, end in (("jis", "crlf"), ("ebcdic", "none")):
        body = statement.write([ACCOUNT], encoding=encoding, line_end=end)
        answer = await web.post("/v1/statements/zengin_statement", content=body, headers=books.token(Role.ACCOUNTING))
        counts.append((answer.json()["line_count"], answer.json()["new_count"]))
    assert counts == [(2, 2), (2, 0)]
