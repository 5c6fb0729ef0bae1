"""What a person does with a case: give the money back, have the provider asked again, close it."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from kernel.cards import CardNumberRefused, holds_card_number
from kernel.refusals import Conflict
from kernel.rows import Transaction
from payments.cases import model, store
from payments.cases.model import Case, UnknownCase
from payments.charges import store as charges
from payments.charges.model import LIVING, Charge
from payments.refunds import actions as refunds
from payments.staff.store import audit

REASON = "case"


class NobodyToAsk(Conflict):
    """The case is about nothing that a provider could still say."""

    slug = "nobody-to-ask"
    advice = "The provider has answered about this payment already. Give the money back, or close the case."


async def give_back(
    tx: Transaction,
    case_id: UUID,
    *,
    refund_id: UUID,
    bank_account_needed: frozenset[str],
    actor: str,
    at: datetime,
) -> Case:
    """Send an open case's money back to who paid it; the case closes when the refund has settled.

    Raises UnknownCase, CaseNotOpen, NothingToGiveBack or a refund's own refusals.
    """
    case, charge = await _locked(tx, case_id)
    newer = model.refunding(case, refund_id)
    await store.save(tx, newer)
    await charges.note(tx, charge.id, "case_given_back", actor=actor, amount=case.amount, case=case.kind, at=at)
    await refunds.request(
        tx,
        charge.id,
        refund_id=refund_id,
        amount=case.amount,
        reason=case.kind if case.kind == "paid_twice" else REASON,
        bank_account_needed=bank_account_needed,
        of_attempt=case.attempt_id,
        at=at,
    )
    said = {"kind": case.kind, "amount": str(case.amount.amount), "refund": str(refund_id)}
    await audit(tx, actor, "case.given_back", str(case.id), at=at, **said)
    return newer


async def ask_again(tx: Transaction, case_id: UUID, *, actor: str, at: datetime) -> Case:
    """Have the provider asked about a case's attempt, beginning with the shortest wait. Raises NobodyToAsk."""
    case, charge = await _locked(tx, case_id)
    attempt = None if case.attempt_id is None else await charges.attempt(tx, case.attempt_id, lock=True)
    if case.state != "open":
        raise model.CaseNotOpen
    if attempt is None or attempt.state not in LIVING:
        raise NobodyToAsk
    await charges.ask_soon(tx, attempt.id, at=at)
    await charges.note(tx, charge.id, "asked_again", actor=actor, method=attempt.method, at=at)
    await audit(tx, actor, "case.asked_again", str(case.id), at=at, kind=case.kind)
    return case


async def close(tx: Transaction, case_id: UUID, *, words: str, actor: str, at: datetime) -> Case:
    """Close an open case by hand, with a reason that auditors read.

    Raises CaseNotOpen, ReasonMissing or CardNumberRefused.
    """
    if holds_card_number(words):
        raise CardNumberRefused
    case, charge = await _locked(tx, case_id)
    newer = model.close(case, "by_hand", words=words, at=at)
    await store.save(tx, newer)
    await charges.note(tx, charge.id, "case_closed_by_hand", actor=actor, case=case.kind, words=newer.words, at=at)
    await audit(tx, actor, "case.closed_by_hand", str(case.id), at=at, kind=case.kind, words=newer.words)
    return newer


async def _locked(tx: Transaction, case_id: UUID) -> tuple[Case, Charge]:
    """Return a case and its charge, the charge locked: whoever changes one of its cases holds that lock."""
    before = await store.find(tx, case_id)
    charge = None if before is None else await charges.find(tx, before.charge_id, lock=True)
    case = None if charge is None else await store.find(tx, case_id)
    if charge is None or case is None:
        raise UnknownCase
    return case, charge
