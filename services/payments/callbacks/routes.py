"""JSON about messages to collecting systems: what was told, and once more."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request

from kernel.access import Role
from kernel.telemetry import correlation_id
from payments.callbacks import actions, store
from payments.callbacks.model import Message
from payments.wiring import wiring_of

router = APIRouter(tags=["messages to collecting systems"])

READERS = (Role.SERVICE, Role.ACCOUNTING, Role.AUDITOR)
LIST_MAX = 200


@router.get("/v1/messages")
async def get_messages(
    request: Request,
    cursor: UUID | None = None,
    state: Literal["waiting", "delivered", "given_up", "kept"] | None = None,
    charge: UUID | None = None,
    system: Annotated[str | None, Query(max_length=40)] = None,
    limit: Annotated[int, Query(ge=1, le=LIST_MAX)] = 50,
) -> dict[str, Any]:
    """Return messages, newest first: a system's own; to staff those of all, or of the system that is named."""
    wiring = wiring_of(request)
    principal, caller = await wiring.caller(request, at=wiring.clock.now())
    principal.require(*READERS)
    own = caller.name if caller else principal.name if principal.role is Role.SERVICE else system
    async with wiring.database.transaction(correlation_id.get()) as tx:
        found = await store.listed(tx, system=own, state=state, charge_id=charge, before=cursor, limit=limit + 1)
    shown = found[:limit]
    return {"messages": [_answer(each) for each in shown], "next": str(shown[-1].id) if len(found) > limit else None}


@router.post("/v1/messages/{message_id}/replay", status_code=202)
async def post_replay(request: Request, message_id: UUID) -> dict[str, Any]:
    """Have a message sent once more, under its own id; whoever had it already drops it by that."""
    wiring = wiring_of(request)
    at = wiring.clock.now()
    principal, caller = await wiring.caller(request, at=at)
    principal.require(Role.SERVICE, Role.ACCOUNTING)
    own = caller.name if caller else principal.name if principal.role is Role.SERVICE else None
    async with wiring.database.transaction(correlation_id.get()) as tx:
        return _answer(await actions.replay(tx, message_id, of=own, actor=principal.name, at=at))


def _answer(message: Message) -> dict[str, Any]:
    return {
        "id": str(message.id),
        "system": message.system,
        "type": message.type,
        "charge": str(message.charge_id),
        "state": message.state,
        "created_at": message.created_at.isoformat(),
        "tries": message.tries,
        "next_try_at": message.next_try_at and message.next_try_at.isoformat(),
        "last_tried_at": message.last_tried_at and message.last_tried_at.isoformat(),
        "last_status": message.last_status,
        "last_problem": message.last_problem,
        "delivered_at": message.delivered_at and message.delivered_at.isoformat(),
        "event": json.loads(message.body),
    }
