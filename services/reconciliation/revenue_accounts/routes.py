"""JSON about revenue accounts: what codes mean, and a new meaning from a day on."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict

from kernel.clock import business_date
from kernel.refusals import Forbidden
from kernel.telemetry import correlation_id
from reconciliation.revenue_accounts import actions, store
from reconciliation.revenue_accounts.model import (
    CODE_LENGTH_MAX,
    Meaning,
    RevenueAccount,
    UnknownRevenueAccount,
)
from reconciliation.wiring import scope_of, wiring_of

router = APIRouter(tags=["journal"])

PATH = "/v1/revenue-accounts"
Code = Annotated[str, Path(min_length=1, max_length=CODE_LENGTH_MAX)]


class Wanted(BaseModel):
    """What a code is to mean from a day on."""

    model_config = ConfigDict(extra="forbid")

    valid_from: date
    meaning: Meaning


class RevenueAccountOut(BaseModel):
    """What a code means from a day on."""

    code: str
    valid_from: date
    meaning: Meaning
    made_by: str
    made_at: datetime


def _shown(each: RevenueAccount) -> RevenueAccountOut:
    return RevenueAccountOut(
        code=each.code,
        valid_from=each.valid_from,
        meaning=each.meaning,
        made_by=each.made_by,
        made_at=each.made_at,
    )


@router.get(PATH)
async def get_revenue_accounts(request: Request, on: Annotated[date | None, Query()] = None) -> list[RevenueAccountOut]:
    """Return what every code means on a day; today's day in Japan unless another is asked for."""
    wiring = wiring_of(request)
    wiring.reader(request)
    async with wiring.database.transaction(correlation_id.get()) as tx:
        chart = await store.chart(tx)
    day = on or business_date(wiring.clock.now())
    found = [chart.on(code, day) for code in dict.fromkeys(each.code for each in chart.versions)]
    return [_shown(each) for each in found if each is not None]


@router.get(PATH + "/{code:path}")
async def get_revenue_account(request: Request, code: Code) -> list[RevenueAccountOut]:
    """Return all that a code has meant, the newest first."""
    wiring = wiring_of(request)
    wiring.reader(request)
    async with wiring.database.transaction(correlation_id.get()) as tx:
        found = [each for each in (await store.chart(tx)).versions if each.code == code]
    if not found:
        raise UnknownRevenueAccount(code=code)
    return [_shown(each) for each in found]


@router.put(PATH + "/{code:path}", status_code=201)
async def put_revenue_account(request: Request, response: Response, code: Code, wanted: Wanted) -> RevenueAccountOut:
    """Say what a code means from a day on; the same as before changes nothing and is answered with 200."""
    wiring = wiring_of(request)
    principal = wiring.bookkeeper(request)
    if scope_of(principal) is not None:
        raise Forbidden
    async with wiring.database.transaction(correlation_id.get()) as tx:
        made, new = await actions.define(
            tx, code, wanted.valid_from, wanted.meaning, by=principal.name, at=wiring.clock.now()
        )
    if not new:
        response.status_code = 200
    return _shown(made)
