"""JSON about layouts of exports: what a file's columns say, and a new version."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from kernel.refusals import Forbidden
from kernel.telemetry import correlation_id
from reconciliation.export_layouts import actions, store
from reconciliation.export_layouts.model import Layout, Version
from reconciliation.wiring import scope_of, wiring_of

router = APIRouter(tags=["exports"])

PATH = "/v1/export-layouts/{name}"


class LayoutOut(BaseModel):
    """One version of a layout; 0 is what Momiji begins with."""

    name: str
    version: int
    layout: Layout
    made_by: str
    made_at: datetime | None


def _shown(each: Version) -> LayoutOut:
    return LayoutOut(
        name=each.name, version=each.version, layout=each.layout, made_by=each.made_by, made_at=each.made_at
    )


@router.get(PATH)
async def get_layout(request: Request, name: str) -> list[LayoutOut]:
    """Return all versions of a layout, the newest first."""
    wiring = wiring_of(request)
    wiring.reader(request)
    async with wiring.database.transaction(correlation_id.get()) as tx:
        return [_shown(each) for each in await store.versions(tx, name)]


@router.put(PATH, status_code=201)
async def put_layout(request: Request, response: Response, name: str, layout: Layout) -> LayoutOut:
    """Make a new version of a layout; the same as before changes nothing and is answered with 200."""
    wiring = wiring_of(request)
    principal = wiring.bookkeeper(request)
    if scope_of(principal) is not None:
        raise Forbidden
    async with wiring.database.transaction(correlation_id.get()) as tx:
        made, new = await actions.define(tx, name, layout, by=principal.name, at=wiring.clock.now())
    if not new:
        response.status_code = 200
    return _shown(made)
