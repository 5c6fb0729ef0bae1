"""Every page of the books over one set of books, as a phone and a desk show it, by axe."""

import shutil

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

from kernel.access import Role
from reconciliation.app import create_app
from support import example_books
from support.camera import CHROMIUM
from support.live_payments import free_port, served

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not shutil.which(str(CHROMIUM)), reason="Chromium is needed: apt-get install chromium"),
]
DAYS = "from=2026-11-01&to=2026-11-30"
# Judged by axe, which takes most of the time; of the others only whether a phone can show them.
JUDGED = (
    *("/", "/discrepancies", "/cash-flow", f"/search?{DAYS}&min=300", f"/reports/remittances?{DAYS}"),
    *("/closings", "/journal/new", "/board"),
)
PAGES = (
    *JUDGED,
    *("/matching", "/statements", "/statements/mappings", "/reports", f"/reports/provider_payouts?{DAYS}"),
    *(f"/entries?{DAYS}", "/exports", "/closings/day/2026-11-23", "/closings/month/2026-11-01", "/journal"),
    *("/journal/balance", "/journal/1/1", "/revenue-accounts", "/board/cash", "/board/assumptions"),
)
IN_THE_DARK = ("/discrepancies", f"/reports/remittances?{DAYS}")
# Pages of one thing are where a list leads to.
LED_TO = {
    "/discrepancies": 'a[href^="/discrepancies/"]',
    "/cash-flow": 'a[href^="/payouts/"]',
    "/statements": 'td a[href^="/statements/"]',
    f"/search?{DAYS}&min=300": 'a[href^="/orders/"]',
}


@pytest.fixture(scope="module")
def books(postgres, books_template, tmp_path_factory):
    with example_books.database(postgres, books_template) as url:
        yield example_books.opened(url, tmp_path_factory.mktemp("books"))


def test_every_page_of_the_books_can_be_read_on_a_phone_and_at_a_desk(books):
    port = free_port()
    with served(create_app(wiring=books.wiring), port), sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        page = chromium.new_page(locale="ja-JP", extra_http_headers=books.token(Role.ACCOUNTING))
        seen = [fault for path in PAGES for fault in faults(page, f"http://127.0.0.1:{port}", path)]
        chromium.close()
    assert seen == []


def test_a_reason_that_is_ended_by_enter_matches_and_does_not_search(books):
    port = free_port()
    with served(create_app(wiring=books.wiring), port), sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        page = chromium.new_page(locale="en", extra_http_headers=books.token(Role.ACCOUNTING))
        page.goto(f"http://127.0.0.1:{port}/matching?name=nobody")
        page.fill("#reason", "The fee is kept from it.")
        with page.expect_navigation():
            page.press("#reason", "Enter")
        said, reason = page.inner_text("[role=alert]"), page.input_value("#reason")
        chromium.close()
    assert "Choose" in said
    assert reason == "The fee is kept from it."


def faults(page, site, path):
    """Yield what is wrong with a page, and with the first page of one thing that it leads to."""
    answer = page.goto(site + path)
    wanted = page.locator(LED_TO[path]).first.get_attribute("href") if path in LED_TO else None
    if answer.status != 200:
        yield path, answer.status
    marked = page.locator("nav.places [aria-current]").count()
    if marked != 2:  # once in the row, once in the list that a phone opens
        yield path, "current places", marked
    for width, scheme in ((360, "light"), (1280, "dark")):
        page.set_viewport_size({"width": width, "height": 740})
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        if path in IN_THE_DARK or (scheme == "light" and (path in JUDGED or path not in PAGES)):
            yield from ((path, width, each["id"], each["nodes"][0]["html"]) for each in violations(page))
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            yield path, width, "is wider than the window"
    if wanted:
        yield from faults(page, site, wanted)


def violations(page):
    return Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
