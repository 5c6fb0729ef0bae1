"""The pages of operations as people see them: at 360 and 1280 pixels, in two languages, without a script, by axe."""

import shutil

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect, sync_playwright

from support.camera import CHROMIUM

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not shutil.which(str(CHROMIUM)), reason="Chromium is needed: apt-get install chromium"),
]
PASSWORD = "for-tests-1234"


@pytest.fixture(scope="module")
def chromium():
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(
    params=[("ja-JP", 360, "light"), ("en-US", 360, "dark"), ("ja-JP", 1280, "dark"), ("en-US", 1280, "light")]
)
def reader(request, office, chromium):
    """Yield a page of somebody of accounting, signed in by the form."""
    language, width, scheme = request.param
    context = chromium.new_context(viewport={"width": width, "height": 740}, locale=language, color_scheme=scheme)
    page = context.new_page()
    page.goto(f"{office.till.url}/operations")
    judged(page)
    page.locator("#name").fill("ana")
    page.locator("#password").fill(PASSWORD)
    page.locator("form.card button").click()
    expect(page.locator("main h1")).to_be_visible()
    yield page
    context.close()


def judged(page):
    found = Axe().run(page)
    assert not found.response["violations"], found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_every_page_can_be_read(office, reader):
    charge, case = office.paid_twice()
    for place in ("", "/charges", f"/charges/{charge['id']}", "/cases", f"/cases/{case}", "/messages", "/providers"):
        reader.goto(f"{office.till.url}/operations{place}")
        judged(reader)


def test_a_case_is_decided_by_keyboard(office, reader):
    _, case = office.paid_twice()
    reader.goto(f"{office.till.url}/operations/cases/{case}")
    reader.locator("#words").focus()
    reader.keyboard.type("0000")
    reader.keyboard.press("Tab")
    reader.keyboard.press("Enter")
    expect(reader.locator("main")).to_contain_text("0000")
    assert office.till.rows("SELECT state, resolution FROM cases WHERE id = %s", case) == [("closed", "by_hand")]
