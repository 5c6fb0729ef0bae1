"""Staff's pages of what providers sent: the list, once more, and the body for administrators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Final

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import RedirectResponse

from kernel.refusals import Forbidden
from kernel.telemetry import correlation_id
from payments.messages import actions, store
from payments.messages.model import State
from payments.messages.routes import ID_MAX
from payments.operations.reader import Reader
from payments.operations.words import OUTCOMES
from payments.staff.desk import SEE_OTHER, Staff, for_staff
from payments.wiring import Wiring

router = APIRouter(include_in_schema=False)

HOME = "/operations/messages"
SHOWN_MAX = 50
BODY_SHOWN_MAX = 20_000
FILTERS: Final[Mapping[str, tuple[str, State | None, Sequence[str] | None]]] = {
    "all": ("All", None, None),
    "given_up": ("Given up", "given_up", None),
    "waiting": ("Waiting", "waiting", None),
    "paid": ("The charge was paid", None, ("Captured",)),
    "unallocated": ("Money without a place", None, ("Unallocated", "TakenBack")),
    "over": ("Refused or over", None, ("Failed", "Expired")),
    "unchanged": ("Nothing new", None, ("Unchanged", "refund asked about")),
    "not_ours": ("Names nothing of ours", None, ("names nothing of ours", "no such attempt")),
}
STATES: Final[Mapping[str, str]] = {"waiting": "waiting", "given_up": "given up", "done": "done"}


@router.get(HOME)
async def list_page(
    request: Request,
    outcome: str = "all",
    before: Annotated[int | None, Query(ge=1, le=ID_MAX)] = None,
    again: Annotated[int | None, Query(ge=1, le=ID_MAX)] = None,
) -> Response:
    """List what providers sent; `again` is a message that was just sent on its way once more."""
    chosen = outcome if outcome in FILTERS else "all"
    _, state, outcomes = FILTERS[chosen]

    async def page(wiring: Wiring, staff: Staff) -> Response:
        reader = Reader(wiring, request)
        async with wiring.database.transaction(correlation_id.get()) as tx:
            found = await store.listed(tx, state=state, outcomes=outcomes, before=before, limit=SHOWN_MAX + 1)
            given_up = await store.count(tx, "given_up")
        shown = found[:SHOWN_MAX]
        return wiring.pages.render(
            request,
            "messages.html",
            staff=staff,
            filters={name: title for name, (title, _, _) in FILTERS.items()},
            chosen=chosen,
            rows=[
                (
                    each,
                    reader.method(each.method),
                    reader.word(OUTCOMES, each.outcome) if each.outcome else reader.word(STATES, each.state),
                )
                for each in shown
            ],
            given_up=given_up,
            again=again,
            next=shown[-1].id if len(found) > SHOWN_MAX else None,
        )

    return await for_staff(request, page, everywhere=True)


@router.post(HOME + "/{message_id}/replay")
async def replay_form(request: Request, message_id: Annotated[int, Path(ge=1, le=ID_MAX)]) -> Response:
    """Have a message read once more."""
    form = await request.form()
    outcome = str(form.get("outcome", "all"))

    async def page(wiring: Wiring, staff: Staff) -> Response:
        async with wiring.database.transaction(correlation_id.get()) as tx:
            await actions.replay(tx, message_id, actor=staff.name, at=wiring.clock.now())
        chosen = outcome if outcome in FILTERS else "all"
        return RedirectResponse(f"{HOME}?outcome={chosen}&again={message_id}", status_code=SEE_OTHER)

    return await for_staff(request, page, acts=True, everywhere=True)


@router.post(HOME + "/{message_id}/body")
async def body_form(request: Request, message_id: Annotated[int, Path(ge=1, le=ID_MAX)]) -> Response:
    """Show what was sent to an administrator, and write down who looked."""

    async def page(wiring: Wiring, staff: Staff) -> Response:
        if not staff.is_admin:
            raise Forbidden
        reader = Reader(wiring, request)
        async with wiring.database.transaction(correlation_id.get()) as tx:
            message, body = await actions.show_body(tx, message_id, actor=staff.name, at=wiring.clock.now())
        return wiring.pages.render(
            request,
            "message.html",
            message=message,
            method=reader.method(message.method),
            body=body[:BODY_SHOWN_MAX],
            cut=len(body) > BODY_SHOWN_MAX,
            days=wiring.settings.message_body_days,
        )

    return await for_staff(request, page, acts=True, everywhere=True)
