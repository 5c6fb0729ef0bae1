"""The facility document: JSON that people edit, read once and strictly at the edge."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, time
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kernel.money import Yen
from kernel.refusals import Invalid
from ticketing.facilities import model
from ticketing.facilities.model import MAIN_POOL, Words

Code = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{1,39}$")]
MonthDay = Annotated[str, Field(pattern=r"^(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$")]


class FacilityDocumentWrong(Invalid):
    """The document cannot be accepted; nothing of it was."""

    slug = "facility-document-wrong"
    advice = "The facility document is wrong at {at}: {problem}. Correct it; nothing was changed."


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class WordsDocument(_Strict):
    """A text in both languages."""

    ja: str = Field(min_length=1, max_length=600)
    en: str = Field(min_length=1, max_length=600)

    def read(self) -> Words:
        """Return the text."""
        return Words(self.ja, self.en)


class PriceDocument(_Strict):
    """One price; `amount` in yen, tax included."""

    category: Code
    amount: int = Field(ge=0, le=1_000_000)
    valid_from: date
    valid_until: date | None = None
    weekdays: list[Annotated[int, Field(ge=0, le=6)]] = Field(default_factory=lambda: list(range(7)), min_length=1)
    quantity_min: int = Field(default=1, ge=1, le=1000)
    illustrative: bool = False
    source: str = ""

    def read(self) -> model.Price:
        """Return the price."""
        return model.Price(
            category=self.category,
            amount=Yen(self.amount),
            valid_from=self.valid_from,
            valid_until=self.valid_until,
            weekdays=frozenset(self.weekdays),
            quantity_min=self.quantity_min,
            illustrative=self.illustrative,
            source=self.source,
        )


class SlotDocument(_Strict):
    """A part of a day with its own capacity."""

    starts_at: time
    capacity: int = Field(ge=0, le=1_000_000)


class OwnerDocument(_Strict):
    """Whose money a fee is."""

    code: Code
    name: WordsDocument
    kind: Literal["prefecture", "designated_manager"]
    registration_number: Annotated[str, Field(pattern=r"^T\d{13}$")] | None = None


class ProductDocument(_Strict):
    """What is sold."""

    code: Code
    number: int = Field(ge=1, le=65_535)
    name: WordsDocument
    description: WordsDocument
    admits: list[Code] = Field(min_length=1, max_length=5)
    pool: Code = MAIN_POOL
    capacity: int = Field(default=0, ge=0, le=1_000_000)
    slots: list[SlotDocument] = Field(default_factory=list, max_length=100)
    revenue_owner: OwnerDocument
    revenue_account: str = Field(min_length=1, max_length=200)
    tax_rate_percent: Literal[0, 8, 10] = 10
    prices: list[PriceDocument] = Field(min_length=1, max_length=500)
    sold_from: date | None = None
    sold_until: date | None = None

    def read(self) -> model.Product:
        """Return the product."""
        return model.Product(
            code=self.code,
            number=self.number,
            name=self.name.read(),
            description=self.description.read(),
            admits=tuple(self.admits),
            pool=self.pool,
            capacity=self.capacity,
            slots=tuple(model.SlotTime(each.starts_at, each.capacity) for each in self.slots),
            revenue_owner=model.RevenueOwner(
                self.revenue_owner.code,
                self.revenue_owner.name.read(),
                self.revenue_owner.kind,
                self.revenue_owner.registration_number,
            ),
            revenue_account=self.revenue_account,
            tax_rate_percent=self.tax_rate_percent,
            prices=tuple(price.read() for price in self.prices),
            sold_from=self.sold_from,
            sold_until=self.sold_until,
        )


class CategoryDocument(_Strict):
    """Who a ticket is for; `proof` says what to bring."""

    code: Code
    number: int = Field(ge=1, le=255)
    name: WordsDocument
    proof: WordsDocument | None = None


class GateDocument(_Strict):
    """Where tickets are scanned."""

    code: Code
    name: WordsDocument


class SeasonDocument(_Strict):
    """Opening hours between two days of the year."""

    first: MonthDay
    last: MonthDay
    opens: time
    closes: time


class OpeningDocument(_Strict):
    """When it is open. Weekdays are 0 (Monday) to 6."""

    closed_weekdays: list[Annotated[int, Field(ge=0, le=6)]] = Field(default_factory=list)
    holidays_open: bool = True
    closed_yearly: list[tuple[MonthDay, MonthDay]] = Field(default_factory=list)
    closed_days: list[date] = Field(default_factory=list)
    open_days: list[date] = Field(default_factory=list)
    free_yearly: list[MonthDay] = Field(default_factory=list)
    seasons: list[SeasonDocument] = Field(min_length=1)

    def read(self) -> model.Opening:
        """Return the opening rules."""
        return model.Opening(
            closed_weekdays=frozenset(self.closed_weekdays),
            holidays_open=self.holidays_open,
            closed_yearly=tuple((_month_day(first), _month_day(last)) for first, last in self.closed_yearly),
            closed_days=frozenset(self.closed_days),
            open_days=frozenset(self.open_days),
            free_yearly=frozenset(_month_day(each) for each in self.free_yearly),
            seasons=tuple(
                model.Season(_month_day(each.first), _month_day(each.last), each.opens, each.closes)
                for each in self.seasons
            ),
        )


class FacilityDocument(_Strict):
    """One facility as people write it."""

    code: Code
    number: int = Field(ge=1, le=32_767)
    authority: Code
    name: WordsDocument
    kind: Literal["art_museum", "museum", "garden", "sports", "park", "forest", "beach", "hall"]
    area: WordsDocument
    address: str
    latitude: float = Field(ge=20, le=46)
    longitude: float = Field(ge=122, le=154)
    hours: WordsDocument
    operator: WordsDocument
    opening: OpeningDocument
    gates: list[GateDocument] = Field(min_length=1, max_length=50)
    categories: list[CategoryDocument] = Field(min_length=1, max_length=50)
    products: list[ProductDocument] = Field(min_length=1, max_length=100)
    illustrative: WordsDocument
    sources: list[str] = Field(default_factory=list)

    def read(self) -> model.Facility:
        """Return the facility."""
        return model.Facility(
            code=self.code,
            number=self.number,
            authority=self.authority,
            name=self.name.read(),
            kind=self.kind,
            area=self.area.read(),
            address=self.address,
            latitude=self.latitude,
            longitude=self.longitude,
            hours=self.hours.read(),
            operator=self.operator.read(),
            opening=self.opening.read(),
            gates=tuple(model.Gate(gate.code, self.code, gate.name.read()) for gate in self.gates),
            categories=tuple(
                model.Category(each.code, each.number, each.name.read(), each.proof.read() if each.proof else None)
                for each in self.categories
            ),
            products=tuple(product.read() for product in self.products),
            illustrative=self.illustrative.read(),
            sources=tuple(self.sources),
        )


class AuthorityDocument(_Strict):
    """A public body."""

    code: Code
    name: WordsDocument


class BookDocument(_Strict):
    """All facilities of an installation."""

    authorities: list[AuthorityDocument] = Field(min_length=1)
    facilities: list[FacilityDocument] = Field(min_length=1, max_length=2_000)


def _month_day(text: str) -> tuple[int, int]:
    month, day = text.split("-")
    return int(month), int(day)


def read_facility(document: Mapping[str, Any]) -> model.Facility:
    """Read one facility document; raise FacilityDocumentWrong naming the place and the problem."""
    try:
        facility = FacilityDocument.model_validate(document)
    except ValidationError as wrong:
        raise _wrong(wrong) from wrong
    known = {category.code for category in facility.categories}
    for product in facility.products:
        for price in product.prices:
            if price.category not in known:
                raise FacilityDocumentWrong(
                    at=f"{facility.code}.products.{product.code}.prices",
                    problem=f"the category {price.category} is not in the facility's categories",
                )
        if not product.slots and product.capacity == 0 and any(price.amount for price in product.prices):
            raise FacilityDocumentWrong(
                at=f"{facility.code}.products.{product.code}", problem="neither a capacity nor slots are given"
            )
    for name, numbers in (
        ("products", [product.number for product in facility.products]),
        ("categories", [category.number for category in facility.categories]),
    ):
        if len(numbers) != len(set(numbers)):
            raise FacilityDocumentWrong(at=f"{facility.code}.{name}", problem="a number is used twice")
    return facility.read()


def read_book(file: Path) -> BookDocument:
    """Read a file of all facilities; raise FacilityDocumentWrong naming the place and the problem."""
    try:
        book = BookDocument.model_validate_json(file.read_bytes())
    except ValidationError as wrong:
        raise _wrong(wrong) from wrong
    for facility in book.facilities:
        read_facility(facility.model_dump(mode="json"))
    return book


def as_json(document: FacilityDocument) -> str:
    """Return the canonical text of a document, by which two revisions are compared."""
    return json.dumps(document.model_dump(mode="json"), ensure_ascii=False, sort_keys=True)


def _wrong(wrong: ValidationError) -> FacilityDocumentWrong:
    first = wrong.errors()[0]
    at = ".".join(str(part) for part in first["loc"]) or "the beginning"
    return FacilityDocumentWrong(at=at, problem=str(first["msg"]))
