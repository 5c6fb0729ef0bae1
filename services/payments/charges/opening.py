"""Writing down what a caller wants to be paid, and the attempt at it, before any provider is called."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from kernel.clock import new_id
from kernel.money import Yen
from kernel.rows import Transaction, Write
from payments.charges import facts, model, store
from payments.charges.actions import event_of, publish
from payments.charges.model import Attempt, Charge, Part


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
    new: bool = False  # whether the charge was not there before


async def prepare(
    tx: Transaction, asked: Asked, *, reopens: bool, charge_id: UUID, attempt_id: UUID, at: datetime
) -> Prepared:
    """Write the charge and its attempt before any provider is called; find both again on a repeat.

    `reopens`: the method answers a repeated call as it did the first; else a lost answer needs a new attempt.
    """
    charge = _new_charge(tx, asked, charge_id, at)
    if await store.add(tx, charge):
        if not charge.method:  # The payer chooses; events begin then.
            await store.note(tx, charge.id, "opened_for_choice", amount=charge.amount, at=at)
            return Prepared(charge, None, (), new=True)
        attempt = _new_attempt(charge, attempt_id, at)
        await tx.write(
            store.adding_attempt(attempt, next_poll_at=model.next_poll(attempt, at=at)),
            store.noting(charge.id, "opened", amount=charge.amount, method=charge.method, at=at),
            events=[event_of(tx, facts.requested(charge), charge, new_id(), at=at)],
        )
        return Prepared(charge, attempt, (), new=True)
    kept = await store.find_by_reference(tx, asked.caller, asked.reference)
    assert kept is not None  # noqa: S101 - its insertion just conflicted
    if kept.amount != asked.amount:
        raise model.AmountDiffers(reference=asked.reference)
    attempts = await store.attempts_of(tx, kept.id)
    if kept.captured_at is not None:
        return Prepared(kept, None, ())
    if not asked.method:  # As it was chosen, or not yet; only its time may be longer now.
        return Prepared(await _longer(tx, kept, asked.expires_at, at=at), None, ())
    living = [each for each in attempts if each.state in model.LIVING and each.deadline > at]
    same = next((each for each in living if each.method == asked.method and (reopens or each.provider_id)), None)
    if same is not None and kept.method == asked.method:
        return Prepared(kept, same if same.provider_id is None else None, ())
    status: model.Status = (
        "unallocated" if kept.status == "unallocated" else "pending"
    )  # Money that lies here is not forgotten.
    newer = replace(kept, method=asked.method, status=status, expires_at=asked.expires_at, version=kept.version)
    await store.save(tx, newer)
    if kept.method:
        await store.note(tx, kept.id, "tried_again", method=asked.method, at=at)
    else:
        await publish(tx, facts.requested(newer), newer, at=at)
        await store.note(tx, kept.id, "chosen", method=asked.method, at=at)
    attempt = _new_attempt(newer, attempt_id, at)
    await tx.write(store.adding_attempt(attempt, next_poll_at=model.next_poll(attempt, at=at)))
    return Prepared(newer, attempt, tuple(living))


async def prepare_at_once(
    tx: Transaction, asked: Asked, *, claiming: Write, charge_id: UUID, attempt_id: UUID, at: datetime
) -> Prepared | None:
    """Write a new charge of a chosen method, its attempt, event and history, and claim its key, in one statement.

    None: the key or the reference is known, or the key is in use; then `prepare` finds out which.
    """
    charge = _new_charge(tx, asked, charge_id, at)
    attempt = _new_attempt(charge, attempt_id, at)
    written = await store.add_opened(
        tx,
        charge,
        attempt,
        claiming=claiming,
        noted=store.noting(charge.id, "opened", amount=charge.amount, method=charge.method, at=at),
        event=event_of(tx, facts.requested(charge), charge, new_id(), at=at),
        next_poll_at=model.next_poll(attempt, at=at),
    )
    return Prepared(charge, attempt, (), new=True) if written else None


def _new_charge(tx: Transaction, asked: Asked, charge_id: UUID, at: datetime) -> Charge:
    return Charge(
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


async def _longer(tx: Transaction, charge: Charge, expires_at: datetime, *, at: datetime) -> Charge:
    """Give the payer of a charge more time; what had ended unpaid waits again."""
    if expires_at <= max(charge.expires_at, at):
        return charge
    status: model.Status = "pending" if charge.status in {"failed", "expired"} else charge.status
    newer = replace(charge, expires_at=expires_at, status=status)
    await store.save(tx, newer)
    return newer


def _new_attempt(charge: Charge, attempt_id: UUID, at: datetime) -> Attempt:
    return Attempt(
        id=attempt_id,
        charge_id=charge.id,
        method=charge.method,
        state="prepared",
        amount=charge.amount,
        deadline=charge.expires_at,
        created_at=at,
    )
