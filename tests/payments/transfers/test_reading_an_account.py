"""What a payer types becomes an account that banks take, or says at the field what to do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.methods.protocol import BankAccount
from payments.transfers import account
from payments.transfers.account import ALLOWED, WRONG, full_width, kana, read

GIVEN = {
    "bank_name": "広島銀行",
    "bank_code": "0169",
    "branch_name": "本店",
    "branch_code": "001",
    "kind": "normal",
    "number": "7654321",
    "holder": "ヒロシマ ハナコ",
}


@pytest.mark.parametrize(
    ("typed", "written"),
    [
        ("ひろしま はなこ", "ﾋﾛｼﾏ ﾊﾅｺ"),
        ("ヒロシマ　ハナコ", "ﾋﾛｼﾏ ﾊﾅｺ"),
        ("ﾋﾛｼﾏ ﾊﾅｺ", "ﾋﾛｼﾏ ﾊﾅｺ"),
        ("ガギグ パピプ", "ｶﾞｷﾞｸﾞ ﾊﾟﾋﾟﾌﾟ"),
        ("か\u3099", "ｶﾞ"),
        ("カ゛", "ｶﾞ"),
        ("キャッチャー", "ｷﾔﾂﾁﾔ-"),
        ("ヴァイオレット", "ｳﾞｱｲｵﾚﾂﾄ"),
        ("ヲヰヱ", "ｵｲｴ"),
        ("カ)モミジ", "ｶ)ﾓﾐｼﾞ"),
        ("カ）モミジ", "ｶ)ﾓﾐｼﾞ"),
        ("Ｊｏｈｎ・smith", "JOHN.SMITH"),
        ("ジョン−スミス", "ｼﾞﾖﾝ-ｽﾐｽ"),
        ("  ア   イ  ", "ｱ ｲ"),
    ],
)
def test_a_name_is_brought_into_the_banks_characters(typed, written):
    assert kana(typed) == written


@pytest.mark.parametrize("typed", ["広島花子", "ハナコ☆", "Müller", "ハナコ;", "㈱モミジ", "ゝ"])
def test_what_has_no_place_there_is_not_guessed(typed):
    assert kana(typed) is None


@given(st.text(max_size=40))
def test_whatever_is_typed_ends_in_allowed_characters_or_in_none(typed):
    written = kana(typed)
    assert written is None or set(written) <= ALLOWED


@given(st.text(alphabet=sorted(ALLOWED), max_size=30))
def test_a_name_in_the_banks_characters_stays_and_comes_back_from_full_width(written):
    once = kana(written)
    assert once is not None
    assert kana(once) == once
    assert kana(full_width(once)) == once


@given(st.text(alphabet=[chr(code) for code in range(0x3041, 0x3097)], min_size=1, max_size=15))
def test_hiragana_and_katakana_are_one_name(typed):
    assert kana(typed) == kana("".join(chr(ord(each) + 0x60) for each in typed)) is not None


@pytest.mark.parametrize(
    ("number", "kept"),
    [("7654321", "7654321"), ("123", "0000123"), ("７６５-４３２１", "7654321"), ("0000001", "0000001")],
)
def test_a_short_number_is_filled_up_with_zeros(number, kept):
    found = read(GIVEN | {"number": number}, yucho=False)
    assert isinstance(found, BankAccount)
    assert found.number == kept


@pytest.mark.parametrize(
    ("field", "typed"),
    [
        ("bank_name", ""),
        ("bank_name", "あ" * 41),
        ("bank_code", "169"),
        ("bank_code", "016A"),
        ("branch_name", ""),
        ("branch_code", "0011"),
        ("kind", "gold"),
        ("number", ""),
        ("number", "0"),
        ("number", "12345678"),
        ("number", "00000012"),
        ("holder", ""),
        ("holder", "123"),
        ("holder", "ガ" * 16),
    ],
)
def test_a_wrong_field_says_what_to_do(field, typed):
    assert read(GIVEN | {field: typed}, yucho=False) == {field: WRONG[field]}


def test_every_wrong_field_is_named_at_once():
    assert set(read({}, yucho=False)) == set(GIVEN)


def test_what_looks_like_a_card_number_is_refused_wherever_it_stands():
    assert read(GIVEN | {"bank_name": "4242 4242 4242 4242"}, yucho=False) == {"bank_name": WRONG["card"]}


@pytest.mark.parametrize(
    ("symbol", "number", "branch", "kind", "own"),
    [
        ("11940", "12345671", "198", "normal", "1234567"),
        ("１５１３０", "1231", "518", "normal", "0000123"),
        ("11940-2", "12345671", "198", "normal", "1234567"),
        ("00120-1", "123456", "019", "checking", "0123456"),
        ("01310", "7", "139", "checking", "0000007"),
    ],
)
def test_a_symbol_and_number_of_japan_post_bank(symbol, number, branch, kind, own):
    found = read({"symbol": symbol, "number": number, "holder": "モミジ"}, yucho=True)
    assert isinstance(found, BankAccount)
    assert (found.bank_code, found.branch_code, found.kind, found.number) == ("9900", branch, kind, own)


@pytest.mark.parametrize(
    ("symbol", "number", "wrong"),
    [
        ("21940", "12345671", "symbol"),
        ("1194", "12345671", "symbol"),
        ("11941", "12345671", "symbol"),
        ("11940", "12345670", "number"),
        ("11940", "123456781", "number"),
        ("11940", "1", "number"),
        ("00120", "00000000", "number"),
    ],
)
def test_a_wrong_symbol_or_number_is_named(symbol, number, wrong):
    assert set(read({"symbol": symbol, "number": number, "holder": "モミジ"}, yucho=True)) == {wrong}


@given(
    st.builds(
        BankAccount,
        *(st.text(max_size=30) for _ in range(5)),
        st.sampled_from(["normal", "checking", "savings"]),
        st.text(max_size=7),
    )
)
def test_an_account_comes_back_as_it_was_sealed(one):
    assert account.from_bytes(account.to_bytes(one)) == one


def test_a_message_keeps_everything_but_the_account():
    body = '{"id": "e1", "data": {"refund_requests": [{"customer_name": "ハナコ", "amount": 5, "bank_name": null}]}}'
    kept = account.without_accounts(body.encode()).decode()
    assert (
        kept == '{"id": "e1", "data": {"refund_requests": [{"customer_name": "***", "amount": 5, "bank_name": null}]}}'
    )


@pytest.mark.parametrize("body", [b'{"id":  1}', b"not json", b"\xff"])
def test_any_other_message_is_kept_as_it_came(body):
    assert account.without_accounts(body) == body
