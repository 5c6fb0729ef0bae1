"""Batches of notices over HTTP: send a file, look how far it is, fetch the result."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Sequence
from email.message import Message
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from kernel import idempotency
from kernel.access import Role
from kernel.clock import JAPAN, new_id
from kernel.money import Yen
from kernel.problems import problem
from kernel.refusals import Forbidden, Invalid
from kernel.telemetry import correlation_id
from payments.notices import actions, model, store
from payments.notices.model import Batch, Kind, Notice, Problem
from payments.wiring import Wiring, wiring_of

router = APIRouter(tags=["notices"])

PATH = "/v1/notices/batches"
KINDS: dict[str, Kind] = {
    "text/csv": "csv",
    "application/jsonl": "json",
    "application/x-ndjson": "json",
    "application/json-lines": "json",
}
READERS = (Role.SERVICE, Role.ACCOUNTING, Role.AUDITOR)
LIST_MAX = 200
RESULT = ("row", "reference", "amount", "description", "expires_at", "checkout_url", "status", "problem")
FILE = {
    "requestBody": {
        "required": True,
        "description": f"One notice in each row: {', '.join(model.COLUMNS)}.",
        "content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in KINDS},
    }
}
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
TO_CP932 = str.maketrans({"〜": "～", "−": "－", "‖": "∥"})  # 〜−‖: what Windows means by these


class LargerFiles:
    """Lets a file of notices be larger than other bodies; it stands outside of the kernel's Edge."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, with its own limit if it is such a file."""
        if scope["type"] == "http" and scope["path"] == PATH:
            scope["momiji_body_bytes_max"] = model.BYTES_MAX
        await self._app(scope, receive, send)


@router.post(PATH, status_code=202, response_model=None, openapi_extra=FILE)
async def post_batch(
    request: Request, idempotency_key: Annotated[str | None, Header()] = None
) -> dict[str, Any] | Response:
    """Check a file of notices as a whole; if all of it is right, its charges are made in the background."""
    wiring = wiring_of(request)
    at = wiring.clock.now()
    _, system = await wiring.caller(request, at=at)
    if system is None:
        raise Forbidden
    key = idempotency.require_key(idempotency_key)
    said = Message()
    said["content-type"] = request.headers.get("content-type", "")
    kind = KINDS.get(said.get_content_type())
    if kind is None:
        raise Invalid(problem="the file is neither CSV nor JSON lines. Send it as text/csv or application/jsonl")
    body = await request.body()
    charset = str(said.get_param("charset") or "")

    def carried(amount: Yen) -> bool:
        return bool(wiring.choices(system, amount))

    # Beside the event loop: ten thousand rows take half a second, in which others are served.
    notices, problems = await asyncio.to_thread(model.read, body, kind, charset, system, carried=carried, at=at)
    if problems:
        return _not_valid(problems)
    scope = f"notices:{system.name}"
    async with wiring.database.transaction(correlation_id.get()) as tx:
        problems = await actions.problems_here(tx, system.name, notices)
        if problems:  # The key is not used up by a file that is to be corrected.
            return _not_valid(problems)
        kept = await idempotency.claim(tx, scope=scope, key=key, body=body, at=at)
        if kept is not None:
            (batch,) = await store.batches(tx, system=system.name, batch_id=UUID(kept.answer["id"]), limit=1)
            return _answer(wiring, batch)
        batch = actions.new_batch(new_id(), system.name, notices, at=at)
        await store.add(tx, batch, notices)
        answer = f'{{"id": "{batch.id}"}}'
        await idempotency.keep(tx, scope=scope, key=key, status=202, answer_json=answer, at=at)
    return _answer(wiring, batch)


def _not_valid(problems: list[Problem]) -> Response:
    refusal = model.NoticesNotValid(count=len(problems))
    return problem(
        422,
        slug=refusal.slug,
        title="Unprocessable Entity",
        detail=refusal.detail,
        fields=dict(refusal.fields),
        errors=[
            {"row": each.row, "column": each.column, "problem": each.problem} for each in problems[: model.ERRORS_MAX]
        ],
    )


@router.get(PATH)
async def get_batches(
    request: Request, cursor: UUID | None = None, limit: Annotated[int, Query(ge=1, le=LIST_MAX)] = 50
) -> dict[str, Any]:
    """Return batches, newest first: a system's own, to accounting those of all."""
    wiring, own = await _reader(request)
    async with wiring.database.transaction(correlation_id.get()) as tx:
        found = await store.batches(tx, system=own, before=cursor, limit=limit + 1)
    shown = found[:limit]
    following = str(shown[-1].id) if len(found) > limit else None
    return {"batches": [_answer(wiring, each) for each in shown], "next": following}


@router.get(PATH + "/{batch_id}")
async def get_batch(request: Request, batch_id: UUID) -> dict[str, Any]:
    """Tell how far a batch is."""
    wiring, own = await _reader(request)
    async with wiring.database.transaction(correlation_id.get()) as tx:
        found = await store.batches(tx, system=own, batch_id=batch_id, limit=1)
    if not found:
        raise model.UnknownBatch
    return _answer(wiring, found[0])


@router.get(PATH + "/{batch_id}/result.csv", response_class=Response)
async def get_result(request: Request, batch_id: UUID, encoding: Literal["utf-8", "cp932"] = "utf-8") -> Response:
    """Return what became of each row, with the address at which it is paid, to print or to mail."""
    wiring, own = await _reader(request)
    async with wiring.database.transaction(correlation_id.get()) as tx:
        if not await store.batches(tx, system=own, batch_id=batch_id, limit=1):
            raise model.UnknownBatch
        rows = await store.result(tx, batch_id)
    content = await asyncio.to_thread(_result, wiring, rows, encoding)
    headers = {"content-disposition": f'attachment; filename="notices-{batch_id}.csv"'}
    charset = "utf-8" if encoding == "utf-8" else "Shift_JIS"
    return Response(content, media_type=f"text/csv; charset={charset}", headers=headers)


def _result(wiring: Wiring, rows: Sequence[store.Made], encoding: str) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(RESULT)
    for notice, charge_id, status, wrong in rows:
        cells: tuple[str | int, ...] = (
            notice.row,
            notice.reference,
            notice.amount.amount,
            notice.description,
            notice.expires_at.astimezone(JAPAN).isoformat(),
            wiring.checkout_url(charge_id) if charge_id else "",
            status or ("failed" if wrong else "waiting"),
            wrong,
        )
        writer.writerow([_cell(cell, notice, name, encoding) for name, cell in zip(RESULT, cells, strict=True)])
    return out.getvalue().encode("utf-8-sig" if encoding == "utf-8" else "cp932")


def _cell(cell: str | int, notice: Notice, column: str, encoding: str) -> str:
    """Return a cell that no spreadsheet takes for a formula; raise NotInThisEncoding for what CP932 lacks."""
    text = str(cell)
    if isinstance(cell, str) and text.startswith(FORMULA_STARTS):
        text = f"'{text}"
    if encoding == "cp932":
        text = text.translate(TO_CP932)
        try:
            text.encode("cp932")
        except UnicodeEncodeError as lacking:
            character = text[lacking.start]
            raise model.NotInThisEncoding(row=notice.row, column=column, character=character) from None
    return text


async def _reader(request: Request) -> tuple[Wiring, str | None]:
    """Return the wiring and whose batches may be read: a system's own, or None for all."""
    wiring = wiring_of(request)
    principal, system = await wiring.caller(request, at=wiring.clock.now())
    principal.require(*READERS)
    return wiring, system.name if system else principal.name if principal.role is Role.SERVICE else None


def _answer(wiring: Wiring, batch: Batch) -> dict[str, Any]:
    return {
        "id": str(batch.id),
        "status": "done" if batch.done_at else "making",
        "total": batch.total,
        "made": batch.made,
        "failed": batch.failed,
        "created_at": batch.created_at.isoformat(),
        "done_at": batch.done_at and batch.done_at.isoformat(),
        "result_url": f"{wiring.settings.payments_url}{PATH}/{batch.id}/result.csv",
    }
