"""What is done with disputes: learn of them from the provider, answer them, tell the books and people."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from kernel.cards import CardNumberRefused, holds_card_number
from kernel.clock import new_id
from kernel.contracts.payments import DisputeClosed, DisputeOpened
from kernel.rows import Database, Transaction
from payments.cases import model as case_model
from payments.cases import store as cases
from payments.charges import actions as charges
from payments.charges import store as charge_rows
from payments.charges.model import Attempt, Charge
from payments.disputes import model, store
from payments.disputes.model import Dispute, UnknownDispute
from payments.methods.protocol import Away, DisputeFound, DisputeReader, RefusedError
from payments.staff.store import audit

NOT_OURS = "names nothing of ours"
OPENED_VERSION, CLOSED_VERSION = 1, 2


async def learn(database: Database, provider: str, found: DisputeFound, *, at: datetime) -> str:
    """Write down what a provider says of a dispute, with its case and events; return what came of it in a word."""
    try:
        attempt_id = UUID(found.attempt)
    except ValueError:
        return NOT_OURS
    async with database.transaction("disputes") as tx:
        attempt = await charge_rows.attempt(tx, attempt_id)
        charge = None if attempt is None else await charge_rows.find(tx, attempt.charge_id, lock=True)
        if attempt is None or charge is None:
            return NOT_OURS
        known = await store.find_named(tx, provider, found.id)
        newer, steps = model.learn(known, found, provider=provider, attempt=attempt, dispute_id=new_id(), at=at)
        if newer == known:
            return "Unchanged"
        await store.save(tx, newer)
        tx = Transaction(tx.session, tx.service, charge.correlation_id)  # noqa: PLW2901 - the charge's own id from here
        if "opened" in steps:
            await _opened(tx, charge, attempt, newer, at=at)
        if "closed" in steps:
            await _closed(tx, charge, attempt, newer, at=at)
        return "Disputed"


async def _opened(tx: Transaction, charge: Charge, attempt: Attempt, dispute: Dispute, *, at: datetime) -> None:
    await charge_rows.note(tx, charge.id, "disputed", amount=dispute.amount, reason=dispute.reason, at=at)
    await charges.open_case(tx, charge, attempt, "disputed", dispute.amount, at=at)
    fact = DisputeOpened(**_whole(charge, attempt, dispute), opened_at=dispute.opened_at)
    await tx.publish(fact, subject=dispute.id, version=OPENED_VERSION, event_id=new_id(), at=at)


async def _closed(tx: Transaction, charge: Charge, attempt: Attempt, dispute: Dispute, *, at: datetime) -> None:
    won = dispute.status == "won"
    kind = "dispute_won" if won else "dispute_lost"
    await charge_rows.note(tx, charge.id, kind, amount=dispute.amount, at=at)
    for case in await cases.of_charge(tx, charge.id):
        if case.kind == "disputed" and case.attempt_id == dispute.attempt_id and case.state == "open":
            await cases.save(tx, case_model.close(case, "dispute_closed", at=at))
            await charge_rows.note(tx, charge.id, "case_closed", case=case.kind, resolution="dispute_closed", at=at)
    fact = DisputeClosed(**_whole(charge, attempt, dispute), won=won, closed_at=at)
    await tx.publish(fact, subject=dispute.id, version=CLOSED_VERSION, event_id=new_id(), at=at)


def _whole(charge: Charge, attempt: Attempt, dispute: Dispute) -> dict[str, object]:
    return {
        "dispute_id": dispute.id,
        "charge_id": charge.id,
        "attempt_id": dispute.attempt_id,
        "method": attempt.method,
        "reference": charge.reference,
        "facility": charge.facility,
        "amount": dispute.amount,
        "reason": dispute.reason,
    }


async def answer(
    database: Database, reader: DisputeReader, dispute_id: UUID, text: str, *, actor: str, at: datetime
) -> None:
    """Send our evidence to the bank, once, and write down who did.

    Raises UnknownDispute, DisputeOver, AnswerMissing, CardNumberRefused, or what the provider's call raises: Away and
    RefusedError sent nothing; after AmbiguousError the next question tells whether it arrived.
    """
    async with database.transaction("disputes") as tx:
        dispute = await _locked(tx, dispute_id)
        said = model.require_answer(dispute, text)
        if holds_card_number(said):
            raise CardNumberRefused
        await store.save(tx, replace(dispute, answered_at=at))  # Before it is sent: a second click sends nothing.
    try:
        found = await reader.answer_dispute(dispute.provider_id, said)
    except (Away, RefusedError):
        async with database.transaction("disputes") as tx:
            await store.save(tx, replace(await _locked(tx, dispute_id), answered_at=None))
        raise
    async with database.transaction("disputes") as tx:
        await audit(tx, actor, "dispute.answered", str(dispute_id), at=at, amount=str(dispute.amount.amount))
        await charge_rows.note(tx, dispute.charge_id, "dispute_answered", actor=actor, at=at)
    await learn(database, dispute.provider, found, at=at)


async def _locked(tx: Transaction, dispute_id: UUID) -> Dispute:
    """Return a dispute as it is once its charge is locked."""
    known = await _known(tx, dispute_id)
    await charge_rows.find(tx, known.charge_id, lock=True)
    return await _known(tx, dispute_id)


async def _known(tx: Transaction, dispute_id: UUID) -> Dispute:
    found = await store.find(tx, dispute_id)
    if found is None:
        raise UnknownDispute
    return found
