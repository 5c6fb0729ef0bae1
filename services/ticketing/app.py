"""Ticketing's HTTP side, wired from top to bottom."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from kernel import server
from kernel.clock import new_id
from kernel.server import PageSources
from kernel.web import mount_assets, mount_problem_pages
from ticketing.admission.setup import install, new_desk
from ticketing.facilities import pages as facility_pages
from ticketing.facilities import routes as facility_routes
from ticketing.orders import pages as order_pages
from ticketing.orders import routes as order_routes
from ticketing.settings import TicketingSettings
from ticketing.staff import pages as staff_pages
from ticketing.tickets import routes as ticket_routes
from ticketing.wiring import Wiring, wire


def create_app(settings: TicketingSettings | None = None, *, wiring: Wiring | None = None) -> FastAPI:
    """Return the app; settings come from the environment unless given."""
    wired = wiring or wire(settings or TicketingSettings())

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await wired.books.start()
        await wired.keyring.start()
        await wired.watch.start()
        yield
        await wired.watch.stop()
        await wired.books.stop()
        await wired.charges.close()
        await wired.database.close()

    app = FastAPI(
        title="Momiji ticketing",
        description="Facilities, orders, tickets and gates.",
        version="1",
        lifespan=lifespan,
    )
    app.state.wiring = wired
    pays_at = (wired.settings.payments_url, *wired.settings.form_action_origins)
    server.dress(
        app,
        service="ticketing",
        body_bytes_max=wired.settings.body_bytes_max,
        sources=PageSources(form_action=pays_at, webassembly=True, camera=True),
        readiness={"database": wired.database.ping},
        reads_itself=("/v1/gates/", "/gate/"),  # anything may be held to a scanner, and gates do not wait
        pages=wired.pages,
    )
    app.include_router(facility_routes.router)
    app.include_router(order_routes.router)
    app.include_router(ticket_routes.router)
    app.include_router(facility_pages.router)
    app.include_router(order_pages.router)
    app.include_router(staff_pages.router)
    install(
        app,
        new_desk(
            database=wired.database,
            clock=wired.clock,
            pages=wired.pages,
            sign_in=wired.sign_in,
            book=lambda: wired.books.current,
            keys=lambda: wired.keyring.current,
            new_id=new_id,
        ),
    )
    mount_assets(app)
    mount_problem_pages(app, wired.pages)
    return app
