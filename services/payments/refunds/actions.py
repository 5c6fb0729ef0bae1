"""What is done with refunds: reserve the amount, send it, find out what became of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Literal, assert_never
from uuid import UUID

from kernel.clock import new_id
from kernel.contracts.payments import RefundFailed, RefundSettled
from kernel.money import Yen
from kernel.refusals import Conflict
from kernel.rows import Database, Transaction
from payments.callbacks import actions as callbacks
from payments.cases import model as case_model
from payments.cases import store as cases
from payments.charges import actions as charges
from payments.charges import facts
from payments.charges import store as charge_rows
from payments.charges.model import OPENING, ZERO, Attempt, Charge, Part
from payments.disputes import store as disputes
from payments.disputes.model import Contested
from payments.methods.protocol import Method, RefundFinding, RefundWanted
from payments.refunds import store
from payments.refunds.store import Refund, RefundState
from payments.transfers import store as transfers

# Why a provider may refuse a refund for good, by the word of its adapter, as the history says it.
REFUND_PROBLEMS = {"refund_limit": "refund_limit", "not_refundable": "refund_too_late"}
STEPS = (
    timedelta(seconds=1),
    timedelta(seconds=5),
    timedelta(seconds=30),
    timedelta(minutes=5),
    timedelta(hours=1),
    timedelta(days=1),
)


class MoreThanCaptured(Conflict):
    """The refund would exceed what was paid."""

    slug = "refund-exceeds-payment"
    advice = "Only {left} yen of this payment are left to give back. Ask for that or less."


class NothingCaptured(Conflict):
    """There is nothing to give back."""

    slug = "nothing-to-refund"
    advice = "Nothing was paid for this, so nothing can be given back."


async def request(
    tx: Transaction,
    charge_id: UUID,
    *,
    refund_id: UUID,
    amount: Yen,
    reason: str,
    bank_account_needed: frozenset[str],
    of_attempt: UUID | None = None,
    at: datetime,
) -> Refund:
    """Reserve an amount under the charge's lock; the worker sends it. A repeated id changes nothing.

    `of_attempt`: whose money goes back, where a case names it; otherwise the attempt that paid the charge.
    """
    charge = await charge_rows.find(tx, charge_id, lock=True)
    if charge is None:
        raise NothingCaptured
    known = await store.find(tx, refund_id)
    if known is not None:
        return known
    attempt = await _paid_attempt(tx, charge, reason, of_attempt)
    if await disputes.keeps_money(tx, attempt.id):
        raise Contested
    left = (attempt.captured or ZERO) - await charge_rows.given_back(tx, attempt.id)
    if amount > left:
        raise MoreThanCaptured(left=left.amount)
    by_account = attempt.method in bank_account_needed
    refund = Refund(
        id=refund_id,
        charge_id=charge.id,
        attempt_id=attempt.id,
        amount=amount,
        reason=reason,
        state="needs_bank_account" if by_account else "requested",
        provider_id=None,
        version=1,
        requested_at=at,
        polls=0,
    )
    await store.add(tx, refund, next_poll_at=None if by_account else at)
    if by_account:
        await transfers.add(tx, refund_id=refund.id, charge_id=charge.id, amount=amount, at=at)
    await charge_rows.note(tx, charge.id, "refund_requested", amount=amount, reason=reason, at=at)
    return refund


async def _paid_attempt(tx: Transaction, charge: Charge, reason: str, of_attempt: UUID | None) -> Attempt:
    """Return the attempt whose money goes back: for a double payment the one that did not pay the charge."""
    paid = [each for each in await charge_rows.attempts_of(tx, charge.id) if each.state == "captured"]
    if of_attempt is not None:
        paid = [each for each in paid if each.id == of_attempt]
    elif reason == "paid_twice":
        paid.sort(key=lambda each: each.id == charge.captured_by)
    else:
        paid.sort(key=lambda each: each.id != charge.captured_by)
    if not paid:
        raise NothingCaptured
    return paid[0]


async def refuse(tx: Transaction, charge_id: UUID, *, refund_id: UUID, amount: Yen, reason: str, at: datetime) -> bool:
    """Tell the caller that a refund cannot be; False when there is not even such a charge."""
    charge = await charge_rows.find(tx, charge_id, lock=True)
    if charge is None:
        return False
    await charge_rows.note(tx, charge.id, "refund_refused", amount=amount, reason=reason, at=at)
    await charges.open_case(tx, charge, None, "refund_failed", amount, at=at)
    await _publish(tx, refund_id, charge, None, amount, RefundFinding("failed", problem=reason), at=at)
    return True


async def left_of(tx: Transaction, charge_id: UUID) -> Yen:
    """Return what of a charge may still be given back."""
    left = ZERO
    for attempt in await charge_rows.attempts_of(tx, charge_id):
        if attempt.state == "captured":
            left += (attempt.captured or ZERO) - await charge_rows.given_back(tx, attempt.id)
    return left


async def note_unallocated(
    tx: Transaction,
    charge_id: UUID,
    *,
    refund_id: UUID,
    amount: Yen,
    cause: Literal["paid_too_late", "paid_twice"],
    at: datetime,
) -> None:
    """Publish that money came which no order can take; the case is closed when its refund has settled."""
    charge = await charge_rows.find(tx, charge_id, lock=True)
    if charge is None:
        return
    attempts = await charge_rows.attempts_of(tx, charge_id)
    payer = next((each for each in attempts if each.id == charge.captured_by), None)
    await charges.open_case(tx, charge, payer, cause, amount, refund_id=refund_id, at=at)
    await charges.unallocated(tx, charge, None, amount=amount, cause=cause, at=at)


async def move_on(database: Database, method: Method, refund_id: UUID, *, at: datetime) -> str:
    """Send a refund or ask what became of it, outside of any transaction; then write it down."""
    wanted = await _wanted(database, refund_id, mark_from="requested", at=at)
    if wanted is None:
        return "nothing to do"
    refund, attempt = wanted
    if refund.state == "needs_bank_account":
        return "waits for a bank account"
    asked = RefundWanted(refund.id, attempt, refund.amount, refund.provider_id, refund.requested_at)
    if refund.state == "requested":
        finding = await method.refund(asked, None)
    else:
        finding = await method.query_refund(asked)
    return await conclude(database, refund_id, finding, at=at)


async def _wanted(
    database: Database, refund_id: UUID, *, mark_from: RefundState, at: datetime
) -> tuple[Refund, Attempt] | None:
    """Return a refund as it was; one in the state `mark_from` is marked as sent before it is, so that a crash asks."""
    async with database.transaction("refund") as tx:
        refund = await store.find(tx, refund_id, lock=True)
        attempt = None if refund is None else await charge_rows.attempt(tx, refund.attempt_id)
        if refund is None or attempt is None or refund.state in {"settled", "failed"}:
            return None
        if refund.state == mark_from:
            await store.save(tx, replace(refund, state="sent"), next_poll_at=at + OPENING, finished_at=None)
    return refund, attempt


async def conclude(database: Database, refund_id: UUID, finding: RefundFinding, *, at: datetime) -> str:
    """Write down what the provider said of a refund; a settled or failed one is published once."""
    async with database.transaction("refund") as tx:
        return await conclude_within(tx, refund_id, finding, at=at)


async def conclude_within(tx: Transaction, refund_id: UUID, finding: RefundFinding, *, at: datetime) -> str:
    """Do what `conclude` does as a part of a larger transaction."""
    known = await store.find(tx, refund_id)
    charge = None if known is None else await charge_rows.find(tx, known.charge_id, lock=True)
    refund = None if charge is None else await store.find(tx, refund_id, lock=True)
    if charge is None or refund is None or refund.state in {"settled", "failed"}:
        return "unchanged"
    later = at + STEPS[min(refund.polls, len(STEPS) - 1)]
    newer = replace(refund, polls=refund.polls + 1, provider_id=finding.provider_id or refund.provider_id)
    match finding.state:
        case "settled" | "failed":
            newer = replace(newer, state=finding.state)
            await store.save(tx, newer, next_poll_at=None, finished_at=at, problem=finding.problem)
            attempt = await charge_rows.attempt(tx, refund.attempt_id)
            await _publish(tx, refund.id, charge, attempt, refund.amount, finding, at=at)
            await _note_end(tx, charge, refund, finding, at=at)
        case "pending":
            newer = replace(newer, state="sent")
            await store.save(tx, newer, next_poll_at=later, finished_at=None)
        case "not_there":
            # Only a bank transfer says so: it never arrived. An account is asked for again, or is at hand still.
            await store.save(tx, replace(newer, state="needs_bank_account"), next_poll_at=None, finished_at=None)
        case "no_answer":
            if finding.retry_at is not None:  # Nobody was asked, so it counts as no try.
                newer = replace(newer, polls=refund.polls)
            await store.save(tx, newer, next_poll_at=finding.retry_at or later, finished_at=None)
        case "not_sent":
            newer = replace(refund, state="requested")
            await store.save(tx, newer, next_poll_at=finding.retry_at or later, finished_at=None)
        case _:
            assert_never(finding.state)
    return finding.state


async def wait_again(tx: Transaction, refund: Refund, state: RefundState, *, at: datetime) -> None:
    """Put a locked refund that never reached its agency back: to be sent soon, or waiting for people."""
    newer = replace(refund, state=state, polls=refund.polls + 1)
    soon = at + STEPS[min(refund.polls, len(STEPS) - 1)] if state == "requested" else None
    await store.save(tx, newer, next_poll_at=soon, finished_at=None)


async def mark_sent(tx: Transaction, refund: Refund, *, at: datetime) -> None:
    """Mark a locked refund as sent before it is, so that after a crash the agency is asked first."""
    await store.save(tx, replace(refund, state="sent"), next_poll_at=at + OPENING, finished_at=None)


async def release(tx: Transaction, refund: Refund, *, at: datetime) -> None:
    """Let the worker send a locked refund that people have approved."""
    await store.save(tx, replace(refund, state="requested", polls=0), next_poll_at=at, finished_at=None)
    await tx.wake(store.REFUND_CHANNEL)


async def _note_end(tx: Transaction, charge: Charge, refund: Refund, finding: RefundFinding, *, at: datetime) -> None:
    """Write a refund's end into the history, and into the case that it was to end; a failure is one for a person."""
    settled = finding.state == "settled"
    if settled:
        await charge_rows.note(tx, charge.id, "refund_settled", amount=refund.amount, at=at)
    else:
        reason = finding.problem or "refused"
        attempt = await charge_rows.attempt(tx, refund.attempt_id)
        method = charge.method if attempt is None else attempt.method
        kind = REFUND_PROBLEMS.get(reason, "refund_failed")
        await charge_rows.note(tx, charge.id, kind, amount=refund.amount, reason=reason, method=method, at=at)
    case = await cases.of_refund(tx, refund.id)
    if case is not None:
        ended = case_model.refund_ended(case, settled=settled, at=at)
        await cases.save(tx, ended)
        if settled:
            await charge_rows.note(tx, charge.id, "case_closed", case=case.kind, resolution="given_back", at=at)
    elif not settled:
        attempt = await charge_rows.attempt(tx, refund.attempt_id)
        await charges.open_case(tx, charge, attempt, "refund_failed", refund.amount, at=at)


async def _publish(
    tx: Transaction,
    refund_id: UUID,
    charge: Charge,
    attempt: Attempt | None,
    amount: Yen,
    finding: RefundFinding,
    *,
    at: datetime,
) -> None:
    """Publish how a refund ended: the only event of its aggregate, hence its first version."""
    whole = {
        "refund_id": refund_id,
        "charge_id": charge.id,
        "attempt_id": None if attempt is None else attempt.id,
        "reference": charge.reference,
        "method": charge.method if attempt is None else attempt.method,
        "facility": charge.facility,
        "amount": amount,
        "allocations": facts.allocations(_shares(charge, amount)),
    }
    own = Transaction(tx.session, tx.service, charge.correlation_id)
    fact = (
        RefundSettled(**whole, by_us=finding.by_us, settled_at=at)
        if finding.state == "settled"
        else RefundFailed(**whole, reason=finding.problem or "refused", failed_at=at)
    )
    event_id = new_id()
    await own.publish(fact, subject=refund_id, version=1, event_id=event_id, at=at)
    await callbacks.tell_fact(own, charge, fact, event_id=event_id, at=at)


def _shares(charge: Charge, amount: Yen) -> tuple[Part, ...]:
    """Return the parts that a refund takes back, first to last, until its amount is reached."""
    left, shares = amount.amount, []
    for part in charge.parts:
        share = min(left, part.amount.amount)
        if share:
            shares.append(replace(part, amount=Yen(share)))
            left -= share
    return tuple(shares)
