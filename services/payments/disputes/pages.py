"""Staff's pages of disputes: the list, one dispute with its answer, and the evidence as a file."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Mapping
from typing import Final
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from kernel.problems import status_of
from kernel.refusals import Forbidden, Refusal, Unauthenticated, Unavailable
from kernel.rows import Transaction
from kernel.telemetry import correlation_id
from payments.charges import store as charges
from payments.charges.history import sentence
from payments.disputes import actions, model, store
from payments.disputes.model import Dispute, UnknownDispute
from payments.methods.protocol import AmbiguousError, Away, RefusedError
from payments.operations.reader import Reader
from payments.operations.store import given_back
from payments.staff.desk import SEE_OTHER, Staff, for_staff
from payments.wiring import Wiring

router = APIRouter(include_in_schema=False)

HOME: Final = "/operations/disputes"
SHOWN_MAX: Final = 50
STATUSES: Final[Mapping[str, str]] = {
    "needs_response": "waits for our answer",
    "under_review": "the bank decides",
    "won": "decided for us",
    "lost": "decided against us",
}
ANSWERED: Final = "answered, the bank decides"
# Stripe's reasons (docs.stripe.com/disputes/categories); another is shown as it is.
REASONS: Final[Mapping[str, str]] = {
    "fraudulent": "the cardholder did not make this payment",
    "duplicate": "paid twice",
    "product_not_received": "nothing was received",
    "product_unacceptable": "not as described",
    "credit_not_processed": "a refund did not arrive",
    "unrecognized": "the cardholder does not recognise it",
    "general": "no reason was given",
}


class AnswerNotSent(Unavailable):
    """The provider did not take our answer."""

    slug = "dispute-not-sent"
    advice = "The payment company did not take the answer, and nothing was sent. Try again later; what you wrote stays."


@router.get(HOME)
async def list_page(request: Request, before: UUID | None = None) -> Response:
    """List disputes, newest first."""

    async def page(wiring: Wiring, staff: Staff) -> Response:
        reader = Reader(wiring, request)
        async with wiring.database.transaction(correlation_id.get()) as tx:
            found = await store.listed(tx, staff.facilities, before=before, limit=SHOWN_MAX + 1)
        shown = found[:SHOWN_MAX]
        return wiring.pages.render(
            request,
            "disputes.html",
            rows=[(each, what, _state(reader, each), reader.word(REASONS, each.reason)) for each, what in shown],
            next=shown[-1][0].id if len(found) > SHOWN_MAX else None,
        )

    return await for_staff(request, page)


@router.get(HOME + "/{dispute_id}")
async def dispute_page(request: Request, dispute_id: UUID) -> Response:
    """Show a dispute, with a draft of our answer."""

    async def page(wiring: Wiring, staff: Staff) -> Response:
        return await _one(wiring, request, staff, dispute_id)

    return await for_staff(request, page)


@router.post(HOME + "/{dispute_id}/answer")
async def answer_form(request: Request, dispute_id: UUID) -> Response:
    """Send our answer to the bank; what cannot be sent is said above the form, which keeps what was written."""
    text = str((await request.form()).get("text", ""))[: model.ANSWER_LENGTH_MAX + 1]

    async def page(wiring: Wiring, staff: Staff) -> Response:
        try:
            async with wiring.database.transaction(correlation_id.get()) as tx:
                dispute = await _mine(tx, staff, dispute_id)
            reader = wiring.disputes.get(dispute.provider)
            if reader is None:
                raise AnswerNotSent
            await actions.answer(wiring.database, reader, dispute_id, text, actor=staff.name, at=wiring.clock.now())
        except (Unauthenticated, Forbidden, UnknownDispute):
            raise
        except RefusedError:
            return await _one(wiring, request, staff, dispute_id, refusal=AnswerNotSent(), text=text)
        except AmbiguousError:
            pass  # The next question tells whether it arrived.
        except (Away, Refusal) as refusal:
            said = AnswerNotSent() if isinstance(refusal, Away) else refusal
            return await _one(wiring, request, staff, dispute_id, refusal=said, text=text)
        return RedirectResponse(f"{HOME}/{dispute_id}", status_code=SEE_OTHER)

    return await for_staff(request, page, acts=True)


@router.get(HOME + "/{dispute_id}/evidence.zip")
async def evidence_file(request: Request, dispute_id: UUID) -> Response:
    """Return what payments can show of a disputed payment: a draft, the charge as JSON, its history as CSV."""

    async def page(wiring: Wiring, staff: Staff) -> Response:
        async with wiring.database.transaction(correlation_id.get()) as tx:
            dispute = await _mine(tx, staff, dispute_id)
            packed = await _evidence(tx, dispute)
        name = f'attachment; filename="evidence-{dispute.provider_id}.zip"'
        return Response(packed, media_type="application/zip", headers={"content-disposition": name})

    return await for_staff(request, page)


def _state(reader: Reader, dispute: Dispute) -> str:
    if dispute.status == "needs_response" and dispute.answered_at is not None:
        return reader.wiring.pages.message(reader.request, ANSWERED)
    return reader.word(STATUSES, dispute.status)


async def _mine(tx: Transaction, staff: Staff, dispute_id: UUID) -> Dispute:
    dispute = await store.find(tx, dispute_id)
    charge = None if dispute is None else await charges.find(tx, dispute.charge_id)
    if dispute is None or charge is None:
        raise UnknownDispute
    staff.principal.require_facility(charge.facility)
    return dispute


async def _draft(tx: Transaction, dispute: Dispute) -> str:
    charge = await charges.find(tx, dispute.charge_id)
    attempt = await charges.attempt(tx, dispute.attempt_id)
    assert charge is not None  # noqa: S101 - the foreign keys
    assert attempt is not None  # noqa: S101 - as above
    history = [
        f"{at:%Y-%m-%d %H:%M:%S} UTC  {sentence(kind, fields)}"
        for at, kind, fields in await charges.history(tx, charge.id)
    ]
    return model.draft(dispute, charge, attempt, refunded=await given_back(tx, charge.id), history=history)


async def _one(
    wiring: Wiring,
    request: Request,
    staff: Staff,
    dispute_id: UUID,
    *,
    refusal: Refusal | None = None,
    text: str | None = None,
) -> Response:
    reader = Reader(wiring, request)
    async with wiring.database.transaction(correlation_id.get()) as tx:
        dispute = await _mine(tx, staff, dispute_id)
        charge = await charges.find(tx, dispute.charge_id)
        draft = await _draft(tx, dispute) if text is None else text
        history = await charges.history(tx, dispute.charge_id)
    return wiring.pages.render(
        request,
        "dispute.html",
        status=200 if refusal is None else status_of(refusal),
        problem="" if refusal is None else wiring.pages.advice(request, refusal),
        dispute=dispute,
        charge=charge,
        state=_state(reader, dispute),
        reason=reader.word(REASONS, dispute.reason),
        may_answer=staff.acts and dispute.takes_answer and dispute.provider in wiring.disputes,
        text=draft,
        text_max=model.ANSWER_LENGTH_MAX,
        lines=[(when, reader.sentence(kind, fields)) for when, kind, fields in history],
    )


async def _evidence(tx: Transaction, dispute: Dispute) -> bytes:
    charge = await charges.find(tx, dispute.charge_id)
    assert charge is not None  # noqa: S101 - the foreign key
    tries = await charges.attempts_of(tx, charge.id)
    history = await charges.history(tx, charge.id)
    said = {
        "dispute": dispute.provider_id,
        "amount": dispute.amount.amount,
        "reason": dispute.reason,
        "opened_at": dispute.opened_at.isoformat(),
        "charge": str(charge.id),
        "reference": charge.reference,
        "description": charge.description,
        "ordered_at": charge.created_at.isoformat(),
        "due": charge.amount.amount,
        "given_back": (await given_back(tx, charge.id)).amount,
        "attempts": [
            {
                "id": str(each.id),
                "provider_id": each.provider_id,
                "method": each.method,
                "state": each.state,
                "captured": each.captured.amount if each.captured else 0,
                "captured_at": each.captured_at.isoformat() if each.captured_at else None,
            }
            for each in tries
        ],
    }
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\r\n")
    writer.writerow(["at", "what"])
    writer.writerows((at.isoformat(), sentence(kind, fields)) for at, kind, fields in history)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("answer.txt", await _draft(tx, dispute))
        archive.writestr("charge.json", json.dumps(said, ensure_ascii=False, indent=1))
        archive.writestr("history.csv", "\ufeff" + table.getvalue())
    return packed.getvalue()
