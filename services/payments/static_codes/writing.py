"""Writing merchant-presented codes, so that `parse(build(code)) == code`. Pure.

Codes for use are issued by the JPQR association: what is built here is for tests and practice.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from kernel.money import Yen
from payments.static_codes import tlv
from payments.static_codes.merchant_code import (
    ADDITIONAL_TAGS,
    INITIATIONS,
    Account,
    FixedFee,
    ForeignAmount,
    MerchantCode,
    PercentFee,
    Rules,
    Template,
    TipAsked,
)
from payments.static_codes.reading import parse
from payments.static_codes.tlv import CHECK_HEADER, Field


def build(code: MerchantCode, *, rules: Rules = "emv") -> str:
    """Return a code as text, in the order of its numbers, with its check characters.

    Raises CodeProblem for what the standard does not allow, ValueError for what cannot be written or read back.
    """
    text = tlv.write(_fields(code)) + CHECK_HEADER
    text += tlv.check_characters(text)
    if parse(text, rules=rules) != code:
        raise ValueError("A value of this code would be read back as something else; see which field's number it has.")
    return text


def _fields(code: MerchantCode) -> Iterator[Field]:
    """Return the fields of a code in the order of their numbers, all but the check characters."""
    yield Field("00", "01")
    if code.initiation is not None:
        yield Field("01", next(value for value, name in INITIATIONS.items() if name == code.initiation))
    for each in code.accounts:
        yield Field(each.tag, each.value) if isinstance(each, Account) else _nested(each)
    yield Field("52", code.category)
    yield Field("53", code.currency)
    if code.amount is not None:
        yield Field("54", _written(code.amount))
    match code.fee:
        case TipAsked():
            yield Field("55", "01")
        case FixedFee(amount):
            yield from (Field("55", "02"), Field("56", _written(amount)))
        case PercentFee(percent):
            yield from (Field("55", "03"), Field("57", percent))
        case None:
            pass
        case _:
            assert_never(code.fee)
    yield from (Field("58", code.country), Field("59", code.name), Field("60", code.city))
    if code.postal_code is not None:
        yield Field("61", code.postal_code)
    if code.additional is not None:
        known = ((tag, getattr(code.additional, name)) for name, tag in ADDITIONAL_TAGS.items())
        said = [Field(tag, value) for tag, value in known if value is not None]
        yield Field("62", tlv.write([*said, *code.additional.further]))
    if code.local_name is not None:
        local = code.local_name
        city = [] if local.city is None else [Field("02", local.city)]
        yield Field("64", tlv.write([Field("00", local.language), Field("01", local.name), *city, *local.further]))
    yield from code.further
    yield from (_nested(each) for each in code.unreserved)


def _nested(template: Template) -> Field:
    return Field(template.tag, tlv.write([Field("00", template.guid), *template.data]))


def _written(amount: Yen | ForeignAmount) -> str:
    return str(amount.amount) if isinstance(amount, Yen) else amount.text
