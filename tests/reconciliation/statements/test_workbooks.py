"""A workbook of Excel says what its cells say, as another reader finds them; what cannot be trusted is refused."""

import io
import zipfile
from datetime import date, datetime, timedelta

import openpyxl
import pytest
import xlsxwriter
from hypothesis import given
from hypothesis import strategies as st

from kernel.access import Role
from kernel.refusals import Refusal
from reconciliation.statements import workbook
from reconciliation.statements.model import BrokenWorkbook, SheetMissing


def moment(*parts):
    return datetime(*parts)  # noqa: DTZ001 - a sheet's times have no zone


TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc", "Cn", "Co"]), max_size=12)
CELLS = st.one_of(
    TEXTS,
    st.none(),
    st.booleans(),
    st.integers(-(10**14), 10**14),
    st.dates(date(1990, 1, 1), date(2100, 12, 31)),
    st.datetimes(moment(1990, 1, 1), moment(2100, 12, 31)).map(lambda at: at.replace(microsecond=0)),
)


def written(rows, *, sheets=("精算",), epoch_1904=False):
    out = io.BytesIO()
    with xlsxwriter.Workbook(
        out, {"date_1904": epoch_1904, "strings_to_formulas": False, "strings_to_urls": False}
    ) as book:
        day = book.add_format({"num_format": '[$-411]ggge"年"m"月"d"日"'})
        moment = book.add_format({"num_format": "yyyy/mm/dd hh:mm:ss"})
        for name in sheets:
            sheet = book.add_worksheet(name)
            for row, cells in enumerate(rows if name == sheets[-1] else []):
                for column, cell in enumerate(cells):
                    match cell:
                        case None:
                            continue
                        case ("=", said):
                            sheet.write_formula(row, column, "=1+1", None, said)
                        case datetime():
                            sheet.write_datetime(row, column, cell, moment)
                        case date():
                            sheet.write_datetime(row, column, cell, day)
                        case str():
                            sheet.write_string(row, column, cell)
                        case _:
                            sheet.write(row, column, cell)
    return out.getvalue()


@pytest.fixture(scope="module")
def rows_of(tmp_path_factory):
    def read(body, sheet=None):
        file = tmp_path_factory.mktemp("book") / "given.xlsx"
        file.write_bytes(body)
        with workbook.opened(file) as book:
            return [(row.number, row.cells) for row in book.rows(sheet)]

    return read


def as_text(value):
    """Say a value that another reader found as text, by our rules."""
    match value:
        case None:
            return ""
        case bool():
            return str(value).upper()
        case datetime():
            return value.strftime("%Y-%m-%d %H:%M:%S")
        case _:
            return str(value)


def bare(text):
    return text.removesuffix(" 00:00:00")


@given(rows=st.lists(st.lists(CELLS, max_size=6), max_size=6), epoch=st.booleans())
def test_another_reader_finds_the_same(rows_of, rows, epoch):
    body = written(rows, epoch_1904=epoch)
    sheet = openpyxl.load_workbook(io.BytesIO(body), data_only=True).active
    wanted = [[as_text(cell) for cell in row] for row in sheet.iter_rows(values_only=True)]
    found = dict(rows_of(body))
    for number, row in enumerate(wanted, start=1):
        cells = found.get(number, [])
        said = [*cells, *[""] * (len(row) - len(cells))]
        if number in found or any(each.strip() for each in row):
            assert [bare(each) for each in said] == [bare(each) for each in row]


def test_numbers_dates_and_results_are_typed_and_empty_rows_keep_their_place(rows_of):
    body = written(
        [
            ["題"],
            [],
            ["00123456789012345678", 5000, -3, 0.5, 1234.0, True, date(2026, 11, 20), ("=", 42), ("=", "文")],
            [None, moment(2026, 11, 20), moment(2026, 11, 20, 9, 59, 59), 0.1 + 0.2],
        ]
    )
    assert rows_of(body) == [
        (1, ["題"]),
        (3, ["00123456789012345678", "5000", "-3", "0.5", "1234", "TRUE", "2026-11-20", "42", "文"]),
        (4, ["", "2026-11-20 00:00:00", "2026-11-20 09:59:59", "0.3"]),
    ]


SHEET = '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">{}</worksheet>'


def by_hand(sheet, *, texts="", replaced=None):
    """Return a workbook whose sheet (and shared texts) are these very bytes of XML."""
    given = zipfile.ZipFile(io.BytesIO(written([["x"]])))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in given.namelist():
            body = given.read(name)
            if name == "xl/worksheets/sheet1.xml":
                body = sheet.encode()
            elif name == "xl/sharedStrings.xml" and texts:
                body = texts.encode()
            archive.writestr(name, (replaced or {}).get(name, body))
    return out.getvalue()


def cells(said):
    return SHEET.format(f'<dimension ref="A1"/><sheetData><row r="2">{said}</row></sheetData>')


@pytest.mark.parametrize(
    ("said", "mark", "shown"),
    [
        ('<c r="A2" t="e"><v>#DIV/0!</v></c>', workbook.ERROR, "#DIV/0!"),
        ('<c r="A2" t="e"><f>1/0</f><v>#N/A</v></c>', workbook.ERROR, "#N/A"),
        ('<c r="A2"><f>B1*2</f></c>', workbook.UNCOMPUTED, "=B1*2"),
        ('<c r="A2"><f>B1*2</f><v></v></c>', workbook.UNCOMPUTED, "=B1*2"),
        ('<c r="A2"><v>1.2345678901234567E+19</v></c>', workbook.ROUNDED, "1.2345678901234567E+19"),
    ],
)
def test_what_cannot_be_trusted_is_marked_and_not_guessed(rows_of, said, mark, shown):
    assert rows_of(by_hand(cells(said))) == [(2, [mark + shown])]


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ('<c r="A2" t="str"><f>B1&amp;""</f><v></v></c><c r="B2"><v>1</v></c>', ["", "1"]),
        ("<c><v>1</v></c><c><v>2</v></c>", ["1", "2"]),
        ('<c r="C2"><v>3</v></c>', ["", "", "3"]),
        (
            '<c t="inlineStr"><is><r><t>売</t></r><r><t>上</t></r><rPh sb="0" eb="2"><t>ウリアゲ</t></rPh></is></c>',
            ["売上"],
        ),
        ('<c r="A2" t="str"><v>a_x000D_b_x0000_</v></c>', ["a\rb_x0000_"]),
        ('<c r="A2" t="d"><v>2026-11-20T10:00:00</v></c>', ["2026-11-20 10:00:00"]),
        ('<c r="A2"><v>5500.000000000001</v></c>', ["5500"]),
        ('<c r="A2" t="b"><v>0</v></c>', ["FALSE"]),
    ],
)
def test_cells_as_other_programs_write_them(rows_of, said, text):
    assert rows_of(by_hand(cells(said))) == [(2, text)]


def test_shared_texts_have_no_readings_in_kana(rows_of):
    plain, runs = "<t>返</t><rPh sb='0' eb='1'><t>ヘン</t></rPh>", "<r><t>売</t></r><r><t>上</t></r>"
    texts = f"<sst xmlns='x'><si>{plain}</si><si>{runs}</si></sst>"
    found = rows_of(by_hand(cells('<c t="s"><v>1</v></c><c t="s"><v>0</v></c>'), texts=texts))
    assert found == [(2, ["売上", "返"])]


def test_names_with_a_prefix_are_understood(rows_of):
    body = '<x:worksheet xmlns:x="s"><x:sheetData><x:row><x:c><x:v>7</x:v></x:c></x:row></x:sheetData></x:worksheet>'
    assert rows_of(by_hand(body)) == [(1, ["7"])]


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("General", "46346"),
        ("#,##0", "46346"),
        ("0.00E+00", "46346"),
        ('#,##0"days"', "46346"),
        ("[Red]0;[Blue]-0", "46346"),
        ("yyyy/m/d", "2026-11-20"),
        ("[$-411]ge.m.d", "2026-11-20"),
        ('yyyy"年"m"月"d"日"', "2026-11-20"),
        ("m/d/yy h:mm", "2026-11-20 00:00:00"),
        ("h:mm", "46346"),
    ],
)
def test_a_number_is_a_day_by_its_format(rows_of, code, text):
    out = io.BytesIO()
    with xlsxwriter.Workbook(out) as book:
        book.add_worksheet().write_number(0, 0, 46346, book.add_format({"num_format": code}))
    assert rows_of(out.getvalue()) == [(1, [text])]


def test_the_first_visible_sheet_counts_unless_one_is_named(rows_of):
    body = written([["x"]], sheets=("説明", "精算"))
    assert rows_of(body) == []
    assert rows_of(body, "精算") == [(1, ["x"])]
    with pytest.raises(Refusal, match="no sheet “明細”; its sheets are: 説明, 精算"):
        rows_of(body, "明細")


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>' + SHEET.format(
    "<sheetData><row><c><v>&b;</v></c></row></sheetData>"
)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "of Excel's old kind or protected by a password"),
        (b"PK\x03\x04 and no more", "it is damaged"),
        (by_hand(BOMB), "it is damaged"),
        (by_hand(SHEET.format("<sheetData><row>")), "it is damaged"),
        (by_hand(cells('<c t="s"><v>99</v></c>')), "it is damaged"),
        (by_hand(cells("<c><v>twelve</v></c>")), "it is damaged"),
        (by_hand(cells('<c r="B2"><v>1</v></c><c r="A2"><v>1</v></c>')), "it is damaged"),
        (by_hand(SHEET.format('<sheetData><row r="2"><c><v>1</v></c></row><row r="1"/></sheetData>')), "it is damaged"),
        (by_hand("", replaced={"xl/_rels/workbook.xml.rels": b"<Relationships/>"}), "no sheet"),
    ],
)
def test_what_is_no_workbook_is_refused_in_words(rows_of, body, said):
    with pytest.raises(Refusal, match=said):
        rows_of(body)


def test_a_workbook_that_unpacks_to_too_much_is_not_unpacked(rows_of, monkeypatch):
    monkeypatch.setattr(workbook, "UNPACKED_BYTES_MAX", 1_000)
    with pytest.raises(Refusal, match="too large when unpacked"):
        rows_of(written([["x"]]))


SMALL = written([["番号", "金額"], ["a", 1], ["b", ("=", 2)], [date(2026, 11, 20), None, 0.5]])


@given(data=st.data())
def test_a_damaged_workbook_is_refused_or_read_and_nothing_else_happens(rows_of, data):
    body = bytearray(SMALL)
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = rows_of(bytes(body))
    except Refusal:
        return
    assert isinstance(found, list)


@given(data=st.data())
def test_a_sheet_of_damaged_xml_is_refused_or_read_and_nothing_else_happens(rows_of, data):
    sheet = zipfile.ZipFile(io.BytesIO(SMALL)).read("xl/worksheets/sheet1.xml").decode()
    at = data.draw(st.integers(0, len(sheet) - 1))
    changed = sheet[:at] + data.draw(st.text(st.sampled_from('<>/="rstce 019A&;-'), max_size=4)) + sheet[at + 1 :]
    try:
        found = rows_of(by_hand(changed))
    except (BrokenWorkbook, SheetMissing):
        return
    assert isinstance(found, list)


KOMOJU = {
    "title": "KOMOJU 精算明細",
    "definition": {
        "provider": "komoju",
        "sheet": "精算",
        "columns": {
            "line": {"headings": ["決済ID"]},
            "kind": {"headings": ["種別"]},
            "attempt": {"headings": ["外部注文番号"]},
            "gross": {"headings": ["金額"]},
            "fee": {"headings": ["手数料"], "optional": True},
            "occurred_on": {"headings": ["決済日時"], "parse": "moment_japan"},
        },
        "kinds": {"売上": "charge", "返金": "refund"},
    },
}
HEADINGS = ["決済ID", "種別", "外部注文番号", "金額", "手数料", "決済日時"]
OURS = "01939f00-0000-7000-8000-000000000001"
LINES = [
    ["100000000000000001", "売上", OURS, 5000, 138, moment(2026, 11, 20, 10, 0)],
    ["100000000000000002", "返金", OURS, -5000, None, moment(2026, 11, 21)],
]


@pytest.fixture
async def send(books, web):
    await web.put("/v1/column-mappings/komoju", json=KOMOJU, headers=books.token(Role.ACCOUNTING))

    async def post(body, name="komoju"):
        return await web.post(f"/v1/statements/{name}", content=body, headers=books.token(Role.ACCOUNTING))

    return post


async def test_a_workbook_of_a_mapping_is_a_statement_whose_headings_are_found_below_its_title(send):
    body = written([["KOMOJU精算書"], [], ["期間", date(2026, 11, 1)], HEADINGS, *LINES, []], sheets=("表紙", "精算"))
    said = (await send(body)).json()
    assert (said["format"], said["line_count"], said["amount"]) == ("komoju@1", 2, 5000 - 138 - 5000)
    assert (said["first_day"], said["last_day"]) == ("2026-11-20", "2026-11-21")


async def test_the_same_lines_as_csv_and_as_a_workbook_are_the_same_lines(send):
    csv = [HEADINGS, *([str("" if each is None else each) for each in line] for line in LINES)]
    text = "期間,2026-11\r\n" + "".join(",".join(row) + "\r\n" for row in csv)
    assert (await send(text.encode("cp932"))).json()["new_count"] == 2
    assert (await send(written([HEADINGS, *LINES]))).json()["new_count"] == 0


@pytest.mark.parametrize(
    ("place", "cell", "said"),
    [
        ((0, 3), "5000円", "行目の「金額 (D)」が「5000円」です。正しくは円単位の金額です"),
        ((1, 4), ("=", "#DIV/0!"), "行目の「手数料 (E)」が「#DIV/0!」です"),
        ((0, 0), 100000000000000001, "15桁までの数値"),
        ((1, 5), 46346, "行目の「決済日時 (F)」が「46346」です"),
    ],
)
async def test_a_broken_cell_is_refused_with_sheet_row_and_column(send, web, books, place, cell, said):
    lines = [list(each) for each in LINES]
    lines[place[0]][place[1]] = cell
    body = written([["題"], HEADINGS, *lines])
    answer = await send(body)
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/statement-sheet-cell")
    page = await web.get("/statements", headers=books.token(Role.AUDITOR) | {"accept-language": "ja"})
    assert f"シート「精算」の{place[0] + 3}" in page.text
    assert said in page.text


async def test_a_workbook_finds_its_mapping_by_its_headings(send, web, books):
    body = written([["題"], HEADINGS, *LINES])
    headers = books.token(Role.ACCOUNTING) | {"accept-language": "en"}
    answer = await web.post("/statements", files=[("file", ("k.xlsx", body))], headers=headers)
    assert "Taken: 2 lines" in answer.text


async def test_twenty_thousand_rows_are_read_to_the_last(rows_of):
    rows = [[f"k{number}", number, date(2026, 4, 1) + timedelta(number % 300)] for number in range(20_000)]
    found = rows_of(written(rows))
    assert len(found) == 20_000
    assert found[-1] == (20_000, ["k19999", "19999", str(rows[-1][2])])
