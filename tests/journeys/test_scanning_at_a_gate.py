"""A gate clerk's day: sign in, choose the gate, hold tickets before the camera, read the verdict."""

import re
import shutil

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect, sync_playwright

from kernel.access import Role
from kernel.web.pages import Assets
from support.camera import CHROMIUM, Shot, chromium_arguments, write_camera
from support.gate_codes import issue
from support.live_gate import new_live_gate

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not shutil.which(str(CHROMIUM)), reason="Chromium is needed: apt-get install chromium"),
    pytest.mark.skipif(not Assets().has("gate.js"), reason="The islands are not built: run 'make web'"),
]
VERDICT_MS_MAX = 15_000
OPEN = "#gate-verdict[open]"
# A verdict is gone after a second or two; on a busy machine a test would look too late.
REMEMBER_VERDICTS = """
window.verdicts = [];
document.addEventListener("DOMContentLoaded", () => {
  const dialog = document.getElementById("gate-verdict");
  if (dialog === null) return;
  const remember = () => {
    if (dialog.open) window.verdicts.push({ look: dialog.className.split(" ").pop(), words: dialog.innerText });
  };
  new MutationObserver(remember).observe(dialog, { attributes: true });
});
"""


@pytest.fixture(scope="module")
def gate(postgres, tmp_path_factory):
    url = postgres.new_database("journey")
    live = new_live_gate(url, tmp_path_factory.mktemp("gate"))
    live.port = live.start()
    yield live
    live.stop()
    postgres.drop(url)


@pytest.fixture(scope="module")
def browser_with():
    """Return a function that opens Chromium with one camera."""
    opened = []
    with sync_playwright() as playwright:

        def launch(video=None):
            opened.append(playwright.chromium.launch(executable_path=str(CHROMIUM), args=chromium_arguments(video)))
            return opened[-1]

        yield launch
        for each in opened:
            each.close()


def open_gate(gate, browser, *, camera: bool = True, scripts: bool = True, locale: str = "ja") -> Page:
    context = browser.new_context(
        viewport={"width": 360, "height": 740},
        locale=locale,
        permissions=["camera"] if camera else [],
        java_script_enabled=scripts,
    )
    page = context.new_page()
    page.add_init_script(REMEMBER_VERDICTS)
    page.problems = []
    page.on("pageerror", lambda problem: page.problems.append(str(problem)))
    page.on("console", lambda line: page.problems.append(line.text) if "Security Policy" in line.text else None)
    token = gate.token(Role.GATE)
    page.goto(f"http://127.0.0.1:{gate.port}/staff/sign-in?next=/gate&token={token}")
    page.locator('a[href="/gate/hpam-1"]').click()
    if scripts:
        page.wait_for_selector("body.scripted")
    return page


def verdict(page: Page, look: str) -> str:
    """Return the words of the next verdict of a look."""
    next_one = f"window.verdicts.findIndex((each) => each.look === '{look}')"
    page.wait_for_function(f"() => {next_one} >= 0", timeout=VERDICT_MS_MAX)
    return page.evaluate(f"() => window.verdicts.splice(0, {next_one} + 1).pop().words")


def assert_accessible(page: Page) -> None:
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


def test_the_camera_admits_a_real_ticket_once(gate, browser_with, tmp_path):
    (ticket,) = issue(gate.url, 1, categories=["child"])
    video = write_camera(tmp_path / "ticket.mjpeg", [Shot(None, 2), Shot(ticket.code, 2), Shot(None, 1.5)])
    page = open_gate(gate, browser_with(video))
    page.wait_for_selector("#gate.running")
    assert_accessible(page)
    before = int(page.inner_text("#gate-admitted"))
    first = verdict(page, "admit")
    assert "入場できます" in first
    assert "小人" in first
    expect(page.locator("#gate-admitted")).to_have_text(str(before + 1))
    second = verdict(page, "refuse")  # The video starts again: the same ticket comes a second time.
    assert "入場できません" in second
    assert "使用済み" in second
    assert page.problems == []
    entries = gate.rows("SELECT count(*) FROM admissions WHERE ticket_id = %s", ticket.id)
    assert entries == [(1,)]


def test_a_code_that_stays_in_view_is_scanned_once(gate, browser_with, tmp_path):
    (ticket,) = issue(gate.url, 1)
    video = write_camera(tmp_path / "held.mjpeg", [Shot(ticket.code, 2)])
    page = open_gate(gate, browser_with(video))
    verdict(page, "admit")
    page.wait_for_selector(OPEN, state="hidden")
    page.wait_for_timeout(4_000)
    assert page.locator(OPEN).count() == 0
    assert gate.rows("SELECT count(*) FROM scans WHERE ticket_id = %s", ticket.id) == [(1,)]


def test_a_foreign_code_is_refused_and_scanning_goes_on(gate, browser_with, tmp_path):
    (ticket,) = issue(gate.url, 1)
    shots = [Shot(None, 1), Shot("https://example.org/menu", 1.5), Shot(None, 3.5), Shot(ticket.code, 1.5)]
    page = open_gate(gate, browser_with(write_camera(tmp_path / "junk.mjpeg", shots)), locale="en")
    assert "This is not one of our tickets." in verdict(page, "refuse")
    assert "Please come in." in verdict(page, "admit")


def test_an_order_number_is_typed_and_the_verdict_is_accessible(gate, browser_with):
    family = issue(gate.url, 2, per_order=2)
    page = open_gate(gate, browser_with(), camera=False)
    page.fill("#gate-code", family[0].order_number.lower())
    page.press("#gate-code", "Enter")
    page.wait_for_selector(f"{OPEN}.admit")
    assert "残りは1名" in page.inner_text("#gate-verdict")
    assert_accessible(page)


def test_a_hand_scanner_types_anywhere_on_the_page(gate, browser_with):
    (ticket,) = issue(gate.url, 1)
    page = open_gate(gate, browser_with(), camera=False)
    page.keyboard.type(ticket.code)
    page.keyboard.press("Enter")
    assert "入場できます" in verdict(page, "admit")


def test_without_a_network_the_scan_is_kept_and_answered_later(gate, browser_with):
    (ticket,) = issue(gate.url, 1)
    page = open_gate(gate, browser_with(), camera=False)
    page.context.set_offline(True)
    page.keyboard.type(ticket.code)
    page.keyboard.press("Enter")
    page.wait_for_selector(f"{OPEN}.wait", timeout=VERDICT_MS_MAX)
    assert "通信が切れています" in page.inner_text("#gate-verdict")
    assert_accessible(page)
    page.context.set_offline(False)
    assert "入場できます" in verdict(page, "admit")
    assert gate.rows("SELECT count(*) FROM scans WHERE ticket_id = %s", ticket.id) == [(1,)]


def test_an_ended_sign_in_says_so_and_loses_no_scan(gate, browser_with):
    (ticket,) = issue(gate.url, 1)
    page = open_gate(gate, browser_with(), camera=False)
    session = [each for each in page.context.cookies() if each["name"] == "momiji_ticketing_session"]
    page.context.clear_cookies(name="momiji_ticketing_session")
    page.keyboard.type(ticket.code)
    page.keyboard.press("Enter")
    expect(page.locator("#gate-status")).to_contain_text("サインインの有効期限が切れました")
    page.context.add_cookies(session)
    page.reload()
    expect(page.locator("#gate-status")).to_contain_text("入場できます", timeout=VERDICT_MS_MAX)


def test_a_refused_camera_says_what_to_do(gate, browser_with):
    page = open_gate(gate, browser_with(), camera=False)
    page.evaluate(
        "() => { navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('', 'NotAllowedError') } }"
    )
    page.click("#gate-start")
    expect(page.locator("#gate-status")).to_contain_text("カメラの使用が許可されていません")
    assert_accessible(page)


def test_without_scripts_the_form_answers_and_a_repeat_is_the_same_scan(gate, browser_with):
    (ticket,) = issue(gate.url, 1)
    page = open_gate(gate, browser_with(), scripts=False)
    page.fill("#gate-code", ticket.order_number)
    page.click("#gate-form button")
    assert "入場できます" in page.inner_text(".gate-answer.admit")
    page.reload()
    assert "入場できます" in page.inner_text(".gate-answer.admit")
    assert gate.rows("SELECT count(*) FROM scans WHERE ticket_id = %s", ticket.id) == [(1,)]


def test_the_gate_is_remembered_and_others_are_refused(gate, browser_with):
    page = open_gate(gate, browser_with(), camera=False)
    page.goto(f"http://127.0.0.1:{gate.port}/gate")
    expect(page).to_have_url(re.compile(r"/gate/hpam-1$"))
    garden = gate.token(Role.GATE, "shukkeien")
    page.goto(f"http://127.0.0.1:{gate.port}/staff/sign-in?next=/gate&token={garden}")
    expect(page).to_have_url(re.compile(r"/gate/shukkeien-1$"))
    assert page.goto(f"http://127.0.0.1:{gate.port}/gate/hpam-1").status == 403
