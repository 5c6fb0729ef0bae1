"""JSON about matching: what is open, and taking a match of a provider's line back."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from kernel import idempotency
from kernel.clock import new_id
from kernel.refusals import Forbidden, Invalid
from kernel.telemetry import correlation_id
from reconciliation.matching import actions, store
from reconciliation.matching.model import OpenItem, OpenKind
from reconciliation.wiring import scope_of, wiring_of

router = APIRouter(tags=["matching"])

PAGE_SIZE_MAX = 200


class OpenItemOut(BaseModel):
    """Something between our books, a provider's and the bank's that nothing explains; `subject` says which."""

    kind: OpenKind
    subject: str
    order_id: str
    number: str
    facility: str
    provider: str
    day: date
    amount: int
    since: AwareDatetime


class OpenItemsOut(BaseModel):
    """A page of what is open, oldest first."""

    items: list[OpenItemOut]
    next_cursor: str | None


def _shown(item: OpenItem) -> OpenItemOut:
    return OpenItemOut(
        kind=item.kind,
        subject=item.subject,
        order_id=item.order_id,
        number=item.number,
        facility=item.facility,
        provider=item.provider,
        day=item.day,
        amount=item.amount.amount,
        since=item.since,
    )


@router.get("/v1/open-items")
async def get_open_items(
    request: Request,
    kind: OpenKind | None = None,
    cursor: Annotated[str | None, Query(max_length=100)] = None,
    limit: Annotated[int, Query(ge=1, le=PAGE_SIZE_MAX)] = 50,
) -> OpenItemsOut:
    """Return what is open; to staff of a facility, what is of its own payments."""
    wiring = wiring_of(request)
    scope = scope_of(wiring.reader(request))
    after = _place(cursor)
    async with wiring.database.transaction(correlation_id.get()) as tx:
        found = await store.open_items(tx, kind=kind, facilities=scope, after=after, limit=limit + 1)
    page = found[:limit]
    more = f"{page[-1].day.isoformat()}/{page[-1].kind}/{page[-1].subject}" if len(found) > limit else None
    return OpenItemsOut(items=[_shown(each) for each in page], next_cursor=more)


def _place(cursor: str | None) -> tuple[date, str, str] | None:
    if not cursor:
        return None
    try:
        day, kind, subject = cursor.split("/")
        return date.fromisoformat(day), kind, subject
    except ValueError:
        raise Invalid(problem="The cursor is none of ours. Begin again without it") from None


class Reason(BaseModel):
    """Why the match is wrong, for whoever asks later."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(min_length=1, max_length=1000)


class TakenBack(BaseModel):
    """What is open again."""

    id: UUID
    lines: list[UUID]
    claims: list[UUID]
    taken_back_by: str
    taken_back_at: AwareDatetime


@router.post("/v1/matches/{match_id}/take-back", status_code=201)
async def take_back(
    request: Request, match_id: UUID, given: Reason, idempotency_key: Annotated[str | None, Header()] = None
) -> dict[str, Any]:
    """Take a match of provider's lines back, by its line's id or its group's; no rule makes it again."""
    wiring = wiring_of(request)
    principal = wiring.bookkeeper(request)
    if scope_of(principal) is not None:
        raise Forbidden
    key, scope, at = idempotency.require_key(idempotency_key), f"matches:{principal.name}", wiring.clock.now()
    body = f"{match_id}\n{given.reason}".encode()
    async with wiring.database.transaction(correlation_id.get()) as tx:
        kept = await idempotency.claim(tx, scope=scope, key=key, body=body, at=at)
        if kept is not None:
            return dict(kept.answer)
        legs = await actions.take_back(
            tx, match_id, reversal_id=new_id(), by=principal.name, reason=given.reason, at=at
        )
        answer = TakenBack(
            id=match_id,
            lines=[each.line_id for each in legs if each.line_id],
            claims=[each.claim_id for each in legs if each.claim_id],
            taken_back_by=principal.name,
            taken_back_at=at,
        )
        await idempotency.keep(tx, scope=scope, key=key, status=201, answer_json=answer.model_dump_json(), at=at)
    return answer.model_dump(mode="json")
