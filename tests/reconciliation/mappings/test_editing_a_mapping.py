"""Accounting makes a mapping on a page, without a script: an example, choices, a preview, a version."""

import io
from html.parser import HTMLParser

import pytest
import xlsxwriter
from hypothesis import given
from hypothesis import strategies as st

from kernel.access import Role
from reconciliation.mappings import draft, shipped, wording
from reconciliation.mappings.model import Definition
from reconciliation.statements.columns import FIELDS, LineKind

PLAIN = (
    "入金一覧,2026-11\r\n"
    "取引ID,区分,注文番号,取引金額,手数料,消費税,取引日時,入金予定日\r\n"
    "t1,決済,01939f00-0000-7000-8000-000000000001,5000,138,14,2026/11/20 10:00,2026-11-30\r\n"
    "t2,返金,01939f00-0000-7000-8000-000000000001,-5000,,,2026/11/21 10:00,2026-11-30\r\n"
    "計,,,0,138,14,,\r\n"
).encode("cp932")


class Form(HTMLParser):
    """What a browser would send for the form with an id, as it stands."""

    def __init__(self, html, wanted="mapping"):
        super().__init__()
        self.fields, self.inside, self.wanted = {}, False, wanted
        self.select, self.area = None, None
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        said = dict(attrs)
        if tag == "form":
            self.inside = said.get("id") == self.wanted
        if not self.inside:
            return
        match tag:
            case "input" if said.get("type") != "checkbox" or "checked" in said:
                self.fields[said["name"]] = said.get("value", "")
            case "select":
                self.select = said["name"]
            case "option" if self.select and (self.select not in self.fields or "selected" in said):
                self.fields[self.select] = said.get("value")
                self.open = self.select
            case "option":
                self.open = None
            case "textarea":
                self.area = said["name"]
                self.fields[self.area] = ""

    def handle_data(self, data):
        if self.area:
            self.fields[self.area] += data
        elif self.select and self.fields.get(self.select) is None:
            self.fields[self.select] = data

    def handle_endtag(self, tag):
        if tag == "form":
            self.inside = False
        if tag in {"select", "textarea"}:
            self.select = self.area = None


@pytest.fixture
def headers(books):
    return books.token(Role.ACCOUNTING) | {"accept-language": "en"}


@pytest.fixture
def begin(web, headers):
    async def post(body=PLAIN, name="list.csv", **said):
        files = {"file": (name, body)} if body else None
        answer = await web.post("/statements/mappings/examples", data=said, files=files, headers=headers)
        assert answer.status_code == 303, answer.text
        return await web.get(answer.headers["location"], headers=headers)

    return post


@pytest.fixture
def change(web, headers):
    async def post(page, wish="preview", **said):
        fields = Form(page.text).fields | {name.replace("__", "."): value for name, value in said.items()}
        return await web.post("/statements/mappings/edit", data=fields | {"wish": wish}, headers=headers)

    return post


NAMED = {"name": "list_of_ours", "title": "入金一覧", "provider": "komoju"}


async def test_columns_are_guessed_from_the_example_and_what_they_make_is_shown(begin):
    page = await begin()
    fields = Form(page.text).fields
    assert {name: fields[f"column.{name}"] for name in FIELDS} == {
        "line": "取引ID",
        "kind": "区分",
        "attempt": "注文番号",
        "key": "",
        "gross": "取引金額",
        "fee": "手数料",
        "tax": "消費税",
        "net": "",
        "payout": "",
        "arrives_on": "入金予定日",
        "occurred_on": "取引日時",
        "brand": "",
    }
    assert (fields["parse.occurred_on"], fields["parse.arrives_on"]) == ("moment_japan", "day")
    assert (fields.get("optional.fee"), fields["row"]) == ("1", "2")
    assert "Row 5, “区分”: found “(empty)”, expected a kind of booking that the mapping knows." in page.text


def test_columns_are_guessed_as_a_shop_s_statement_calls_them():
    headings = [
        "取引番号",
        "ご利用日時",
        "お取引区分",
        "加盟店管理番号",
        "ご利用額（税込）",
        "差引お支払額",
        "お支払予定日",
        "お支払番号",
    ]
    rows = [["1", "2026/11/27 4:01", "返品", "", "-1", "-1", "2026/12/15", "S-1"]]
    said = draft.guessed(headings, rows)
    assert {name: each.heading for name, each in said.columns.items()} == {
        "line": "取引番号",
        "occurred_on": "ご利用日時",
        "kind": "お取引区分",
        "attempt": "加盟店管理番号",
        "gross": "ご利用額（税込）",
        "net": "差引お支払額",
        "arrives_on": "お支払予定日",
        "payout": "お支払番号",
    }
    assert said.kinds == {"返品": "refund"}


async def test_a_mapping_is_made_step_by_step_and_reads_its_example(begin, change, web, headers):
    page = await begin()
    page = await change(page, skip__0="区分", skip__0__blank="1")
    assert "2 rows became lines. One was passed over." in " ".join(page.text.replace("</p>", "").split())
    saved = await change(page, "save", **NAMED)
    assert (saved.status_code, saved.headers["location"]) == (303, "/statements/mappings/list_of_ours?saved=1")
    shown = (await web.get(saved.headers["location"], headers=headers)).text
    assert "Saved as version 1." in shown
    assert "test-accounting" in shown
    sent = await web.post("/statements", files=[("file", ("list.csv", PLAIN))], headers=headers)
    assert "Taken: 2 lines, 2 of them new, -¥152." in sent.text
    listed = (await web.get("/statements/mappings", headers=headers)).text
    assert '<a href="/statements/mappings/list_of_ours">入金一覧</a>' in listed


async def test_a_change_goes_on_from_the_newest_version_and_is_a_new_one(begin, change, web, headers):
    page = await change(await begin(), skip__0="区分", skip__0__blank="1")
    await change(page, "save", **NAMED)
    later = PLAIN.decode("cp932").replace("取引金額", "決済額").encode("cp932")
    page = await begin(later, mapping="list_of_ours")
    assert "The example has no such column." in page.text
    saved = await change(page, "save", column__gross="決済額", others__gross="取引金額")
    assert saved.headers["location"].endswith("?saved=2")
    same = await change(await begin(later, mapping="list_of_ours"), "save")
    assert same.headers["location"].endswith("?saved=0")
    shown = (await web.get("/statements/mappings/list_of_ours", headers=headers)).text
    assert "決済額, or 取引金額" in shown
    assert shown.count("Made by test-accounting") == 2
    for body in (PLAIN, later):
        sent = await web.post("/statements", files=[("file", ("list.csv", body))], headers=headers)
        assert "Taken: 2 lines" in sent.text


async def test_a_workbook_is_an_example_like_any_other(begin, change):
    out = io.BytesIO()
    with xlsxwriter.Workbook(out) as book:
        book.add_worksheet("表紙").write(0, 0, "KOMOJU")
        sheet = book.add_worksheet("明細")
        for row, cells in enumerate(line.split(",") for line in PLAIN.decode("cp932").splitlines()):
            for column, cell in enumerate(cells):
                sheet.write(row, column, int(cell) if cell.lstrip("-").isdigit() else cell)
    page = await begin(out.getvalue(), "list.xlsx")
    assert "Choose first the columns for:" in page.text
    page = await change(page, sheet="明細")
    assert Form(page.text).fields["column.gross"] == "取引金額"
    page = await change(page, skip__0="区分", skip__0__blank="1")
    assert "2 rows became lines." in page.text
    saved = await change(page, "save", **NAMED)
    assert saved.status_code == 303


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"column__gross": "取引ID"}, "Row 3, “取引ID”: found “t1”, expected a whole amount of yen."),
        ({"column__occurred_on": "手数料"}, "Row 3, “手数料”: found “138”, expected a day and a time"),
        ({"column__gross": ""}, "Choose first the columns for:"),
        ({"column__net": "手数料", "optional__net": "1"}, "Row 3, “手数料”: found “138”, expected 4,848."),
        ({"delimiter": ";"}, "Row with the headings"),
    ],
)
async def test_what_cannot_be_read_is_said_by_row_and_column_and_is_not_saved(begin, change, wrong, said):
    page = await change(await begin(), skip__0="区分", skip__0__blank="1", **wrong)
    assert said in page.text
    saved = await change(page, "save", **NAMED)
    assert saved.status_code == 422
    assert "not read without errors yet" in saved.text or "Choose the column for" in saved.text


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"name": "Large"}, '<a href="#name">The name has 3 to 40 small letters'),
        ({"name": "stripe_payouts"}, '<a href="#name">A format of Momiji itself has this name'),
        ({"title": ""}, '<a href="#title">Write how people call this file'),
        ({"provider": "コモジュ"}, '<a href="#provider">Write the provider as its contract names it'),
        ({"column.gross": ""}, '<a href="#c-gross">Choose the column for “Amount”'),
    ],
)
async def test_a_mapping_without_its_names_is_not_saved_and_no_choice_is_lost(begin, change, wrong, said):
    page = await change(await begin(), skip__0="区分", skip__0__blank="1")
    saved = await change(page, "save", **NAMED | wrong)
    assert saved.status_code == 422
    assert said in saved.text
    assert 'aria-invalid="true"' in saved.text
    assert Form(saved.text).fields["column.fee"] == "手数料"
    assert (await change(saved, "save", **NAMED, column__gross="取引金額")).status_code == 303


async def test_a_column_of_kinds_that_is_chosen_anew_brings_its_own_words(begin, change):
    page = await change(await begin(), column__kind="")
    assert {name: value for name, value in Form(page.text).fields.items() if name.startswith("word.")} == {
        "word.0": "+",
        "word.1": "-",
    }
    page = await change(page, column__kind="区分")
    fields = Form(page.text).fields
    meanings = {fields[f"word.{place}"]: fields[f"kind.{place}"] for place in range(3)}
    assert meanings == {"決済": "charge", "返金": "refund", "": ""}


async def test_the_example_that_comes_with_momiji_is_read_to_the_yen(begin, change):
    page = await begin(body=None, shipped="komoju")
    assert "7 rows became lines. One was passed over." in " ".join(page.text.replace("</p>", "").split())
    for amount in ("¥4,780", "¥180", "¥18", "¥4,582"):  # with fees, tax on fees and the transfer fee
        assert f'<dd class="number">{amount}</dd>' in page.text
    assert (await change(page, "save")).headers["location"] == "/statements/mappings/komoju?saved=1"


async def test_an_example_may_be_a_file_that_came(begin, change, web, headers):
    page = await change(await begin(), skip__0="区分", skip__0__blank="1")
    await change(page, "save", **NAMED)
    await web.post("/statements", files=[("file", ("came.csv", PLAIN))], headers=headers)
    listed = (await web.get("/v1/statements", headers=headers)).json()["items"][0]
    page = await begin(body=None, statement=listed["id"], mapping="list_of_ours")
    assert "came.csv" in page.text
    assert Form(page.text).fields["name"] == "list_of_ours"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "Choose a file first."),
        (b"PK\x03\x04 broken", "It cannot be opened: it is damaged."),
        (b"\xff\xfe\x00\x01", "this is no character of UTF-8, CP932"),
    ],
)
async def test_a_file_that_is_no_example_is_refused_in_words(web, headers, body, said):
    files = {"file": ("x", body)} if body else {"file": ("", b"")}
    answer = await web.post("/statements/mappings/examples", files=files, headers=headers, follow_redirects=True)
    assert answer.status_code == 422
    assert said in answer.text


async def test_of_a_long_file_the_first_rows_are_enough(begin):
    rows = b"".join(PLAIN.splitlines(keepends=True)[2:4]) * 20_000
    page = await begin(b"".join(PLAIN.splitlines(keepends=True)[:2]) + rows)
    assert "only its first rows" in page.text
    assert "rows became lines" in page.text


async def test_an_example_that_is_gone_says_so(web, headers):
    for example in ("", "x", "01939f00-0000-7000-8000-000000000001"):
        answer = await web.get(f"/statements/mappings/edit?example={example}", headers=headers)
        assert answer.status_code == 404
        assert "Choose the file again" in answer.text


async def test_others_read_what_there_is_and_make_nothing(begin, change, web, books):
    page = await change(await begin(), skip__0="区分", skip__0__blank="1")
    await change(page, "save", **NAMED)
    auditor = books.token(Role.AUDITOR) | {"accept-language": "en"}
    for address in ("/statements/mappings", "/statements/mappings/list_of_ours"):
        answer = await web.get(address, headers=auditor)
        assert answer.status_code == 200
        assert "Make a new" not in answer.text
    assert (
        await web.post("/statements/mappings/examples", data={"shipped": "komoju"}, headers=auditor)
    ).status_code == 403
    assert (await web.post("/statements/mappings/edit", data={}, headers=auditor)).status_code == 403
    one = books.token(Role.FACILITY, "hpam")
    assert (await web.get("/statements/mappings", headers=one)).status_code == 403
    assert (await web.get("/statements/mappings/nothing", headers=auditor)).status_code == 404


async def test_another_site_s_form_makes_nothing(web, headers):
    foreign = headers | {"sec-fetch-site": "cross-site"}
    answer = await web.post("/statements/mappings/examples", data={"shipped": "komoju"}, headers=foreign)
    assert answer.status_code == 403


TEXT = st.text("abc売金 (2)'\"<&", min_size=1, max_size=8).map(str.strip).filter(bool)
KINDS = st.sampled_from(LineKind.__args__)


@st.composite
def definitions(draw):
    names = [*["line", "gross", "occurred_on"], *draw(st.sets(st.sampled_from(sorted(set(FIELDS) - {"line"}))))]
    columns = {
        name: {
            "headings": draw(st.lists(TEXT, min_size=1, max_size=3, unique=True)),
            "parse": draw(st.sampled_from(["day", "moment_utc", "moment_japan"])) if name in draft.DAYS else None,
            "negated": draw(st.booleans()) and name in draft.AMOUNTS,
            "optional": draw(st.booleans()) and name not in ("line", "gross", "occurred_on"),
        }
        for name in names
    }
    words = TEXT if "kind" in columns else st.sampled_from("+-")
    return Definition.model_validate(
        {
            "provider": "komoju",
            "columns": columns,
            "kinds": draw(st.dictionaries(words, KINDS, min_size=1, max_size=4)),
            "otherwise": draw(st.none() | KINDS),
            "skips": draw(
                st.lists(
                    st.fixed_dictionaries(
                        {
                            "column": st.fixed_dictionaries({"headings": TEXT.map(lambda said: [said])}),
                            "words": st.lists(TEXT | st.just(""), min_size=1, max_size=3, unique=True).map(
                                lambda said: sorted(said, key=lambda word: word == "")
                            ),
                        }
                    ),
                    max_size=draft.SKIPS_MAX,
                )
            ),
            "currency": draw(st.none() | TEXT.map(lambda said: {"headings": [said]})),
            "delimiter": draw(st.sampled_from(",;\t")),
            "sheet": draw(st.none() | TEXT),
        }
    )


def form_of(said):
    """Return what the editor's form would send for a draft."""
    fields = {"name": said.name, "title": said.title, "provider": said.provider, "sheet": said.sheet}
    fields |= {"delimiter": said.delimiter, "otherwise": said.otherwise, "currency": said.currency}
    fields["words_of"] = said.column("kind").heading
    for name, column in said.columns.items():
        fields |= {f"column.{name}": column.heading, f"others.{name}": "\r\n".join(column.others)}
        fields[f"parse.{name}"] = column.parse
        fields |= {f"negated.{name}": "1"} if column.negated else {}
        fields |= {f"optional.{name}": "1"} if column.optional else {}
    for place, (word, kind) in enumerate(said.kinds.items()):
        fields |= {f"word.{place}": word, f"kind.{place}": kind}
    for place, skip in enumerate(said.skips):
        fields |= {f"skip.{place}": skip.heading, f"skip.{place}.words": "\r\n".join(filter(None, skip.words))}
        fields |= {f"skip.{place}.blank": "1"} if "" in skip.words else {}
    return fields


@given(definition=definitions())
def test_what_was_saved_comes_out_of_the_editor_unchanged(definition):
    made = type("Made", (), {"name": "ours", "title": "題", "definition": definition})
    begun = draft.draft_of(made, [])
    read = draft.read_form(form_of(begun))
    wanted = definition
    if "kind" not in definition.columns:  # the editor always says what both signs mean
        wanted = definition.model_copy(update={"kinds": {"+": "charge", "-": "refund"} | dict(definition.kinds)})
    assert draft.checked(read, taken={}) == wanted


@given(form=st.dictionaries(st.sampled_from(["column.gross", "word.0", "kind.0", "skip.0", "delimiter", "row"]), TEXT))
def test_no_form_is_too_strange_to_be_answered(form):
    assert isinstance(draft.checked(draft.read_form(form), taken={}), list)


def test_every_field_and_kind_has_a_name():
    assert set(wording.FIELD_NAMES) == set(FIELDS)
    assert set(wording.KIND_NAMES) == set(LineKind.__args__)


def test_every_example_that_comes_with_momiji_has_its_file():
    assert all(shipped.file_of(name).exists() for name in shipped.examples())
