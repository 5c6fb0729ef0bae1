"""Somebody of accounting sends files on the page, and reads there what became of each."""

from pathlib import Path

import pytest

from kernel.access import Role
from reconciliation import statements
from reconciliation.statements.discovery import format_of, formats
from reconciliation.statements.model import StatementUnrecognised

FOLDER = Path(statements.__path__[0])
EXAMPLES = [
    (name, file)
    for name in sorted(formats())
    for file in sorted((FOLDER / name / "example").iterdir())
    if file.suffix != ".json"
]
STRIPE = FOLDER / "stripe_payouts" / "example" / "one_payout.csv"
BANK = FOLDER / "zengin_statement" / "example" / "two_days.dat"


@pytest.fixture
def send(books, web):
    async def post(*files, wish="", role=Role.ACCOUNTING, **headers):
        given = [("file", (file.name, file.read_bytes())) for file in files] or [("file", ("", b""))]
        return await web.post(
            "/statements",
            data={"format": wish},
            files=given,
            headers=books.token(role) | {"accept-language": "en"} | headers,
        )

    return post


@pytest.mark.parametrize(("name", "file"), EXAMPLES, ids=lambda part: getattr(part, "name", part))
def test_a_file_says_itself_which_format_it_is_of(name, file):
    assert format_of(file).name == name


@pytest.mark.parametrize("body", [b"", b"hello", b"a,b\r\n1,2\r\n", b"\x81", b"2031"])
def test_what_is_no_statement_is_not_guessed(tmp_path, body):
    (tmp_path / "given").write_bytes(body)
    with pytest.raises(StatementUnrecognised):
        format_of(tmp_path / "given")


async def test_several_files_are_taken_each_for_itself_and_listed(send, web, books):
    answer = await send(STRIPE, BANK)
    assert answer.status_code == 200
    assert "Taken: 6 lines, 6 of them new, ¥1,195." in answer.text
    assert "Taken: 2 lines, 2 of them new, ¥95,960." in answer.text
    listed = (await web.get("/statements", headers=books.token(Role.AUDITOR) | {"accept-language": "ja"})).text
    assert listed.count("one_payout.csv") == 1
    assert "全銀 入出金取引明細(種別03)" in listed
    assert '<form class="card send' not in listed  # an auditor reads


async def test_one_broken_file_does_not_keep_another_from_being_taken(send, tmp_path):
    broken = tmp_path / "broken.csv"
    broken.write_bytes(STRIPE.read_bytes().replace(b"983.00", b"984.00"))
    answer = await send(broken, BANK)
    assert answer.status_code == 422
    assert "Row 2: the net is 984, but gross, fee and tax make 983" in answer.text
    assert "Taken: 2 lines" in answer.text


async def test_the_same_file_again_changes_nothing_and_says_so(send):
    await send(STRIPE)
    assert "This file is here already; it was taken on Wed 25 Nov, 12:00." in (await send(STRIPE)).text


async def test_a_script_is_answered_in_json_and_in_the_reader_s_language(send):
    said = (await send(STRIPE, **{"accept": "application/json", "accept-language": "ja"})).json()
    [result] = said["results"]
    assert (result["name"], result["taken"]) == ("one_payout.csv", True)
    assert result["text"] == "取り込みました:明細6件(うち新規6件)、¥1,195"


async def test_a_refusal_is_said_in_the_reader_s_language_with_its_parts(send):
    said = (
        await send(STRIPE, wish="zengin_statement", **{"accept": "application/json", "accept-language": "ja"})
    ).json()
    [result] = said["results"]
    assert "1件目のレコードが0x61です。正しくは1で始まるヘッダー・レコードです。" in result["text"]


async def test_a_form_without_a_file_says_so(send):
    answer = await send()
    assert answer.status_code == 422
    assert "Choose a file first." in answer.text


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.FACILITY])
async def test_nobody_else_sends(send, role):
    assert (await send(STRIPE, role=role)).status_code == 403


async def test_staff_of_one_facility_have_no_page_of_statements(books, web):
    answer = await web.get("/statements", headers=books.token(Role.FACILITY, "hpam"))
    assert answer.status_code == 403
    assert "/statements" not in (await web.get("/", headers=books.token(Role.FACILITY, "hpam"))).text


async def test_a_stranger_is_sent_to_sign_in(web):
    answer = await web.get("/statements", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?next=/statements")


async def test_another_site_s_form_is_not_taken(send):
    assert (await send(STRIPE, **{"sec-fetch-site": "cross-site"})).status_code == 403
