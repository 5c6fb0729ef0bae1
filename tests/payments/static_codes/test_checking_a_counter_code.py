"""Staff scan the codes that lie on counters: the page says what each is, and what to do with a wrong one."""

import pytest

from kernel.access import Role
from support.counter_codes import PLACE
from support.merchant_codes import EMVCO, counter_code, counter_text, sealed


def test_the_right_code_is_right_and_the_day_is_kept(counters):
    code, text = counters.register(counter="東門")
    assert "not yet" in counters.get(f"/{code}").text
    assert "This is the right code. 縮景園 · 東門" in counters.check(text)
    assert "facility-person" in counters.get(f"/{code}").text


def test_a_usb_reader_s_line_end_makes_no_difference(counters):
    _, text = counters.register()
    assert "This is the right code." in counters.check(text + "\r\n")


def test_the_code_of_another_counter_is_told(counters):
    here, _ = counters.register(counter="西門")
    _, other = counters.register(counter="南門")
    said = counters.check(other, expected=here)
    assert "belongs to another counter: 縮景園 · 南門" in said
    assert "What is different" in said


def test_a_stranger_s_code_is_no_code_of_ours(counters):
    here, _ = counters.register()
    said = counters.check(counter_text("999999", name="SOMEBODY ELSE"), expected=here)
    assert "This code is not ours. Payments with it go to somebody else." in said
    assert "59 Merchant name HIROSHIMA SAMPLE SOMEBODY ELSE" in said


def test_our_number_in_a_code_that_was_not_issued_so_is_told(counters):
    _, text = counters.register()
    number = text.split("0406")[1][:6]
    said = counters.check(counter_text(number, local="別の店"))
    assert "carries our number, but it is not the code that was issued" in said
    assert "縮景園 入園券売場 別の店" in said


def test_a_retired_code_is_to_be_taken_off(counters):
    code, text = counters.register()
    assert counters.post(f"/{code}/retire").status_code == 303
    assert "This code was retired." in counters.check(text)


def test_another_facility_s_counter_is_not_named(counters):
    _, text = counters.register(facility="kenbi", counter="本館 地下")
    said = counters.check(text)
    assert "This code belongs to another facility." in said
    assert "地下" not in said


def test_each_thing_that_is_wrong_is_told_in_words(counters):
    said = counters.check(EMVCO, language="ja")
    assert "155文字目の項目53(通貨)は392のはずですが、「156」です。" in said
    assert "項目61(郵便番号)がありません。" in said


def test_a_damaged_code_is_compared_with_what_was_expected(counters):
    here, text = counters.register()
    said = counters.check(text.replace("HIROSHIMA SAMPLE", "HIROSHIMA SIMPLE"), expected=here)
    assert "Something was misread or changed" in said
    assert "59 Merchant name HIROSHIMA SAMPLE HIROSHIMA SIMPLE" in said


def test_full_width_digits_lead_to_the_keyboard(counters):
    assert "Switch Japanese input off" in counters.check("０００２０１")


@pytest.mark.parametrize("text", ["4242 4242 4242 4242", "card 4000002760003184"])
def test_a_card_number_is_refused_and_not_repeated(counters, text):
    answer = counters.post("/check", text=text)
    assert answer.status_code == 422
    assert "looks like a card number" in answer.text
    assert text[-4:] not in answer.text


def test_what_was_scanned_is_not_kept(counters):
    counters.check(counter_text("888888", local="秘密の名前"))
    rows = counters.desk.till.rows("SELECT details::text FROM audit WHERE action = 'static_code.checked'")
    assert any("888888" in details for (details,) in rows)
    assert not any("秘密" in details for (details,) in rows)


def test_what_was_scanned_is_shown_as_text(counters):
    text = sealed("000201010211260700" + "03abc59" + "25<script>alert(1)</script>")
    assert "<script>" not in counters.post("/check", text=text).text


@pytest.mark.parametrize(
    "text", ["000201\x00", "000201" + "\x00" * 20, "0002016204\ufffe", "\x00", "000201" + "9" * 5000]
)
def test_what_no_database_takes_is_only_refused(counters, text):
    assert "This code cannot be used." in counters.check(text)


def test_gate_staff_and_nobody_do_not_check(counters):
    assert counters.post("/check", Role.GATE, text="x").status_code == 403
    answer = counters.desk.till.client.get(f"{counters.desk.till.url}{PLACE}")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/sign-in?next={PLACE}")


def test_a_form_of_another_site_is_refused(counters):
    headers = counters.headers() | {"sec-fetch-site": "cross-site"}
    answer = counters.desk.till.client.post(
        f"{counters.desk.till.url}{PLACE}/check", data={"text": "x"}, headers=headers
    )
    assert answer.status_code == 403


def test_a_code_of_ours_is_registered_only_once(counters):
    _, text = counters.register(counter="北門")
    answer = counters.post(**counters.form(text, counter="売店"))
    assert answer.status_code == 409
    assert "registered already, for 縮景園 北門" in answer.text


def test_a_retired_code_may_be_registered_again(counters):
    code, text = counters.register()
    counters.post(f"/{code}/retire")
    again, _ = counters.register(text)
    assert again != code
    assert "This is the right code." in counters.check(text)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"counter": ""}, "Fill in “Counter” with 1 to 60 characters"),
        ({"counter": "x" * 61}, "Fill in “Counter” with 1 to 60 characters"),
        ({"name_en": "4242424242424242"}, "looks like a card number"),
        ({"text": EMVCO}, "This is no JPQR code"),
        ({"text": "4242424242424242"}, "looks like a card number"),
    ],
)
def test_what_cannot_be_registered_says_why_and_keeps_the_form(counters, changes, said):
    answer = counters.post(**counters.form(counter_text("777777")) | changes)
    assert answer.status_code == 422
    assert said in answer.text
    assert "縮景園" in answer.text


def test_a_code_for_one_payment_lies_on_no_counter(counters):
    text = counter_text("666666").replace("010211", "010212")[:-8]
    assert "made for one payment" in counters.post(**counters.form(sealed(text))).text


def test_facility_staff_register_and_retire_nothing(counters):
    code, _ = counters.register()
    mine = {"role": Role.FACILITY, "facilities": ("shukkeien",)}
    assert counters.post(**mine, **counters.form(counter_text("555555"))).status_code == 403
    assert counters.post(f"/{code}/retire", **mine).status_code == 403


def test_accounting_of_one_facility_keeps_to_it(counters):
    code, _ = counters.register(facility="kenbi")
    mine = {"facilities": ("shukkeien",)}
    assert counters.get(f"/{code}", **mine).status_code == 404
    assert counters.post(f"/{code}/retire", **mine).status_code == 404
    assert counters.post(**mine, **counters.form(counter_text("444444"), facility="kenbi")).status_code == 403
    assert code not in counters.get(**mine).text


def test_a_code_for_practice_can_be_filled_in_and_registered(counters):
    page = counters.get("/sample")
    assert "000201010211" in page.text
    assert counter_code().jpqr.level_1 in page.text


def test_facility_staff_are_led_to_no_page_that_refuses_them(counters):
    page = counters.get(role=Role.FACILITY, facilities=("shukkeien",)).text
    assert 'href="/operations/static-codes"' in page
    assert 'href="/operations/charges"' not in page
    assert 'href="/operations/charges"' in counters.get().text
