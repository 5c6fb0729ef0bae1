"""Zengin kinds 03 and 01: by hand against the published columns, there and back, and broken in every way."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.money import ZERO, Yen
from kernel.refusals import Refusal
from reconciliation.statements import zengin_notice as notice
from reconciliation.statements import zengin_records as zengin
from reconciliation.statements import zengin_statement as statement
from reconciliation.statements.model import BrokenField, BrokenLetter, BrokenOrder, BrokenSum

RECEIVED = date(2026, 11, 24)
ENDS = ("crlf", "lf", "none")
LETTERS = st.characters(categories=(), include_characters="".join(sorted(zengin.LETTERS)))


def words(width):
    return st.text(LETTERS, max_size=width).map(lambda said: said.rstrip(" "))


def digits(width):
    return st.text("0123456789", min_size=width, max_size=width)


def days(first=date(1997, 1, 1), last=RECEIVED):  # before, an era year is one of 令和 too
    return st.dates(first, last)


@st.composite
def entries(draw, first, last):
    return statement.Entry(
        reference=draw(words(8)),
        booked=draw(days(first, last)),
        value=draw(st.none() | days(first, last)),
        direction=draw(st.sampled_from("12")),
        transaction=draw(st.sampled_from(["10", "11", "12", "13", "14", "15", "18", "19"])),
        amount=draw(st.integers(0, 999_999_999_999).map(Yen)),
        paper=draw(st.none() | st.integers(1, 999_999_999_999).map(Yen)),
        clearing=draw(st.none() | days(first, last)),
        dishonour=draw(st.none() | days(first, last)),
        bill_kind=draw(words(1)),
        bill_number=draw(words(7)),
        teller=draw(words(3)),
        payer_code=draw(words(10)),
        payer=draw(words(48)),
        sending_bank=draw(words(15)),
        sending_branch=draw(words(15)),
        summary=draw(words(20)),
        edi=draw(words(20)),
    )


@st.composite
def periods(draw):
    first = draw(days(last=RECEIVED - timedelta(days=40)))
    last = draw(days(first, min(first + timedelta(days=31), RECEIVED)))
    return first, last, draw(days(last, min(last + timedelta(days=3), RECEIVED)))


@st.composite
def booklets(draw):
    first, last, created = draw(periods())
    header = statement.Header(
        created=created,
        first=first,
        last=last,
        bank=draw(digits(4)),
        bank_name=draw(words(15)),
        branch=draw(digits(3)),
        branch_name=draw(words(15)),
        deposit=draw(st.sampled_from("124")),
        number=draw(digits(10)),
        holder=draw(words(40)),
        passbook=draw(words(1)),
        opening=draw(st.integers(-(10**13), 10**13).map(Yen)),
    )
    return statement.Booklet(header, tuple(draw(st.lists(entries(first, last), max_size=5))))


@st.composite
def notices(draw):
    first, last, created = draw(periods())
    header = notice.Header(
        created=created,
        first=first,
        last=last,
        bank=draw(digits(4)),
        bank_name=draw(words(15)),
        branch=draw(digits(3)),
        branch_name=draw(words(15)),
        deposit=draw(st.sampled_from("124")),
        number=draw(digits(7)),
        holder=draw(words(40)),
    )

    @st.composite
    def credited(draw):
        layout = draw(st.sampled_from("ab"))
        # In layout A an EDI of 20 digits is followed by blanks, so that no A is taken for a B.
        return notice.Credit(
            reference=draw(words(6)),
            booked=draw(days(first, last)),
            value=draw(st.none() | days(first, last)),
            amount=draw(
                st.integers(0, 199_999_999_999 if layout == "b" else notice.AMOUNT_1_MAX).map(Yen)  # B holds 12 digits
            ),
            paper=draw(st.none() | st.integers(1, notice.AMOUNT_1_MAX).map(Yen)),
            payer_code=draw(words(10)),
            payer=draw(words(48)),
            sending_bank=draw(words(15)),
            sending_branch=draw(words(15)),
            cancelled=draw(st.booleans()),
            edi=draw(words(20)),
            layout=layout,
        )

    found = draw(st.lists(credited(), max_size=5))
    return notice.Notice(header, tuple(found))


KINDS = {
    "statement": (statement.write, statement.booklets, st.lists(booklets(), min_size=1, max_size=3)),
    "notice": (notice.write, notice.notices, st.lists(notices(), min_size=1, max_size=3)),
}


@pytest.mark.parametrize("layout", [*statement.LAYOUTS, *notice.LAYOUTS], ids=lambda layout: layout[1].name)
def test_a_layout_names_each_of_200_columns_once(layout):
    assert [each.first for each in layout] == [1, *(each.last + 1 for each in layout[:-1])]
    assert layout[-1].last == 200


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data(), encoding=st.sampled_from(["jis", "ebcdic"]), end=st.sampled_from(ENDS), last=st.booleans())
def test_a_file_is_read_back_as_it_was_written(kind, data, encoding, end, last):
    write, read, accounts = KINDS[kind]
    wanted = data.draw(accounts)
    body = write(wanted, encoding=encoding, line_end=end, last_end=last)
    assert read(body, received=RECEIVED) == wanted
    assert write(read(body, received=RECEIVED), encoding=encoding, line_end=end, last_end=last) == body


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_a_damaged_file_is_refused_with_a_place_or_read_and_nothing_else_happens(kind, data):
    write, read, accounts = KINDS[kind]
    body = bytearray(write(data.draw(accounts), encoding=data.draw(st.sampled_from(["jis", "ebcdic"]))))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(body) - 1))
        match data.draw(st.sampled_from(["change", "cut", "add", "end"])):
            case "change":
                body[at] = data.draw(st.integers(0, 255))
            case "cut":
                del body[at]
            case "add":
                body.insert(at, data.draw(st.integers(0, 255)))
            case "end":
                del body[at + 1 :]
        if not body:
            break
    try:
        said = read(bytes(body), received=RECEIVED)
    except (BrokenField, BrokenLetter, BrokenSum, BrokenOrder) as refused:
        said = refused.fields["record"]
    assert said


@given(body=st.binary(max_size=1000))
def test_bytes_that_are_no_bank_file_are_refused(body):
    for read in (statement.booklets, notice.notices):
        with pytest.raises(Refusal):
            read(body, received=RECEIVED)


@given(account=booklets().filter(lambda each: each.entries), data=st.data())
def test_no_amount_changes_unseen(account, data):
    body = bytearray(statement.write([account], line_end="none"))
    record = data.draw(st.integers(1, len(account.entries)))
    at = record * 200 + data.draw(st.integers(24, 35))
    digit = data.draw(st.sampled_from([each for each in b"0123456789" if each != body[at]]))
    body[at] = digit
    with pytest.raises(BrokenSum):
        statement.booklets(bytes(body), received=RECEIVED)


def by_hand(*parts):
    """Lay (first column, text) pairs into 200 columns, straight from the published table."""
    line = [" "] * 200
    for first, said in parts:
        line[first - 1 : first - 1 + len(said)] = said
    assert len(line) == 200
    return "".join(line)


STATEMENT_BY_HAND = (
    by_hand(
        (1, "1"),
        (2, "03"),
        (4, "0"),
        (5, "081124"),
        (11, "081120"),
        (17, "081123"),
        (23, "0169"),
        (27, "ﾋﾛｼﾏ"),
        (42, "001"),
        (45, "ｹﾝﾁﾖｳ"),
        (60, "000"),
        (63, "1"),
        (64, "0001234567"),
        (74, "ﾋﾛｼﾏｹﾝ ｶｲｹｲｶﾝﾘｼﾔ"),
        (114, "1"),
        (115, "1"),
        (116, "00000001000000"),
    ),
    by_hand(
        (1, "2"),
        (2, "00000001"),
        (10, "081120"),
        (16, "081120"),
        (22, "1"),
        (23, "11"),
        (25, "000000096400"),
        (37, "000000000000"),
        (72, "0000000000"),
        (82, "ｽﾄﾗｲﾌﾟｼﾞﾔﾊﾟﾝ(ｶ"),
        (130, "ﾐﾂｲｽﾐﾄﾓ"),
        (145, "ﾄｳｷﾖｳ"),
        (180, "12345"),
    ),
    by_hand((1, "2"), (2, "00000002"), (10, "081123"), (16, "081124"), (22, "2"), (23, "14"), (25, "000000000440")),
    by_hand(
        (1, "8"),
        (2, "000001"),
        (8, "0000000096400"),
        (21, "000001"),
        (27, "0000000000440"),
        (40, "1"),
        (41, "00000001095960"),
        (55, "0000002"),
    ),
    by_hand((1, "9"), (2, "0000000005"), (12, "00001")),
)


def jis(lines, ending=b"\r\n"):
    return b"".join(each.encode("shift_jis") + ending for each in lines)


def test_a_statement_written_by_hand_from_the_published_columns():
    [found] = statement.read(jis(STATEMENT_BY_HAND), received=RECEIVED)
    assert found.account.key == "0169-001-1-0001234567"
    assert found.account.holder == "ﾋﾛｼﾏｹﾝ ｶｲｹｲｶﾝﾘｼﾔ"
    assert (found.first, found.last) == (date(2026, 11, 20), date(2026, 11, 23))
    assert (found.opening, found.closing) == (Yen(1_000_000), Yen(1_095_960))
    came, went = found.lines
    assert (came.amount, came.payer, came.bank, came.edi) == (Yen(96_400), "ｽﾄﾗｲﾌﾟｼﾞﾔﾊﾟﾝ(ｶ", "ﾐﾂｲｽﾐﾄﾓ", "12345")
    assert (went.amount, went.booked_on, went.value_on) == (Yen(-440), date(2026, 11, 23), date(2026, 11, 24))


NOTICE_BY_HAND = (
    by_hand(
        (1, "1"),
        (2, "01"),
        (4, "0"),
        (5, "081124"),
        (11, "081123"),
        (17, "081123"),
        (23, "0169"),
        (42, "001"),
        (60, "1"),
        (61, "1234567"),
        (68, "ﾋﾛｼﾏｹﾝ"),
    ),
    by_hand(
        (1, "2"),
        (2, "000001"),
        (8, "081123"),
        (14, "081123"),
        (20, "0000050000"),
        (30, "0000000000"),
        (40, "0000000000"),
        (50, "ﾍﾟｲﾍﾟｲ(ｶ"),
        (98, "ﾍﾟｲﾍﾟｲ"),
        (113, "ﾎﾝﾃﾝ"),
        (129, "98765432109876543210"),
    ),
    by_hand(
        (1, "2"),
        (2, "000002"),
        (8, "081123"),
        (14, "081123"),
        (20, "0000000000"),
        (30, "0000000000"),
        (50, "ﾃｽﾄ"),
        (129, "012345678901"),
        (141, "000000000000"),
        (153, "EDI B"),
    ),
    by_hand((1, "2"), (2, "000003"), (8, "081123"), (20, "0000000777"), (50, "ﾄﾘｹｼ"), (128, "1")),
    by_hand((1, "8"), (2, "000002"), (8, "012345728901"), (20, "000001"), (26, "000000000777")),
    by_hand((1, "9")),
)


def test_a_notice_of_both_layouts_written_by_hand_from_the_published_columns():
    [found] = notice.read(jis(NOTICE_BY_HAND, b"\n"), received=RECEIVED)
    assert found.account.key == "0169-001-1-0001234567"
    plain, large, cancelled = found.lines
    assert (plain.amount, plain.payer, plain.edi) == (Yen(50_000), "ﾍﾟｲﾍﾟｲ(ｶ", "98765432109876543210")
    assert (large.amount, large.edi) == (Yen(12_345_678_901), "EDI B")
    assert (cancelled.amount, cancelled.cancelled) == (ZERO, True)


def changed(record, column, said):
    lines = list(STATEMENT_BY_HAND)
    line = lines[record - 1]
    lines[record - 1] = line[: column - 1] + said + line[column - 1 + len(said) :]
    return jis(lines)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (changed(2, 25, "00000009640X"), "Record 2, amount: found “00000009640X”, expected digits"),
        (changed(2, 10, "081323"), "Record 2, booking date: found “081323”, expected a date"),
        (changed(2, 10, "081110"), "Record 2, booking date: found “081110”, expected a day of the statement's period"),
        (changed(2, 22, "3"), "Record 2, direction: found “3”, expected 1 or 2"),
        (changed(4, 2, "000002"), "Record 4, count of credits: the file says 2, its records make 1"),
        (changed(4, 41, "00000001095961"), "closing balance: the file says 1,095,961, its records make 1,095,960"),
        (changed(5, 12, "00002"), "Record 5, count of accounts: the file says 2, its records make 1"),
        (changed(1, 2, "21"), "Record 1, kind of file: found “21”, expected 03, an account statement"),
        (changed(3, 1, "1"), "Record 3: found 1, expected a trailer (8)"),
        (jis(STATEMENT_BY_HAND[:-1]), "Record 5: found the end of the file, expected another account (1) or the end"),
        (jis(STATEMENT_BY_HAND[:2]), "Record 3: found the end of the file, expected a trailer (8)"),
        (jis(STATEMENT_BY_HAND)[:-10], "Record 5: found 192, expected 200 bytes"),
        (changed(2, 82, "{").replace(b"{", b"\xe0"), "Record 2, column 82: 0xE0 is no character of bank files"),
        (b"", "Record 1: found an empty file"),
    ],
)
def test_a_broken_file_is_refused_whole_with_record_field_found_and_expected(body, said):
    with pytest.raises(Refusal) as refused:
        statement.booklets(body, received=RECEIVED)
    assert said in refused.value.detail
    assert refused.value.detail.startswith("Nothing of this file was taken.")


@pytest.mark.parametrize(
    ("text", "latest", "day"),
    [
        ("081123", RECEIVED, date(2026, 11, 23)),
        ("010501", RECEIVED, date(2019, 5, 1)),
        ("310430", RECEIVED, date(2019, 4, 30)),  # 平成: no 令和31 before the file came
        ("310501", RECEIVED, date(2019, 5, 1)),  # a bank that counted 平成 on
        ("200401", RECEIVED, date(2008, 4, 1)),
        ("640107", RECEIVED, date(1989, 1, 7)),
        ("040229", RECEIVED, date(1992, 2, 29)),  # 2022 has none; 平成4 does
        ("000101", RECEIVED, None),
        ("081232", RECEIVED, None),
    ],
)
def test_a_date_without_an_era_is_the_newest_that_can_be(text, latest, day):
    assert zengin.Era(latest).day(text) == day


def test_a_file_may_end_with_a_control_z_and_lack_its_last_line_end():
    plain = jis(STATEMENT_BY_HAND)
    wanted = statement.booklets(plain, received=RECEIVED)
    for body in (plain + b"\x1a", plain[:-2], plain[:-2] + b"\x1a", plain.replace(b"\r\n", b"")):
        assert statement.booklets(body, received=RECEIVED) == wanted


def test_a_bank_that_does_not_count_the_end_record_is_understood():
    assert statement.booklets(changed(5, 2, "0000000004"), received=RECEIVED)


def test_a_value_that_no_field_holds_is_not_written():
    [account] = statement.booklets(jis(STATEMENT_BY_HAND), received=RECEIVED)
    entry = replace(account.entries[0], payer="Ａ全角")
    with pytest.raises(BrokenLetter, match="Record 2, column 82"):
        statement.write([replace(account, entries=(entry,))])
    entry = replace(account.entries[0], reference="123456789")
    with pytest.raises(BrokenField, match="no more columns than the field has"):
        statement.write([replace(account, entries=(entry,))])
