"""JSON about facilities: the list, one, its offers on a day, and a new revision."""

from __future__ import annotations

import hashlib
from datetime import date, time
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import BaseModel, Field

from kernel import idempotency
from kernel.access import Role
from kernel.clock import business_date
from kernel.refusals import Malformed
from kernel.telemetry import correlation_id
from ticketing.facilities import model
from ticketing.facilities.actions import FacilityBook, import_documents, remaining
from ticketing.facilities.document import FacilityDocument
from ticketing.facilities.model import Closed, ClosedDay, Facility, Open, UnknownFacility, Words

router = APIRouter(tags=["facilities"])

Day = date  # an answer has a field called date, which would hide the type

PAGE_SIZE_MAX = 100
LIST_SECONDS = 60
OFFERS_SECONDS = 5  # what remains changes with every order; the order itself has the last word


class InBoth(BaseModel):
    """A text in Japanese and in English."""

    ja: str
    en: str


class GateAnswer(BaseModel):
    """A gate."""

    code: str
    name: InBoth


class RevenueOwnerAnswer(BaseModel):
    """Whose money fees are: the code that offers and events carry, and what people call it."""

    code: str
    name: InBoth


class FacilityAnswer(BaseModel):
    """A facility. `illustrative` says what of it is invented or unsure; `revenue_owners` are those of its products."""

    code: str
    number: int
    authority: str
    name: InBoth
    kind: str
    area: InBoth
    municipality: InBoth
    address: str
    latitude: float
    longitude: float
    hours: InBoth
    operator: InBoth
    gates: list[GateAnswer]
    revenue_owners: list[RevenueOwnerAnswer]
    open_today: bool
    next_open_day: date | None = Field(description="Today if it is open today.")
    illustrative: InBoth


class FacilityList(BaseModel):
    """One page of the facilities; `next_cursor` goes on."""

    items: list[FacilityAnswer]
    next_cursor: str | None


class GroupPrice(BaseModel):
    """Yen for one person of a party of at least so many."""

    quantity_min: int
    price: int


class SlotAnswer(BaseModel):
    """A part of the day with its own places and price."""

    starts_at: str = Field(examples=["14:00"])
    remaining: int
    price: int


class OfferAnswer(BaseModel):
    """A product for a category; `price` in yen, tax included, for a single visitor (in the first slot)."""

    product: str
    product_name: InBoth
    category: str
    category_name: InBoth
    proof: InBoth | None
    price: int
    group_prices: list[GroupPrice]
    tax_rate_percent: int
    revenue_owner: str
    admits: list[str]
    remaining: int
    slots: list[SlotAnswer]
    illustrative: bool


class OffersAnswer(BaseModel):
    """What is offered for a visit on a day. A closed day has no offers, a `reason` and the next open day."""

    facility: str
    date: Day
    open: bool
    reason: InBoth | None = None
    next_open_day: Day | None = None
    opens: str | None = None
    closes: str | None = None
    free: bool = False
    offers: list[OfferAnswer]
    illustrative: InBoth


def book_of(request: Request) -> FacilityBook:
    """Return the current book."""
    book = request.app.state.wiring.books.current
    assert isinstance(book, FacilityBook)  # noqa: S101 - app.py makes it before the first request
    return book


def facility_of(request: Request, code: str) -> Facility:
    """Return a facility; raise UnknownFacility (404) if there is none."""
    found = book_of(request).get(code)
    if found is None:
        raise UnknownFacility(facility=code[:64])
    return found


@router.get("/v1/facilities", response_model=FacilityList)
async def list_facilities(
    request: Request,
    cursor: Annotated[str | None, Query(max_length=20)] = None,
    limit: Annotated[int, Query(ge=1, le=PAGE_SIZE_MAX)] = 50,
) -> Response:
    """Return facilities by number."""
    if cursor is not None and not (cursor.isascii() and cursor.isdigit()):
        raise Malformed(problem="cursor is not one that this list gave")
    after = int(cursor or 0)
    today = business_date(request.app.state.wiring.clock.now())
    later = [each for each in book_of(request).all() if each.number > after]
    answer = FacilityList(
        items=[_facility(book_of(request), each, today) for each in later[:limit]],
        next_cursor=str(later[limit - 1].number) if len(later) > limit else None,
    )
    return _kept(request, answer, seconds=LIST_SECONDS)


@router.get("/v1/facilities/{code}", response_model=FacilityAnswer)
async def one_facility(request: Request, code: str) -> Response:
    """Return one facility."""
    today = business_date(request.app.state.wiring.clock.now())
    return _kept(request, _facility(book_of(request), facility_of(request, code), today), seconds=LIST_SECONDS)


@router.get("/v1/facilities/{code}/offers", response_model=OffersAnswer)
async def offers(request: Request, code: str, date: Day) -> Response:
    """Return what is offered for a visit on a day.

    A closed day is an answer too: `open` is false, with the reason and the next open day. A day that is over
    or beyond the days on sale is refused.
    """
    wiring, facility, book = request.app.state.wiring, facility_of(request, code), book_of(request)
    today = business_date(wiring.clock.now())
    holidays = book.holidays(today)
    try:
        model.check_day(
            facility, date, today=today, days_ahead_max=wiring.settings.sale_days_ahead_max, holidays=holidays
        )
    except ClosedDay:
        return _kept(request, _closed(facility, date, holidays), seconds=LIST_SECONDS)
    state = model.opening_on(facility, date, holidays=holidays)
    assert isinstance(state, Open)  # noqa: S101 - check_day has just said so
    async with wiring.database.transaction(correlation_id.get()) as tx:
        left = await remaining(tx, book, facility, date)
    answer = OffersAnswer(
        facility=code,
        date=date,
        open=True,
        opens=state.opens.strftime("%H:%M"),
        closes=state.closes.strftime("%H:%M"),
        free=state.free,
        offers=[
            _offer(each, left) for each in model.offers(facility, date, holidays=holidays, facilities=book.facilities)
        ],
        illustrative=_both(facility.illustrative),
    )
    return _kept(request, answer, seconds=OFFERS_SECONDS)


@router.put("/v1/facilities/{code}")
async def put_facility(
    request: Request,
    code: str,
    document: FacilityDocument,
    idempotency_key: Annotated[str | None, Header()] = None,
) -> FacilityAnswer:
    """Write a facility's next revision (role admin); the same document again changes nothing."""
    wiring = request.app.state.wiring
    at = wiring.clock.now()
    principal = wiring.sign_in.principal(request, at=at).require(Role.ADMIN).require_facility(code)
    key = idempotency.require_key(idempotency_key)
    if document.code != code:
        raise Malformed(problem=f"the document is of {document.code}, the address of {code[:64]}")
    async with wiring.database.transaction(correlation_id.get()) as tx:
        scope = f"facility:{principal.name}"
        kept = await idempotency.claim(tx, scope=scope, key=key, body=code.encode() + await request.body(), at=at)
        if kept is None:
            await import_documents(tx, [], [document], at=at, by=principal.name)
            answer = _facility(book_of(request), document.read(), business_date(at))
            await idempotency.keep(tx, scope=scope, key=key, status=200, answer_json=answer.model_dump_json(), at=at)
        else:
            answer = FacilityAnswer.model_validate(kept.answer)
    await wiring.books.refresh()
    return answer


def _kept(request: Request, answer: BaseModel, *, seconds: int) -> Response:
    """Return an answer that caches may keep for some seconds, or 304 to who has the same already."""
    body = answer.model_dump_json().encode()
    tag = f'"{hashlib.sha256(body).hexdigest()[:20]}"'
    headers = {"etag": tag, "cache-control": f"public, max-age={seconds}"}
    known = {each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")}
    if tag in known:
        return Response(status_code=304, headers=headers)
    return Response(body, media_type="application/json", headers=headers)


def _closed(facility: Facility, day: date, holidays: frozenset[date]) -> OffersAnswer:
    state = model.opening_on(facility, day, holidays=holidays)
    return OffersAnswer(
        facility=facility.code,
        date=day,
        open=False,
        reason=_both(state.reason) if isinstance(state, Closed) else None,
        next_open_day=model.next_open_day(facility, day, holidays=holidays),
        offers=[],
        illustrative=_both(facility.illustrative),
    )


def _facility(book: FacilityBook, facility: Facility, today: date) -> FacilityAnswer:
    holidays = book.holidays(today)
    open_today = isinstance(model.opening_on(facility, today, holidays=holidays), Open)
    return FacilityAnswer(
        code=facility.code,
        number=facility.number,
        authority=facility.authority,
        name=_both(facility.name),
        kind=facility.kind,
        area=_both(facility.area),
        municipality=_both(facility.municipality),
        address=facility.address,
        latitude=facility.latitude,
        longitude=facility.longitude,
        hours=_both(facility.hours),
        operator=_both(facility.operator),
        gates=[GateAnswer(code=gate.code, name=_both(gate.name)) for gate in facility.gates],
        revenue_owners=[
            RevenueOwnerAnswer(code=each.code, name=_both(each.name)) for each in facility.revenue_owners()
        ],
        open_today=open_today,
        next_open_day=today if open_today else model.next_open_day(facility, today, holidays=holidays),
        illustrative=_both(facility.illustrative),
    )


def _offer(offer: model.Offer, left: dict[tuple[str, time | None], int]) -> OfferAnswer:
    product = offer.product
    slots = [
        SlotAnswer(
            starts_at=starts_at.strftime("%H:%M"),
            remaining=left[product.code, starts_at],
            price=prices[0].amount.amount,
        )
        for starts_at, prices in offer.slot_prices.items()
    ]
    return OfferAnswer(
        product=product.code,
        product_name=_both(product.name),
        category=offer.category.code,
        category_name=_both(offer.category.name),
        proof=_both(offer.category.proof) if offer.category.proof else None,
        price=offer.price.amount,
        group_prices=[
            GroupPrice(quantity_min=each.quantity_min, price=each.amount.amount)
            for each in offer.prices
            if each.quantity_min > 1
        ],
        tax_rate_percent=product.tax_rate_percent,
        revenue_owner=product.revenue_owner.code,
        admits=list(product.admits),
        remaining=sum(slot.remaining for slot in slots) if product.slots else left[product.code, None],
        slots=slots,
        illustrative=offer.illustrative,
    )


def _both(words: Words) -> InBoth:
    return InBoth(ja=words.ja, en=words.en)
