"""JSON about statements: send a file, see which came, have one back as it came."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import AsyncIterator
from datetime import date, datetime
from pathlib import Path
from typing import Annotated
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime, BaseModel
from starlette.types import ASGIApp, Receive, Scope, Send

from kernel.clock import new_id
from kernel.refusals import Forbidden, Invalid, Refusal, TooLarge
from kernel.telemetry import correlation_id
from reconciliation.mappings import actions as mappings
from reconciliation.statements import actions, store
from reconciliation.statements.actions import Upload
from reconciliation.statements.model import FILE_BYTES_MAX, StatementFile, UnknownStatement
from reconciliation.statements.refused import refused_file
from reconciliation.wiring import Wiring, scope_of, wiring_of

router = APIRouter(tags=["statements"])

PATH = "/v1/statements"
PAGE = "/statements"
PAGE_SIZE_MAX = 200
FILE = {
    "requestBody": {
        "required": True,
        "description": "The file as it came, byte for byte.",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


class LargerFiles:
    """Lets a statement be larger than other bodies; it stands outside of the kernel's Edge."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, with its own limit if it is such a file."""
        if scope["type"] == "http" and scope["method"] == "POST" and scope["path"].startswith((PATH, PAGE)):
            scope["momiji_body_bytes_max"] = FILE_BYTES_MAX
        await self._app(scope, receive, send)


class StatementOut(BaseModel):
    """One file that was taken. Amounts in yen; `new_count`: lines that no earlier file had, `amount` is theirs."""

    id: UUID
    format: str
    file_name: str
    sha256: str
    bytes_count: int
    way: str
    received_at: AwareDatetime
    received_by: str
    first_day: date | None
    last_day: date | None
    line_count: int
    new_count: int
    amount: int


def shown(file: StatementFile) -> StatementOut:
    """Return a file as JSON says it."""
    first, last = file.days or (None, None)
    return StatementOut(
        id=file.id,
        format=file.format,
        file_name=file.file_name,
        sha256=file.sha256,
        bytes_count=file.bytes_count,
        way=file.way,
        received_at=file.received_at,
        received_by=file.received_by,
        first_day=first,
        last_day=last,
        line_count=file.line_count,
        new_count=file.new_count,
        amount=file.amount.amount,
    )


@router.post(PATH + "/{format_name}", status_code=201, openapi_extra=FILE)
async def post_statement(
    request: Request, response: Response, format_name: str, name: Annotated[str, Query(max_length=200)] = ""
) -> StatementOut:
    """Take a file, whole or not at all; the same file twice is one statement, answered with 200.

    A file whose fields, order, counts, sums or balances do not hold is refused with the record, the field, what was
    found and what was expected.
    """
    wiring = wiring_of(request)
    principal = wiring.bookkeeper(request)
    if scope_of(principal) is not None:
        raise Forbidden  # A statement is about all facilities.
    async with wiring.database.at_once(correlation_id.get()) as tx:
        chosen = await mappings.format_named(tx, format_name)
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "given"
        sha256, bytes_count = await _received(request, target)
        upload = Upload(
            target, sha256, bytes_count, name or f"{format_name}.{chosen.suffixes[0]}", "api", principal.name
        )
        try:
            file, new = await actions.take(
                wiring.database,
                chosen,
                upload,
                correlation_id=correlation_id.get(),
                file_id=new_id(),
                event_id=new_id(),
                at=wiring.clock.now(),
            )
        except Refusal as refusal:
            await note_refusal(wiring, upload, refusal)
            raise
    if not new:
        response.status_code = 200
    return shown(file)


async def note_refusal(wiring: Wiring, upload: Upload, refusal: Refusal) -> None:
    """Keep what the sender of a file is told, for those who ask where it is."""
    refused = refused_file(
        wiring.pages,
        refusal,
        id=new_id(),
        at=wiring.clock.now(),
        way=upload.way,
        file_name=upload.file_name,
        bytes_count=upload.bytes_count,
        sha256=upload.sha256,
        by=upload.by,
    )
    await actions.refuse(wiring.database, refused, correlation_id=correlation_id.get())


async def _received(request: Request, target: Path) -> tuple[str, int]:
    """Write a request's body into a file; return its SHA-256 and how many bytes it has."""
    digest, count = hashlib.sha256(), 0
    with target.open("wb") as opened:
        async for piece in request.stream():
            digest.update(piece)
            count += len(piece)
            if count > FILE_BYTES_MAX:
                raise TooLarge(bytes_max=FILE_BYTES_MAX)
            opened.write(piece)
    if not count:
        raise Invalid(problem="The file is empty. Send it as the body of the request")
    return digest.hexdigest(), count


class StatementsOut(BaseModel):
    """A page of files, newest first."""

    items: list[StatementOut]
    next_cursor: str | None


@router.get(PATH)
async def get_statements(
    request: Request,
    cursor: Annotated[str | None, Query(max_length=100)] = None,
    limit: Annotated[int, Query(ge=1, le=PAGE_SIZE_MAX)] = 50,
) -> StatementsOut:
    """Return which files came."""
    wiring = _for_all_facilities(request)
    async with wiring.database.transaction(correlation_id.get()) as tx:
        found = await store.latest(tx, before=_place(cursor), limit=limit + 1)
    page = found[:limit]
    more = f"{page[-1].received_at.isoformat()}_{page[-1].id}" if len(found) > limit else None
    return StatementsOut(items=[shown(each) for each in page], next_cursor=more)


def _place(cursor: str | None) -> tuple[datetime, UUID] | None:
    if not cursor:
        return None
    at, _, file_id = cursor.partition("_")
    try:
        return datetime.fromisoformat(at), UUID(file_id)
    except ValueError:
        raise Invalid(problem="The cursor is none of ours. Begin again without it") from None


@router.get(PATH + "/{file_id}")
async def get_statement(request: Request, file_id: UUID) -> StatementOut:
    """Return one file's description."""
    wiring = _for_all_facilities(request)
    async with wiring.database.transaction(correlation_id.get()) as tx:
        file = await store.find(tx, file_id)
    if file is None:
        raise UnknownStatement(id=str(file_id))
    return shown(file)


@router.get(PATH + "/{file_id}/file", response_class=Response)
async def get_statement_file(request: Request, file_id: UUID) -> Response:
    """Return a file as it came, byte for byte."""
    wiring = _for_all_facilities(request)
    async with wiring.database.transaction(correlation_id.get()) as tx:
        file = await store.find(tx, file_id)
    if file is None:
        raise UnknownStatement(id=str(file_id))

    async def pieces() -> AsyncIterator[bytes]:
        async with wiring.database.transaction(correlation_id.get()) as tx:
            async for piece in store.pieces(tx, file_id):
                yield piece

    headers = {
        "content-disposition": f"attachment; filename*=UTF-8''{quote(file.file_name)}",
        "content-length": str(file.bytes_count),
    }
    return StreamingResponse(pieces(), media_type="application/octet-stream", headers=headers)


def _for_all_facilities(request: Request) -> Wiring:
    """Return the wiring for somebody who may read about all facilities, as a statement is; raise Forbidden else."""
    wiring = wiring_of(request)
    if scope_of(wiring.reader(request)) is not None:
        raise Forbidden
    return wiring
