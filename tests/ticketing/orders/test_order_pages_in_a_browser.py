"""An order's page in a real browser: it changes by itself, works without a network, and without JavaScript."""

import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import async_playwright, expect

from kernel.web.pages import Assets
from support.camera import CHROMIUM
from support.selling import place

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not shutil.which(str(CHROMIUM)), reason="Chromium is needed: apt-get install chromium"),
    pytest.mark.skipif(not Assets().has("order.js"), reason="The islands are not built: run 'make web'"),
]
SHOTS = os.environ.get("MOMIJI_SHOTS_DIR")  # where to keep pictures of the pages, for people to look at


@pytest.fixture
async def chromium():
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield browser
        await browser.close()


async def opened(browser, served, order, **context):
    """Open an order's page as the visitor does, by the address that carries its key once."""
    options = {"locale": "en-GB", "viewport": {"width": 360, "height": 740}} | context
    page = await (await browser.new_context(**options)).new_page()
    await page.goto(f"{served.url}/o/{order['id']}?key={order['key']}")
    return page


async def paid(shop, web, **changes):
    order = (await place(web, **changes)).json()
    await shop.capture(order["id"], order["total"])
    return order


async def test_the_address_keeps_no_key(web, served, chromium):
    order = (await place(web)).json()
    page = await opened(chromium, served, order)
    assert page.url == f"{served.url}/orders/{order['id']}"
    cookies = {cookie["name"]: cookie for cookie in await page.context.cookies()}
    assert cookies[f"momiji_order_{order['id'].replace('-', '')}"]["httpOnly"]


async def test_the_open_page_shows_the_tickets_once_they_are_paid_without_a_reload(shop, web, served, chromium):
    order = (await place(web)).json()
    page = await opened(chromium, served, order)
    await expect(page.get_by_role("heading", name="Waiting for your payment")).to_be_visible()
    await page.evaluate("window.neverReloaded = true")
    await shop.capture(order["id"], 1020)
    await expect(page.get_by_role("heading", name="Your tickets")).to_be_focused()
    assert await page.evaluate("window.neverReloaded")
    assert await page.locator("img.qr").count() == 2


async def test_without_javascript_the_page_asks_again_by_itself(shop, web, served, chromium):
    order = (await place(web)).json()
    page = await opened(chromium, served, order, java_script_enabled=False)
    await shop.capture(order["id"], 1020)
    await expect(page.get_by_role("heading", name="Your tickets")).to_be_visible(timeout=15_000)


async def test_tickets_that_were_opened_once_are_there_without_a_network(shop, web, served, chromium):
    page = await opened(chromium, served, await paid(shop, web))
    await expect(page.locator("#offline")).to_be_visible()
    await served.stop()
    await page.reload()
    await expect(page.get_by_role("heading", name="Your tickets")).to_be_visible()
    widths = await page.locator("img.qr").evaluate_all("all => all.map(each => each.naturalWidth)")
    assert len(widths) == 2
    assert all(widths)


async def test_a_cancelled_order_is_not_shown_as_valid_from_the_phone_s_memory(shop, web, served, chromium):
    order = await paid(shop, web)
    page = await opened(chromium, served, order)
    await expect(page.locator("#offline")).to_be_visible()
    page.on("dialog", lambda dialog: dialog.accept())
    await page.get_by_role("link", name="Cancel this order").click()
    await page.get_by_role("button", name="Cancel the whole order").click()
    await expect(page.get_by_role("heading", name="This order is cancelled")).to_be_visible()
    await served.stop()
    await page.reload()
    await expect(page.get_by_role("heading", name="This order is cancelled")).to_be_visible()


async def waiting(shop, web):
    return (await place(web)).json()


async def without_a_charge(shop, web):
    shop.charges.away = True
    return (await place(web)).json()


async def of_two_facilities(shop, web):
    lines = [
        {"product": "combo-shukkeien", "category": "adult", "quantity": 2},
        {"product": "collection", "category": "senior", "quantity": 1},
    ]
    return await paid(shop, web, lines=lines)


async def expired(shop, web):
    order = (await place(web)).json()
    shop.clock.move(minutes=41)
    await shop.sweep()
    return order


async def cancelled(shop, web):
    order = await paid(shop, web)
    own = {"X-Order-Key": order["key"], "Idempotency-Key": "cancel"}
    await web.post(f"/v1/orders/{order['id']}/cancel", headers=own)
    return order


@pytest.mark.parametrize("state", [waiting, without_a_charge, of_two_facilities, expired, cancelled])
@pytest.mark.parametrize("language", ["ja", "en"])
async def test_every_state_of_an_order_is_a_page_that_everybody_can_use(shop, web, served, chromium, state, language):
    order = await state(shop, web)
    for width in (360, 1280):
        page = await opened(chromium, served, order, locale=language, viewport={"width": width, "height": 740})
        await expect(page.locator("h1")).to_be_visible()
        wide = await page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width
        if SHOTS:
            file = Path(SHOTS) / f"order-{state.__name__}-{language}-{width}.png"
            await page.screenshot(path=file, full_page=True)
        found = SimpleNamespace(**(await Axe().run(page)).response)
        assert found.violations == []
