"""Pages for visitors: the facilities, a facility's calendar, and the choice of tickets for a day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, time, timedelta

from babel.dates import format_date, get_day_names
from fastapi import APIRouter, Request, Response

from kernel.clock import JAPAN, business_date, new_id
from kernel.money import ZERO
from kernel.problems import status_of
from kernel.refusals import Malformed, Refusal
from kernel.telemetry import correlation_id
from kernel.web import language_of
from ticketing.facilities import display, store
from ticketing.facilities.actions import remaining
from ticketing.facilities.display import Sale
from ticketing.facilities.model import (
    Closed,
    ClosedDay,
    Facility,
    NoTickets,
    Open,
    PastDate,
    Quote,
    TooFarAhead,
    Wish,
    check_day,
    next_open_day,
    opening_on,
    quote,
)
from ticketing.facilities.routes import facility_of
from ticketing.orders import store as orders
from ticketing.orders.model import MethodNotOffered, hold_until
from ticketing.orders.ways import Pause, Way, paused_now
from ticketing.wiring import Wiring, wiring_of

router = APIRouter(include_in_schema=False)

QUANTITY_SHOWN_MAX = 9_999
FIELDS_MAX = 500


@router.get("/")
async def home(request: Request, area: str = "") -> Response:
    """Show all facilities as cards, or those of one area."""
    wiring = wiring_of(request)
    book, today = wiring.books.current, business_date(wiring.clock.now())
    areas = {area_code(each): each.area for each in book.all()}
    shown = [each for each in book.all() if area not in areas or area_code(each) == area]
    cards = [
        display.card(each, today=today, holidays=book.holidays(today), facilities=book.facilities) for each in shown
    ]
    return _page(request, "home.html", cards=cards, areas=areas, area=area if area in areas else "")


def _page(request: Request, template: str, *, status: int = 200, **context: object) -> Response:
    """Render a template with what all facility pages use."""
    pages, tag = wiring_of(request).pages, language_of(request).tag
    return pages.render(
        request,
        template,
        status=status,
        assets=pages.assets,
        free=ZERO,
        short_day=lambda day: format_date(day, "M/d(EEEEE)" if tag == "ja" else "EEE d MMM", locale=tag),
        month_name=lambda day: format_date(day, "y年M月" if tag == "ja" else "MMMM y", locale=tag),
        **context,
    )


def _weekdays(tag: str) -> list[tuple[str, str]]:
    """Return the short and the whole names of the days of the week from Sunday on."""
    short, whole = (get_day_names(width, context="stand-alone", locale=tag) for width in ("abbreviated", "wide"))
    return [(short[number], whole[number]) for number in (6, 0, 1, 2, 3, 4, 5)]


def area_code(facility: Facility) -> str:
    """Return how an area is called in addresses."""
    return "-".join(facility.area.en.lower().split())


@router.get("/f/{code}")
async def facility_page(request: Request, code: str, month: str = "") -> Response:
    """Show a facility and a month's calendar to choose the day from."""
    wiring = wiring_of(request)
    try:
        facility = facility_of(request, code)
    except Refusal as refusal:
        return wiring.pages.refusal(request, refusal)
    sale = _sale(wiring, business_date(wiring.clock.now()))
    first = _month(month, sale)
    following = (first + timedelta(days=31)).replace(day=1)
    previous = (first - timedelta(days=1)).replace(day=1)
    book = wiring.books.current
    async with wiring.database.transaction(correlation_id.get()) as tx:
        taken = await store.taken_between(tx, code, first, following - timedelta(days=1))
    weeks = display.weeks_of(facility, first, sale, taken=taken, facilities=book.facilities)
    shown_day = _shown_day(facility, sale)
    state = opening_on(facility, sale.today, holidays=sale.holidays)
    return _page(
        request,
        "facility.html",
        facility=facility,
        weekdays=_weekdays(language_of(request).tag),
        weeks=[week for week in weeks if any(at and at.state != "past" for at in week)],
        first=first,
        previous=previous if previous >= sale.today.replace(day=1) else None,
        following=following if following <= sale.last_day else None,
        state=state,
        is_open=isinstance(state, Open),
        today=sale.today,
        shelves=display.shelves_of(
            facility,
            shown_day,
            holidays=sale.holidays,
            facilities=book.facilities,
            remaining={},
            quantities={},
        ),
        shown_day=shown_day,
    )


def _sale(wiring: Wiring, today: date) -> Sale:
    return Sale(today, today + timedelta(days=wiring.rules.days_ahead_max), wiring.books.current.holidays(today))


def _shown_day(facility: Facility, sale: Sale) -> date:
    """Return the day whose prices stand for the facility: today, or the next day that it is open."""
    if isinstance(opening_on(facility, sale.today, holidays=sale.holidays), Open):
        return sale.today
    return next_open_day(facility, sale.today, holidays=sale.holidays) or sale.today


def _month(wish: str, sale: Sale) -> date:
    """Return the first day of a wished month (YYYY-MM), or of the nearest one in which tickets are sold."""
    try:
        first = date.fromisoformat(f"{wish}-01")
    except ValueError:
        first = sale.today.replace(day=1)
    return min(max(first, sale.today.replace(day=1)), sale.last_day.replace(day=1))


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a visitor has filled in so far."""

    quantities: Mapping[tuple[str, str], int] = field(default_factory=dict)
    slot: time | None = None
    method: str = ""
    email: str = ""
    form_id: str = ""


@router.get("/f/{code}/{day}")
async def choose_page(request: Request, code: str, day: str) -> Response:
    """Show what a day offers, to choose from."""
    return await _choose(request, code, day, Chosen(form_id=str(new_id())))


@router.post("/f/{code}/{day}")
async def choose_again(request: Request, code: str, day: str) -> Response:
    """Show the choice with one more or one less and its total, for those without JavaScript; nothing is kept."""
    async with request.form(max_fields=FIELDS_MAX) as form:
        fields = {name: value for name, value in form.items() if isinstance(value, str)}
    return await _choose(request, code, day, _chosen(fields))


def _chosen(fields: Mapping[str, str]) -> Chosen:
    quantities: dict[tuple[str, str], int] = {}
    for name, value in fields.items():
        parts = name.split(".")
        if parts[0] == "quantity" and len(parts) == 3 and value.strip().isdecimal():  # noqa: PLR2004 - quantity.product.category
            quantities[parts[1], parts[2]] = min(int(value[:6]), QUANTITY_SHOWN_MAX)
    product, _, rest = fields.get("step", "").partition(".")
    category, _, step = rest.partition(".")
    if step in {"more", "less"}:
        now = quantities.get((product, category), 0) + (1 if step == "more" else -1)
        quantities[product, category] = min(max(now, 0), QUANTITY_SHOWN_MAX)
    try:
        slot = time.fromisoformat(fields.get("slot", ""))
    except ValueError:
        slot = None
    return Chosen(
        quantities=quantities,
        slot=slot,
        method=fields.get("method", "")[:40],
        email=fields.get("email", "")[:254],
        form_id=fields.get("form_id", "")[:64] or str(new_id()),
    )


async def _choose(request: Request, code: str, text: str, chosen: Chosen) -> Response:
    wiring = wiring_of(request)
    at = wiring.clock.now()
    book = wiring.books.current
    try:
        facility = facility_of(request, code)
        day = _day(text)
    except Refusal as refusal:
        return wiring.pages.refusal(request, refusal)
    sale = _sale(wiring, business_date(at))
    holidays = sale.holidays
    try:
        check_day(facility, day, today=sale.today, days_ahead_max=wiring.rules.days_ahead_max, holidays=holidays)
    except (ClosedDay, PastDate, TooFarAhead) as refusal:
        return _not_on_that_day(request, facility, day, sale, refusal)
    async with wiring.database.transaction(correlation_id.get()) as tx:
        left = await remaining(tx, book, facility, day)
        pauses = paused_now(await orders.pauses(tx), at=at)
    shelves = display.shelves_of(
        facility,
        day,
        holidays=holidays,
        facilities=book.facilities,
        remaining=left,
        quantities=chosen.quantities,
    )
    table = display.price_table(facility, day, holidays=holidays, facilities=book.facilities)
    slots = sorted(
        {
            (slot.starts_at, left[shelf.product.code, slot.starts_at])
            for shelf in shelves
            for slot in shelf.product.slots
        }
    )
    quoted, problem = _quoted(request, facility, day, chosen)
    closes = _closes(facility, day, holidays)
    wall_time = at.astimezone(JAPAN).time() if day == sale.today else time.min
    with_room = [starts_at for starts_at, places in slots if places]
    ways = [(each, _in_time(wiring, each, day), pauses.get(each.name)) for each in wiring.rules.holds.ways if each.sold]
    return _page(
        request,
        "choose.html",
        facility=facility,
        visit_date=day,
        shelves=shelves,
        slots=slots,
        slot=chosen.slot or next((starts_at for starts_at in with_room if starts_at >= wall_time), None),
        prices=table,
        all_free=not any(amount for p in table.values() for c in p.values() for s in c.values() for _, amount in s),
        free_day=_free(facility, day, holidays),
        quoted=quoted,
        problem=problem,
        chosen=chosen,
        ways=ways,
        wished=_wished(ways, chosen.method),
        payeasy_until=wiring.rules.holds.payeasy_until,
        tickets_max=wiring.rules.tickets_max,
        closes=closes,
        has_closed=closes is not None and wall_time >= closes[1],
        today=sale.today,
    )


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as wrong:
        raise Malformed(problem=f"{text[:20]} is not a day such as 2026-11-24") from wrong


def _free(facility: Facility, day: date, holidays: frozenset[date]) -> bool:
    state = opening_on(facility, day, holidays=holidays)
    return isinstance(state, Open) and state.free


def _closes(facility: Facility, day: date, holidays: frozenset[date]) -> tuple[time, time] | None:
    state = opening_on(facility, day, holidays=holidays)
    return (state.opens, state.closes) if isinstance(state, Open) else None


def _quoted(request: Request, facility: Facility, day: date, chosen: Chosen) -> tuple[Quote | None, str | None]:
    """Return the total of what was chosen so far, or why there is none."""
    wiring = wiring_of(request)
    book = wiring.books.current
    wishes = [Wish(product, category, count) for (product, category), count in chosen.quantities.items()]
    try:
        quoted = quote(
            facility,
            wishes,
            visit_date=day,
            slot=chosen.slot,
            today=business_date(wiring.clock.now()),
            tickets_max=wiring.rules.tickets_max,
            days_ahead_max=wiring.rules.days_ahead_max,
            facilities=book.facilities,
            holidays=book.holidays(business_date(wiring.clock.now())),
        )
    except NoTickets:
        return None, None
    except Refusal as refusal:
        return None, wiring.pages.advice(request, refusal)
    return quoted, None


def _wished(ways: Sequence[tuple[Way, bool, Pause | None]], method: str) -> str:
    """Return the way that was chosen if it is possible, else the first that is."""
    possible = [way.name for way, in_time, pause in ways if in_time and pause is None]
    return method if method in possible else next(iter(possible), "")


def _in_time(wiring: Wiring, way: Way, day: date) -> bool:
    if way.kind != "payeasy":
        return True  # Minutes are always left; at the very end of a day the order is refused with words.
    try:
        hold_until(way.name, day, wiring.rules.holds, at=wiring.clock.now())
    except MethodNotOffered:
        return False
    return True


def _not_on_that_day(request: Request, facility: Facility, day: date, sale: Sale, refusal: Refusal) -> Response:
    """Say why there is nothing for the day, and offer the next open one."""
    closed = opening_on(facility, day, holidays=sale.holidays) if isinstance(refusal, ClosedDay) else None
    after = day if closed else sale.today - timedelta(days=1)
    next_day = next_open_day(facility, after, holidays=sale.holidays)
    language = language_of(request)
    return _page(
        request,
        "not-on-that-day.html",
        status=int(status_of(refusal)),
        facility=facility,
        visit_date=day,
        kind=refusal.slug,
        reason=closed.reason.of(language.tag) if isinstance(closed, Closed) else None,
        last_day=sale.last_day,
        next_day=next_day if next_day and next_day <= sale.last_day else None,
    )
