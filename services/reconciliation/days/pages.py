"""The accounting pages: the morning page of a day, and the story of one order."""

from __future__ import annotations

from datetime import date
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from kernel.access import Principal, Role
from kernel.clock import business_date
from kernel.money import Yen
from kernel.refusals import NotFound
from kernel.telemetry import correlation_id
from kernel.web import language_of
from reconciliation.days import actions, display
from reconciliation.days.model import Day
from reconciliation.days.names import name_of
from reconciliation.days.wording import FACTS, method_name, provider_name
from reconciliation.discrepancies import actions as discrepancies
from reconciliation.discrepancies import findings, listing, store
from reconciliation.discrepancies.handling import OPEN_STATES
from reconciliation.discrepancies.model import Discrepancy, judge
from reconciliation.discrepancies.routes import explain, title
from reconciliation.exports.discovery import formats
from reconciliation.ledger import store as ledger
from reconciliation.morning import actions as morning_actions
from reconciliation.morning import display as morning_display
from reconciliation.staff.desk import SEE_OTHER, for_reader
from reconciliation.wiring import Wiring, keeps_books, scope_of

router = APIRouter(include_in_schema=False)

FACTS_SHOWN_MAX = 500
REASON_CHARACTERS_MAX = 1000
FIRST_DAY = date(2019, 5, 1)
LAST_DAY = date(2199, 12, 31)
_AMOUNTS = ("captured", "reversed", "total", "amount", "price")


class UnknownOrder(NotFound):
    """No fact speaks of it, or it is not yours."""

    slug = "unknown-order"
    advice = "The ledger has no order {id}. Check the number; a new order may need a minute to arrive."


def _chosen(day: str | None, today: date) -> date:
    """Return the day asked for; today for anything that is no day of our era."""
    try:
        chosen = date.fromisoformat(day) if day else today
    except ValueError:
        return today
    return chosen if FIRST_DAY <= chosen <= LAST_DAY else today


@router.get("/")
async def morning(request: Request, day: str | None = None) -> Response:
    """Show a business day: today in Japan unless another is chosen."""

    async def page(wiring: Wiring, principal: Principal) -> Response:
        today = business_date(wiring.clock.now())
        chosen = _chosen(day, today)
        first, last = display.month_of(chosen)
        names = await wiring.names.all()
        async with wiring.database.transaction(correlation_id.get()) as tx:
            scope, at = scope_of(principal), wiring.clock.now()
            shown = await actions.one_day(tx, scope, chosen, at=at, grace=wiring.grace)
            month = await actions.calendar(tx, scope, first=first, last=last, at=at, grace=wiring.grace)
            told = (
                await morning_actions.overview(tx, scope, by=principal.name, at=at, grace=wiring.grace)
                if chosen == today
                else None
            )
        tag = language_of(request).tag
        common = _common(wiring, request, principal, names)
        before, after = display.neighbours(chosen)
        return wiring.pages.render(
            request,
            "day.html",
            **common,
            overview=told,
            charts=told
            and morning_display.charts_of(
                told,
                today,
                tag=tag,
                words=wiring.pages.gettext_of(tag),
                named=common["method"],
                place=display.colour_of,
            ),
            kind_name=lambda kind: title(wiring, kind, tag),
            provider=provider_name,
            chosen=chosen,
            today=today,
            before=before,
            after=after,
            months=display.months_beside(chosen),
            shown=shown,
            bars=display.bars_of(shown.rows),
            methods=display.methods_of(shown.rows),
            colour=display.colour_of,
            weeks=display.weeks_of(month),
            month_first=first,
            month_last=last,
            stake=shown.stake,
            problems=[_told(wiring, each, tag) for each in shown.disagreements],
            waiting=[_told(wiring, each, tag) for each in shown.pending],
            formats=[
                (each.name, f"{each.title.of(tag)} {each.writing}")
                for each in formats().values()
                if each.report == "daily_receipts"
            ],
            may_close=_may_close(principal, shown, today),
        )

    return await for_reader(request, page)


def _may_close(principal: Principal, shown: Day, today: date) -> bool:
    open_and_over = shown.closing is None and shown.date < today
    return keeps_books(principal) and open_and_over and shown.state in {"agrees", "none"}


def _common(wiring: Wiring, request: Request, principal: Principal, names: dict[str, dict[str, str]]) -> dict[str, Any]:
    tag = language_of(request).tag
    words = wiring.pages.gettext_of(tag)
    return {
        "principal": principal,
        "all_facilities": scope_of(principal) is None,
        "keeps_books": principal.role in {Role.ACCOUNTING, Role.ADMIN},
        "facility": lambda code: name_of(names, code, tag),
        "method": lambda code: method_name(code, wiring.settings.methods, tag, words),
    }


def _told(wiring: Wiring, found: Discrepancy, tag: str) -> dict[str, Any]:
    what, then = explain(wiring, found, tag)
    return {
        "id": found.id,
        "kind": title(wiring, found.kind, tag),
        "order_id": found.order_id,
        "number": found.number,
        "facility": found.facility,
        "amount": found.amount,
        "since": found.since,
        "what": what,
        "then": then,
        "pending": found.pending,
    }


@router.get("/orders/{wanted}")
async def order_story(request: Request, wanted: str) -> Response:
    """Show everything that the ledger knows of an order, by its id or its number, in words."""

    async def page(wiring: Wiring, principal: Principal) -> Response:
        at, tag = wiring.clock.now(), language_of(request).tag
        async with wiring.database.transaction(correlation_id.get()) as tx:
            order = await findings.find_position(tx, wanted.strip())
            if order is None or not principal.may_see(order.facility):
                raise UnknownOrder(id=wanted[:64])
            facts = await ledger.facts_of_order(tx, order.order_id, limit=FACTS_SHOWN_MAX)
            await discrepancies.up_to_date(tx, at=at, grace=wiring.grace)
            kept = await listing.of_order(tx, order.order_id, scope_of(principal))
            waiting = [each for each in judge(order, at=at, grace=wiring.grace) if each.pending]
            settled = await store.settlements(tx, [each.id for each in kept if each.state == "resolved"])
        names = await wiring.names.all()
        words = wiring.pages.gettext_of(tag)
        return wiring.pages.render(
            request,
            "order.html",
            **_common(wiring, request, principal, names),
            order=order,
            story=[
                {"at": each.occurred_at, "what": words(FACTS.get(each.type, each.type)), "amount": _amount(each.fact)}
                for each in facts
            ],
            problems=[
                _told(wiring, each, tag)
                for each in [*(listing.as_found(one) for one in kept if one.state in OPEN_STATES), *waiting]
            ],
            settled=sorted(settled.values(), key=lambda each: each.at),
        )

    return await for_reader(request, page)


def _amount(fact: Any) -> Yen | None:
    """Return the money that a fact speaks of, if any."""
    return next((getattr(fact, name) for name in _AMOUNTS if isinstance(getattr(fact, name, None), Yen)), None)


@router.get("/find")
async def find_order(number: str = "") -> Response:
    """Go to an order's story by its number."""
    wanted = number.strip()[:64]
    return RedirectResponse(f"/orders/{quote(wanted, safe='')}" if wanted else "/", status_code=SEE_OTHER)
