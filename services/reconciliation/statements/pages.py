"""The page of statements: send files, several at once, and see which came."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from starlette.datastructures import UploadFile

from kernel.access import Principal
from kernel.clock import new_id
from kernel.problems import status_of
from kernel.refusals import Forbidden, Refusal
from kernel.signin import SignIn
from kernel.telemetry import correlation_id
from kernel.web import language_of
from reconciliation.mappings import actions as mappings
from reconciliation.staff.desk import for_reader
from reconciliation.statements import actions, store
from reconciliation.statements.actions import Followed, Upload
from reconciliation.statements.model import NoFileChosen, StatementFile
from reconciliation.statements.progress import Progress, Stage
from reconciliation.statements.routes import PAGE, note_refusal
from reconciliation.wiring import Wiring, keeps_books, scope_of

router = APIRouter(include_in_schema=False)

SHOWN_MAX = 50
FILES_MAX = 20
NAME_LENGTH_MAX = 200
REFUSED_SHOWN = timedelta(days=14)
REFUSED_SHOWN_MAX = 20
SENDERS = {"folder": "the watched folder", "fetch": "fetched from the provider"}  # Who sends else has a name.

# Where there is nothing new in a file, and where there is; `count`, `lines` and `amount` are filled in.
TAKEN = "Taken: {lines} lines, {count} of them new, {amount}."
# What is done with a file at each stage.
STAGES: Final[dict[Stage, str]] = {
    "waiting": "Received; it is read next",
    "reading": "Reading and checking every line",
    "writing": "Laying out the lines",
    "copying": "Writing the lines down",
    "keeping": "Keeping the file itself",
    "taken": "Matching it with our books",
}
MATCHED = "Matched; what is open is with the discrepancies"
KNOWN = "This file is here already; it was taken on {moment}. Nothing changed."


@router.get(PAGE)
async def statements_page(request: Request) -> Response:
    """Show which files came, and the form for more."""

    async def page(wiring: Wiring, principal: Principal) -> Response:
        return await _page(wiring, request, principal)

    return await for_reader(request, page, everywhere=True)


async def _page(
    wiring: Wiring,
    request: Request,
    principal: Principal,
    *,
    results: list[dict[str, Any]] | None = None,
    status: int = 200,
) -> Response:
    async with wiring.database.transaction(correlation_id.get()) as tx:
        found = await store.latest(tx, before=None, limit=SHOWN_MAX + 1)
        formats = await mappings.formats(tx)
        refused = await store.lately_refused(tx, since=wiring.clock.now() - REFUSED_SHOWN, limit=REFUSED_SHOWN_MAX)
    japanese = language_of(request).tag == "ja"
    titles = {name: each.title_ja if japanese else each.title_en for name, each in formats.items()}
    return wiring.pages.render(
        request,
        "statements.html",
        status=status,
        principal=principal,
        all_facilities=True,
        may_send=keeps_books(principal),
        files=found[:SHOWN_MAX],
        more=len(found) > SHOWN_MAX,
        titles=titles,
        results=results or [],
        refused=refused,
        senders={way: wiring.pages.message(request, word) for way, word in SENDERS.items()},
        files_max=FILES_MAX,
    )


@router.post(PAGE)
async def send_statements(request: Request) -> Response:
    """Take the files of the form, each for itself; answer a script in JSON, a plain form with the page."""

    async def page(wiring: Wiring, _reader: Principal) -> Response:
        SignIn.require_own_page(request)
        principal = wiring.bookkeeper(request)
        if scope_of(principal) is not None:
            raise Forbidden
        async with request.form(max_files=FILES_MAX) as form:
            wish = str(form.get("format", ""))
            given = [each for each in form.getlist("file") if isinstance(each, UploadFile) and each.filename]
            progress = wiring.sending.begin(_sending(str(form.get("sending", ""))), principal.name)
            results = [await _take(wiring, request, principal, wish, each, progress) for each in given]
        if not results:
            results = [_refused(wiring, request, "", NoFileChosen())]
        status = next((each["status"] for each in results if not each["taken"]), 200)
        if "application/json" in request.headers.get("accept", ""):
            return JSONResponse({"results": results}, status_code=status)
        return await _page(wiring, request, principal, results=results, status=status)

    return await for_reader(request, page, everywhere=True)


def _sending(said: str) -> UUID | None:
    """Return the id that a page's script gave what it sends; a plain form has none."""
    try:
        return UUID(said)
    except ValueError:
        return None


@router.get(PAGE + "/progress/{sending}")
async def sending_progress(request: Request, sending: UUID) -> Response:
    """Say how far a file is that the reader is sending; nothing, where this process does not know it."""

    async def page(wiring: Wiring, principal: Principal) -> Response:
        found = wiring.sending.find(sending, principal.name)
        if found is None:
            return JSONResponse({"share": None, "text": "", "done": False})
        async with wiring.database.transaction(correlation_id.get()) as tx:
            copied = await store.copied(tx, found.backend) if found.backend and found.stage == "copying" else None
            matched = found.file_id is not None and await store.is_matched(tx, found.file_id)
        share = None if found.file_id else round(found.share(at=wiring.clock.now(), copied=copied), 3)
        text = wiring.pages.message(request, MATCHED if matched else STAGES[found.stage])
        return JSONResponse({"share": share, "text": text, "done": matched}, headers={"cache-control": "no-store"})

    return await for_reader(request, page, everywhere=True)


async def _take(
    wiring: Wiring, request: Request, principal: Principal, wish: str, given: UploadFile, progress: Progress
) -> dict[str, Any]:
    name = Path(given.filename or "").name[:NAME_LENGTH_MAX] or "statement"
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "given"
        sha256 = await asyncio.to_thread(_keep, given, target)
        upload = Upload(target, sha256, target.stat().st_size, name, "page", principal.name)
        try:
            async with wiring.database.at_once(correlation_id.get()) as tx:
                found = mappings.format_named(tx, wish) if wish else mappings.format_of(tx, target)
                chosen = await found
            file, new = await actions.take(
                wiring.database,
                chosen,
                upload,
                correlation_id=correlation_id.get(),
                file_id=new_id(),
                event_id=new_id(),
                at=wiring.clock.now(),
                followed=Followed(progress, wiring.clock.now),
            )
        except Refusal as refusal:
            await note_refusal(wiring, upload, refusal)
            return _refused(wiring, request, name, refusal)
    said = _said(wiring, request, file, new=new)
    return {"name": name, "taken": True, "new": new, "status": 200, "text": said, "address": f"{PAGE}/{file.id}"}


def _keep(given: UploadFile, target: Path) -> str:
    """Write an uploaded file down; return its SHA-256."""
    with target.open("wb") as opened:
        shutil.copyfileobj(given.file, opened, 1 << 20)
    with target.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _said(wiring: Wiring, request: Request, file: StatementFile, *, new: bool) -> str:
    if not new:
        when = wiring.pages.moment(language_of(request), file.received_at)
        return wiring.pages.text(request, KNOWN, moment=when)
    return wiring.pages.text(
        request, TAKEN, lines=f"{file.line_count:,}", count=f"{file.new_count:,}", amount=str(file.amount)
    )


def _refused(wiring: Wiring, request: Request, name: str, refusal: Refusal) -> dict[str, Any]:
    return {
        "name": name,
        "taken": False,
        "status": int(status_of(refusal)),
        "text": wiring.pages.advice(request, refusal),
    }
