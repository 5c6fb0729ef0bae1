"""Staff's pages of transfer files: make one, hand it out, note what the bank made of it."""

from __future__ import annotations

from datetime import date
from typing import Final
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from kernel.cards import holds_card_number
from kernel.clock import new_id
from kernel.telemetry import correlation_id
from payments.transfer_files import actions, store
from payments.transfer_files.actions import NotABusinessDay, UnknownFile
from payments.transfers.model import FAULTS, WORDS_LENGTH_MAX, Fault
from payments.transfers.pages import SEE_OTHER, Staff, for_staff
from payments.wiring import Wiring

router = APIRouter(include_in_schema=False)

ROWS_SHOWN_MAX = 1_000
OUTCOMES: Final[dict[str | None, str]] = {
    None: "not known yet",
    "transferred": "transferred",
    "returned": "returned by the bank",
    "withdrawn": "withdrawn",
}


@router.post("/operations/transfer-files")
async def make(request: Request) -> Response:
    """Put all approved transfers that go by our own bank into one file."""
    said = str((await request.form()).get("transfer_on", ""))

    async def page(wiring: Wiring, staff: Staff) -> Response:
        try:
            on = date.fromisoformat(said)
        except ValueError:
            raise NotABusinessDay from None
        async with wiring.database.transaction(correlation_id.get()) as tx:
            made = await actions.make(
                tx,
                wiring.data_keys,
                wiring.payer,
                file_id=new_id(),
                on=on,
                by=staff.principal.name,
                at=wiring.clock.now(),
            )
        return RedirectResponse(f"/operations/transfer-files/{made.id}", status_code=SEE_OTHER)

    return await for_staff(request, page, acts=True, everywhere=True)


@router.get("/operations/transfer-files/{file_id}")
async def one(request: Request, file_id: UUID) -> Response:
    """Show a file: what it holds, without accounts, and what became of it."""

    async def page(wiring: Wiring, staff: Staff) -> Response:
        async with wiring.database.transaction(correlation_id.get()) as tx:
            kept = await store.find(tx, file_id)
            if kept is None:
                raise UnknownFile
            rows = await store.rows_of(tx, file_id, limit=ROWS_SHOWN_MAX)
        return wiring.pages.render(
            request, "transfer_file.html", staff=staff, file=kept, rows=rows, outcomes=OUTCOMES, faults=FAULTS
        )

    return await for_staff(request, page, everywhere=True)


@router.get("/operations/transfer-files/{file_id}/download")
async def download(request: Request, file_id: UUID) -> Response:
    """Hand out a file for the bank; who took it is written down."""

    async def page(wiring: Wiring, staff: Staff) -> Response:
        async with wiring.database.transaction(correlation_id.get()) as tx:
            kept, body = await actions.download(
                tx, wiring.data_keys, file_id, by=staff.principal.name, at=wiring.clock.now()
            )
        name = f"furikomi-{kept.transfer_on:%Y%m%d}-{kept.number}.txt"
        headers = {"content-disposition": f'attachment; filename="{name}"', "cache-control": "no-store"}
        return Response(body, media_type="application/octet-stream", headers=headers)

    return await for_staff(request, page, acts=True, everywhere=True)


@router.post("/operations/transfer-files/{file_id}/done")
async def done(request: Request, file_id: UUID) -> Response:
    """Note that the bank carried the file out."""

    async def page(wiring: Wiring, staff: Staff) -> Response:
        async with wiring.database.transaction(correlation_id.get()) as tx:
            await actions.mark_done(tx, file_id, by=staff.principal.name, at=wiring.clock.now())
        return _back(file_id)

    return await for_staff(request, page, acts=True, everywhere=True)


@router.post("/operations/transfer-files/{file_id}/withdraw")
async def withdraw(request: Request, file_id: UUID) -> Response:
    """Take back a file that nobody has downloaded."""

    async def page(wiring: Wiring, staff: Staff) -> Response:
        async with wiring.database.transaction(correlation_id.get()) as tx:
            await actions.withdraw(tx, file_id, by=staff.principal.name, at=wiring.clock.now())
        return _back(file_id)

    return await for_staff(request, page, acts=True, everywhere=True)


@router.post("/operations/transfer-files/{file_id}/rows/{row}/returned")
async def returned(request: Request, file_id: UUID, row: int) -> Response:
    """Note that the bank returned one row; its payer is asked again."""
    form = {name: str(value)[:WORDS_LENGTH_MAX] for name, value in (await request.form()).items()}
    words = "" if holds_card_number(form.get("words", "")) else form.get("words", "")
    fault: Fault = next((each for each in FAULTS if each == form.get("fault")), "other")

    async def page(wiring: Wiring, staff: Staff) -> Response:
        async with wiring.database.transaction(correlation_id.get()) as tx:
            await actions.note_returned(tx, file_id, row, fault, words, by=staff.principal.name, at=wiring.clock.now())
        return _back(file_id)

    return await for_staff(request, page, acts=True, everywhere=True)


def _back(file_id: UUID) -> Response:
    return RedirectResponse(f"/operations/transfer-files/{file_id}", status_code=SEE_OTHER)
