"""JSON of the board."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request
from pydantic import BaseModel, Field

from kernel import idempotency
from kernel.clock import business_date, fiscal_year
from kernel.money import Yen
from kernel.refusals import Forbidden
from kernel.telemetry import correlation_id
from reconciliation.board import actions
from reconciliation.board.cash_file import CashRow
from reconciliation.board.model import Assumptions, Cost, Figures, Waits
from reconciliation.wiring import scope_of, wiring_of

router = APIRouter(tags=["board"])

Year = Annotated[int | None, Query(ge=2019, le=2199)]


class WaitsOut(BaseModel):
    """Seconds until the tickets, of so many orders."""

    orders: int
    median_seconds: float | None
    p95_seconds: float | None


class CostOut(BaseModel):
    """What was kept of so many lines: yen, yen for each, and percent of the gross amount."""

    lines: int
    gross: int
    kept: int
    per_payment: float | None
    percent: float | None


class ShareOut(BaseModel):
    """Cashless takings beside counted cash, of the facilities whose cash is known; percent is null without any."""

    cashless: int
    cash: int
    facilities: int
    percent: float | None


class FiguresOut(BaseModel):
    """The key figures of a month or a year. Minutes and sheets rest on assumptions; the rest is measured."""

    first: date
    last: date
    taken: int
    payments: int
    tickets: int
    planned_facilities: int
    cashless_facilities: int
    share: ShareOut
    placed_to_tickets: WaitsOut
    paid_to_tickets: WaitsOut
    matched_lines: int
    settled_discrepancies: int
    daily_reports: int
    minutes_avoided: int
    sheets_avoided: int
    cost: CostOut


class BoardOut(BaseModel):
    """A fiscal year."""

    fiscal_year: int
    counted_until: datetime | None
    assumptions_version: int
    assumptions: Assumptions
    months: list[FiguresOut]
    whole: FiguresOut
    first_cashless_days: dict[str, date]
    placed_to_tickets_by_method: dict[str, WaitsOut]
    cost_by_provider: dict[str, CostOut]


def _waits(found: Waits) -> WaitsOut:
    median, p95 = (None if each is None else each / 10 for each in (found.median, found.p95))
    return WaitsOut(orders=found.orders, median_seconds=median, p95_seconds=p95)


def _cost(found: Cost) -> CostOut:
    return CostOut(
        lines=found.lines,
        gross=found.gross.amount,
        kept=found.kept.amount,
        per_payment=found.per_payment,
        percent=found.percent,
    )


def _figures(found: Figures) -> FiguresOut:
    share = found.share
    return FiguresOut(
        first=found.first,
        last=found.last,
        taken=found.taken.amount,
        payments=found.payments,
        tickets=found.tickets,
        planned_facilities=found.planned,
        cashless_facilities=found.adopted,
        share=ShareOut(
            cashless=share.cashless.amount, cash=share.cash.amount, facilities=share.facilities, percent=share.percent
        ),
        placed_to_tickets=_waits(found.placed),
        paid_to_tickets=_waits(found.paid),
        matched_lines=found.matched,
        settled_discrepancies=found.resolved,
        daily_reports=found.facility_days,
        minutes_avoided=found.minutes,
        sheets_avoided=found.sheets,
        cost=_cost(found.cost),
    )


@router.get("/v1/board")
async def board(
    request: Request, year: Year = None, assumptions: Annotated[int | None, Query(ge=0)] = None
) -> BoardOut:
    """Return a fiscal year's key figures; `year` is the one in which it begins, this one unless given."""
    wiring = wiring_of(request)
    principal = wiring.reader(request)
    if scope_of(principal) is not None:
        raise Forbidden
    at = wiring.clock.now()
    chosen = year or fiscal_year(business_date(at))
    async with wiring.database.transaction(correlation_id.get()) as tx:
        found = await actions.board(tx, chosen, at=at, version=assumptions)
    return BoardOut(
        fiscal_year=chosen,
        counted_until=found.counted_until,
        assumptions_version=found.assumed.version,
        assumptions=found.assumed.values,
        months=[_figures(each) for each in found.months],
        whole=_figures(found.whole),
        first_cashless_days=dict(found.firsts),
        placed_to_tickets_by_method={name: _waits(each) for name, each in found.waits_by_method.items()},
        cost_by_provider={name: _cost(each) for name, each in found.cost_by_provider.items()},
    )


class CashIn(BaseModel):
    """One facility's month as somebody counted it: yen, payments, tickets on paper."""

    facility: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")
    month: str = Field(pattern=r"^\d{4}-(0[1-9]|1[0-2])$")
    cash_yen: int = Field(ge=0, le=10**15)
    payments: int = Field(ge=0, le=10_000_000)
    paper_tickets: int = Field(ge=0, le=10_000_000)


class ManyCashIn(BaseModel):
    """Many of them."""

    rows: list[CashIn] = Field(min_length=1, max_length=500)


@router.post("/v1/board/cash")
async def enter_cash(
    request: Request, given: ManyCashIn, idempotency_key: Annotated[str | None, Header()] = None
) -> dict[str, Any]:
    """Keep counted cash; return how many facilities and months changed."""
    wiring = wiring_of(request)
    principal = wiring.bookkeeper(request)
    if scope_of(principal) is not None:
        raise Forbidden
    key, scope, at = idempotency.require_key(idempotency_key), f"cash:{principal.name}", wiring.clock.now()
    rows = [
        CashRow(
            date.fromisoformat(f"{each.month}-01"),
            each.facility,
            Yen(each.cash_yen),
            each.payments,
            each.paper_tickets,
        )
        for each in given.rows
    ]
    async with wiring.database.transaction(correlation_id.get()) as tx:
        kept = await idempotency.claim(tx, scope=scope, key=key, body=given.model_dump_json().encode(), at=at)
        if kept is not None:
            return dict(kept.answer)
        answer = {"changed": await actions.enter_cash(tx, rows, by=principal.name, at=at)}
        await idempotency.keep(tx, scope=scope, key=key, status=200, answer_json=json.dumps(answer), at=at)
    return answer
