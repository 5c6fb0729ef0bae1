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
from payments.charges.model import Attempt, Charge, Finding, Paid, Part
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


async def prepare(tx: Transaction, asked: Asked, *, charge_id: UUID, attempt_id: UUID, at: datetime) -> Prepared:
    """Write the charge and its attempt before any provider is called; find both again on a repeat."""
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
    living = [each for each in attempts if each.state in {"prepared", "open", "unknown"} and each.deadline > at]
    same = next((each for each in living if each.method == asked.method), None)
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
    database: Database, method: Method, charge: Charge, attempt: Attempt, *, pay_page: str, at: datetime
) -> Attempt:
    """Call the provider outside of any transaction, then write what it said.

    Raises Away when nothing was sent; an answer that did not come leaves the attempt unknown, to be asked about.
    """
    wanted = Wanted(attempt, charge.description, charge.return_url, charge.locale, pay_page)
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
        deadline=opened.deadline,
        polls=0,
    )
    await _settle_open(database, charge, newer, f"Waiting for the payer at {method.capabilities.name}.", at=at)
    return newer


async def _settle_open(database: Database, charge: Charge, attempt: Attempt, words: str, *, at: datetime) -> None:
    async with database.transaction(charge.correlation_id) as tx:
        locked = await store.find(tx, charge.id, lock=True)
        now = await store.attempt(tx, attempt.id)
        # A webhook may have been quicker than the answer to our own call.
        if locked is None or now is None or now.state in {"captured", "declined", "expired"}:
            return
        await store.save_attempt(tx, attempt, next_poll_at=model.next_poll(attempt, at=at))
        await store.note(tx, charge.id, words, at=at)


async def ask_and_apply(database: Database, method: Method, attempt_id: UUID, *, at: datetime) -> str:
    """Ask the provider for the truth about an attempt and apply it; return what came of it in a word."""
    async with database.transaction("ask") as tx:
        attempt = await store.attempt(tx, attempt_id)
    if attempt is None:
        return "no such attempt"
    finding = await method.query(attempt)
    if isinstance(finding, model.Over | model.Unpaid | model.NotThere) and at > attempt.deadline + model.GRACE:
        await method.expire(attempt)  # Nobody may pay it any more; money that came in this moment is found next time.
        finding = await method.query(attempt)
    return await apply(database, attempt_id, finding, at=at)


async def apply(database: Database, attempt_id: UUID, finding: Finding, *, at: datetime) -> str:
    """Apply a finding under the charge's lock, with its event in the same transaction."""
    async with database.transaction("apply") as tx:
        before = await store.attempt(tx, attempt_id)
        if before is None:
            return "no such attempt"
        charge = await store.find(tx, before.charge_id, lock=True)
        attempt = await store.attempt(tx, attempt_id)
        assert charge is not None  # noqa: S101 - the attempt's foreign key
        assert attempt is not None  # noqa: S101 - read a moment ago, never deleted
        tx = Transaction(tx.session, tx.service, charge.correlation_id)  # noqa: PLW2901 - the charge's own id from here
        outcome = model.judge(charge, attempt, finding, at=at)
        newer = replace(attempt, state=model.state_after(attempt, finding, outcome), polls=attempt.polls + 1)
        if isinstance(finding, Paid) and newer.state == "captured":
            newer = replace(newer, captured=finding.amount, captured_at=finding.at)
        poll_at = model.next_poll(newer, at=at)
        await store.save_attempt(tx, newer, next_poll_at=poll_at)
        await _conclude(tx, charge, newer, finding, outcome, at=at)
        return type(outcome).__name__


async def _conclude(
    tx: Transaction, charge: Charge, attempt: Attempt, finding: Finding, outcome: model.Outcome, *, at: datetime
) -> None:
    match outcome:
        case model.Captured():
            assert isinstance(finding, Paid)  # noqa: S101 - judge's promise
            newer = replace(
                charge,
                status="captured",
                method=attempt.method,
                version=charge.version + 1,
                captured_at=finding.at,
                captured=finding.amount,
                captured_by=attempt.id,
            )
            await store.save(tx, newer)
            await publish(tx, facts.captured(newer, attempt, amount=finding.amount, at=finding.at), newer, at=at)
            await store.note(tx, charge.id, f"Paid: {finding.amount} by {attempt.method}.", at=at)
        case model.Unallocated(cause=cause):
            assert isinstance(finding, Paid)  # noqa: S101 - judge's promise
            newer = replace(charge, version=charge.version + 1)
            await store.save(tx, newer)
            fact = facts.unallocated(newer, method=attempt.method, amount=finding.amount, cause=cause, at=at)
            await publish(tx, fact, newer, at=at)
            await store.note(tx, charge.id, f"Money without a place: {finding.amount}, {cause}.", at=at)
        case model.Failed(reason=reason):
            await _unless_others_live(tx, charge, attempt, "failed", facts.failed(charge, reason=reason, at=at), at=at)
        case model.Expired():
            await _unless_others_live(tx, charge, attempt, "expired", facts.expired(charge, at=at), at=at)
        case model.Unchanged():
            return
        case _:
            assert_never(outcome)


async def _unless_others_live(
    tx: Transaction, charge: Charge, attempt: Attempt, status: model.Status, fact: Fact, *, at: datetime
) -> None:
    """End a charge with its attempt, unless it is paid or another attempt may still be."""
    await store.note(tx, charge.id, f"The attempt by {attempt.method} {status}.", at=at)
    if charge.captured_at is not None or charge.status == status:
        return
    others = await store.attempts_of(tx, charge.id)
    if any(each.id != attempt.id and each.state in {"prepared", "open", "unknown"} for each in others):
        return
    newer = replace(charge, status=status, version=charge.version + 1)
    await store.save(tx, newer)
    await publish(tx, fact, newer, at=at)


async def publish(tx: Transaction, fact: Fact, charge: Charge, *, at: datetime) -> None:
    """Write a charge's event to the outbox under the version that the charge has now."""
    await tx.publish(fact, subject=charge.id, version=charge.version, event_id=new_id(), at=at)
    await tx.wake(store.CHARGE_CHANNEL, str(charge.id))
