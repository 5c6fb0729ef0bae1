"""JSON about facilities: the list, one, its offers on a day, and a new revision."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response

from kernel import idempotency
from kernel.access import Role
from kernel.clock import business_date
from kernel.refusals import Malformed
from kernel.telemetry import correlation_id
from ticketing.facilities import model, store
from ticketing.facilities.actions import FacilityBook, import_documents
from ticketing.facilities.document import FacilityDocument
from ticketing.facilities.model import Closed, Facility, Open, PastDate, UnknownFacility, Words

router = APIRouter(tags=["facilities"])

PAGE_SIZE_MAX = 100


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


@router.get("/v1/facilities")
async def list_facilities(
    request: Request,
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=PAGE_SIZE_MAX)] = 50,
) -> dict[str, Any]:
    """Return facilities by number; `next_cursor` goes on."""
    if cursor is not None and not cursor.isdigit():
        raise Malformed(problem="cursor is not one that this list gave")
    after = int(cursor or 0)
    today = business_date(request.app.state.wiring.clock.now())
    later = [each for each in book_of(request).all() if each.number > after]
    items = [_facility(book_of(request), each, today) for each in later[:limit]]
    return {"items": items, "next_cursor": str(later[limit - 1].number) if len(later) > limit else None}


@router.get("/v1/facilities/{code}")
async def one_facility(request: Request, code: str) -> dict[str, Any]:
    """Return one facility."""
    today = business_date(request.app.state.wiring.clock.now())
    return _facility(book_of(request), facility_of(request, code), today)


@router.get("/v1/facilities/{code}/offers")
async def offers(request: Request, code: str, date: date) -> dict[str, Any]:
    """Return what is offered for a visit on a day; on a closed day the reason and the next open day."""
    wiring, facility, book = request.app.state.wiring, facility_of(request, code), book_of(request)
    if date < business_date(wiring.clock.now()):
        raise PastDate(day=date.isoformat())
    holidays = book.holidays(date)
    answer: dict[str, Any] = {"facility": code, "date": date.isoformat(), "illustrative": _both(facility.illustrative)}
    state = model.opening_on(facility, date, holidays=holidays)
    if isinstance(state, Closed):
        following = model.next_open_day(facility, date, holidays=holidays)
        return answer | {
            "open": False,
            "reason": _both(state.reason),
            "next_open_day": following.isoformat() if following else None,
            "offers": [],
        }
    async with wiring.database.transaction(correlation_id.get()) as tx:
        taken = await store.taken_between(tx, code, date, date)
    return answer | {
        "open": True,
        "opens": state.opens.strftime("%H:%M"),
        "closes": state.closes.strftime("%H:%M"),
        "free": state.free,
        "offers": [_offer(each, date, taken) for each in model.offers(facility, date, holidays=holidays)],
    }


@router.put("/v1/facilities/{code}")
async def put_facility(
    request: Request,
    code: str,
    document: FacilityDocument,
    response: Response,
    idempotency_key: Annotated[str | None, Header()] = None,
) -> dict[str, Any]:
    """Write a facility's next revision (role admin)."""
    wiring = request.app.state.wiring
    at = wiring.clock.now()
    principal = wiring.sign_in.principal(request, at=at).require(Role.ADMIN).require_facility(code)
    key = idempotency.require_key(idempotency_key)
    if document.code != code:
        raise Malformed(problem=f"the document is of {document.code}, the address of {code}")
    async with wiring.database.transaction(correlation_id.get()) as tx:
        scope = f"facility:{principal.name}"
        kept = await idempotency.claim(tx, scope=scope, key=key, body=await request.body(), at=at)
        if kept is None:
            await import_documents(tx, [], [document], at=at, by=principal.name)
            await idempotency.keep(tx, scope=scope, key=key, status=200, answer_json="{}", at=at)
    await wiring.books.refresh()
    response.status_code = 200
    return _facility(book_of(request), facility_of(request, code), business_date(at))


def _facility(book: FacilityBook, facility: Facility, today: date) -> dict[str, Any]:
    holidays = book.holidays(today)
    open_today = isinstance(model.opening_on(facility, today, holidays=holidays), Open)
    following = today if open_today else model.next_open_day(facility, today, holidays=holidays)
    return {
        "code": facility.code,
        "number": facility.number,
        "authority": facility.authority,
        "name": _both(facility.name),
        "kind": facility.kind,
        "area": _both(facility.area),
        "address": facility.address,
        "latitude": facility.latitude,
        "longitude": facility.longitude,
        "hours": _both(facility.hours),
        "operator": _both(facility.operator),
        "gates": [{"code": gate.code, "name": _both(gate.name)} for gate in facility.gates],
        "open_today": open_today,
        "next_open_day": following.isoformat() if following else None,
        "illustrative": _both(facility.illustrative),
    }


def _offer(offer: model.Offer, day: date, taken: dict[Any, tuple[int, int]]) -> dict[str, Any]:
    product = offer.product

    def remaining(starts_at: Any, capacity: int) -> int:
        used, now = taken.get((day, product.pool, starts_at), (0, capacity))
        return max(0, now - used)

    slots = [
        {"starts_at": slot.starts_at.strftime("%H:%M"), "remaining": remaining(slot.starts_at, slot.capacity)}
        for slot in product.slots
    ]
    whole = remaining(model.ALL_DAY, product.capacity)
    return {
        "product": product.code,
        "product_name": _both(product.name),
        "category": offer.category.code,
        "category_name": _both(offer.category.name),
        "proof": _both(offer.category.proof) if offer.category.proof else None,
        "price": offer.price.amount,
        "tax_rate_percent": product.tax_rate_percent,
        "remaining": sum(slot["remaining"] for slot in slots) if slots else whole,
        "slots": slots,
        "illustrative": offer.illustrative,
    }


def _both(words: Words) -> dict[str, str]:
    return {"ja": words.ja, "en": words.en}


def month_of(day: date) -> tuple[date, date]:
    """Return the first and the last day of a day's month."""
    first = day.replace(day=1)
    return first, (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
