"""A refund to a bank account as its people see it: on a phone, without a script, and judged by axe."""

import shutil

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect, sync_playwright

from support.camera import CHROMIUM
from support.transfer_desk import ACCOUNT, NUMBER, desk

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not shutil.which(str(CHROMIUM)), reason="Chromium is needed: apt-get install chromium"),
]
PHONE = {"width": 360, "height": 740}


@pytest.fixture(scope="module")
def at_desk(postgres, tmp_path_factory):
    with desk(postgres, tmp_path_factory.mktemp("keys"), refunds_by_own_transfer=("payeasy_komoju",)) as made:
        yield made


@pytest.fixture(scope="module")
def chromium():
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def reader(at_desk, chromium):
    """Return a function that opens a page on a phone without scripts, as somebody or as the payer."""
    contexts = []

    def open_as(name=None):
        bearer = {} if name is None else {"Authorization": at_desk.headers(name)["Authorization"]}
        contexts.append(chromium.new_context(viewport=PHONE, locale="ja-JP", extra_http_headers=bearer))
        return contexts[-1].new_page()

    yield open_as
    for each in contexts:
        each.close()


def judged(page):
    """Claim that axe finds nothing, and that nothing is wider than the phone."""
    found = Axe().run(page)
    assert not found.response["violations"], found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_the_payer_corrects_what_was_wrong_and_keeps_the_rest(at_desk, reader):
    charge, _ = at_desk.waiting()
    page = reader()
    page.goto(f"{at_desk.till.url}/pay/{charge}/refund")
    judged(page)
    for name in ("bank_name", "bank_code", "branch_name", "branch_code", "number"):
        page.locator(f"#{name}").fill(ACCOUNT[name])
    page.locator("#holder").fill("広島花子")
    page.get_by_role("button", name="返金を依頼する").click()
    judged(page)
    expect(page.locator("[aria-invalid]")).to_have_count(1)
    expect(page.locator("#number")).to_have_value(NUMBER)
    page.locator("#holder").fill("ひろしま はなこ")
    page.get_by_role("button", name="返金を依頼する").click()
    expect(page.locator("main")).to_contain_text("ありがとうございます。広島銀行の口座(末尾321)")
    judged(page)


def test_two_people_one_file_and_the_bank(at_desk, reader):
    _, refund = at_desk.submitted()
    address = f"{at_desk.till.url}/operations/transfers/{refund}"
    ana, ben = reader("ana"), reader("ben")
    ana.goto(address)
    judged(ana)
    ana.get_by_role("button", name="口座を開いて確認する").click()
    expect(ana.locator("main")).to_contain_text("ヒロシマ ハナコ")
    judged(ana)
    ana.get_by_role("button", name="口座に問題なし").click()
    expect(ana.get_by_role("button", name="承認")).to_have_count(0)
    ben.goto(address)
    ben.get_by_role("button", name="口座を開いて判断する").click()
    ben.get_by_role("button", name="¥510の振込を承認する").click()
    ben.goto(f"{at_desk.till.url}/operations/transfers")
    judged(ben)
    ben.get_by_role("button", name="ファイルを作る").click()
    judged(ben)
    with ben.expect_download() as download:
        ben.get_by_role("link", name="銀行用のファイルをダウンロードする").click()
    assert download.value.suggested_filename.startswith("furikomi-")
    ben.reload()
    ben.get_by_role("button", name="銀行の振込が完了した").click()
    assert at_desk.reaches(refund, "transferred")
    ana.goto(address)
    expect(ana.locator("main")).not_to_contain_text(NUMBER)
    judged(ana)
