"""What is built is read back as it was; whatever single character is changed, the code is refused."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernel.money import Yen
from payments.static_codes.merchant_code import (
    Account,
    AdditionalData,
    FixedFee,
    ForeignAmount,
    JpqrNumber,
    LocalName,
    MerchantCode,
    PercentFee,
    Template,
    TipAsked,
)
from payments.static_codes.problems import AsciiExpected, ChecksumWrong, CodeProblem, FieldEmpty, JpqrMissing
from payments.static_codes.reading import parse
from payments.static_codes.tlv import Field, legible
from payments.static_codes.writing import build
from support.merchant_codes import EMVCO_ORDERED, JPQR, MASTERCARD, counter_code, counter_text

ASCII = st.characters(min_codepoint=0x20, max_codepoint=0x7E)
ANY = st.characters(exclude_categories=("Cc", "Cs", "Co", "Cn")).filter(legible)


def ascii_text(most, least=1):
    return st.text(ASCII, min_size=least, max_size=most)


def any_text(most):
    return st.text(ANY, min_size=1, max_size=most)


def digits(count):
    return st.text("0123456789", min_size=count, max_size=count)


def fields(tags, most=6, count=2):
    """Return fields with different numbers out of some."""
    named = st.lists(st.sampled_from(tags), max_size=count, unique=True)
    return named.flatmap(lambda found: st.tuples(*(st.builds(Field, st.just(tag), any_text(most)) for tag in found)))


def templates(tags, count):
    made = st.lists(st.sampled_from(tags), max_size=count, unique=True)
    inner = fields(["01", "02", "07", "99"])
    return made.flatmap(
        lambda found: st.tuples(*(st.builds(Template, st.just(tag), ascii_text(32), inner) for tag in found))
    )


yen = st.integers(1, 10**13 - 1).map(Yen)
foreign = st.from_regex(r"[1-9][0-9]{0,5}(\.[0-9]{0,2})?", fullmatch=True).map(ForeignAmount)
additional = st.builds(
    AdditionalData,
    bill=st.none() | ascii_text(8),
    reference=ascii_text(10),
    terminal=st.none() | ascii_text(8),
    asked=st.none() | st.sampled_from(["A", "ME", "AME"]),
    further=fields(["12", "50", "99"]),
)
local_names = st.builds(LocalName, ascii_text(2, 2), any_text(25), st.none() | any_text(15), fields(["03", "42"]))


@st.composite
def codes(draw):
    currency = draw(st.sampled_from(["392", "156", "840"]))
    money = yen if currency == "392" else foreign
    percent = st.from_regex(r"[0-9]{2}\.[0-9][1-9]", fullmatch=True).map(PercentFee)
    schemes = draw(st.lists(st.sampled_from(["02", "04", "15", "25"]), min_size=1, max_size=2, unique=True))
    accounts = [Account(tag, draw(ascii_text(20))) for tag in schemes]
    return MerchantCode(
        accounts=(*accounts, *draw(templates(["26", "27", "51"], 1))),
        category=draw(digits(4)),
        currency=currency,
        country=draw(st.sampled_from(["JP", "US"])),
        name=draw(ascii_text(25)),
        city=draw(ascii_text(15)),
        initiation=draw(st.sampled_from([None, "static", "dynamic"])),
        amount=draw(st.none() | money),
        fee=draw(st.none() | st.just(TipAsked()) | money.map(FixedFee) | percent),
        postal_code=draw(st.none() | ascii_text(10)),
        additional=draw(st.none() | additional),
        local_name=draw(st.none() | local_names),
        further=draw(fields(["65", "79"], count=1)),
        unreserved=draw(templates(["80", "99"], 1)),
    )


@settings(max_examples=200, deadline=None)
@given(codes())
def test_a_code_is_read_back_as_it_was_built(code):
    assert parse(build(code)) == code


# The check finds every error within 16 bits that lie together: one changed ASCII character is 8. A character of three
# bytes that becomes another one may differ in more, and then one change in 65,536 would pass: that is the standard's.
@settings(max_examples=300, deadline=None)
@given(st.data())
def test_whatever_ascii_character_is_changed_the_code_is_refused(data):
    text = data.draw(st.sampled_from([EMVCO_ORDERED, JPQR, MASTERCARD, counter_text()]))
    place = data.draw(st.sampled_from([at for at, each in enumerate(text) if each.isascii()]))
    other = data.draw(ASCII.filter(lambda each: each != text[place]))
    with pytest.raises(CodeProblem):
        parse(text[:place] + other + text[place + 1 :])


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_whatever_kana_is_changed_for_another_the_code_is_refused(data):
    text = counter_text(local="ひろしまびじゅつかん")
    place = data.draw(st.sampled_from([at for at, each in enumerate(text) if not each.isascii()]))
    other = data.draw(st.characters(min_codepoint=0x3042, max_codepoint=0x307F).filter(lambda e: e != text[place]))
    assert unicodedata.name(other).startswith("HIRAGANA")
    with pytest.raises(ChecksumWrong):
        parse(text[:place] + other + text[place + 1 :])


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_character_that_is_lost_or_added_is_noticed(data):
    place = data.draw(st.integers(0, len(JPQR) - 1))
    added = data.draw(ASCII.filter(lambda each: each != " "))
    for changed in (JPQR[:place] + JPQR[place + 1 :], JPQR[:place] + added + JPQR[place:]):
        with pytest.raises(CodeProblem):
            parse(changed)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=600) | st.text("0123456789", max_size=80).map(lambda text: "000201" + text))
def test_no_text_whatever_is_more_than_refused(text):
    with pytest.raises(CodeProblem) as refused:
        parse(text)
    assert refused.value.detail


@pytest.mark.parametrize("text", [EMVCO_ORDERED, MASTERCARD], ids=["emvco-ordered", "mastercard"])
def test_a_public_vector_in_the_order_of_its_numbers_is_written_to_the_letter(text):
    assert build(parse(text)) == text


def test_the_standard_s_order_of_fields_is_a_choice_of_the_writer():
    assert parse(build(parse(JPQR))) == parse(JPQR)


def test_yen_are_written_without_a_point():
    assert "54041200" in counter_text(amount=1200)


def test_check_characters_are_upper_case():
    assert all(counter_text(f"{number:06d}")[-4:].upper() == counter_text(f"{number:06d}")[-4:] for number in range(50))


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"name": "縮景園"}, AsciiExpected),
        ({"category": "79"}, CodeProblem),
        ({"amount": 0}, CodeProblem),
        ({"amount": -5}, CodeProblem),
        ({"name": ""}, ValueError),
        ({"local": "長" * 26}, CodeProblem),
        ({"local": "長" * 120}, ValueError),
    ],
)
def test_what_cannot_be_in_a_code_is_not_written(changed, expected):
    made = {key: value for key, value in changed.items() if key != "category"}
    code = counter_code(**made)
    if "category" in changed:
        code = MerchantCode(code.accounts, changed["category"], "392", "JP", "A", "B")
    with pytest.raises(expected):
        build(code)


def test_a_code_of_one_scheme_is_not_written_as_jpqr():
    with pytest.raises(JpqrMissing):
        build(parse(MASTERCARD), rules="jpqr")


def test_yen_are_no_dollars():
    with pytest.raises(ValueError, match="currency 840"):
        MerchantCode((Account("02", "1"),), "7991", "840", "US", "A", "B", amount=Yen(1))
    with pytest.raises(ValueError, match="currency 392"):
        MerchantCode((Account("02", "1"),), "7991", "392", "JP", "A", "B", fee=FixedFee(ForeignAmount("1")))


def test_a_field_in_the_wrong_place_is_not_written():
    with pytest.raises((ValueError, CodeProblem)):
        build(MerchantCode((Template("80", "abc"),), "7991", "392", "JP", "A", "B"))
    with pytest.raises((ValueError, FieldEmpty)):
        build(MerchantCode((Account("02", "1"),), "7991", "392", "JP", "A", "B", additional=AdditionalData()))


def test_jpqr_s_template_has_68_characters():
    assert "26680019jp.or.paymentsjapan" in counter_text()
    assert parse(counter_text()).jpqr == JpqrNumber("0" * 13, "0001", "000001", "000001")
