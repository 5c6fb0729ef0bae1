"""How app.py puts the gate into ticketing: one call."""

from __future__ import annotations

import gc

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from ticketing.admission import pages, routes
from ticketing.admission.desk import GateDesk


class LargerQueues:
    """Lets the queue of an offline gate be larger than other bodies; it stands outside of the kernel's Edge."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, with its own limit if it is such a queue."""
        if scope["type"] == "http" and scope["path"].endswith("/scans/batch"):
            scope["momiji_body_bytes_max"] = routes.BATCH_BYTES_MAX
        await self._app(scope, receive, send)


def install(app: FastAPI, desk: GateDesk) -> None:
    """Give ticketing's app the gate's routes and pages. Call it after `kernel.server.dress`."""
    app.state.gate = desk
    app.include_router(routes.router)
    app.include_router(pages.router)
    app.add_middleware(LargerQueues)
    # What the imports left behind lives as long as the process. Walking it again in every full
    # collection stopped all gates for 80 ms, once a second under load.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 100)
