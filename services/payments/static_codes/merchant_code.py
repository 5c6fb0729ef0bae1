"""What a merchant-presented code says (EMVCo QRCPS-MPM 1.1, JPQR): the types. Pure.

`reading.parse` makes them of a text and `writing.build` writes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from kernel.money import Yen
from payments.static_codes.fields import JPQR_GUID, JPQR_TAG, YEN
from payments.static_codes.tlv import Field

Rules = Literal["emv", "jpqr"]
Initiation = Literal["static", "dynamic"]
INITIATIONS: Final[Mapping[str, Initiation]] = {"11": "static", "12": "dynamic"}
ADDITIONAL_TAGS: Final = {
    "bill": "01", "mobile": "02", "store": "03", "loyalty": "04", "reference": "05", "customer": "06",
    "terminal": "07", "purpose": "08", "asked": "09", "tax_number": "10", "channel": "11",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ForeignAmount:
    """Money that is not yen, as it is written (23.72): we show it and never count it."""

    text: str


@dataclass(frozen=True, slots=True)
class Account:
    """A merchant account of a card scheme (fields 02 to 25), as it is written."""

    tag: str
    value: str


@dataclass(frozen=True, slots=True)
class Template:
    """A field with fields of its own (26 to 51, 80 to 99); `guid` says whose they are."""

    tag: str
    guid: str
    data: tuple[Field, ...] = ()


@dataclass(frozen=True, slots=True)
class TipAsked:
    """The payer's app asks for a tip (55: 01)."""


@dataclass(frozen=True, slots=True)
class FixedFee:
    """A fee is added (55: 02, 56)."""

    amount: Yen | ForeignAmount


@dataclass(frozen=True, slots=True)
class PercentFee:
    """A fee in percent is added (55: 03, 57), as it is written: 03.50."""

    percent: str


@dataclass(frozen=True, slots=True)
class AdditionalData:
    """Additional data (62). `further`: fields of the future (12 to 49) and of payment companies (50 to 99)."""

    bill: str | None = None
    mobile: str | None = None
    store: str | None = None
    loyalty: str | None = None
    reference: str | None = None
    customer: str | None = None
    terminal: str | None = None
    purpose: str | None = None
    asked: str | None = None
    tax_number: str | None = None
    channel: str | None = None
    further: tuple[Field, ...] = ()


@dataclass(frozen=True, slots=True)
class LocalName:
    """The merchant's name in another language (64)."""

    language: str
    name: str
    city: str | None = None
    further: tuple[Field, ...] = ()


@dataclass(frozen=True, slots=True)
class MerchantCode:
    """What a merchant-presented code says. `further`: fields 65 to 79; `unreserved`: 80 to 99.

    Raises ValueError if an amount or a fixed fee is yen in a code of another currency, or the other way round.
    """

    accounts: tuple[Account | Template, ...]
    category: str
    currency: str
    country: str
    name: str
    city: str
    initiation: Initiation | None = None
    amount: Yen | ForeignAmount | None = None
    fee: TipAsked | FixedFee | PercentFee | None = None
    postal_code: str | None = None
    additional: AdditionalData | None = None
    local_name: LocalName | None = None
    further: tuple[Field, ...] = ()
    unreserved: tuple[Template, ...] = ()

    def __post_init__(self) -> None:
        for amount in (self.amount, self.fee.amount if isinstance(self.fee, FixedFee) else None):
            if amount is not None and isinstance(amount, Yen) != (self.currency == YEN):
                raise ValueError(
                    f"An amount in currency {self.currency} is {'yen' if self.currency == YEN else 'no yen'}."
                )

    @property
    def jpqr(self) -> JpqrNumber | None:
        """The number under which JPQR knows the merchant's counter; None for a code without one."""
        for each in self.accounts:
            if isinstance(each, Template) and each.tag == JPQR_TAG and each.guid == JPQR_GUID:
                data = {one.tag: one.value for one in each.data}
                return JpqrNumber(*(data.get(tag, "") for tag in ("01", "02", "03", "04")))
        return None


@dataclass(frozen=True, slots=True)
class JpqrNumber:
    """JPQR's number of a counter: 13, 4, 6 and 6 characters (template 26)."""

    level_1: str
    level_2: str
    level_3: str
    level_4: str

    def __str__(self) -> str:
        return f"{self.level_1}-{self.level_2}-{self.level_3}-{self.level_4}"

    @property
    def template(self) -> Template:
        """The template that carries the number."""
        levels = (self.level_1, self.level_2, self.level_3, self.level_4)
        data = tuple(Field(f"{place:02d}", level) for place, level in enumerate(levels, 1))
        return Template(JPQR_TAG, JPQR_GUID, data)
