"""JSON about payouts: what is due from whom and when, what came, and the lines that each is made of."""

from __future__ import annotations

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel

from kernel.refusals import Forbidden, Invalid
from kernel.rows import Transaction
from kernel.telemetry import correlation_id
from reconciliation.payouts import store
from reconciliation.payouts.model import LineOfPayout, PayoutKept, UnknownPayout
from reconciliation.wiring import Wiring, scope_of, wiring_of

router = APIRouter(tags=["matching"])

PATH = "/v1/payouts"
PAGE_SIZE_MAX = 200


class PayoutOut(BaseModel):
    """One payout, in yen: gross − fee − tax − transfer_fee = net. `stated_net`: what the provider says, if it does.

    `match_id`: of the deposit that it came as; null while none did. It is missed after `missed_after`.
    """

    id: UUID
    contract: str
    provider: str
    key: str
    arrives_on: date
    missed_after: date
    first_day: date
    last_day: date
    lines: int
    gross: int
    fee: int
    tax: int
    transfer_fee: int
    net: int
    stated_net: int | None
    account: str
    match_id: UUID | None


def shown(payout: PayoutKept) -> PayoutOut:
    """Return a payout as JSON says it."""
    return PayoutOut(
        id=payout.id,
        contract=payout.contract,
        provider=payout.provider,
        key=payout.key,
        arrives_on=payout.arrives_on,
        missed_after=payout.missed_after,
        first_day=payout.first_day,
        last_day=payout.last_day,
        lines=payout.lines,
        gross=payout.gross.amount,
        fee=payout.fee.amount,
        tax=payout.tax.amount,
        transfer_fee=payout.transfer_fee.amount,
        net=payout.net.amount,
        stated_net=None if payout.stated_net is None else payout.stated_net.amount,
        account=payout.account,
        match_id=payout.match_id,
    )


class PayoutsOut(BaseModel):
    """A page of payouts, by the day of their arrival."""

    items: list[PayoutOut]
    next_cursor: str | None


class LineOut(BaseModel):
    """One line of a payout, as its provider wrote it."""

    id: UUID
    kind: str
    reference: str
    key: str
    occurred_on: date
    gross: int
    fee: int
    tax: int
    net: int
    brand: str


def _line(line: LineOfPayout) -> LineOut:
    return LineOut(
        id=line.id,
        kind=line.kind,
        reference=line.reference,
        key=line.key,
        occurred_on=line.occurred_on,
        gross=line.gross.amount,
        fee=line.fee.amount,
        tax=line.tax.amount,
        net=line.net.amount,
        brand=line.brand,
    )


class LinesOut(BaseModel):
    """A page of a payout's lines, by id."""

    items: list[LineOut]
    next_cursor: UUID | None


def for_all_facilities(request: Request) -> Wiring:
    """Return the wiring for somebody who may read about all facilities, as a payout is; raise Forbidden else."""
    wiring = wiring_of(request)
    if scope_of(wiring.reader(request)) is not None:
        raise Forbidden
    return wiring


@router.get(PATH)
async def get_payouts(
    request: Request,
    first: Annotated[date, Query(alias="from")],
    last: Annotated[date, Query(alias="to")],
    provider: Annotated[str | None, Query(max_length=40)] = None,
    cursor: Annotated[str | None, Query(max_length=100)] = None,
    limit: Annotated[int, Query(ge=1, le=PAGE_SIZE_MAX)] = 50,
) -> PayoutsOut:
    """Return payouts that arrive within days, the ends included."""
    wiring = for_all_facilities(request)
    after = _place(cursor)
    async with wiring.database.transaction(correlation_id.get()) as tx:
        found = await store.between(tx, first=first, last=last, provider=provider, after=after, limit=limit + 1)
    page = found[:limit]
    more = f"{page[-1].arrives_on.isoformat()}_{page[-1].id}" if len(found) > limit else None
    return PayoutsOut(items=[shown(each) for each in page], next_cursor=more)


def _place(cursor: str | None) -> tuple[date, UUID] | None:
    if not cursor:
        return None
    day, _, payout_id = cursor.partition("_")
    try:
        return date.fromisoformat(day), UUID(payout_id)
    except ValueError:
        raise Invalid(problem="The cursor is none of ours. Begin again without it") from None


@router.get(PATH + "/{payout_id}")
async def get_payout(request: Request, payout_id: UUID) -> PayoutOut:
    """Return one payout."""
    wiring = for_all_facilities(request)
    async with wiring.database.transaction(correlation_id.get()) as tx:
        return shown(await _found(tx, payout_id))


async def _found(tx: Transaction, payout_id: UUID) -> PayoutKept:
    payout = await store.find(tx, payout_id)
    if payout is None:
        raise UnknownPayout(id=str(payout_id))
    return payout


@router.get(PATH + "/{payout_id}/lines")
async def get_lines(
    request: Request,
    payout_id: UUID,
    cursor: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=PAGE_SIZE_MAX)] = 50,
) -> LinesOut:
    """Return the lines that a payout is made of."""
    wiring = for_all_facilities(request)
    async with wiring.database.transaction(correlation_id.get()) as tx:
        payout = await _found(tx, payout_id)
        found = await store.lines_of(tx, payout, after=cursor, limit=limit + 1)
    page = found[:limit]
    return LinesOut(items=[_line(each) for each in page], next_cursor=page[-1].id if len(found) > limit else None)
