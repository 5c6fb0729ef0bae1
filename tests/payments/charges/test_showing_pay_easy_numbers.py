"""The page with Pay-easy's numbers: read on a phone, copied without gaps, mailed, printed on one sheet."""

import os
import re
from pathlib import Path
from urllib.parse import unquote

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

from payments.charges.pages import digit_groups

SHOTS = os.environ.get("MOMIJI_TEST_SHOTS")  # a folder for those who want to look


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        found = "/usr/bin/chromium" if Path("/usr/bin/chromium").exists() else None
        made = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield made
        made.close()


@pytest.fixture(params=["payeasy_komoju", "payeasy_gmopg"])
def charge(request, till):
    return till.open(method=request.param)


def numbers_of(till, charge):
    shown = till.rows("SELECT shown FROM attempts WHERE charge_id = %s", charge["id"])[0][0]
    return [shown["bank_id"], shown["customer_id"], shown["confirmation_id"]]


def looked_at(page, name):
    if SHOTS:
        page.screenshot(path=f"{SHOTS}/{name}.png", full_page=True)


@pytest.mark.parametrize(
    ("digits", "groups"),
    [
        ("58091", ["58091"]),
        ("012345", ["012", "345"]),
        ("01234567890", ["0123", "4567", "890"]),
        ("1" * 20, ["1111"] * 5),
        ("", [""]),
    ],
)
def test_long_numbers_are_shown_in_groups(digits, groups):
    assert digit_groups(digits) == groups


@pytest.mark.parametrize(("language", "width"), [("ja", 360), ("en", 360), ("ja", 1280), ("en", 1280)])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_and_is_readable_by_everybody(till, browser, language, width, scheme):
    charge = till.open(method="payeasy_komoju")
    context = browser.new_context(
        viewport={"width": width, "height": 800}, locale=language, color_scheme=scheme, reduced_motion="reduce"
    )
    page = context.new_page()
    refused = []
    page.on("console", lambda said: refused.append(said.text) if said.type == "error" else None)
    page.goto(charge["checkout_url"])
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("[...document.images].every(each => each.complete && each.naturalWidth > 0)")
    assert page.locator(".pictures img").count() == 5
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert refused == []
    looked_at(page, f"numbers-{language}-{width}-{scheme}")
    context.close()


def test_what_is_selected_or_copied_has_no_gaps(till, browser, charge):
    context = browser.new_context(locale="en", permissions=["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.goto(charge["checkout_url"])
    for place, digits in enumerate(numbers_of(till, charge), start=1):
        page.locator(f"#digits-{place}").click()
        assert page.evaluate("getSelection().toString()") == digits
        page.locator(f"button[data-copy='{digits}']").click()
        assert page.evaluate("navigator.clipboard.readText()") == digits
    assert page.locator("#copied").text_content() == "Copied"
    context.close()


def test_it_is_whole_without_a_script(till, browser, charge):
    context = browser.new_context(java_script_enabled=False, locale="en")
    page = context.new_page()
    page.goto(charge["checkout_url"])
    for digits in numbers_of(till, charge):
        assert digits in [each.replace("\n", "") for each in page.locator(".digits").all_text_contents()]
    assert page.locator("button:visible").count() == 0
    assert page.get_by_role("link", name="Pay by net banking now").get_attribute("href").startswith("http")
    context.close()


def test_it_prints_on_one_sheet(till, browser, charge):
    for language in ("ja", "en"):
        context = browser.new_context(locale=language)
        page = context.new_page()
        page.goto(charge["checkout_url"])
        page.emulate_media(media="print")
        looked_at(page, f"print-{language}")
        made = page.pdf(prefer_css_page_size=True, print_background=False)
        assert len(re.findall(rb"/Type\s*/Page[^s]", made)) == 1
        if SHOTS:
            Path(SHOTS, f"numbers-{language}.pdf").write_bytes(made)
        context.close()


def test_the_numbers_go_into_a_mail_of_the_visitor_s_own(till, charge):
    text = till.client.get(charge["checkout_url"], headers={"accept-language": "en"}).text
    mail = unquote(re.search(r'href="mailto:\?([^"]+)"', text)[1].replace("&amp;", "&"))
    subject, body = mail.removeprefix("subject=").split("&body=")
    assert subject == "Pay-easy (ATM or net banking)"
    lines = body.split("\r\n")
    assert f"Customer number: {numbers_of(till, charge)[1]}" in lines
    assert "Amount: ¥510" in lines
    assert lines[-1].startswith("Order: http")


def test_the_deadline_is_shown_with_its_weekday_and_ends_no_later_than_the_hold(till, charge):
    text = till.client.get(charge["checkout_url"], headers={"accept-language": "ja"}).text
    assert re.search(r"お支払期限</span><strong>\d+月\d+日\([日月火水木金土]\) \d+:\d\d</strong>", text)
    within = "SELECT deadline <= expires_at FROM attempts a JOIN charges c ON c.id = a.charge_id WHERE c.id = %s"
    assert till.rows(within, charge["id"]) == [(True,)]


@pytest.mark.parametrize(("yen", "said"), [(99_999, "現金で払えます"), (100_000, "99,999円を超えています")])
def test_what_an_atm_takes_in_cash_is_told(till, yen, said):
    charge = till.open(method="payeasy_komoju", amount=yen)
    assert said in till.client.get(charge["checkout_url"], headers={"accept-language": "ja"}).text


def test_public_money_s_fourth_number_is_shown_where_there_is_one(till, charge):
    text = till.client.get(charge["checkout_url"], headers={"accept-language": "ja"}).text
    assert ("納付区分" in text, "お客様番号" in text) == (False, True)
    till.rows(
        'UPDATE attempts SET shown = shown || \'{"payment_category": "001"}\'::jsonb WHERE charge_id = %s',
        charge["id"],
    )
    text = till.client.get(charge["checkout_url"], headers={"accept-language": "ja"}).text
    assert ("納付区分" in text, "納付番号" in text, "お客様番号" in text) == (True, True, False)
