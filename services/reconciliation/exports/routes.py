"""Files for accounting: any format that a folder holds, and the log of who fetched what."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel

from kernel.telemetry import correlation_id
from reconciliation.exports import actions, store
from reconciliation.exports.discovery import format_named, formats
from reconciliation.exports.model import Made
from reconciliation.wiring import scope_of, wiring_of

router = APIRouter(tags=["exports"])

PAGE_SIZE_MAX = 500


class FormatOut(BaseModel):
    """One format: its name for the address, what it is, how it is written."""

    name: str
    title_ja: str
    title_en: str
    writing: str
    suffix: str
    report: str | None


@router.get("/v1/exports")
async def export_formats(request: Request) -> list[FormatOut]:
    """Return the formats that there are."""
    scope = scope_of(wiring_of(request).reader(request))
    return [
        FormatOut(
            name=each.name,
            title_ja=each.title.ja,
            title_en=each.title.en,
            writing=each.writing,
            suffix=each.suffix,
            report=each.report or None,
        )
        for each in formats().values()
        if scope is None or not each.everywhere
    ]


@router.get("/v1/exports/{format_name}", response_class=Response)
async def export(
    request: Request,
    format_name: str,
    first: Annotated[date, Query(alias="from")],
    last: Annotated[date, Query(alias="to")],
    facility: Annotated[str, Query(max_length=64)] = "",
) -> Response:
    """Return a file; who fetched it is kept. The same figures are the same bytes."""
    wiring = wiring_of(request)
    principal = wiring.reader(request)
    chosen = format_named(format_name)
    return download(await actions.make(wiring, principal, chosen, first=first, last=last, facility=facility))


def download(made: Made) -> Response:
    """Return a file as an answer, named in Japanese."""
    return Response(
        made.body,
        media_type=made.format.media_type,
        headers={
            "content-disposition": f'attachment; filename="{made.plain_file_name}"; '
            f"filename*=UTF-8''{quote(made.file_name)}",
            "cache-control": "no-store",
            "repr-digest": f"sha-256=:{made.digest}:",
        },
    )


class FetchedOut(BaseModel):
    """One file that somebody fetched."""

    position: int
    at: datetime
    fetched_by: str
    format: str
    first: date
    last: date
    facility: str | None
    sha256: str
    bytes_count: int


class FetchedList(BaseModel):
    """A page of fetched files, newest first."""

    items: list[FetchedOut]
    next_cursor: str | None


@router.get("/v1/export-log")
async def export_log(
    request: Request,
    cursor: Annotated[int | None, Query(ge=1)] = None,
    limit: Annotated[int, Query(ge=1, le=PAGE_SIZE_MAX)] = 50,
) -> FetchedList:
    """Return who fetched which file, when, and its SHA-256."""
    wiring = wiring_of(request)
    scope = scope_of(wiring.reader(request))
    async with wiring.database.transaction(correlation_id.get()) as tx:
        found = await store.latest(tx, scope, before=cursor, limit=limit + 1)
    return FetchedList(
        items=[
            FetchedOut(
                position=each.position,
                at=each.at,
                fetched_by=each.by,
                format=each.format,
                first=each.first,
                last=each.last,
                facility=each.facility or None,
                sha256=each.sha256,
                bytes_count=each.bytes_count,
            )
            for each in found[:limit]
        ],
        next_cursor=str(found[limit - 1].position) if len(found) > limit else None,
    )
