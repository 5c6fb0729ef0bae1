"""What is done with charges: open them at their provider, ask it, apply what it says."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import assert_never
from uuid import UUID

from kernel.clock import new_id
from kernel.contracts import Fact
from kernel.money import Yen
from kernel.outbox import Pending
from kernel.rows import Database, Transaction, Write
from payments.callbacks import actions as callbacks
from payments.cases import model as case_model
from payments.cases import store as cases
from payments.charges import facts, model, store
from payments.charges.model import Attempt, Charge, Finding, NoAnswer, Paid
from payments.methods.protocol import AmbiguousError, Away, Method, RefusedError, Wanted

log = logging.getLogger(__name__)

UNANSWERED = "the provider did not answer"


async def open_attempt(
    database: Database, method: Method, charge: Charge, attempt: Attempt, *, at: datetime
) -> Attempt:
    """Call the provider outside of any transaction, then write what it said.

    Raises Away when nothing was sent; an answer that did not come leaves the attempt unknown, to be asked about.
    """
    wanted = Wanted(attempt, charge.description, charge.return_url, charge.locale)
    try:
        opened = await method.open(wanted)
    except Away:
        await _settle_open(database, charge, replace(attempt, state="prepared"), "provider_away", at=at)
        raise
    except AmbiguousError as unknown:
        newer = replace(attempt, state="unknown")
        await _settle_open(database, charge, newer, "open_unknown", problem=str(unknown), at=at)
        raise Away(method=method.capabilities.name) from unknown
    except RefusedError as refused:
        newer = replace(attempt, state="declined")
        await _settle_open(database, charge, newer, "open_refused", problem=str(refused), at=at)
        raise Away(method=method.capabilities.name) from refused
    newer = replace(
        attempt,
        state="open",
        provider_id=opened.provider_id,
        pay_url=opened.pay_url,
        shown=opened.shown,
        deadline=min(opened.deadline, attempt.deadline),  # A provider may allow more time than the places are held.
        polls=0,
    )
    await _settle_open(database, charge, newer, "waiting", at=at)
    return newer


async def _settle_open(
    database: Database, charge: Charge, attempt: Attempt, kind: str, *, at: datetime, **said: str
) -> None:
    noted = store.noting(charge.id, kind, method=attempt.method, at=at, **said)
    async with database.at_once(charge.correlation_id) as tx:
        if await store.save_if_untouched(tx, attempt, noted, next_poll_at=model.next_poll(attempt, at=at)):
            return
    async with database.transaction(charge.correlation_id) as tx:
        locked = await store.find(tx, charge.id, lock=True)
        now = await store.attempt(tx, attempt.id, lock=True)
        if locked is None or now is None:
            return
        if now.state in model.SETTLED and attempt.provider_id is not None:
            # A webhook was quicker than the answer to our own call; a refund will need the provider's id all the same.
            attempt = replace(now, provider_id=attempt.provider_id, pay_url=attempt.pay_url, shown=attempt.shown)
        elif now.state not in {"prepared", "unknown"}:
            return  # Another call for the same attempt was answered; a failure of this one changes nothing.
        await tx.write(store.saving_attempt(attempt, next_poll_at=model.next_poll(attempt, at=at)), noted)


async def ask_and_apply(database: Database, method: Method, attempt: Attempt, *, at: datetime) -> str:
    """Ask the provider for the truth about an attempt and apply it; return what came of it in a word."""
    finding = await method.query(attempt)
    if isinstance(finding, NoAnswer) and finding.retry_at is not None:
        async with database.transaction("ask") as tx:
            await store.ask_at(tx, attempt.id, finding.retry_at)
        return UNANSWERED
    if isinstance(finding, model.Unpaid | model.NotThere) and _is_lost(method, attempt):
        await method.expire(attempt)  # What it made is lost to us, and so to the payer: another attempt is needed.
        finding = await method.query(attempt)
        finding = finding if isinstance(finding, Paid | NoAnswer) else model.Over()
    elif isinstance(finding, model.Over | model.Unpaid | model.NotThere) and at > attempt.deadline + model.GRACE:
        await method.expire(attempt)  # Nobody may pay it any more; money that came in this moment is found next time.
        finding = await method.query(attempt)
    return await apply(database, method, attempt, finding, at=at)


def _is_lost(method: Method, attempt: Attempt) -> bool:
    """Tell whether the answer to our call was lost and cannot be had again."""
    return attempt.provider_id is None and attempt.state == "unknown" and not method.capabilities.reopens


async def apply(database: Database, method: Method, asked: Attempt, finding: Finding, *, at: datetime) -> str:
    """Apply a finding under the charge's lock, with its events and cases in the same transaction.

    `asked` is the attempt as it was when its provider was asked; what counts is how it stands now.
    """
    async with database.transaction("apply") as tx:
        charge = await store.find(tx, asked.charge_id, lock=True)
        assert charge is not None  # noqa: S101 - the attempt's foreign key
        attempts = await store.attempts_of(tx, charge.id)
        attempt = next(each for each in attempts if each.id == asked.id)
        tx = Transaction(tx.session, tx.service, charge.correlation_id)  # noqa: PLW2901 - the charge's own id from here
        if not isinstance(finding, NoAnswer):
            charge = await _known_again(tx, charge, attempt, at=at)
        given_back = await store.given_back(tx, attempt.id) if attempt.captured else model.ZERO
        outcome = model.judge(charge, attempt, finding, given_back=given_back, at=at)
        newer = model.after(charge, attempt, finding, outcome, given_back=given_back, at=at)
        poll_at = model.next_poll(newer, at=at, reversible=method.capabilities.reversible)
        if isinstance(finding, NoAnswer) and poll_at is not None and newer.state == "open":
            poll_at = min(poll_at, at + model.NO_ANSWER)
        saving = store.saving_attempt(newer, next_poll_at=poll_at)
        others = [newer if each.id == newer.id else each for each in attempts]
        concluded = await _conclude(tx, charge, newer, finding, outcome, others=others, saving=saving, at=at)
        if isinstance(outcome, model.Captured):
            too_much = model.judge(concluded, newer, finding, given_back=given_back, at=at)
            if isinstance(too_much, model.Unallocated):
                more = model.after(concluded, newer, finding, too_much, at=at)
                saving = store.saving_attempt(more, next_poll_at=poll_at)
                concluded = await _conclude(tx, concluded, more, finding, too_much, others=others, saving=saving, at=at)
        if poll_at is None and newer.state in model.LIVING:
            await _nobody_knows(tx, concluded, newer, at=at)
        return UNANSWERED if isinstance(finding, NoAnswer) else type(outcome).__name__


async def _nobody_knows(tx: Transaction, charge: Charge, attempt: Attempt, *, at: datetime) -> None:
    """Tell a person that a provider could not be made to say what became of an attempt."""
    if charge.status == "pending":
        await store.save(tx, replace(charge, status="unknown"))
    known = [case for case in await cases.of_charge(tx, charge.id) if case.attempt_id == attempt.id]
    if any(case.kind == "outcome_unknown" and case.state != "closed" for case in known):
        return
    await store.note(tx, charge.id, "nobody_knows", method=attempt.method, at=at)
    await open_case(tx, charge, attempt, "outcome_unknown", attempt.amount, at=at)
    log.error("a person must ask the provider", extra={"charge": str(charge.id), "attempt": str(attempt.id)})


async def _known_again(tx: Transaction, charge: Charge, attempt: Attempt, *, at: datetime) -> Charge:
    """Close the case of an unknown outcome once the provider has answered."""
    if attempt.state not in model.LIVING or attempt.polls < len(model.UNKNOWN_STEPS):
        return charge
    for case in await cases.of_charge(tx, charge.id):
        if case.attempt_id == attempt.id and case.kind == "outcome_unknown" and case.state == "open":
            await cases.save(tx, case_model.close(case, "outcome_known", at=at))
            await store.note(tx, charge.id, "known_again", method=attempt.method, at=at)
    if charge.status != "unknown":
        return charge
    newer = replace(charge, status="pending")
    await store.save(tx, newer)
    return newer


async def open_case(
    tx: Transaction,
    charge: Charge,
    attempt: Attempt | None,
    kind: case_model.Kind,
    amount: Yen,
    *,
    refund_id: UUID | None = None,
    at: datetime,
) -> None:
    """Open a case, for a person or for the refund that is under way already; call it with the charge locked."""
    state: case_model.State = "open" if refund_id is None else "refunding"
    attempt_id = None if attempt is None else attempt.id
    case = case_model.Case(new_id(), charge.id, attempt_id, kind, amount, state, at, refund_id)
    await cases.add(tx, case)
    await store.note(tx, charge.id, "case_opened", case=kind, amount=amount, at=at)


async def _conclude(  # noqa: PLR0911 - one return for each outcome
    tx: Transaction,
    charge: Charge,
    attempt: Attempt,
    finding: Finding,
    outcome: model.Outcome,
    *,
    others: Sequence[Attempt],
    saving: Write,
    at: datetime,
) -> Charge:
    """Write an outcome down: the attempt (`saving`), its charge, the event, the history and the case."""
    status = model.status_after(
        charge,
        outcome,
        by=attempt,
        others_live=any(each.state in model.LIVING for each in others),
        over=model.is_over(charge, others, at=at),
    )
    newer = replace(charge, status=status, version=charge.version + 1)
    if isinstance(outcome, model.Captured):
        assert isinstance(finding, Paid)  # noqa: S101 - judge's promise
        newer = replace(
            newer, method=attempt.method, captured_at=finding.at, captured=charge.amount, captured_by=attempt.id
        )
        fact = facts.captured(newer, attempt, amount=charge.amount, at=finding.at)
        event_id = new_id()
        await tx.write(
            saving,
            store.saving(newer),
            store.noting(charge.id, "paid", amount=charge.amount, method=attempt.method, at=at),
            events=[event_of(tx, fact, newer, event_id, at=at)],
        )
        await callbacks.tell_fact(tx, newer, fact, event_id=event_id, at=at)
        if charge.status == "unallocated":
            await _end_cases(tx, charge, attempt, "completed", at=at)
        return newer
    await tx.write(saving)
    match outcome:
        case model.Unallocated(amount=amount, cause=cause):
            await store.note(tx, charge.id, "unallocated", amount=amount, method=attempt.method, cause=cause, at=at)
            await open_case(tx, charge, attempt, model.case_of(charge, cause), amount, at=at)
            return await unallocated(tx, replace(charge, status=status), attempt, amount=amount, cause=cause, at=at)
        case model.TakenBack(amount=amount):
            await store.note(tx, charge.id, "taken_back", amount=amount, method=attempt.method, at=at)
            await _end_cases(tx, charge, attempt, "taken_back", at=at)
            await open_case(tx, charge, attempt, "reversed", amount, at=at)
            await store.save(tx, newer)
            paid = charge.captured_by == attempt.id
            make = facts.reversed_ if paid else facts.unallocated_reversed
            await publish(tx, make(newer, attempt, amount=amount, at=at), newer, at=at)
            return newer
        case model.Lessened(amount=amount):
            await store.note(tx, charge.id, "taken_back", amount=amount, method=attempt.method, at=at)
            left = await _end_cases(tx, charge, attempt, "taken_back", most=amount, at=at)
            if left:  # It is on its way back already, or it was what the charge is paid with.
                await open_case(tx, charge, attempt, "reversed", left, at=at)
            await store.save(tx, newer)
            gone = facts.unallocated_reversed(newer, attempt, amount=amount, at=at)
            await publish(tx, gone, newer, at=at)
            return newer
        case model.Failed(reason=reason):
            await store.note(tx, charge.id, "refused", method=attempt.method, reason=reason, at=at)
            if status == charge.status:
                return charge
            await store.save(tx, newer)
            await publish(tx, facts.failed(newer, reason=reason, at=at), newer, at=at)
            return newer
        case model.Expired():
            await store.note(tx, charge.id, "attempt_over", method=attempt.method, at=at)
            return await expire_if_over(tx, charge, at=at)
        case model.Unchanged():
            return charge
        case _:
            assert_never(outcome)


async def _end_cases(
    tx: Transaction,
    charge: Charge,
    attempt: Attempt,
    resolution: case_model.Resolution,
    *,
    most: Yen | None = None,
    at: datetime,
) -> Yen:
    """Close what was open about an attempt's money: the rest came, or the money is gone.

    `most`: cases of so much money, all if None. Returns what of it no case was about.
    """
    left = model.ZERO if most is None else most
    for case in await cases.of_charge(tx, charge.id):
        about = case.attempt_id == attempt.id and case.state == "open" and case.kind in case_model.REFUNDABLE
        if about and (most is None or case.amount <= left):
            left = left if most is None else left - case.amount
            await cases.save(tx, case_model.close(case, resolution, at=at))
            await store.note(tx, charge.id, "case_closed", case=case.kind, resolution=resolution, at=at)
    return left


async def expire_if_over(tx: Transaction, charge: Charge, *, at: datetime) -> Charge:
    """End a charge that nobody can pay any more; call it with the charge locked."""
    if not model.is_over(charge, await store.attempts_of(tx, charge.id), at=at):
        return charge
    newer = replace(charge, status="expired", version=charge.version + 1)
    await store.save(tx, newer)
    if newer.method:
        await publish(tx, facts.expired(newer, at=at), newer, at=at)
    else:  # Nobody ever chose a method, so no event has told of it; its caller is told all the same.
        await callbacks.tell(tx, newer, "charge.expired", event_id=new_id(), at=at)
    await store.note(tx, charge.id, "expired", at=at)
    return newer


async def expire_over(database: Database, *, at: datetime, limit: int) -> int:
    """End every charge whose time is over and whose attempts have all ended."""
    async with database.transaction("deadlines") as tx:
        over = await store.over(tx, at=at - model.GRACE, limit=limit)
    for charge_id in over:
        async with database.transaction("deadlines") as tx:
            charge = await store.find(tx, charge_id, lock=True)
            if charge is not None:
                own = Transaction(tx.session, tx.service, charge.correlation_id)
                await expire_if_over(own, charge, at=at)
    return len(over)


async def unallocated(
    tx: Transaction, charge: Charge, attempt: Attempt | None, *, amount: Yen, cause: facts.Cause, at: datetime
) -> Charge:
    """Publish that money came which the charge, or its order, cannot take; call it with the charge locked."""
    newer = replace(charge, version=charge.version + 1)
    await store.save(tx, newer)
    fact = facts.unallocated(
        newer,
        method=charge.method if attempt is None else attempt.method,
        attempt_id=None if attempt is None else attempt.id,
        amount=amount,
        cause=cause,
        at=at,
    )
    await publish(tx, fact, newer, at=at)
    return newer


async def publish(tx: Transaction, fact: Fact, charge: Charge, *, at: datetime) -> None:
    """Write a charge's event to the outbox under the version that the charge has now."""
    event_id = new_id()
    await tx.write(events=[event_of(tx, fact, charge, event_id, at=at)])
    await callbacks.tell_fact(tx, charge, fact, event_id=event_id, at=at)


def event_of(tx: Transaction, fact: Fact, charge: Charge, event_id: UUID, *, at: datetime) -> Pending:
    """Return an event as the outbox takes it."""
    return Pending(fact, str(charge.id), charge.version, event_id, tx.correlation_id, at)
