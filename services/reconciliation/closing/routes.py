"""JSON about closings: closing a day."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request
from pydantic import BaseModel

from kernel import idempotency
from kernel.clock import new_id
from kernel.refusals import Forbidden
from kernel.telemetry import correlation_id
from reconciliation.closing import actions
from reconciliation.wiring import scope_of, wiring_of

router = APIRouter(tags=["closing"])


class ClosingOut(BaseModel):
    """The figures that a day was closed with."""

    date: date
    sold: int
    captured: int
    refunded: int
    admitted: int
    closed_by: str
    closed_at: datetime


@router.post("/v1/days/{day}/close")
async def close_day(
    request: Request, day: date, idempotency_key: Annotated[str | None, Header()] = None
) -> dict[str, Any]:
    """Close a day: refused while something does not agree."""
    wiring = wiring_of(request)
    principal = wiring.bookkeeper(request)
    if scope_of(principal) is not None:
        raise Forbidden  # A day is closed for all facilities at once.
    key, scope, at = idempotency.require_key(idempotency_key), f"close:{principal.name}", wiring.clock.now()
    async with wiring.database.transaction(correlation_id.get()) as tx:
        kept = await idempotency.claim(tx, scope=scope, key=key, body=day.isoformat().encode(), at=at)
        if kept is not None:
            return dict(kept.answer)
        closing = await actions.close(tx, day, by=principal.name, at=at, grace=wiring.grace, event_id=new_id())
        answer = ClosingOut(
            date=closing.period.first_day,
            sold=closing.totals.sold.amount,
            captured=closing.totals.captured.amount,
            refunded=closing.totals.refunded.amount,
            admitted=closing.totals.admitted,
            closed_by=closing.closed_by,
            closed_at=closing.closed_at,
        )
        await idempotency.keep(tx, scope=scope, key=key, status=200, answer_json=answer.model_dump_json(), at=at)
    return answer.model_dump(mode="json")
