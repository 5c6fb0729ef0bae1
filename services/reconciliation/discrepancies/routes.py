"""JSON about discrepancies: the open ones, and resolving one."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from kernel import idempotency
from kernel.clock import new_id
from kernel.money import Yen
from kernel.telemetry import correlation_id
from reconciliation.discrepancies import actions
from reconciliation.discrepancies.model import EXPLANATIONS, Discrepancy
from reconciliation.wiring import Wiring, scope_of, wiring_of

router = APIRouter(tags=["discrepancies"])

PAGE_SIZE_MAX = 200
CURSOR_CHARACTERS_MAX = 200


class Explanation(BaseModel):
    """What is wrong and what to do, in both languages."""

    ja: str
    en: str


class DiscrepancyOut(BaseModel):
    """One discrepancy. `number` is the order's; `amount` in yen."""

    id: UUID
    kind: str
    order: str
    number: str
    facility: str
    amount: int
    day: date
    since: datetime
    pending: bool
    explanation: Explanation


def shown(wiring: Wiring, found: Discrepancy) -> DiscrepancyOut:
    """Return a discrepancy with its explanation."""
    said = {tag: explain(wiring, found, tag) for tag in ("ja", "en")}
    return DiscrepancyOut(
        id=found.id,
        kind=found.kind,
        order=found.order_id,
        number=found.number,
        facility=found.facility,
        amount=found.amount.amount,
        day=found.day,
        since=found.since,
        pending=found.pending,
        explanation=Explanation(**{tag: " ".join(parts) for tag, parts in said.items()}),
    )


def explain(wiring: Wiring, found: Discrepancy, tag: str) -> tuple[str, str]:
    """Return what is wrong and what to do, in one language."""
    words = wiring.pages.gettext_of(tag)
    amount = Yen(abs(found.amount.amount))
    what, then = (words(message).format(amount=amount) for message in EXPLANATIONS[found.kind])
    return what, then


class DiscrepanciesOut(BaseModel):
    """A page of discrepancies by order, oldest orders first; one order's stay together, beyond the limit if need be."""

    items: list[DiscrepancyOut]
    next_cursor: str | None


@router.get("/v1/discrepancies")
async def open_discrepancies(
    request: Request,
    cursor: Annotated[str | None, Query(max_length=CURSOR_CHARACTERS_MAX)] = None,
    limit: Annotated[int, Query(ge=1, le=PAGE_SIZE_MAX)] = 50,
) -> DiscrepanciesOut:
    """Return what does not agree and nobody has explained."""
    wiring = wiring_of(request)
    scope = scope_of(wiring.reader(request))
    async with wiring.database.transaction(correlation_id.get()) as tx:
        found, next_cursor = await actions.some(
            tx, scope, after=cursor or "", limit=limit, at=wiring.clock.now(), grace=wiring.grace
        )
    return DiscrepanciesOut(items=[shown(wiring, each) for each in found], next_cursor=next_cursor)


class Reason(BaseModel):
    """Why it is settled, for whoever asks later."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(min_length=1, max_length=1000)


@router.post("/v1/discrepancies/{discrepancy_id}/resolve")
async def resolve(
    request: Request,
    discrepancy_id: UUID,
    given: Reason,
    idempotency_key: Annotated[str | None, Header()] = None,
) -> dict[str, Any]:
    """Note why a discrepancy is settled; its amount changing opens it again."""
    wiring = wiring_of(request)
    principal = wiring.bookkeeper(request)
    key, scope, at = idempotency.require_key(idempotency_key), f"resolve:{principal.name}", wiring.clock.now()
    body = f"{discrepancy_id}\n{given.reason}".encode()
    async with wiring.database.transaction(correlation_id.get()) as tx:
        kept = await idempotency.claim(tx, scope=scope, key=key, body=body, at=at)
        if kept is not None:
            return dict(kept.answer)
        found = await actions.resolve(
            tx,
            discrepancy_id,
            scope_of(principal),
            reason=given.reason,
            by=principal.name,
            at=at,
            grace=wiring.grace,
            event_id=new_id(),
        )
        answer = Resolved(id=found.id, kind=found.kind, resolved_by=principal.name, resolved_at=at)
        await idempotency.keep(tx, scope=scope, key=key, status=200, answer_json=answer.model_dump_json(), at=at)
    return answer.model_dump(mode="json")


class Resolved(BaseModel):
    """Who settled what, and when."""

    id: UUID
    kind: str
    resolved_by: str
    resolved_at: datetime
