"""How app.py puts the gate into ticketing: one call."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from kernel.clock import Clock
from kernel.rows import Database
from kernel.signin import SignIn
from kernel.web import Pages
from ticketing.admission import pages as gate_pages
from ticketing.admission import routes
from ticketing.admission.batching import ScanDesk
from ticketing.admission.desk import GateDesk, Remembering
from ticketing.admission.gates import BookGates
from ticketing.facilities.actions import FacilityBook
from ticketing.tickets.keys import KeyRegistry


class LargerQueues:
    """Lets the queue of an offline gate be larger than other bodies; it stands outside of the kernel's Edge."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, with its own limit if it is such a queue."""
        if scope["type"] == "http" and scope["path"].endswith("/scans/batch"):
            scope["momiji_body_bytes_max"] = routes.BATCH_BYTES_MAX
        await self._app(scope, receive, send)


def new_desk(
    *,
    database: Database,
    clock: Clock,
    pages: Pages,
    sign_in: SignIn,
    book: Callable[[], FacilityBook],
    keys: Callable[[], KeyRegistry],
    new_id: Callable[[], UUID],
) -> GateDesk:
    """Return what the gate needs; `book` and `keys` are asked anew each time, so that changes show."""
    return GateDesk(
        database=database,
        clock=clock,
        pages=pages,
        who=Remembering(sign_in),
        gates=BookGates(book),
        scans=ScanDesk(database, new_id=new_id),
        new_id=new_id,
        keys=keys,
    )


def install(app: FastAPI, desk: GateDesk) -> None:
    """Give ticketing's app the gate's routes and pages. Call it after `kernel.server.dress`.

    The app is dressed with PageSources(webassembly=True, camera=True), its pages find this slice's
    `templates` folder, and staff sign in at /staff/sign-in?next=….
    """
    app.state.gate = desk
    app.include_router(routes.router)
    app.include_router(gate_pages.router)
    app.add_middleware(LargerQueues)
