"""The facility document: JSON that people edit, read once and strictly at the edge."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, time
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kernel.money import Yen
from kernel.refusals import Invalid
from ticketing.facilities import catalogue
from ticketing.facilities.catalogue import MAIN_POOL, Words

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
    on_holidays: bool = False
    from_time: time | None = None
    quantity_min: int = Field(default=1, ge=1, le=1000)
    illustrative: bool = False
    source: str = ""

    def read(self) -> catalogue.Price:
        """Return the price."""
        return catalogue.Price(
            category=self.category,
            amount=Yen(self.amount),
            valid_from=self.valid_from,
            valid_until=self.valid_until,
            weekdays=frozenset(self.weekdays),
            on_holidays=self.on_holidays,
            from_time=self.from_time,
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
    sold_yearly: list[tuple[MonthDay, MonthDay]] = Field(default_factory=list, max_length=10)

    def read(self) -> catalogue.Product:
        """Return the product."""
        return catalogue.Product(
            code=self.code,
            number=self.number,
            name=self.name.read(),
            description=self.description.read(),
            admits=tuple(self.admits),
            pool=self.pool,
            capacity=self.capacity,
            slots=tuple(catalogue.SlotTime(each.starts_at, each.capacity) for each in self.slots),
            revenue_owner=catalogue.RevenueOwner(
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
            sold_yearly=tuple((_month_day(first), _month_day(last)) for first, last in self.sold_yearly),
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
    on_holiday: catalogue.OnHoliday = "moved"
    closed_yearly: list[tuple[MonthDay, MonthDay]] = Field(default_factory=list)
    closed_days: list[date] = Field(default_factory=list)
    open_days: list[date] = Field(default_factory=list)
    free_yearly: list[MonthDay] = Field(default_factory=list)
    seasons: list[SeasonDocument] = Field(min_length=1)

    def read(self) -> catalogue.Opening:
        """Return the opening rules."""
        return catalogue.Opening(
            closed_weekdays=frozenset(self.closed_weekdays),
            on_holiday=self.on_holiday,
            closed_yearly=tuple((_month_day(first), _month_day(last)) for first, last in self.closed_yearly),
            closed_days=frozenset(self.closed_days),
            open_days=frozenset(self.open_days),
            free_yearly=frozenset(_month_day(each) for each in self.free_yearly),
            seasons=tuple(
                catalogue.Season((_month_day(each.first), _month_day(each.last)), each.opens, each.closes)
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
    municipality: WordsDocument
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

    def read(self) -> catalogue.Facility:
        """Return the facility."""
        return catalogue.Facility(
            code=self.code,
            number=self.number,
            authority=self.authority,
            name=self.name.read(),
            kind=self.kind,
            area=self.area.read(),
            municipality=self.municipality.read(),
            address=self.address,
            latitude=self.latitude,
            longitude=self.longitude,
            hours=self.hours.read(),
            operator=self.operator.read(),
            opening=self.opening.read(),
            gates=tuple(catalogue.Gate(gate.code, self.code, gate.name.read()) for gate in self.gates),
            categories=tuple(
                catalogue.Category(each.code, each.number, each.name.read(), each.proof.read() if each.proof else None)
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


def read_facility(document: Mapping[str, Any]) -> catalogue.Facility:
    """Read one facility document; raise FacilityDocumentWrong naming the place and the problem."""
    facility = read_document(document)
    check_facility(facility)
    return facility.read()


def read_document(document: Mapping[str, Any]) -> FacilityDocument:
    """Read one facility document's shape alone."""
    try:
        return FacilityDocument.model_validate(document)
    except ValidationError as wrong:
        raise _wrong(wrong) from wrong


def check_facility(facility: FacilityDocument) -> None:
    """Raise FacilityDocumentWrong for what fits the shape and still makes no sense."""
    for at, problem in _nonsense(facility):
        raise FacilityDocumentWrong(at=f"{facility.code}.{at}", problem=problem)


def _nonsense(facility: FacilityDocument) -> Iterator[tuple[str, str]]:
    for name, entries in (("products", facility.products), ("categories", facility.categories)):
        for key in ("number", "code"):
            if twice := _twice([getattr(each, key) for each in entries]):
                yield name, f"the {key} {twice} is used twice"
    if twice := _twice([gate.code for gate in facility.gates]):
        yield "gates", f"the code {twice} is used twice"
    known = {category.code for category in facility.categories}
    for product in facility.products:
        at = f"products.{product.code}"
        if facility.code not in product.admits:
            yield f"{at}.admits", f"{facility.code} itself is missing"
        if not product.slots and product.capacity == 0:
            yield at, "neither a capacity nor slots are given"
        if twice := _twice([slot.starts_at for slot in product.slots]):
            yield f"{at}.slots", f"{twice} is there twice"
        for price in product.prices:
            if price.category not in known:
                yield f"{at}.prices", f"the category {price.category} is not among the facility's categories"
        if twice := _twice([(price.category, *price.read().specificity()[:-1]) for price in product.prices]):
            yield f"{at}.prices", f"two prices of {twice[0]} count for the same days and parties; give one an end"


def _twice(values: Sequence[Any]) -> Any:
    return next((value for position, value in enumerate(values) if value in values[:position]), None)


def read_book(file: Path) -> BookDocument:
    """Read a file of all facilities; raise FacilityDocumentWrong naming the place and the problem."""
    try:
        book = BookDocument.model_validate_json(file.read_bytes())
    except ValidationError as wrong:
        raise _wrong(wrong) from wrong
    for facility in book.facilities:
        check_facility(facility)
    check_together(book.facilities, authorities={each.code for each in book.authorities})
    return book


def check_together(facilities: Sequence[FacilityDocument], *, authorities: set[str]) -> None:
    """Raise FacilityDocumentWrong where documents contradict each other."""
    known = {each.code for each in facilities}
    for name, values in (
        ("code", [each.code for each in facilities]),
        ("number", [each.number for each in facilities]),
        ("gates", [gate.code for each in facilities for gate in each.gates]),
    ):
        if twice := _twice(values):
            raise FacilityDocumentWrong(at=name, problem=f"{twice} is used twice")
    for facility in facilities:
        if facility.authority not in authorities:
            raise FacilityDocumentWrong(
                at=f"{facility.code}.authority", problem=f"{facility.authority} is not among the authorities"
            )
        for product in facility.products:
            for code in product.admits:
                if code not in known:
                    raise FacilityDocumentWrong(
                        at=f"{facility.code}.products.{product.code}.admits", problem=f"there is no facility {code}"
                    )


def as_json(document: FacilityDocument) -> str:
    """Return the canonical text of a document, by which two revisions are compared."""
    return json.dumps(document.model_dump(mode="json"), ensure_ascii=False, sort_keys=True)


def same_document(stored: Mapping[str, Any], document: FacilityDocument) -> bool:
    """Tell whether a stored document says the same, also if it is from before a field was added."""
    try:
        return FacilityDocument.model_validate(stored) == document
    except ValidationError:
        return False


def _wrong(wrong: ValidationError) -> FacilityDocumentWrong:
    first = wrong.errors()[0]
    at = ".".join(str(part) for part in first["loc"]) or "the beginning"
    return FacilityDocumentWrong(at=at, problem=str(first["msg"]))
