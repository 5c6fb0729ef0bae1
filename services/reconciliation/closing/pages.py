"""The pages of closings: closing a day from its page."""

from __future__ import annotations

from datetime import date

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from kernel.access import Principal
from kernel.clock import new_id
from kernel.refusals import Forbidden
from kernel.signin import SignIn
from kernel.telemetry import correlation_id
from reconciliation.closing import actions
from reconciliation.closing.model import day_period
from reconciliation.staff.desk import SEE_OTHER, for_reader
from reconciliation.wiring import Wiring, scope_of

router = APIRouter(include_in_schema=False)


@router.post("/days/{day}/close")
async def close_day(request: Request, day: date) -> Response:
    """Close a day from its page."""

    async def page(wiring: Wiring, _reader: Principal) -> Response:
        SignIn.require_own_page(request)
        principal = wiring.bookkeeper(request)
        if scope_of(principal) is not None:
            raise Forbidden
        async with wiring.database.transaction(correlation_id.get()) as tx:
            await actions.close(
                tx, day_period(day), by=principal.name, at=wiring.clock.now(), grace=wiring.grace, event_id=new_id()
            )
        return RedirectResponse(f"/?day={day}", status_code=SEE_OTHER)

    return await for_reader(request, page)
