"""What looks like a card number is refused at every service's edge and blotted out of every log line."""

import json
import random
import uuid
from urllib.parse import quote_plus

import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient

from kernel import server
from kernel.cards import BLOT, blot, holds_card_number
from kernel.server import PageSources
from kernel.telemetry import redact
from kernel.web import Pages

# The public test numbers of the brands.
VISA, VISA_13, MASTERCARD, MASTERCARD_2 = "4242424242424242", "4222222222222", "5555555555554444", "2223003122003222"
AMEX, JCB, DINERS, UNIONPAY_19 = "378282246310005", "3566002020360505", "30569309025904", "6205500000000000004"
BRANDS = (VISA, VISA_13, MASTERCARD, MASTERCARD_2, AMEX, JCB, DINERS, UNIONPAY_19)
WAYS = (
    VISA,
    "4242 4242 4242 4242",
    "4242-4242-4242-4242",
    "4242\u30104242".replace("\u3010", "\u2010") + " 4242 4242",
    "４２４２　４２４２　４２４２　４２４２",
    "４２４２－４２４２ー４２４２−４２４２",
    "3782 822463 10005",
    "4242 4242 4242 4242 12/29 123",
    "1 4242424242424242",
    "VISA4242424242424242で",
)


@pytest.mark.parametrize("number", BRANDS)
def test_every_brand_s_numbers_are_known(number):
    assert holds_card_number(number)


@pytest.mark.parametrize("text", WAYS)
def test_a_number_is_known_however_it_is_typed(text):
    assert holds_card_number(f"カード {text}、お願いします")


@pytest.mark.parametrize("number", BRANDS)
def test_a_wrong_digit_is_no_card_number(number):
    assert not holds_card_number(number[:-1] + str((int(number[-1]) + 1) % 10))


@pytest.mark.parametrize(
    "text",
    [
        "1732406400000",  # a moment in milliseconds
        "18446744073709551615",  # 20 digits
        "00010002000300040005",  # numbers of Pay-easy
        "2026-11-24 09:30-17:00",
        "090-1234-5678 / 082-222-1234",
        "9007199254740993",
        "MMJ24AAAB5Q2VZ3J",
    ],
)
def test_other_long_numbers_pass(text):
    assert not holds_card_number(text)


def test_identifiers_of_programs_pass():
    chance = random.Random(41)
    made = [uuid.UUID(int=chance.getrandbits(128), version=4) for _ in range(20_000)]
    # Digits alone would let about one in a thousand of them look like a card's number.
    assert not any(holds_card_number(json.dumps({"id": str(each), "hex": each.hex})) for each in made)
    assert not holds_card_number("42424242-4242-4242-4242-424242424242")


def test_blotting_leaves_the_rest():
    assert blot(f"a {VISA} 12/29, b {AMEX}, 1") == f"a {BLOT} 12/29, b {BLOT}, 1"


@pytest.mark.parametrize("text", [*BRANDS, *WAYS, f"-{VISA}", f"{VISA}-1"])
def test_no_log_line_holds_one(text):
    assert not holds_card_number(redact(f"said: {text}."))


@pytest.mark.parametrize("secret", ["sk_live_51HabcDEF", "rk_live_1", "whsec_abc123", "mmk_abc.def", "Bearer ey.J-_x"])
def test_no_log_line_holds_what_begins_like_a_secret(secret):
    assert secret[4:] not in redact(f"refused {secret} today").replace(BLOT, "")


@pytest.fixture(scope="module")
def guarded():
    app = FastAPI()
    seen = []

    @app.api_route("/{path:path}", methods=["GET", "POST", "PUT", "DELETE"])
    async def anything(request: Request) -> dict:
        seen.append((await request.body()).decode("utf-8", "replace"))
        return {}

    server.dress(
        app,
        service="test",
        body_bytes_max=10_000,
        sources=PageSources(),
        readiness={},
        reads_itself=("/hooks/",),
        pages=Pages(folders=[], words=[]),
    )
    client = TestClient(app)
    client.seen = seen
    return client


def escaped(text):
    return "".join(f"\\u{ord(each):04x}" for each in text)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", json.dumps({"a": {"b": ["x", VISA]}})),
        ("application/json", json.dumps({"amount": int(VISA)})),
        ("application/json", json.dumps({VISA: 1})),
        ("application/json", f'{{"a": "{escaped(VISA)}"}}'),
        ("application/json", json.dumps({"a": WAYS[4]})),
        ("application/json", json.dumps({"a": WAYS[4]}, ensure_ascii=False)),
        ("application/json", f'{{"broken": "{VISA}'),
        ("application/merge-patch+json", json.dumps({"a": VISA})),
        ("application/x-www-form-urlencoded", "name=x&note=" + quote_plus("4242 4242 4242 4242")),
        ("application/x-www-form-urlencoded", "note=" + quote_plus(WAYS[5])),
        ("application/x-www-form-urlencoded", VISA + "=x"),
        ("text/csv", f"a,b\n1,{VISA}\n"),
        ("multipart/form-data; boundary=b", f'--b\r\nContent-Disposition: form-data; name="n"\r\n\r\n{VISA}\r\n--b--'),
        (None, VISA),
    ],
)
def test_a_body_with_one_reaches_no_route(guarded, kind, body):
    guarded.seen.clear()
    answer = guarded.post("/x", content=body.encode(), headers={"content-type": kind} if kind else {})
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/card-number-refused")
    assert "payment company's own page" in answer.json()["detail"]
    assert "4242" not in answer.text
    assert guarded.seen == []


@pytest.mark.parametrize(
    "address", [f"/x?q={VISA}", "/x?q=4242+4242+4242+4242", f"/x/{VISA}", "/x?q=4242%204242%204242%204242"]
)
def test_an_address_with_one_reaches_no_route(guarded, address):
    guarded.seen.clear()
    assert guarded.get(address).status_code == 422
    assert guarded.seen == []


def test_a_correlation_id_like_one_is_replaced(guarded):
    assert guarded.post("/x", headers={"x-correlation-id": VISA}).headers["x-correlation-id"] != VISA


@pytest.mark.parametrize(("language", "words"), [("ja", "カード番号は決済会社の画面でのみ"), ("en", "card number")])
def test_a_person_is_told_on_a_page(guarded, language, words):
    said = {"accept": "text/html", "accept-language": language}
    answer = guarded.post("/x", data={"note": VISA}, headers=said)
    assert (answer.status_code, words in answer.text, VISA in answer.text) == (422, True, False)


def test_what_reads_its_bodies_itself_gets_them_as_they_came(guarded):
    guarded.seen.clear()
    assert guarded.post("/hooks/x", content=VISA).status_code == 200
    assert guarded.seen == [VISA]


def test_any_other_body_arrives_as_it_came(guarded):
    guarded.seen.clear()
    assert guarded.post("/x", content='{"a": 1}', headers={"content-type": "application/json"}).status_code == 200
    assert guarded.seen == ['{"a": 1}']


def test_a_body_that_is_too_large_is_told_so(guarded):
    assert guarded.post("/x", content=iter([b"x" * 9_000, b"y" * 9_000])).status_code == 413
