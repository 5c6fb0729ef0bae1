"""Merchant-presented codes for tests: the public vectors, each with where it is published, and one of our own."""

from __future__ import annotations

from kernel.money import Yen
from payments.static_codes.merchant_code import JpqrNumber, LocalName, MerchantCode
from payments.static_codes.tlv import check_characters
from payments.static_codes.writing import build

# EMV QRCPS-MPM, the specification's own example; so in github.com/mercari/go-emv-code mpm/emv_test.go and on
# npmjs.com/package/steplix-emvqr.
EMVCO = (
    "00020101021229300012D156000000000510A93FO3230Q31280012D15600000001030812345678520441115802CN5914BEST TRANSPORT"
    "6007BEIJING64200002ZH0104最佳运输0202北京540523.7253031565502016233030412340603***0708A60086670902ME"
    "91320016A0112233449988770708123456786304A13A"
)
# The same merchant with two unreserved templates, in the order of the numbers: go-emv-code mpm/emv_test.go.
EMVCO_ORDERED = (
    "00020101021229300012D156000000000510A93FO3230Q31280012D15600000001030812345678520441115303156540523.725502015802CN"
    "5914BEST TRANSPORT6007BEIJING6233030412340603***0708A60086670902ME64200002ZH0104最佳运输0202北京"
    "8036003239401ff0c21a4543a8ed5fbaa30ab02e81360032c2fbf6dd646f4f36b617f10747c0b96163046F32"
)
# JPQR, with a Japanese name: go-emv-code mpm/jpqr/jpqr_test.go.
JPQR = (
    "0002016003xxx01021129300012D156000000000510A93FO3230Q31280012D15600000001030812345678"
    "26680019jp.or.paymentsjapan011300000000000010204000103060000010406000001"
    "53033925903xxx64180002JA0108メルペイ カフェ520441115802JP610710661436304DEE9"
)
# A card scheme's own account in field 05: developer.mastercard.com, "Generate QR Code for Merchants".
MASTERCARD = (
    "000201010211057704736a2f41a3-c54c-fce8-32d2-0324e1c32e22*3440e5bf-81ca-4c5f-a1b2-cf989f09a039520450245303840"
    "54031005802US5913Test Merchant6008New York62080304123463046F6D"
)
# README of github.com/phannaly/emv-qr-code.
PHNOM_PENH = (
    "00020101021252044131153137210116372101160123456789ABCDE6010Phnom Penh5913Merchant Shop5802KH540510.005303840"
    "622501081234567802090124444446304A0BA"
)
# Of the same tests: without a name in Chinese, without unreserved templates, and the standard's without the name.
WITHOUT_LANGUAGE = EMVCO_ORDERED.replace("64200002ZH0104最佳运输0202北京", "")[:-4] + "EBCA"
WITHOUT_UNRESERVED = EMVCO_ORDERED.split("8036", maxsplit=1)[0] + "6304CDE7"
EMVCO_WITHOUT_LANGUAGE = EMVCO.replace("64200002ZH0104最佳运输0202北京", "")[:-4] + "FF8B"
VECTORS = {
    "without-language": WITHOUT_LANGUAGE,
    "without-unreserved": WITHOUT_UNRESERVED,
    "emvco-without-language": EMVCO_WITHOUT_LANGUAGE,
    "emvco": EMVCO,
    "emvco-ordered": EMVCO_ORDERED,
    "jpqr": JPQR,
    "mastercard": MASTERCARD,
    "phnom-penh": PHNOM_PENH,
}
# Published, and wrong. An older README of phannaly/emv-qr-code: a town of 16 characters.
LONG_TOWN = (
    "00020101021252044131153137210116372101160123456789ABCDE6016Banteay Meanchey5913Kuntheas Shop5802KH540510.00"
    "5303840621201081234567863041FF2"
)
# The unit test of github.com/kenmaz/JPQRReader (MPMDecoderTests.swift): its text does not give its check characters.
JPQR_DAMAGED = (
    "00020164210002JA0111JPQRMPM本舗食堂53033925903xxx6003xxx610710600325802JP010211"
    "26680019jp.or.paymentsjapan011300000000000010204000103060000010406000001"
    "5204412163046D60"
)
# go-emv-code mpm/emv_test.go: a template without a name, and one whose name is too long.
NAMELESS_TEMPLATE = EMVCO_ORDERED.split("8036", maxsplit=1)[0] + "8000630484D1"
LONG_NAMED_TEMPLATE = EMVCO_ORDERED.split("8036", maxsplit=1)[0] + "8037003339401ff0c21a4543a8ed5fbaa30ab02ee6304D279"


def sealed(text: str) -> str:
    """Return a text with the check characters that belong to it: wrong in some other way, or not at all."""
    return f"{text}6304{check_characters(text + '6304')}"


def counter_code(level_4="000001", *, amount=None, name="HIROSHIMA SAMPLE", local="縮景園 入園券売場"):
    """Return a JPQR code of our own making: a level 1 of zeros belongs to nobody."""
    return MerchantCode(
        accounts=(JpqrNumber("0" * 13, "0001", "000001", level_4).template,),
        category="7991",
        currency="392",
        country="JP",
        name=name,
        city="HIROSHIMA",
        initiation="static",
        amount=None if amount is None else Yen(amount),
        postal_code="7300014",
        local_name=LocalName("JA", local),
    )


def counter_text(level_4="000001", **more):
    """Return that code as text."""
    return build(counter_code(level_4, **more), rules="jpqr")
