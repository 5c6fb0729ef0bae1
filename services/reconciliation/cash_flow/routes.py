"""JSON of the cash flow."""

from __future__ import annotations

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel

from kernel.clock import business_date
from kernel.telemetry import correlation_id
from reconciliation.cash_flow import actions
from reconciliation.cash_flow.model import Deposit, Item, State, Sums, weeks_of
from reconciliation.payouts.routes import for_all_facilities

router = APIRouter(tags=["matching"])


class ArrivedOut(BaseModel):
    """How a payout came: the match, the day, the whole match's amount and difference, and how many payouts it is."""

    match_id: UUID
    day: date
    amount: int
    difference: int
    payouts: int


class ItemOut(BaseModel):
    """A transfer that is due; estimated where no line of the provider has told of it yet (then without an id)."""

    payout_id: UUID | None
    provider: str
    contract: str
    arrives_on: date
    missed_after: date
    first_day: date
    last_day: date
    count: int
    gross: int
    kept: int
    net: int
    estimated: bool
    state: State
    arrived: ArrivedOut | None


class DepositOut(BaseModel):
    """A transfer that came; without a match nothing explains it."""

    id: UUID
    day: date
    amount: int
    payer: str
    account: str
    provider: str
    match_id: UUID | None


class SumsOut(BaseModel):
    """Some days of a provider, or of all (""), in yen."""

    first: date
    last: date
    provider: str
    told: int
    estimated: int
    came: int


class FlowOut(BaseModel):
    """A range of days: each transfer, and the sums of each week."""

    items: list[ItemOut]
    deposits: list[DepositOut]
    weeks: list[SumsOut]
    providers: list[SumsOut]
    without_contract: dict[str, int]
    illustrative: list[str]


def _item(item: Item, today: date) -> ItemOut:
    arrived = item.arrived
    return ItemOut(
        payout_id=item.payout_id,
        provider=item.provider,
        contract=item.contract,
        arrives_on=item.arrives_on,
        missed_after=item.missed_after,
        first_day=item.first_day,
        last_day=item.last_day,
        count=item.count,
        gross=item.gross.amount,
        kept=item.kept.amount,
        net=item.net.amount,
        estimated=item.estimated,
        state=item.state(today),
        arrived=arrived
        and ArrivedOut(
            match_id=arrived.match_id,
            day=arrived.day,
            amount=arrived.amount.amount,
            difference=arrived.difference.amount,
            payouts=arrived.payouts,
        ),
    )


def _deposit(each: Deposit) -> DepositOut:
    return DepositOut(
        id=each.id,
        day=each.day,
        amount=each.amount.amount,
        payer=each.payer,
        account=each.account,
        provider=each.provider,
        match_id=each.match_id,
    )


def _sums(first: date, last: date, provider: str, sums: Sums) -> SumsOut:
    return SumsOut(
        first=first,
        last=last,
        provider=provider,
        told=sums.told.amount,
        estimated=sums.estimated.amount,
        came=sums.came.amount,
    )


@router.get("/v1/cash-flow")
async def cash_flow(
    request: Request, first: Annotated[date, Query(alias="from")], last: Annotated[date, Query(alias="to")]
) -> FlowOut:
    """Return what is due within days, what came, and the sums of each week and provider."""
    wiring = for_all_facilities(request)
    at = wiring.clock.now()
    async with wiring.database.transaction(correlation_id.get()) as tx:
        found = await actions.flow(tx, first=first, last=last, at=at)
    return FlowOut(
        items=[_item(each, business_date(at)) for each in found.items],
        deposits=[_deposit(each) for each in found.deposits],
        weeks=[_sums(begin, end, "", found.sums(begin, end)) for begin, end in weeks_of(first, last)],
        providers=[_sums(first, last, name, found.sums(first, last, name)) for name in found.providers],
        without_contract={method: amount.amount for method, amount in found.without_contract},
        illustrative=list(found.illustrative),
    )
