"""What each result of PayPay's means, as a table; the facts file's codes are all here."""

import pytest

from payments.methods.paypay.results import TABLE, meaning_of

CODES = [
    ("SUCCESS", "08100001", 200, "done"),
    ("SUCCESS", "08100001", 201, "done"),
    ("REQUEST_ACCEPTED", "08100001", 202, "done"),
    ("UNAUTHORIZED", "08100016", 401, "misconfigured"),
    ("RATE_LIMIT", "08100998", 429, "rate_limited"),
    ("MAINTENANCE_MODE", "08100999", 503, "maintenance"),
    ("INTERNAL_SERVER_ERROR", "08101000", 500, "ask_first"),
    ("INVALID_URL", "08100006", 404, "misconfigured"),
    ("INVALID_REQUEST_PARAMS", "00200004", 400, "refused"),
    ("DUPLICATE_REFUND_REQUEST", "00200007", 400, "duplicate"),
    ("REFUND_LIMIT_EXCEEDED", "00200014", 400, "refund_limit"),
    ("NO_SUCH_REFUND_ORDER", "00200018", 404, "no_such_refund"),
    ("ORDER_NOT_REVERSIBLE", "00200044", 400, "not_reversible"),
    ("DYNAMIC_QR_NOT_FOUND", "01652072", 404, "no_such_code"),
    ("DUPLICATE_DYNAMIC_QR_REQUEST", "01652073", 400, "duplicate"),
    ("DYNAMIC_QR_ALREADY_PAID", "01652074", 400, "already_paid"),
    ("DYNAMIC_QR_PAYMENT_NOT_FOUND", "01652075", 404, "not_paid"),
]


def said(word="", number=""):
    return {"resultInfo": {"code": word, "codeId": number, "message": ""}, "data": None}


def test_this_table_and_the_adapter_s_name_the_same_codes():
    assert {(word, number) for word, number, *_ in CODES} == set(TABLE)


@pytest.mark.parametrize(("word", "number", "status", "meaning"), CODES)
def test_a_known_code_means_one_thing(word, number, status, meaning):
    assert meaning_of(status, said(word, number)) == meaning


@pytest.mark.parametrize(("word", "number", "status", "meaning"), [each for each in CODES if each[3] != "done"])
def test_its_word_or_its_number_alone_says_it_too(word, number, status, meaning):
    assert meaning_of(status, said(word)) == meaning
    assert meaning_of(status, said(number=number)) == meaning


@pytest.mark.parametrize(
    ("status", "meaning"),
    [
        (400, "refused"),
        (401, "misconfigured"),
        (403, "misconfigured"),
        (404, "refused"),
        (429, "rate_limited"),
        (500, "ask_first"),
        (502, "ask_first"),
        (503, "ask_first"),
        (504, "ask_first"),
        (None, "ask_first"),
    ],
)
def test_an_unknown_code_is_judged_by_the_http_status(status, meaning):
    assert meaning_of(status, said("SOMETHING_NEW", "09999999")) == meaning


@pytest.mark.parametrize("answer", [{}, [], "<html>", None, {"resultInfo": None}])
def test_an_answer_that_is_not_paypay_s_proves_no_success(answer):
    assert meaning_of(200, answer) == "ask_first"


def test_a_success_that_names_a_failure_is_not_believed():
    assert meaning_of(200, said("DYNAMIC_QR_NOT_FOUND")) == "ask_first"


def test_a_failure_that_names_a_success_is_not_believed():
    assert meaning_of(500, said("SUCCESS", "08100001")) == "ask_first"
