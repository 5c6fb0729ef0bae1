"""Files for accounting: any format that a folder holds."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import date
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Query, Request, Response

from kernel.refusals import Forbidden
from kernel.telemetry import correlation_id
from reconciliation.days.model import require_range
from reconciliation.days.names import name_of
from reconciliation.days.wording import method_name
from reconciliation.exports import store
from reconciliation.exports.discovery import format_named
from reconciliation.exports.model import table_of
from reconciliation.wiring import scope_of, wiring_of

router = APIRouter(tags=["exports"])


@router.get("/v1/exports/{format_name}", response_class=Response)
async def export(
    request: Request,
    format_name: str,
    first: Annotated[date, Query(alias="from")],
    last: Annotated[date, Query(alias="to")],
    facility: Annotated[str | None, Query(max_length=64)] = None,
) -> Response:
    """Return a file of daily receipts; who fetched it is kept."""
    wiring = wiring_of(request)
    principal = wiring.reader(request)
    chosen = format_named(format_name)
    require_range(first, last, days_max=wiring.settings.export_days_max)
    scope = scope_of(principal)
    if facility:
        if not principal.may_see(facility):
            raise Forbidden
        scope = [facility]
    names = await wiring.names.all()
    words = wiring.pages.gettext_of("ja")
    async with wiring.database.transaction(correlation_id.get()) as tx:
        table = table_of(
            await store.receipts(tx, scope, first=first, last=last),
            first=first,
            last=last,
            facility_name=lambda code: name_of(names, code, "ja"),
            method_name=lambda method: method_name(method, wiring.settings.methods, "ja", words),
        )
        body = await asyncio.to_thread(chosen.write, table)
        await store.log_export(
            tx,
            by=principal.name,
            format_name=chosen.name,
            first=first,
            last=last,
            facility=facility or "",
            sha256=hashlib.sha256(body).hexdigest(),
            at=wiring.clock.now(),
        )
    place = f"_{facility}" if facility else ""
    plain = f"{chosen.name}{place}_{first}_{last}.{chosen.suffix}".encode("ascii", "replace").decode().replace('"', "")
    japanese = quote(f"{table.title}{place}_{first}_{last}.{chosen.suffix}")
    return Response(
        body,
        media_type=chosen.media_type,
        headers={
            "content-disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{japanese}",
            "cache-control": "no-store",
        },
    )
