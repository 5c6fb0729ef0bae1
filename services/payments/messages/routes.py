"""Where providers tell us that something happened: kept, acknowledged at once, asked about later."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from kernel.refusals import Malformed
from kernel.telemetry import correlation_id
from payments.messages import store
from payments.wiring import wiring_of

router = APIRouter(tags=["webhooks"])


@router.post("/v1/webhooks/{method}")
async def webhook(request: Request, method: str) -> Response:
    """Verify a message, keep it as it came, acknowledge it; a repeat is acknowledged too."""
    wiring = wiring_of(request)
    adapter = wiring.method(method)
    body = await request.body()
    headers = {name.lower(): value for name, value in request.headers.items()}
    headers["x-source-address"] = request.client.host if request.client else ""
    at = wiring.clock.now()
    try:
        event = adapter.read_webhook(headers, body, at=at)
    except (ValueError, KeyError) as unreadable:
        raise Malformed(problem="the message is not one of this provider's") from unreadable
    async with wiring.database.transaction(correlation_id.get()) as tx:
        await store.keep(tx, method=method, event_id=event.event_id, reference=event.reference, body=body, at=at)
    return Response(status_code=200)
