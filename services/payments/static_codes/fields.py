"""The fields of merchant-presented codes: what each is called, and what it may hold.

Source: EMV QR Code Specification for Payment Systems, Merchant-Presented Mode 1.1, tables 3.1 to 3.8.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, assert_never

from kernel.money import YEN_MAX
from payments.static_codes.problems import (
    AmountExpected,
    AsciiExpected,
    CharactersExpected,
    CodeProblem,
    DigitsExpected,
    OneOfExpected,
    PercentExpected,
    YenExpected,
)
from payments.static_codes.tlv import DIGITS, VALUE_MAX, Field, legible, path, shown

YEN: Final = "392"
GUID_MAX: Final = 32
Kind = Literal["digits", "ascii", "any", "choice", "amount", "percent"]

_AMOUNT: Final = re.compile(r"[0-9]+(\.[0-9]*)?")
_YEN: Final = re.compile(r"[1-9][0-9]*")
_PERCENT: Final = re.compile(r"[0-9]{1,2}(\.[0-9]{0,2})?")


@dataclass(frozen=True, slots=True)
class Spec:
    """What a field is called (a msgid) and what it may hold. `least` and `most` count characters."""

    name: str
    kind: Kind
    most: int
    least: int = 1
    choices: tuple[str, ...] = ()
    needed: bool = False


CODE: Final[Mapping[str, Spec]] = {
    "00": Spec("Version of the format", "choice", 2, choices=("01",), needed=True),
    "01": Spec("Static or for one payment", "choice", 2, choices=("11", "12")),
    "52": Spec("Merchant category", "digits", 4, needed=True),
    "53": Spec("Currency", "digits", 3, needed=True),
    "54": Spec("Amount of the code", "amount", 13),
    "55": Spec("Tip or fee", "choice", 2, choices=("01", "02", "03")),
    "56": Spec("Fixed fee", "amount", 13),
    "57": Spec("Fee in percent", "percent", 5),
    "58": Spec("Country", "ascii", 2, least=2, needed=True),
    "59": Spec("Merchant name", "ascii", 25, needed=True),
    "60": Spec("Town", "ascii", 15, needed=True),
    "61": Spec("Postal code", "ascii", 10),
    "62": Spec("Additional data", "any", VALUE_MAX),
    "63": Spec("Check characters", "ascii", 4, least=4, needed=True),
    "64": Spec("Name in another language", "any", VALUE_MAX),
}
ADDITIONAL: Final[Mapping[str, Spec]] = {
    "01": Spec("Bill number", "ascii", 25),
    "02": Spec("Mobile number", "ascii", 25),
    "03": Spec("Store", "ascii", 25),
    "04": Spec("Loyalty number", "ascii", 25),
    "05": Spec("Reference of the code", "ascii", 25),
    "06": Spec("Customer label", "ascii", 25),
    "07": Spec("Terminal", "ascii", 25),
    "08": Spec("Purpose", "ascii", 25),
    "09": Spec("Asked of the payer", "ascii", 3),
    "10": Spec("Merchant's tax number", "ascii", 20),
    "11": Spec("Merchant's channel", "ascii", 3, least=3),
}
LANGUAGE: Final[Mapping[str, Spec]] = {
    "00": Spec("Language", "ascii", 2, least=2, needed=True),
    "01": Spec("Merchant name in that language", "any", 25, needed=True),
    "02": Spec("Town in that language", "any", 15),
}
GUID: Final = Spec("Whose field it is", "ascii", GUID_MAX, needed=True)
ACCOUNT: Final = Spec("Merchant account", "ascii", VALUE_MAX)
ACCOUNT_TEMPLATE: Final = Spec("Merchant account", "any", VALUE_MAX)
OTHER: Final = Spec("Another field", "any", VALUE_MAX)


def is_account(tag: str) -> bool:
    """Tell whether a field says where the money goes."""
    return "02" <= tag <= "51"


def is_template(tag: str) -> bool:
    """Tell whether a field holds fields of its own, the first of which says whose they are."""
    return "26" <= tag <= "51" or "80" <= tag <= "99"


def spec_of(tag: str, within: str = "") -> Spec:
    """Return what a field may hold."""
    if not within:
        if is_account(tag):
            return ACCOUNT_TEMPLATE if is_template(tag) else ACCOUNT
        return CODE.get(tag, OTHER)
    if is_template(within):
        return GUID if tag == "00" else JPQR_LEVELS.get(path(within, tag), OTHER)
    return {"62": ADDITIONAL, "64": LANGUAGE}.get(within, {}).get(tag, OTHER)


JPQR_TAG: Final = "26"
JPQR_GUID: Final = "jp.or.paymentsjapan"
JPQR_LEVELS: Final[Mapping[str, Spec]] = {
    "26-01": Spec("JPQR number, level 1", "ascii", 13, least=13),
    "26-02": Spec("JPQR number, level 2", "ascii", 4, least=4),
    "26-03": Spec("JPQR number, level 3", "ascii", 6, least=6),
    "26-04": Spec("JPQR number, level 4", "ascii", 6, least=6),
}


def problem_of(field: Field, within: str = "", *, currency: str = YEN) -> CodeProblem | None:
    """Return what is wrong with a field's value, alone; None if nothing is. An empty one was found by the reader."""
    tag, value = path(within, field.tag), field.value
    # JPQR's levels have exact lengths only within JPQR's own template: the rules of JPQR ask for them.
    spec = OTHER if tag in JPQR_LEVELS else spec_of(field.tag, within)
    if not value or _fits(spec, value, currency):
        return None
    place: dict[str, str | int] = {"tag": tag, "name": spec.name, "position": field.position, "found": shown(value)}
    return _refused(spec, currency, place)


def _fits(spec: Spec, value: str, currency: str) -> bool:
    within_bounds = spec.least <= len(value) <= spec.most
    match spec.kind:
        case "digits":
            return len(value) == spec.most and set(value) <= DIGITS
        case "ascii":
            return within_bounds and all(" " <= each <= "~" for each in value)
        case "any":
            return within_bounds and all(legible(each) for each in value)
        case "choice":
            return value in spec.choices
        case "percent":
            return within_bounds and _PERCENT.fullmatch(value) is not None and _more_than_nothing(value)
        case "amount":
            return within_bounds and is_amount(value, currency)
        case _:
            assert_never(spec.kind)


def _refused(spec: Spec, currency: str, place: Mapping[str, str | int]) -> CodeProblem:
    match spec.kind:
        case "digits":
            return DigitsExpected(most=spec.most, **place)
        case "ascii":
            return AsciiExpected(least=spec.least, most=spec.most, **place)
        case "any":
            return CharactersExpected(least=spec.least, most=spec.most, **place)
        case "choice":
            return OneOfExpected(choices=" / ".join(spec.choices), **place)
        case "percent":
            return PercentExpected(**place)
        case "amount":
            return YenExpected(**place) if currency == YEN else AmountExpected(**place)
        case _:
            assert_never(spec.kind)


def is_amount(value: str, currency: str) -> bool:
    """Tell whether a text is an amount of more than nothing; yen have no decimals."""
    if currency == YEN:
        return _YEN.fullmatch(value) is not None and int(value) <= YEN_MAX
    return _AMOUNT.fullmatch(value) is not None and _more_than_nothing(value)


def _more_than_nothing(value: str) -> bool:
    return bool(set(value) & set("123456789"))
