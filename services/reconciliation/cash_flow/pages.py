"""The pages of money due: a month's calendar with its list, and one payout down to its orders."""

from __future__ import annotations

from datetime import date
from typing import Any, Final
from uuid import UUID

from fastapi import APIRouter, Request, Response

from kernel.access import Principal
from kernel.clock import business_date
from kernel.money import Yen
from kernel.refusals import Invalid
from kernel.telemetry import correlation_id
from kernel.web import language_of
from reconciliation.cash_flow import actions, store
from reconciliation.cash_flow.model import Flow, weeks_of
from reconciliation.charts import model as charts
from reconciliation.charts.model import Chart, Series
from reconciliation.days import display
from reconciliation.days.names import name_of
from reconciliation.days.wording import method_name, provider_name
from reconciliation.payouts import store as payouts
from reconciliation.payouts.model import UnknownPayout
from reconciliation.records.wording import LINE_KINDS
from reconciliation.staff.desk import for_reader
from reconciliation.wiring import Wiring

router = APIRouter(include_in_schema=False)

LINES_SHOWN: Final = 100
FIRST_MONTH, LAST_MONTH = date(2019, 5, 1), date(2199, 11, 1)


class BadMonth(Invalid):
    """No month."""

    slug = "bad-month"
    advice = "{found} is no month. Give one such as 2026-11."


def _month(said: str, today: date) -> date:
    """Return the first day of the month asked for. Raises BadMonth."""
    if not said:
        return today.replace(day=1)
    try:
        found = date.fromisoformat(f"{said}-01")
    except ValueError:
        raise BadMonth(found=said[:20]) from None
    if not FIRST_MONTH <= found <= LAST_MONTH:
        raise BadMonth(found=said[:20])
    return found


@router.get("/cash-flow")
async def cash_flow_page(request: Request, month: str = "") -> Response:
    """Show a month: what is due, what came, what is late."""

    async def page(wiring: Wiring, principal: Principal) -> Response:
        at, tag = wiring.clock.now(), language_of(request).tag
        today, words = business_date(at), wiring.pages.gettext_of(tag)
        chosen = _month(month, today)
        first, last = display.month_of(chosen)
        async with wiring.database.transaction(correlation_id.get()) as tx:
            found = await actions.flow(tx, first=first, last=last, at=at)
        before, after = display.months_beside(chosen)
        weeks = weeks_of(first, last)
        return wiring.pages.render(
            request,
            "cash-flow.html",
            principal=principal,
            all_facilities=True,
            flow=found,
            today=today,
            month=chosen,
            before=before,
            after=after,
            cells=_cells(found, today),
            rows=_rows(found),
            weeks=[(begin, end, found.sums(begin, end)) for begin, end in weeks],
            providers=[(name, found.sums(first, last, name)) for name in found.providers],
            whole=found.sums(first, last),
            chart=_chart(found, weeks, words("Amount due"), words("Came")),
            provider=provider_name,
            method=lambda code: method_name(code, wiring.settings.methods, tag, words),
        )

    return await for_reader(request, page, everywhere=True)


def _cells(found: Flow, today: date) -> list[list[dict[str, Any] | None]]:
    """Return the calendar's weeks from Sunday on: for each day its sums and how it stands."""
    days: list[dict[str, Any] | None] = [None] * ((found.first.weekday() + 1) % 7)
    for number in range((found.last - found.first).days + 1):
        day = date.fromordinal(found.first.toordinal() + number)
        states = {each.state(today) for each in found.items if each.arrives_on == day}
        state = next((each for each in ("late", "differs", "expected", "came") if each in states), "none")
        days.append({"day": day, "state": state, "sums": found.sums(day, day)})
    days += [None] * (-len(days) % 7)
    return [days[start : start + 7] for start in range(0, len(days), 7)]


def _rows(found: Flow) -> list[tuple[date, list[Any], list[Any]]]:
    """Return each day on which something is due or came: the day, what is due, what came."""
    days = sorted({each.arrives_on for each in found.items} | {each.day for each in found.deposits})
    return [
        (
            day,
            [each for each in found.items if each.arrives_on == day],
            [each for each in found.deposits if each.day == day],
        )
        for day in days
    ]


def _chart(found: Flow, weeks: list[tuple[date, date]], due: str, came: str) -> Chart:
    sums = [found.sums(begin, end) for begin, end in weeks]
    return charts.beside(
        [f"{begin.month}/{begin.day}–{end.day}" for begin, end in weeks],
        [
            Series(due, 5, tuple(max(0, each.due.amount) for each in sums)),
            Series(came, 2, tuple(max(0, each.came.amount) for each in sums)),
        ],
    )


@router.get("/payouts/{payout_id}")
async def payout_page(request: Request, payout_id: UUID, after: UUID | None = None) -> Response:
    """Show a payout: what it is made of, line by line with its orders, and how it came."""

    async def page(wiring: Wiring, principal: Principal) -> Response:
        tag = language_of(request).tag
        words, names = wiring.pages.gettext_of(tag), await wiring.names.all()
        async with wiring.database.transaction(correlation_id.get()) as tx:
            payout = await payouts.find(tx, payout_id)
            if payout is None:
                raise UnknownPayout(id=str(payout_id))
            lines = await payouts.lines_of(tx, payout, after=after, limit=LINES_SHOWN + 1)
            orders = await store.orders_of(tx, [each.id for each in lines])
            came = await store.deposits_of(tx, payout.match_id) if payout.match_id else []
            others = await store.payouts_of(tx, payout.match_id) if payout.match_id else []
            together = await payouts.some(tx, [each for each in others if each != payout_id])
        return wiring.pages.render(
            request,
            "payout.html",
            principal=principal,
            all_facilities=True,
            payout=payout,
            lines=lines[:LINES_SHOWN],
            more=lines[LINES_SHOWN - 1].id if len(lines) > LINES_SHOWN else None,
            begun=after is not None,
            orders=orders,
            came=came,
            together=together,
            difference=Yen(sum(each.amount.amount for each in came))
            - payout.net
            - Yen(sum(each.net.amount for each in together)),
            today=business_date(wiring.clock.now()),
            provider=provider_name,
            facility=lambda code: name_of(names, code, tag),
            line_kind=lambda kind: words(LINE_KINDS[kind]) if kind in LINE_KINDS else kind,
        )

    return await for_reader(request, page, everywhere=True)
