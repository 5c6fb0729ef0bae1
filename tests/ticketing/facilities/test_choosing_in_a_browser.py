"""In Chromium: the pages fit a small phone, axe finds nothing, and the total follows what is chosen."""

import asyncio
import socket
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
import uvicorn
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

from kernel.migrations import migrate
from support.selling import close_shop, open_shop
from ticketing.app import create_app

CHROMIUM = Path("/usr/bin/chromium")
NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
PAGES = [
    "/",
    "/f/shukkeien?month=2026-12",
    "/f/bunka/2026-11-26",
    "/f/mominoki/2027-04-03",
    "/f/hpam/2026-11-26",
    "/f/hpam/2026-11-30",
    "/f/castle",
]

pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason="There is no Chromium at /usr/bin/chromium.")


@pytest.fixture(scope="module")
def address(postgres, tmp_path_factory):
    """Serve ticketing on a free port, in a thread with a loop of its own."""
    url = postgres.new_database("browsing")
    migrate("ticketing", url)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    started, stop = threading.Event(), threading.Event()

    async def run():
        shop = await open_shop(url, tmp_path_factory.mktemp("browsing"), at=NOW)
        server = uvicorn.Server(
            uvicorn.Config(create_app(wiring=shop.wiring), port=port, log_level="warning", lifespan="off")
        )
        serving = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.02)
        started.set()
        await asyncio.to_thread(stop.wait)
        server.should_exit = True
        await serving
        await close_shop(shop)

    thread = threading.Thread(target=asyncio.run, args=(run(),))
    thread.start()
    assert started.wait(30)
    yield f"http://127.0.0.1:{port}"
    stop.set()
    thread.join(20)
    postgres.drop(url)


@pytest.fixture(scope="module")
def chromium():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium, address):
    contexts = []

    def opened(path, **options):
        context = chromium.new_context(**({"viewport": {"width": 360, "height": 740}, "locale": "ja-JP"} | options))
        contexts.append(context)
        page = context.new_page()
        page.goto(address + path)
        return page

    yield opened
    for context in contexts:
        context.close()


@pytest.mark.parametrize("locale", ["ja-JP", "en-US"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", PAGES)
def test_axe_finds_nothing_and_nothing_scrolls_sideways(open_page, path, locale, scheme):
    page = open_page(path, locale=locale, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    found = Axe().run(
        page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
    )
    assert found.violations_count == 0, found.generate_report()


def test_everything_that_is_pressed_is_large_enough(open_page):
    page = open_page("/f/bunka/2026-11-26")
    sizes = page.eval_on_selector_all(
        "main a, main button:not(.visually-hidden), main label, main input:not([type=hidden])",
        "all => all.filter(one => one.offsetParent).map(one => [one.outerHTML.slice(0, 80), "
        "one.getBoundingClientRect().width, one.getBoundingClientRect().height])",
    )
    assert len(sizes) > 15
    assert not [each for each in sizes if each[1] < 24 or each[2] < 22]


def test_the_total_follows_what_is_chosen(open_page):
    page = open_page("/f/hpam/2026-11-26", locale="en-US")
    more = page.get_by_role("button", name="One more: Adult").first
    more.click()
    more.click()
    assert page.locator("#total").inner_text() == "¥1,020"
    page.get_by_label("Adult", exact=True).first.fill("20")
    assert page.locator("#total").inner_text() == "¥8,200"
    assert page.url.endswith("/f/hpam/2026-11-26")


def test_the_total_follows_the_time_of_the_day(open_page):
    page = open_page("/f/kenminnohama/2026-11-26", locale="en-US")
    page.get_by_role("button", name="One more: Adult").click()
    assert page.locator("#total").inner_text() == "¥500"
    page.locator("label[for=slot-2]").click()
    assert page.locator("#total").inner_text() == "¥400"


def test_nothing_chosen_is_not_sent(open_page):
    page = open_page("/f/hpam/2026-11-26", locale="en-US")
    page.locator("#go").click()
    assert page.url.endswith("/f/hpam/2026-11-26")
    assert page.evaluate("document.querySelector('#choose').checkValidity()") is False


def test_the_calendar_and_the_choice_work_without_javascript(open_page):
    page = open_page("/f/shukkeien", locale="en-US", java_script_enabled=False)
    page.get_by_role("link", name="December 2026").first.click()
    page.get_by_role("link", name="Fri 4 Dec 2026, open").click()
    page.get_by_role("button", name="One more: Adult").click()
    page.get_by_role("button", name="One more: Adult").click()
    assert page.locator("#total").inner_text() == "¥520"
    assert page.get_by_label("Adult", exact=True).input_value() == "2"
