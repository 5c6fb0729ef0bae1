"""A merchant-presented code is read as the standard says; what is wrong is told with field, place and a way out."""

import pytest

from kernel.money import YEN_MAX, Yen
from payments.static_codes import problems as wrong
from payments.static_codes.merchant_code import Account, ForeignAmount, LocalName, TipAsked
from payments.static_codes.reading import CODE_MAX, check, parse
from payments.static_codes.tlv import crc16
from support.merchant_codes import (
    EMVCO,
    EMVCO_ORDERED,
    JPQR,
    JPQR_DAMAGED,
    LONG_NAMED_TEMPLATE,
    LONG_TOWN,
    MASTERCARD,
    NAMELESS_TEMPLATE,
    VECTORS,
    counter_text,
    sealed,
)

FIELDS = {
    "00": "01",
    "01": "11",
    "26": "0003abc",
    "52": "7991",
    "53": "392",
    "58": "JP",
    "59": "A SHOP",
    "60": "HIROSHIMA",
}
JPQR_TEMPLATE = "0019jp.or.paymentsjapan011300000000000010204000103060000010406000001"
JPQR_FIELDS = FIELDS | {"26": JPQR_TEMPLATE, "61": "7300014", "64": "0002JA0103縮景園"}


def code_of(fields=FIELDS, **changes):
    """Return a code of some fields; a change `f52=None` takes one out."""
    said = fields | {name[1:]: value for name, value in changes.items()}
    return sealed("".join(f"{tag}{len(value):02d}{value}" for tag, value in said.items() if value is not None))


def kinds(text, rules="emv"):
    return [type(each) for each in check(text, rules=rules).problems]


def only(text, rules="emv"):
    (problem,) = check(text, rules=rules).problems
    return problem


def test_the_check_is_crc_16_ccitt_false():
    assert crc16(b"123456789") == 0x29B1


@pytest.mark.parametrize("text", VECTORS.values(), ids=VECTORS)
def test_a_public_vector_is_read_without_a_fault(text):
    assert kinds(text) == []


def test_the_standard_s_own_example_says_what_it_should():
    code = parse(EMVCO)
    assert (code.initiation, code.category, code.country, code.name, code.city) == (
        "dynamic",
        "4111",
        "CN",
        "BEST TRANSPORT",
        "BEIJING",
    )
    assert (code.amount, code.fee) == (ForeignAmount("23.72"), TipAsked())
    assert code.local_name == LocalName("ZH", "最佳运输", "北京")
    assert [each.guid for each in code.accounts] == ["D15600000000", "D15600000001"]
    assert (code.additional.store, code.additional.customer, code.additional.terminal) == ("1234", "***", "A6008667")
    assert code.additional.asked == "ME"
    assert code.unreserved[0].guid == "A011223344998877"


def test_a_jpqr_code_gives_its_number_and_its_japanese_name():
    code = parse(JPQR, rules="jpqr")
    assert str(code.jpqr) == "0000000000001-0001-000001-000001"
    assert (code.local_name.name, code.postal_code) == ("メルペイ カフェ", "1066143")


def test_a_card_scheme_s_account_is_kept_as_it_is_written():
    assert parse(MASTERCARD).accounts == (
        Account("05", "04736a2f41a3-c54c-fce8-32d2-0324e1c32e22*3440e5bf-81ca-4c5f-a1b2-cf989f09a039"),
    )


def test_lengths_count_characters_and_not_bytes():
    assert parse(code_of(f64="0002JA0103縮景園")).local_name.name == "縮景園"
    assert kinds(code_of(f64="0002JA0104縮景園")) == [wrong.FieldCutShort]
    assert kinds(code_of(f64="0002JA0109縮景園")) == [wrong.FieldCutShort]


def test_yen_are_whole():
    assert parse(code_of(f54="400")).amount == Yen(400)


@pytest.mark.parametrize("amount", ["400.00", "400.", "0", "0400", "-400", "¥400", "4,00", "４００", str(YEN_MAX + 1)])
def test_what_is_no_whole_amount_of_yen_is_refused(amount):
    assert kinds(code_of(f54=amount)) == [wrong.YenExpected]


def test_what_a_reader_adds_around_a_code_is_let_go():
    assert check(f"  {JPQR}\r\n", rules="jpqr").problems == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", wrong.NothingToRead),
        ("   \r\n", wrong.NothingToRead),
        ("000201" + "x" * CODE_MAX, wrong.CodeTooLong),
        ("０００２０１０１０２１１", wrong.WideCharacters),
        ("https://qr.example.jp/pay/28180104", wrong.NotAPaymentCode),
        ("foo", wrong.NotAPaymentCode),
        (EMVCO[6:], wrong.NotAPaymentCode),
        (EMVCO[:-8], wrong.ChecksumMissing),
        (EMVCO[:-4] + "0000", wrong.ChecksumWrong),
        (EMVCO[:-4] + "a13a", wrong.ChecksumWrong),
        (JPQR_DAMAGED, wrong.ChecksumWrong),
        (LONG_TOWN, wrong.AsciiExpected),
        (NAMELESS_TEMPLATE, wrong.FieldEmpty),
        (LONG_NAMED_TEMPLATE, wrong.AsciiExpected),
        (sealed("0002015Z04"), wrong.FieldUnreadable),
        (sealed("000201590"), wrong.FieldUnreadable),
        (sealed("000201²³01x"), wrong.FieldUnreadable),
        (sealed("0002015999SHOP"), wrong.FieldCutShort),
        (code_of() + "6501A", wrong.ChecksumMissing),
        (sealed(code_of()[:-8] + "5901A"), wrong.FieldTwice),
        (code_of(f52=None), wrong.FieldMissing),
        (code_of(f26=None), wrong.FieldMissing),
        (code_of(f26="0103abc"), wrong.FieldMissing),
        (code_of(f64="0002JA"), wrong.FieldMissing),
        (code_of(f01="13"), wrong.OneOfExpected),
        (code_of(f52="79A1"), wrong.DigitsExpected),
        (code_of(f52="٧٩٩١"), wrong.DigitsExpected),
        (code_of(f59="縮景園"), wrong.AsciiExpected),
        (code_of(f59="A\tSHOP"), wrong.AsciiExpected),
        (code_of(f64="0002JA0103縮\x00園"), wrong.CharactersExpected),
        (code_of(f62="1003縮景園"), wrong.AsciiExpected),
        (code_of(f55="02"), wrong.FieldMissing),
        (code_of(f56="300"), wrong.FieldNotAllowed),
        (code_of(f55="03", f57="00.00"), wrong.PercentExpected),
        (code_of(f53="840", f54="1.2.3"), wrong.AmountExpected),
    ],
)
def test_what_is_wrong_has_a_name(text, expected):
    assert kinds(text)[0] is expected


def test_a_problem_names_the_field_the_place_and_what_to_do():
    problem = only(LONG_TOWN)
    assert (problem.fields["tag"], problem.fields["name"], problem.fields["position"]) == ("60", "Town", 56)
    assert LONG_TOWN[problem.fields["position"] - 1 :].startswith("6016Banteay")
    assert problem.detail.endswith("Ask the code's issuer for a correct one.")


def test_a_problem_within_a_template_names_both_fields_and_its_own_place():
    text = code_of(f64="0002JA0109縮景園")
    problem = only(text)
    assert problem.fields["tag"] == "64-01"
    assert text[problem.fields["position"] - 1 :].startswith("0109縮")


def test_wrong_check_characters_are_told_with_the_right_ones():
    problem = only(EMVCO[:-4] + "0000")
    assert (problem.fields["found"], problem.fields["expected"]) == ("0000", "A13A")


def test_everything_that_is_wrong_is_told_at_once():
    assert kinds(code_of(f52=None, f59="縮景園", f54="4.5")) == [
        wrong.AsciiExpected,
        wrong.YenExpected,
        wrong.FieldMissing,
    ]


def test_behind_a_broken_structure_nothing_is_called_missing():
    assert kinds(code_of()[:-10]) == [wrong.FieldCutShort, wrong.ChecksumMissing]


def test_what_a_problem_shows_of_a_value_is_bounded_and_can_be_read():
    shown = only(code_of(f59="\x1b[2J" + "ん" * 60)).fields["found"]
    assert len(shown) == 40
    assert "\x1b" not in shown


def test_a_code_of_our_own_follows_jpqr():
    assert kinds(counter_text(), "jpqr") == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"f26": "0003abc"}, wrong.JpqrMissing),
        ({"f26": None, "f27": JPQR_TEMPLATE}, wrong.JpqrMissing),
        ({"f26": JPQR_TEMPLATE.replace("0204", "0205")[:-1]}, None),
        ({"f26": JPQR_TEMPLATE[:-10] + "040500001"}, wrong.JpqrLevelWrong),
        ({"f26": JPQR_TEMPLATE[:-10]}, wrong.JpqrLevelWrong),
        ({"f26": JPQR_TEMPLATE[:-6] + "0000-1"}, wrong.JpqrLevelWrong),
        ({"f26": JPQR_TEMPLATE + "0501x"}, wrong.FieldNotAllowed),
        ({"f53": "840"}, wrong.OneOfExpected),
        ({"f58": "US"}, wrong.OneOfExpected),
        ({"f61": None}, wrong.FieldMissing),
        ({"f64": None}, wrong.FieldMissing),
        ({"f64": "0002EN0103abc"}, wrong.OneOfExpected),
        ({"f64": "0002JA0103縮景園0202広島"}, wrong.FieldNotAllowed),
    ],
)
def test_what_jpqr_asks_for_besides(changes, expected):
    found = kinds(code_of(JPQR_FIELDS, **changes), "jpqr")
    assert found if expected is None else found == [expected]


def test_the_rows_say_every_field_in_the_order_of_the_code():
    rows = check(JPQR, rules="jpqr").rows
    assert [row.tag for row in rows][:4] == ["00", "60", "01", "29"]
    assert ("26-01", "JPQR number, level 1", "0000000000001", 1) in [(r.tag, r.name, r.value, r.depth) for r in rows]
    assert len({row.tag for row in rows}) == len(rows)


def test_a_wrong_code_shows_what_could_be_read_of_it():
    assert [row.tag for row in check(EMVCO_ORDERED[:70]).rows][:2] == ["00", "01"]
