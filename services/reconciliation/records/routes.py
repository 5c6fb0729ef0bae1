"""The search over records as JSON."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel

from kernel.telemetry import correlation_id
from reconciliation.records import store
from reconciliation.records.model import RecordKind, RecordPlace, Wanted
from reconciliation.wiring import scope_of, wiring_of

router = APIRouter(tags=["records"])

PAGE_SIZE_MAX = 500
AMOUNT_MAX = 10**15


class RecordOut(BaseModel):
    """One record. `amount` in yen; null where it has none. `what` is its own kind within the kind of record."""

    kind: RecordKind
    key: str
    day: date
    amount: int | None
    counterparty: str
    what: str
    facility: str | None
    reference: str
    order_id: str | None


class RecordList(BaseModel):
    """A page of records, newest first."""

    items: list[RecordOut]
    next_cursor: str | None


@router.get("/v1/records")
async def get_records(
    request: Request,
    first: Annotated[date | None, Query(alias="from")] = None,
    last: Annotated[date | None, Query(alias="to")] = None,
    least: Annotated[int | None, Query(alias="min", ge=0, le=AMOUNT_MAX)] = None,
    most: Annotated[int | None, Query(alias="max", ge=0, le=AMOUNT_MAX)] = None,
    counterparty: Annotated[str, Query(max_length=80)] = "",
    kind: Annotated[list[RecordKind] | None, Query()] = None,
    cursor: Annotated[str | None, Query(max_length=120)] = None,
    limit: Annotated[int, Query(ge=1, le=PAGE_SIZE_MAX)] = 50,
) -> RecordList:
    """Return records by days, amounts (whichever way the money went) and counterparty, any of them together.

    A counterparty is a payer, a provider, an order's number, a provider's reference, or whoever fetched a file.
    """
    wiring = wiring_of(request)
    scope = scope_of(wiring.reader(request))
    wanted = Wanted(first, last, least, most, counterparty.strip(), tuple(kind or ()))
    after = RecordPlace.read(cursor) if cursor else None
    async with wiring.database.transaction(correlation_id.get()) as tx:
        found = await store.find(tx, wanted, scope, after=after, limit=limit + 1)
    return RecordList(
        items=[
            RecordOut(
                kind=each.kind,
                key=each.key,
                day=each.day,
                amount=None if each.amount is None else each.amount.amount,
                counterparty=each.counterparty,
                what=each.what,
                facility=each.facility or None,
                reference=each.reference,
                order_id=each.order_id or None,
            )
            for each in found[:limit]
        ],
        next_cursor=str(found[limit - 1].place) if len(found) > limit else None,
    )
