"""Where providers tell us that something happened: kept, acknowledged at once, asked about later."""

from __future__ import annotations

import re

from fastapi import APIRouter, Request, Response

from kernel.refusals import Malformed, NotFound
from kernel.telemetry import correlation_id
from payments.messages import store
from payments.transfers.account import without_accounts
from payments.wiring import wiring_of

_PLAIN = re.compile(r"^[A-Za-z0-9_.:-]{1,255}$")

router = APIRouter(tags=["webhooks"])


@router.post("/v1/webhooks/{method}")
async def webhook(request: Request, method: str) -> Response:
    """Verify a message, keep it as it came but for bank accounts, acknowledge it; a repeat is acknowledged too."""
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
    kept = without_accounts(body)
    async with wiring.database.at_once(correlation_id.get()) as tx:
        await store.keep(tx, method=method, event_id=event.event_id, reference=event.reference, body=kept, at=at)
    return Response(adapter.capabilities.webhook_answer, media_type="text/plain")
