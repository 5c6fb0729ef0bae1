"""The pages of the books on paper: nothing cut off or left to press, and when, which and how many pages they are."""

import io
import re
import shutil
from pathlib import Path
from unicodedata import normalize

import pypdf
import pytest
from playwright.sync_api import sync_playwright

from kernel.access import Role
from reconciliation.app import create_app
from support import example_books
from support.camera import CHROMIUM
from support.live_payments import free_port, served

SERVICES = Path(__file__).parents[3] / "services"
DAYS = "from=2026-11-01&to=2026-11-30"
PAGES = (
    *("/?day=2026-11-22", f"/reports/daily_receipts?{DAYS}", f"/reports/receivables?{DAYS}", "/discrepancies"),
    *("/matching", "/closings", "/journal"),
)
PRESSED = """[...document.querySelectorAll(
    "button, select, textarea, summary, input:not([type=checkbox]), nav a:not([aria-current])")]
    .filter(e => e.getClientRects().length && e.type != "hidden").map(e => e.outerHTML)"""
REPEATED = "[...document.querySelectorAll('tfoot')].some(e => getComputedStyle(e).display == 'table-footer-group')"
# What scrolls on a screen and not on paper is lost.
CUT_OFF = """[...document.querySelectorAll("main *")].filter(e => e.clientHeight && e.scrollHeight > e.clientHeight + 1
    && /auto|scroll|hidden/.test(getComputedStyle(e).overflowY) && !e.matches(".visually-hidden, .visually-hidden *"))
    .map(e => e.className)"""


@pytest.fixture(scope="module")
def books(postgres, books_template, tmp_path_factory):
    with example_books.database(postgres, books_template) as url:
        yield example_books.opened(url, tmp_path_factory.mktemp("books"))


@pytest.mark.browser
@pytest.mark.skipif(not shutil.which(str(CHROMIUM)), reason="Chromium is needed: apt-get install chromium")
def test_every_page_can_be_put_on_paper(books):
    port = free_port()
    with served(create_app(wiring=books.wiring), port), sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        page = chromium.new_page(locale="ja-JP", extra_http_headers=books.token(Role.ACCOUNTING))
        seen = [(path, fault) for path in PAGES for fault in faults(page, f"http://127.0.0.1:{port}{path}")]
        chromium.close()
    assert seen == []


def faults(page, address):
    """Yield what is wrong with a page on paper."""
    page.emulate_media(media="print", color_scheme="dark")
    page.goto(address)
    yield from (("to press", each) for each in page.evaluate(PRESSED))
    yield from (("cut off", each) for each in page.evaluate(CUT_OFF))
    if page.evaluate("getComputedStyle(document.body).color") != "rgb(26, 26, 28)":
        yield "is not black on white"
    if page.evaluate(REPEATED):  # below each sheet it would be taken for that sheet's own
        yield "the total stands below every sheet"
    sheets = [normalize("NFKC", each.extract_text()) for each in pypdf.PdfReader(io.BytesIO(page.pdf())).pages]
    if "2026年11月25日(水) 12:00 現在" not in sheets[0]:
        yield "does not say when it was true"
    for number, said in enumerate(sheets, 1):
        if not re.match(rf"{number}\s*/\s*{len(sheets)}\n", said):
            yield f"sheet {number} does not say which it is"


def test_no_page_says_its_style_inline_for_our_own_policy_forbids_it():
    templates = [*SERVICES.rglob("templates/*.html")]
    assert len(templates) > 40
    assert [each.name for each in templates if re.search(r"<[^>]*\sstyle=", each.read_text())] == []


def test_no_style_darkens_paper():
    styles = [each for each in SERVICES.rglob("*.css") if not {"built", "node_modules"} & {*each.parts}]
    assert len(styles) > 10
    assert [each.name for each in styles if "@media (prefers-color-scheme" in each.read_text()] == []
