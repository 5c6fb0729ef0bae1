"""Where providers tell us that something happened: kept, acknowledged at once, asked about later; and staff's list."""

from __future__ import annotations

import hashlib
import re
from typing import Annotated
from urllib.parse import unquote_plus

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import AwareDatetime, BaseModel

from kernel.cards import CardNumberRefused, blot, holds_card_number, unescaped
from kernel.refusals import Malformed, NotFound
from kernel.telemetry import correlation_id
from payments.messages import actions, store
from payments.messages.model import ProviderMessage, State
from payments.staff.desk import staff_of
from payments.transfers.account import without_accounts
from payments.wiring import wiring_of

_PLAIN = re.compile(r"^[A-Za-z0-9_.:-]{1,255}$")

router = APIRouter(tags=["webhooks"])

LIST_MAX = 200
ID_MAX = 2**63 - 1


class ProviderMessageAnswer(BaseModel):
    """A provider's message without its body, which only an administrator reads, on the page."""

    id: int
    method: str
    event_id: str
    reference: str
    state: State
    outcome: str | None
    tries: int
    received_at: AwareDatetime
    processed_at: AwareDatetime | None
    next_try_at: AwareDatetime | None


class ProviderMessages(BaseModel):
    """Messages, newest first; `next` is the next page's cursor, if there is one."""

    messages: list[ProviderMessageAnswer]
    next: int | None


@router.post("/v1/webhooks/{method}")
async def webhook(request: Request, method: str) -> Response:
    """Verify a message, keep it but for accounts and card numbers, acknowledge it; a repeat is acknowledged too."""
    wiring = wiring_of(request)
    adapter = wiring.methods.get(method)
    if adapter is None:
        raise NotFound(what="way to pay", id=method[:40])
    body = await request.body()
    headers = {name.lower(): value for name, value in request.headers.items()}
    headers["x-source-address"] = request.client.host if request.client else ""
    at = wiring.clock.now()
    try:
        event = adapter.read_webhook(headers, body, at=at)
    except (ValueError, KeyError, TypeError, AttributeError) as unreadable:
        raise Malformed(problem="the message is not one of this provider's") from unreadable
    if not (_PLAIN.match(event.event_id) and _PLAIN.match(event.reference or "-")):
        raise Malformed(problem="no provider writes such an id")
    if holds_card_number(event.reference):
        raise CardNumberRefused  # References are ours, and none of ours looks like that.
    kept, event_id = _without_cards(without_accounts(body)), event.event_id
    if holds_card_number(event_id):  # By chance, or from whoever may send what is not signed: named by what is kept.
        event_id = hashlib.sha256(kept).hexdigest()
    async with wiring.database.at_once(correlation_id.get()) as tx:
        await store.keep(tx, method=method, event_id=event_id, reference=event.reference, body=kept, at=at)
    return Response(adapter.capabilities.webhook_answer, media_type="text/plain")


def _without_cards(body: bytes) -> bytes:
    """Return a body with what looks like a card's number blotted out; any other comes back as it is, to the byte."""
    text = body.decode("utf-8", "replace")
    said = unescaped(unquote_plus(text) if "%" in text else text)
    return blot(said).encode() if holds_card_number(said) else body


def _answer(message: ProviderMessage) -> ProviderMessageAnswer:
    return ProviderMessageAnswer(
        id=message.id,
        method=message.method,
        event_id=message.event_id,
        reference=message.reference,
        state=message.state,
        outcome=message.outcome,
        tries=message.tries,
        received_at=message.received_at,
        processed_at=message.processed_at,
        next_try_at=message.next_try_at,
    )


@router.get("/v1/provider-messages", tags=["providers' messages"])
async def get_provider_messages(
    request: Request,
    state: State | None = None,
    outcome: Annotated[str | None, Query(max_length=100)] = None,
    method: Annotated[str | None, Query(max_length=40)] = None,
    cursor: Annotated[int | None, Query(ge=1, le=ID_MAX)] = None,
    limit: Annotated[int, Query(ge=1, le=LIST_MAX)] = 50,
) -> ProviderMessages:
    """Return what providers sent, newest first."""
    staff_of(request, everywhere=True)
    async with wiring_of(request).database.transaction(correlation_id.get()) as tx:
        outcomes = None if outcome is None else [outcome]
        found = await store.listed(tx, state=state, outcomes=outcomes, method=method, before=cursor, limit=limit + 1)
    shown = found[:limit]
    return ProviderMessages(
        messages=[_answer(each) for each in shown], next=shown[-1].id if len(found) > limit else None
    )


@router.post("/v1/provider-messages/{message_id}/replay", status_code=202, tags=["providers' messages"])
async def post_provider_message_replay(
    request: Request, message_id: Annotated[int, Path(ge=1, le=ID_MAX)]
) -> ProviderMessageAnswer:
    """Have a message read once more: it only makes us ask the provider again."""
    wiring = wiring_of(request)
    staff = staff_of(request, acts=True, everywhere=True)
    async with wiring.database.transaction(correlation_id.get()) as tx:
        return _answer(await actions.replay(tx, message_id, actor=staff.name, at=wiring.clock.now()))
