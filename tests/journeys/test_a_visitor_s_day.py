"""The whole line as people walk it: buy with each method, enter once, be refused, and be found in the accounts."""

import csv
import io
import re
import shutil
from datetime import UTC, datetime, timedelta

import pytest
import zxingcpp
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import expect, sync_playwright

from kernel.clock import business_date
from kernel.web.pages import Assets
from support.camera import CHROMIUM, Shot, chromium_arguments, write_camera

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not shutil.which(str(CHROMIUM)), reason="Chromium is needed: apt-get install chromium"),
    pytest.mark.skipif(not Assets().has("gate.js"), reason="The islands are not built: run 'make web'"),
]
PATIENCE_MS = 20_000
PHONE = {"width": 360, "height": 740}


def today():
    return business_date(datetime.now(UTC))


@pytest.fixture(scope="module")
def playwright():
    with sync_playwright() as started:
        yield started


@pytest.fixture
def browser(playwright):
    opened = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
    yield opened
    opened.close()


def new_page(browser, *, locale="ja-JP", scripts=True, viewport=None):
    context = browser.new_context(
        viewport=viewport or PHONE, locale=locale, java_script_enabled=scripts, accept_downloads=True
    )
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.problems = []
    page.on("pageerror", lambda problem: page.problems.append(str(problem)))
    page.on("console", lambda line: page.problems.append(line.text) if "Security Policy" in line.text else None)
    return page


def assert_fit(page):
    """No axe violation, no fault of a script or of the policy, nothing wider than the screen."""
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert page.problems == []
    assert page.evaluate("() => document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def an_offer(momiji, day):
    """Return (facility, offer) of something that costs money on a day and has no time of the day."""
    for facility in momiji.get_json("ticketing", "/v1/facilities")["items"]:
        answer = momiji.get_json("ticketing", f"/v1/facilities/{facility['code']}/offers?date={day.isoformat()}")
        for offer in answer["offers"]:
            if offer["price"] > 0 and not offer["slots"] and offer["remaining"] > 50:
                return facility, offer
    raise AssertionError(f"nothing is sold on {day}")


def choose(page, momiji, day, method, *, people=2):
    """Go from the first page to the payment, as a visitor does."""
    facility, offer = an_offer(momiji, day)
    page.goto(momiji.url("ticketing", "/"))
    page.locator(f'a[href^="/f/{facility["code"]}"]').first.click()
    page.goto(momiji.url("ticketing", f"/f/{facility['code']}/{day.isoformat()}"))
    page.fill(f'input[name="quantity.{offer["product"]}.{offer["category"]}"]', str(people))
    page.check(f'input[name="method"][value="{method}"]')
    page.click("#go")
    return facility, offer


def pay(page, momiji, method):
    """Act as the payer on the provider's own page."""
    if method == "stripe_card":
        page.wait_for_url(re.compile(re.escape(momiji.url("sandbox"))))
        page.click('button[type="submit"] >> nth=0')
    else:
        order_page = page.locator(f'a[href^="{momiji.url("ticketing", "/orders/")}"]').last.get_attribute("href")
        page.locator(f'a[href^="{momiji.url("sandbox")}"]').first.click()
        page.click('button[type="submit"] >> nth=0')
        page.goto(order_page)


def codes_of(page):
    """Return what the pictures on the order's page say, read as a camera would."""
    page.wait_for_selector("img.qr", timeout=PATIENCE_MS)
    found = []
    for source in page.eval_on_selector_all("img.qr", "all => all.map(each => each.src)"):
        picture = page.request.get(source.replace(".svg", ".png"))
        assert picture.ok
        (read,) = zxingcpp.read_barcodes(Image.open(io.BytesIO(picture.body())))
        found.append(read.text)
    return found


def received_by_card(report, facility):
    """Return the yen that a 収納日計表 says a facility received by card."""
    with report.open(encoding="utf-8-sig", newline="") as opened:
        rows = list(csv.DictReader(opened))
    assert {row["施設名"] for row in rows} >= {facility["name"]["ja"]}
    mine = [row for row in rows if row["施設コード"] == facility["code"] and row["決済方法"] == "クレジットカード"]
    return sum(int(row["収納額"]) for row in mine)


@pytest.mark.parametrize(
    ("method", "days_ahead", "locale", "viewport"),
    [
        ("stripe_card", 0, "ja-JP", PHONE),
        ("paypay", 0, "en-US", PHONE),
        ("payeasy_komoju", 3, "ja-JP", {"width": 1280, "height": 800}),
    ],
)
def test_buying_with_each_method(momiji, browser, method, days_ahead, locale, viewport):
    page = new_page(browser, locale=locale, viewport=viewport)
    facility, offer = choose(page, momiji, today() + timedelta(days=days_ahead), method)
    if method != "stripe_card":
        assert_fit(page)
    pay(page, momiji, method)
    page.wait_for_url(re.compile("/orders/"), timeout=PATIENCE_MS)
    assert len(codes_of(page)) == 2
    expect(page.locator("main")).to_contain_text(facility["name"]["ja" if locale.startswith("ja") else "en"])
    expect(page.locator("main")).to_contain_text(f"{offer['price'] * 2:,}")
    assert_fit(page)


def test_buying_without_javascript(momiji, browser):
    page = new_page(browser, scripts=False)
    choose(page, momiji, today(), "stripe_card")
    page.wait_for_url(re.compile(re.escape(momiji.url("sandbox"))))
    page.click('button[type="submit"] >> nth=0')
    page.wait_for_url(re.compile("/orders/"))
    page.wait_for_selector("img.qr", timeout=PATIENCE_MS)  # the page looks again by itself


def test_a_bought_ticket_enters_once_and_is_found_in_the_day_s_report(momiji, playwright, browser, tmp_path):
    bearer = momiji.token("accounting")
    rows = momiji.get_json("reconciliation", f"/v1/days/{today()}", token=bearer)["rows"]
    visitor = new_page(browser)
    facility, offer = choose(visitor, momiji, today(), "stripe_card", people=1)
    before = sum(
        row["captured"] for row in rows if (row["facility"], row["method"]) == (facility["code"], "stripe_card")
    )
    pay(visitor, momiji, "stripe_card")
    visitor.wait_for_url(re.compile("/orders/"))
    (code,) = codes_of(visitor)
    number = re.search(r"[0-9A-Z]{5}-[0-9A-Z]{5}", visitor.locator("main").inner_text()).group()

    video = write_camera(tmp_path / "gate.mjpeg", [Shot(None, 1), Shot(code, 4), Shot(None, 4)])
    gate = playwright.chromium.launch(executable_path=str(CHROMIUM), args=chromium_arguments(video))
    clerk = new_page(gate)
    clerk.context.grant_permissions(["camera"])
    clerk.goto(momiji.url("ticketing", "/gate"))
    name, password = momiji.sign_in_of("gate")
    clerk.fill('input[name="name"]', name)
    clerk.fill('input[name="password"]', password)
    clerk.locator("form button").last.click()
    clerk.locator(f'a[href="/gate/{facility["code"]}-1"]').click()
    words = []
    for _ in range(2):
        clerk.wait_for_selector("#gate-verdict[open]", timeout=40_000)
        words.append(clerk.locator("#gate-verdict").inner_text())
        clerk.wait_for_selector("#gate-verdict:not([open])", state="attached", timeout=PATIENCE_MS)
    gate.close()
    assert "お入りください" in words[0]
    assert "使用済み" in words[1]

    accountant = new_page(browser, viewport={"width": 1280, "height": 900})
    accountant.goto(momiji.url("reconciliation", "/"))
    name, password = momiji.sign_in_of("accounting")
    accountant.fill('input[name="name"]', name)
    accountant.fill('input[name="password"]', password)
    accountant.locator("form button").last.click()
    expect(accountant.locator("main")).to_contain_text(facility["name"]["ja"], timeout=PATIENCE_MS)
    assert_fit(accountant)
    with accountant.expect_download() as fetched:
        accountant.locator('a[href*="/v1/exports/daily_receipts_csv?"]').first.click()
    report = tmp_path / "report.csv"
    fetched.value.save_as(report)
    assert received_by_card(report, facility) == before + offer["price"]
    accountant.fill('input[name="number"]', number)
    accountant.keyboard.press("Enter")
    expect(accountant.locator("main")).to_contain_text("入場しました")
    assert_fit(accountant)


def test_an_order_that_is_cancelled_gives_the_money_back(momiji, browser):
    page = new_page(browser)
    choose(page, momiji, today(), "stripe_card", people=1)
    pay(page, momiji, "stripe_card")
    page.wait_for_url(re.compile("/orders/"))
    page.wait_for_selector("img.qr")
    page.locator('a[href$="/cancel"]').click()
    assert_fit(page)
    page.click("button.danger")
    expect(page.locator("main")).to_contain_text("キャンセル")
    expect(page.locator(".note.good")).to_be_visible(timeout=PATIENCE_MS)


def test_tickets_are_there_without_a_network_once_they_were_opened(momiji, browser):
    page = new_page(browser)
    choose(page, momiji, today(), "stripe_card", people=1)
    pay(page, momiji, "stripe_card")
    page.wait_for_url(re.compile("/orders/"))
    page.wait_for_selector("#offline:not([hidden])", timeout=PATIENCE_MS)
    page.context.set_offline(True)
    page.reload()
    page.wait_for_selector("img.qr")
    assert page.eval_on_selector("img.qr", "each => each.complete && each.naturalWidth > 0")


@pytest.mark.parametrize("locale", ["ja-JP", "en-US"])
@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/f/hpam",
        "/f/nowhere",
        "/f/hpam/2020-01-01",
        "/orders/01890000-0000-7000-8000-000000000000",
        "/staff/sign-in",
    ],
)
def test_every_page_is_fit_for_everybody(momiji, browser, path, locale):
    page = new_page(browser, locale=locale)
    page.goto(momiji.url("ticketing", path))
    assert_fit(page)


@pytest.mark.parametrize(("locale", "viewport"), [("ja-JP", PHONE), ("en-US", {"width": 1280, "height": 800})])
def test_every_staff_page_is_fit_for_everybody(momiji, browser, locale, viewport):
    page = new_page(browser, locale=locale, viewport=viewport)
    page.goto(momiji.url("ticketing", "/staff/sign-in"))
    page.locator("details summary").first.click()
    page.fill('input[name="token"]', momiji.token("admin"))
    page.locator("form button").last.click()
    for path in ("/gate", "/gate/hpam-1", "/office", "/office?number=00000-00000"):
        page.goto(momiji.url("ticketing", path))
        assert_fit(page)
    page.goto(momiji.url("reconciliation", "/sign-in"))
    assert_fit(page)
    page.locator("details summary").first.click()
    page.fill('input[name="token"]', momiji.token("auditor"))
    page.locator("form button").last.click()
    books = ("/closings", "/cash-flow", "/board", "/provider-contracts")
    for path in ("/", "/?day=2026-01-01", "/orders/00000-00000", "/problems", *books):
        page.goto(momiji.url("reconciliation", path))
        assert_fit(page)
    for path in ("/pay/01890000-0000-7000-8000-000000000000", "/problems", "/problems/provider-away"):
        page.goto(momiji.url("payments", path))
        assert_fit(page)


@pytest.mark.parametrize("service", ["ticketing", "reconciliation"])
def test_first_pages_are_light_and_ask_nobody_else(momiji, browser, service):
    page = new_page(browser)
    sizes, hosts = [], set()

    def note(answer):
        hosts.add(answer.url.split("/")[2])
        sizes.append(answer.request.sizes()["responseBodySize"] + answer.request.sizes()["responseHeadersSize"])

    page.on("requestfinished", lambda request: note(request.response()))
    page.goto(momiji.url(service, "/"), wait_until="networkidle")
    assert hosts == {momiji.url(service).removeprefix("http://")}
    assert sum(sizes) <= 60_000, f"{sum(sizes)} bytes"
