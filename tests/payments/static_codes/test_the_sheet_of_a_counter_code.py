"""The printed sheet: its code can be scanned to the byte, on A4 and A6 one page, on a phone judged by axe."""

import io
import shutil

import pytest
import zxingcpp
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import expect, sync_playwright

from kernel.access import Role
from kernel.web.pages import Pages
from payments.static_codes.model import SampleCode, require_for_counter
from payments.static_codes.pages import LABELS, SHEET, sample
from payments.static_codes.reading import parse
from payments.wiring import HERE
from support.camera import CHROMIUM
from support.counter_codes import PLACE
from support.merchant_codes import counter_code, counter_text

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not shutil.which(str(CHROMIUM)), reason="Chromium is needed: apt-get install chromium"),
]
PHONE = {"width": 360, "height": 740}
MILLIMETRE = 72 / 25.4  # points


@pytest.fixture(scope="module")
def chromium():
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def reader(counters, chromium):
    """Return a function that opens a phone for somebody of a role."""
    contexts = []

    def open_as(role=Role.ACCOUNTING):
        bearer = {"Authorization": counters.headers(role)["Authorization"]}
        made = chromium.new_context(viewport=PHONE, locale="ja-JP", extra_http_headers=bearer)
        contexts.append(made)
        return made.new_page()

    yield open_as
    for each in contexts:
        each.close()


def judged(page):
    """Claim that axe finds nothing, and that nothing is wider than the phone."""
    found = Axe().run(page)
    assert not found.response["violations"], found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def scanned(page):
    """Return the bytes that a scanner reads from the sheet on the screen."""
    page.set_viewport_size({"width": 800, "height": 1200})
    picture = Image.open(io.BytesIO(page.locator("img.qr").screenshot()))
    (found,) = zxingcpp.read_barcodes(picture)
    return found.bytes


def test_the_sheet_carries_the_code_to_the_byte(counters, reader):
    code, text = counters.register()
    page = reader(Role.FACILITY)
    page.goto(f"{counters.desk.till.url}{PLACE}/{code}/sheet")
    assert scanned(page) == text.encode()


@pytest.mark.parametrize(("size", "width", "height"), [("a4", 210, 297), ("a6", 105, 148)])
def test_a_sheet_is_one_page_of_its_paper(counters, reader, size, width, height):
    code, _ = counters.register(
        name_ja="広島県立総合体育館 武道場棟 第二受付", name_en="Hiroshima Prefectural Sports Center, second desk"
    )
    page = reader()
    page.goto(f"{counters.desk.till.url}{PLACE}/{code}/sheet?size={size}")
    pdf = page.pdf(prefer_css_page_size=True)
    assert pdf.count(b"/Type /Page\n") == 1
    box = pdf.split(b"/MediaBox [")[1].split(b"]")[0].split()
    assert [float(side) for side in box[2:]] == pytest.approx([width * MILLIMETRE, height * MILLIMETRE], abs=1.5)


def test_a_sheet_speaks_both_languages(counters):
    code, _ = counters.register(counter_text("333333", amount=400))
    for language in ("ja", "en"):
        text = counters.get(f"/{code}/sheet", language=language).text
        assert "決済アプリで、このコードを読み取ってください。" in text
        assert "Scan this code with your payment app." in text
        assert "¥400" in text


def test_a_retired_code_is_not_printed(counters):
    code, _ = counters.register()
    counters.post(f"/{code}/retire")
    assert counters.get(f"/{code}/sheet").status_code == 409


def test_staff_check_a_code_on_a_phone(counters, reader):
    code, text = counters.register(counter="案内所")
    page = reader(Role.FACILITY)
    page.goto(f"{counters.desk.till.url}{PLACE}")
    judged(page)
    page.locator("#scanned").fill(text)
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("正しいコードです。 縮景園 · 案内所")
    expect(page.locator("#scanned")).to_be_focused()
    judged(page)
    page.locator("#expected").select_option(code)
    page.locator("#scanned").fill(counter_text("999998", local="よその店"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("私たちのコードではありません。")
    judged(page)


def test_accounting_registers_a_code_on_a_phone(counters, reader):
    page = reader()
    page.goto(f"{counters.desk.till.url}{PLACE}/sample")
    judged(page)
    page.get_by_role("button", name="登録する").click()
    page.wait_for_url("**/static-codes/*-*")
    judged(page)
    page.get_by_role("link", name="A6の掲示").click()
    page.wait_for_url("**/sheet?size=a6")
    judged(page)


def test_a_code_for_practice_is_refused_where_real_money_moves():
    with pytest.raises(SampleCode):
        require_for_counter(parse(sample(1), rules="jpqr"), production=True)
    assert require_for_counter(counter_code(), production=False).level_1 == "0" * 13


@pytest.mark.parametrize("message", [*SHEET, *LABELS.values()])
def test_what_the_code_says_by_name_is_there_in_japanese(message):
    assert Pages(folders=[], words=[HERE / "words"]).gettext_of("ja")(message) != message
