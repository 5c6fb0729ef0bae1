"""What a visitor sees without JavaScript: the list, the calendar, the choice, and what to do instead."""

import re
from html import unescape
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

import kernel.web
import ticketing
from ticketing.facilities import model

TICKETING = Path(ticketing.__file__).parent
JA = {"accept-language": "ja"}
EN = {"accept-language": "en"}
FORM = {"facility": "hpam", "visit_date": "2026-11-26", "method": "paypay", "email": "a@example.org", "form_id": "f-1"}


async def page(web, address, status=200, **more):
    answer = await web.get(address, **more)
    assert answer.status_code == status, answer.text
    return answer.text


def total_of(text):
    return re.search(r'<output id="total"[^>]*>([^<]*)<', text)[1]


async def test_the_home_page_lists_all_facilities_and_is_small(web):
    text = await page(web, "/", headers=JA)
    assert text.count('class="card facility"') == 14
    assert text.count('class="pictogram') == 14
    assert "縮景園" in text
    assert "本日開館" in text
    assert "例示" in text
    sources = sum(file.stat().st_size for file in (Path(kernel.web.__file__).parent / "static").glob("*.*"))
    styles = (TICKETING / "facilities/islands/facilities.css").stat().st_size
    assert len(text.encode()) + sources + styles < 60_000  # uncompressed and unminified: less is transferred


async def test_facilities_can_be_filtered_by_area_without_javascript(web):
    text = await page(web, "/?area=northern-area", headers=EN)
    assert re.findall(r'href="/f/(\w+)"', text) == ["rekimin", "miyoshi", "kenminnomori"]
    assert (await page(web, "/?area=nowhere")).count('class="card facility"') == 14


async def test_a_language_once_chosen_stays(web):
    assert "Buy ahead" in await page(web, "/?lang=en", headers=JA)
    assert "Choose the day of your visit" in await page(web, "/f/hpam", headers=JA)
    assert "ご来場の日を選んでください" in await page(web, "/f/hpam?lang=ja", headers=EN)


async def test_the_calendar_says_what_each_day_is(web, shop):
    shop.query(
        "INSERT INTO slots VALUES ('shukkeien', 'main', '2026-12-05', '00:00', 7000, 6950), "
        "('shukkeien', 'main', '2026-12-06', '00:00', 7000, 7000) RETURNING 1"
    )
    text = await page(web, "/f/shukkeien?month=2026-12", headers=EN)
    states = {int(day): state for state, day in re.findall(r'<td class="(\w+)[^"]*">\s*<\w+[^>]*><span>(\d+)<', text)}
    assert states[4] == "open"
    assert states[5] == "few"
    assert states[6] == "full"
    assert states[29] == states[31] == "closed"
    assert 'aria-label="Sat 5 Dec 2026, few left"' in text
    assert 'href="/f/shukkeien/2026-12-04"' in text
    assert 'href="/f/shukkeien/2026-12-06"' not in text


@pytest.mark.parametrize(("asked", "shown"), [("", "11"), ("2020-01", "11"), ("rubbish", "11"), ("9999-12", "5")])
async def test_a_month_out_of_range_shows_the_nearest_one(web, asked, shown):
    text = await page(web, f"/f/hpam?month={asked}", headers=JA)
    assert f"年{shown}月</strong>" in text


async def test_one_more_adds_up_on_the_server(web):
    text = (await web.post("/f/hpam/2026-11-26", data=FORM | {"step": "collection.adult.more"}, headers=JA)).text
    assert 'name="quantity.collection.adult"' in text
    assert total_of(text) == "¥510"
    more = FORM | {"quantity.collection.adult": "19", "step": "collection.adult.more"}
    text = (await web.post("/f/hpam/2026-11-26", data=more, headers=JA)).text
    assert total_of(text) == "¥8,200"  # twenty are a group
    assert 'value="f-1"' in text
    assert 'value="a@example.org"' in text
    assert re.search(r'value="paypay" checked', text)


async def test_one_less_than_none_is_none(web):
    text = (await web.post("/f/hpam/2026-11-26", data=FORM | {"step": "collection.adult.less"}, headers=JA)).text
    assert total_of(text) == "–"


async def test_too_many_are_refused_in_the_visitors_language(web):
    many = FORM | {"quantity.collection.adult": "10000"}
    text = (await web.post("/f/hpam/2026-11-26", data=many, headers=JA)).text
    assert "一度に買えるのは200枚までです" in text


async def test_rubbish_in_the_form_is_passed_over(web):
    rubbish = {"quantity.a.b": "²", "quantity.x": "1", "step": "....", "slot": "noon", "quantity.no.such": "2"}
    answer = await web.post("/f/bunka/2026-11-26", data=rubbish, headers=JA)
    assert answer.status_code == 200
    assert "販売していません" in answer.text


async def test_the_choice_shows_times_proof_and_what_is_illustrative(web):
    text = unescape(await page(web, "/f/bunka/2026-11-26", headers=EN))
    assert re.findall(r'name="slot"[^>]*value="([^"]*)"', text) == ["14:00", "19:00"]
    assert "530 left" in text
    assert "Bring your student card." in text
    assert "Illustrative: the choice of the 14 facilities" in text


async def test_pay_easy_is_not_offered_for_today_and_says_why(web):
    text = await page(web, "/f/hpam/2026-11-23", headers=JA)
    assert re.search(r'value="payeasy_komoju" disabled', text)
    assert "この日には使えません" in text
    assert "disabled" not in await page(web, "/f/hpam/2026-11-26", headers=JA)


async def test_an_evening_visitor_is_told_that_today_is_over(web, shop):
    address = "/f/hpam/2026-11-23"
    assert "本日の開館時間は終わりました" not in await page(web, address)
    shop.clock.move(hours=8)  # 18:00, an hour after closing
    assert "本日の開館時間は終わりました" in await page(web, address)
    assert "本日の開館時間は終わりました" not in await page(web, "/f/hpam/2026-11-24")


async def test_a_free_facility_asks_for_no_payment(web):
    text = await page(web, "/f/kenminnomori/2026-11-26", headers=JA)
    assert 'type="radio" name="method"' not in text
    assert "チケットを受け取る" in text


@pytest.mark.parametrize(
    ("address", "status", "said"),
    [
        ("/f/hpam/2026-11-30", 409, "この日は休館日です。 定休日"),
        ("/f/hpam/2026-11-22", 422, "この日は過ぎています"),
        ("/f/hpam/0001-01-01", 422, "この日は過ぎています"),
        ("/f/hpam/9999-12-31", 422, "この日のチケットはまだ発売していません"),
        ("/f/hpam/someday", 400, "someday"),
        ("/f/castle", 404, "「castle」という施設はありません"),
        ("/f/castle/2026-11-26", 404, "「castle」という施設はありません"),
        ("/f/%3Cscript%3E", 404, "「&lt;script&gt;」という施設はありません"),
    ],
)
async def test_what_cannot_be_shown_says_what_to_do(web, address, status, said):
    text = await page(web, address, status, headers=JA)
    assert said in text
    assert "<script>" not in text


async def test_a_closed_day_leads_to_the_next_open_one(web):
    text = await page(web, "/f/hpam/2026-11-30", 409, headers=EN)
    assert 'href="/f/hpam/2026-12-01"' in text
    assert "Tue 1 Dec 2026" in text


def test_every_message_of_the_slice_has_its_japanese():
    folders = [TICKETING / "words", Path(kernel.web.__file__).parent / "words"]
    known = {
        message.id: message.string
        for folder in folders
        for message in read_po((folder / "ja.po").open("rb"), locale="ja")
    }
    said = {
        unescape(message)
        for file in (TICKETING / "facilities/templates").glob("*.html")
        for quoted in re.findall(r"""_\((?:"([^"]*)"|'([^']*)')\)""", file.read_text(encoding="utf-8"))
        for message in quoted
        if message
    }
    declared = [each for each in vars(model).values() if getattr(each, "__module__", "") == model.__name__]
    refusals = {each.advice for each in declared if hasattr(each, "advice")}
    assert len(refusals) > 8
    assert len(said) > 50
    assert not {message for message in said | refusals if not known.get(message)}
