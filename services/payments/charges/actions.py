"""What is done with charges: open, ask the provider, apply what it says."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never
from uuid import UUID

from kernel.clock import new_id
from kernel.contracts import Fact
from kernel.money import Yen
from kernel.rows import Database, Transaction
from payments.charges import facts, model, store
from payments.charges.model import Attempt, Charge, Finding, NoAnswer, Paid, Part
from payments.methods.protocol import AmbiguousError, Away, Method, RefusedError, Wanted

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a caller wants to be paid."""

    caller: str
    reference: str
    amount: Yen
    method: str
    description: str
    expires_at: datetime
    return_url: str
    locale: str
    facility: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A charge with the attempt that is to be opened now, if any, and those that are to be given up."""

    charge: Charge
    attempt: Attempt | None
    superseded: tuple[Attempt, ...]


async def prepare(
    tx: Transaction, asked: Asked, *, reopens: bool, charge_id: UUID, attempt_id: UUID, at: datetime
) -> Prepared:
    """Write the charge and its attempt before any provider is called; find both again on a repeat.

    `reopens`: the method answers a repeated call as it did the first; else a lost answer needs a new attempt.
    """
    charge = Charge(
        id=charge_id,
        caller=asked.caller,
        reference=asked.reference,
        amount=asked.amount,
        method=asked.method,
        status="pending",
        description=asked.description,
        expires_at=asked.expires_at,
        return_url=asked.return_url,
        locale=asked.locale,
        facility=asked.facility,
        parts=asked.parts,
        version=1,
        correlation_id=tx.correlation_id,
        created_at=at,
    )
    if await store.add(tx, charge):
        await publish(tx, facts.requested(charge), charge, at=at)
        await store.note(tx, charge.id, f"Opened: {charge.amount} by {charge.method}.", at=at)
        return Prepared(charge, await _new_attempt(tx, charge, attempt_id, at), ())
    kept = await store.find_by_reference(tx, asked.caller, asked.reference)
    assert kept is not None  # noqa: S101 - its insertion just conflicted
    if kept.amount != asked.amount:
        raise model.AmountDiffers(reference=asked.reference)
    attempts = await store.attempts_of(tx, kept.id)
    if kept.captured_at is not None:
        return Prepared(kept, None, ())
    living = [each for each in attempts if each.state in model.LIVING and each.deadline > at]
    same = next((each for each in living if each.method == asked.method and (reopens or each.provider_id)), None)
    if same is not None and kept.method == asked.method:
        return Prepared(kept, same if same.provider_id is None else None, ())
    newer = replace(kept, method=asked.method, status="pending", expires_at=asked.expires_at, version=kept.version)
    await store.save(tx, newer)
    await store.note(tx, kept.id, f"Tried again by {asked.method}.", at=at)
    return Prepared(newer, await _new_attempt(tx, newer, attempt_id, at), tuple(living))


async def _new_attempt(tx: Transaction, charge: Charge, attempt_id: UUID, at: datetime) -> Attempt:
    attempt = Attempt(
        id=attempt_id,
        charge_id=charge.id,
        method=charge.method,
        state="prepared",
        amount=charge.amount,
        deadline=charge.expires_at,
        created_at=at,
    )
    await store.add_attempt(tx, attempt, next_poll_at=model.next_poll(attempt, at=at))
    return attempt


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
        await _settle_open(database, charge, replace(attempt, state="prepared"), "The provider was away.", at=at)
        raise
    except AmbiguousError as unknown:
        newer = replace(attempt, state="unknown")
        await _settle_open(database, charge, newer, f"Not known whether it was opened: {unknown}.", at=at)
        raise Away(method=method.capabilities.name) from unknown
    except RefusedError as refused:
        newer = replace(attempt, state="declined")
        await _settle_open(database, charge, newer, f"The provider refused to open it: {refused}.", at=at)
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
    await _settle_open(database, charge, newer, f"Waiting for the payer at {method.capabilities.name}.", at=at)
    return newer


async def _settle_open(database: Database, charge: Charge, attempt: Attempt, words: str, *, at: datetime) -> None:
    async with database.transaction(charge.correlation_id) as tx:
        locked = await store.find(tx, charge.id, lock=True)
        now = await store.attempt(tx, attempt.id, lock=True)
        if locked is None or now is None:
            return
        if now.state in {"captured", "declined", "expired"} and attempt.provider_id is not None:
            # A webhook was quicker than the answer to our own call; a refund will need the provider's id all the same.
            attempt = replace(now, provider_id=attempt.provider_id, pay_url=attempt.pay_url, shown=attempt.shown)
        elif now.state not in {"prepared", "unknown"}:
            return  # Another call for the same attempt was answered; a failure of this one changes nothing.
        await store.save_attempt(tx, attempt, next_poll_at=model.next_poll(attempt, at=at))
        await store.note(tx, charge.id, words, at=at)


async def ask_and_apply(database: Database, method: Method, attempt_id: UUID, *, at: datetime) -> str:
    """Ask the provider for the truth about an attempt and apply it; return what came of it in a word."""
    async with database.transaction("ask") as tx:
        attempt = await store.attempt(tx, attempt_id)
    if attempt is None:
        return "no such attempt"
    finding = await method.query(attempt)
    if isinstance(finding, model.Unpaid | model.NotThere) and _is_lost(method, attempt):
        await method.expire(attempt)  # What it made is lost to us, and so to the payer: another attempt is needed.
        finding = await method.query(attempt)
        finding = finding if isinstance(finding, Paid | NoAnswer) else model.Over()
    elif isinstance(finding, model.Over | model.Unpaid | model.NotThere) and at > attempt.deadline + model.GRACE:
        await method.expire(attempt)  # Nobody may pay it any more; money that came in this moment is found next time.
        finding = await method.query(attempt)
    return await apply(database, attempt_id, finding, at=at)


def _is_lost(method: Method, attempt: Attempt) -> bool:
    """Tell whether the answer to our call was lost and cannot be had again."""
    return attempt.provider_id is None and attempt.state == "unknown" and not method.capabilities.reopens


async def apply(database: Database, attempt_id: UUID, finding: Finding, *, at: datetime) -> str:
    """Apply a finding under the charge's lock, with its events in the same transaction."""
    async with database.transaction("apply") as tx:
        before = await store.attempt(tx, attempt_id)
        if before is None:
            return "no such attempt"
        charge = await store.find(tx, before.charge_id, lock=True)
        attempt = await store.attempt(tx, attempt_id, lock=True)
        assert charge is not None  # noqa: S101 - the attempt's foreign key
        assert attempt is not None  # noqa: S101 - read a moment ago, never deleted
        tx = Transaction(tx.session, tx.service, charge.correlation_id)  # noqa: PLW2901 - the charge's own id from here
        outcome = model.judge(charge, attempt, finding, at=at)
        newer = model.after(charge, attempt, finding, outcome)
        poll_at = model.next_poll(newer, at=at)
        if isinstance(finding, NoAnswer) and poll_at is not None and newer.state == "open":
            poll_at = min(poll_at, at + model.NO_ANSWER)
        await store.save_attempt(tx, newer, next_poll_at=poll_at)
        concluded = await _conclude(tx, charge, newer, finding, outcome, at=at)
        if isinstance(outcome, model.Captured):
            too_much = model.judge(concluded, newer, finding, at=at)
            if isinstance(too_much, model.Unallocated):
                more = model.after(concluded, newer, finding, too_much)
                await store.save_attempt(tx, more, next_poll_at=poll_at)
                await _conclude(tx, concluded, more, finding, too_much, at=at)
        if poll_at is None and newer.state in model.LIVING and concluded.status == "pending":
            await store.save(tx, replace(concluded, status="unknown"))
            await store.note(tx, charge.id, f"Nobody could say whether {attempt.method} was paid: ask them.", at=at)
            log.error("a person must ask the provider", extra={"charge": str(charge.id), "attempt": str(attempt.id)})
        return type(outcome).__name__


async def _conclude(
    tx: Transaction, charge: Charge, attempt: Attempt, finding: Finding, outcome: model.Outcome, *, at: datetime
) -> Charge:
    match outcome:
        case model.Captured():
            assert isinstance(finding, Paid)  # noqa: S101 - judge's promise
            newer = replace(
                charge,
                status="captured",
                method=attempt.method,
                version=charge.version + 1,
                captured_at=finding.at,
                captured=charge.amount,
                captured_by=attempt.id,
            )
            await store.save(tx, newer)
            await publish(tx, facts.captured(newer, attempt, amount=charge.amount, at=finding.at), newer, at=at)
            await store.note(tx, charge.id, f"Paid: {charge.amount} by {attempt.method}.", at=at)
            return newer
        case model.Unallocated(amount=amount, cause=cause):
            await store.note(tx, charge.id, f"Money without a place: {amount}, {cause}.", at=at)
            return await unallocated(tx, charge, attempt.method, amount=amount, cause=cause, at=at)
        case model.Failed(reason=reason):
            await store.note(tx, charge.id, f"Refused by {attempt.method}: {reason}.", at=at)
            others = await store.attempts_of(tx, charge.id)
            if charge.status != "pending" or any(each.state in model.LIVING for each in others):
                return charge
            newer = replace(charge, status="failed", version=charge.version + 1)
            await store.save(tx, newer)
            await publish(tx, facts.failed(newer, reason=reason, at=at), newer, at=at)
            return newer
        case model.Expired():
            await store.note(tx, charge.id, f"The time to pay by {attempt.method} ended.", at=at)
            return await expire_if_over(tx, charge, at=at)
        case model.Unchanged():
            return charge
        case _:
            assert_never(outcome)


async def expire_if_over(tx: Transaction, charge: Charge, *, at: datetime) -> Charge:
    """End a charge that nobody can pay any more; call it with the charge locked."""
    if not model.is_over(charge, await store.attempts_of(tx, charge.id), at=at):
        return charge
    newer = replace(charge, status="expired", version=charge.version + 1)
    await store.save(tx, newer)
    await publish(tx, facts.expired(newer, at=at), newer, at=at)
    await store.note(tx, charge.id, "Expired: nobody paid in time.", at=at)
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
    tx: Transaction, charge: Charge, method: str, *, amount: Yen, cause: facts.Cause, at: datetime
) -> Charge:
    """Publish that money came which the charge, or its order, cannot take; call it with the charge locked."""
    newer = replace(charge, version=charge.version + 1)
    await store.save(tx, newer)
    await publish(tx, facts.unallocated(newer, method=method, amount=amount, cause=cause, at=at), newer, at=at)
    return newer


async def publish(tx: Transaction, fact: Fact, charge: Charge, *, at: datetime) -> None:
    """Write a charge's event to the outbox under the version that the charge has now."""
    await tx.publish(fact, subject=charge.id, version=charge.version, event_id=new_id(), at=at)
    await tx.wake(store.CHARGE_CHANNEL, str(charge.id))
