"""Rows of charges and attempts."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text

from kernel import outbox
from kernel.money import Yen
from kernel.outbox import Pending
from kernel.rows import Transaction, Write
from payments.charges.history import SENTENCES
from payments.charges.model import Attempt, Charge, Part


async def find(tx: Transaction, charge_id: UUID, *, lock: bool = False) -> Charge | None:
    """Return a charge, locked for a change if wanted."""
    found = await tx.session.execute(
        text(f"SELECT * FROM charges WHERE id = :id{' FOR UPDATE' if lock else ''}"), {"id": charge_id}
    )
    row = found.one_or_none()
    return None if row is None else to_charge(row)


async def find_by_reference(tx: Transaction, caller: str, reference: str) -> Charge | None:
    """Return the charge of a caller's reference, locked for a change."""
    found = await tx.session.execute(
        text("SELECT * FROM charges WHERE caller = :caller AND reference = :reference FOR UPDATE"),
        {"caller": caller, "reference": reference},
    )
    row = found.one_or_none()
    return None if row is None else to_charge(row)


async def of_caller(
    tx: Transaction, caller: str, *, reference: str = "", before: UUID | None = None, limit: int
) -> list[Charge]:
    """Return a caller's charges, newest first (their ids sort by time), of one reference if given."""
    rows = await tx.execute(
        # One statement for each wish, so that either finds its index.
        f"SELECT * FROM charges WHERE caller = :caller {'AND reference = :reference ' if reference else ''}"
        "AND (CAST(:before AS uuid) IS NULL OR id < :before) ORDER BY id DESC LIMIT :limit",
        **({"reference": reference} if reference else {}),
        caller=caller,
        before=before,
        limit=limit,
    )
    return [to_charge(row) for row in rows]


async def add(tx: Transaction, charge: Charge) -> bool:
    """Insert a charge; tell whether its reference was new."""
    found = await tx.execute(
        f"{_ADD} ON CONFLICT (caller, reference) DO NOTHING RETURNING id", **_charge_values(charge)
    )
    return found.one_or_none() is not None


_ADD = (
    "INSERT INTO charges (id, caller, reference, amount, method, status, description, expires_at, return_url, "
    "locale, facility, allocations, version, correlation_id, created_at) "
    "SELECT CAST(:n_id AS uuid), :n_caller, :n_reference, :n_amount, :n_method, :n_status, :n_description, "
    "CAST(:n_expires_at AS timestamptz), :n_return_url, :n_locale, :n_facility, CAST(:n_parts AS jsonb), :n_version, "
    ":n_correlation_id, CAST(:n_created_at AS timestamptz)"
)


def _charge_values(charge: Charge) -> dict[str, Any]:
    return {
        "n_id": charge.id,
        "n_caller": charge.caller,
        "n_reference": charge.reference,
        "n_amount": charge.amount.amount,
        "n_method": charge.method,
        "n_status": charge.status,
        "n_description": charge.description,
        "n_expires_at": charge.expires_at,
        "n_return_url": charge.return_url,
        "n_locale": charge.locale,
        "n_facility": charge.facility,
        "n_parts": json.dumps([_part_to_json(part) for part in charge.parts]),
        "n_version": charge.version,
        "n_correlation_id": charge.correlation_id,
        "n_created_at": charge.created_at,
    }


async def add_opened(
    tx: Transaction,
    charge: Charge,
    attempt: Attempt,
    *,
    claiming: Write,
    noted: Write,
    event: Pending,
    next_poll_at: datetime | None,
) -> bool:
    """Insert a charge, its attempt, a line of history and its event, if its key and its reference are both new.

    One statement. False: no charge was written; the key may have been claimed.
    """
    adding = adding_attempt(attempt, next_poll_at=next_poll_at)
    found = await tx.execute(
        f"WITH claimed AS ({claiming.sql}), "
        f"charge AS ({_ADD} FROM claimed ON CONFLICT (caller, reference) DO NOTHING RETURNING id), "
        f"attempt AS ({adding.sql} FROM charge), noted AS ({noted.sql} FROM charge), "
        f"sent AS ({outbox.INSERT_MANY} WHERE EXISTS (SELECT FROM charge)) SELECT pg_notify(:wake, '') FROM charge",
        **claiming.parameters,
        **_charge_values(charge),
        **adding.parameters,
        **noted.parameters,
        **outbox.parameters_of([event]),
        wake=outbox.OUTBOX_CHANNEL,
    )
    return found.first() is not None


def saving(charge: Charge) -> Write:
    """Return the write of a charge's new state."""
    return Write(
        "UPDATE charges SET status = :c_status, method = :c_method, version = :c_version, expires_at = :c_expires_at, "
        "captured_at = :c_captured_at, captured_amount = :c_captured, captured_by = :c_captured_by WHERE id = :c_id",
        {
            "c_id": charge.id,
            "c_status": charge.status,
            "c_method": charge.method,
            "c_version": charge.version,
            "c_expires_at": charge.expires_at,
            "c_captured_at": charge.captured_at,
            "c_captured": charge.captured.amount if charge.captured else None,
            "c_captured_by": charge.captured_by,
        },
    )


async def save(tx: Transaction, charge: Charge) -> None:
    """Write a charge's new state."""
    await tx.write(saving(charge))


def noting(charge_id: UUID, kind: str, /, *, at: datetime, **fields: Yen | str) -> Write:
    """Return the write of a line of a charge's history: a kind of history.SENTENCES and its values."""
    assert kind in SENTENCES  # noqa: S101 - a line that nobody could read
    values = {name: value.amount if isinstance(value, Yen) else value for name, value in fields.items()}
    return Write(
        "INSERT INTO charge_history (charge_id, at, kind, fields) SELECT "
        "CAST(:h_id AS uuid), CAST(:h_at AS timestamptz), CAST(:h_kind AS text), CAST(:h_fields AS jsonb)",
        {"h_id": charge_id, "h_at": at, "h_kind": kind, "h_fields": json.dumps(values, ensure_ascii=False)},
    )


async def note(tx: Transaction, charge_id: UUID, kind: str, /, *, at: datetime, **fields: Yen | str) -> None:
    """Add a line to a charge's history."""
    await tx.write(noting(charge_id, kind, at=at, **fields))


async def history(tx: Transaction, charge_id: UUID) -> list[tuple[datetime, str, dict[str, Any]]]:
    """Return (when, kind, values) of everything that happened to a charge, oldest first."""
    rows = await tx.session.execute(
        text("SELECT at, kind, fields, words FROM charge_history WHERE charge_id = :id ORDER BY position"),
        {"id": charge_id},
    )
    return [(row.at, row.kind or "", dict(row.fields) | ({"words": row.words} if row.words else {})) for row in rows]


def adding_attempt(attempt: Attempt, *, next_poll_at: datetime | None) -> Write:
    """Return the write of a new attempt; it is committed before its provider is called."""
    return Write(
        "INSERT INTO attempts (id, charge_id, method, state, amount, deadline, created_at, next_poll_at) "
        "SELECT CAST(:a_id AS uuid), CAST(:a_charge_id AS uuid), :a_method, :a_state, :a_amount, "
        "CAST(:a_deadline AS timestamptz), CAST(:a_created_at AS timestamptz), CAST(:a_next_poll_at AS timestamptz)",
        {
            "a_id": attempt.id,
            "a_charge_id": attempt.charge_id,
            "a_method": attempt.method,
            "a_state": attempt.state,
            "a_amount": attempt.amount.amount,
            "a_deadline": attempt.deadline,
            "a_created_at": attempt.created_at,
            "a_next_poll_at": next_poll_at,
        },
    )


_ATTEMPT = (
    "state = :a_state, provider_id = :a_provider_id, pay_url = :a_pay_url, shown = CAST(:a_shown AS jsonb), "
    "deadline = :a_deadline, polls = :a_polls, next_poll_at = :a_next_poll_at, "
    "captured_at = :a_captured_at, captured_amount = :a_captured"
)


def _attempt_values(attempt: Attempt, next_poll_at: datetime | None) -> dict[str, Any]:
    return {
        "a_id": attempt.id,
        "a_state": attempt.state,
        "a_provider_id": attempt.provider_id,
        "a_pay_url": attempt.pay_url,
        "a_shown": json.dumps(dict(attempt.shown or {})),
        "a_deadline": attempt.deadline,
        "a_polls": attempt.polls,
        "a_next_poll_at": next_poll_at,
        "a_captured_at": attempt.captured_at,
        "a_captured": attempt.captured.amount if attempt.captured else None,
    }


def saving_attempt(attempt: Attempt, *, next_poll_at: datetime | None) -> Write:
    """Return the write of an attempt's new state."""
    return Write(f"UPDATE attempts SET {_ATTEMPT} WHERE id = :a_id", _attempt_values(attempt, next_poll_at))


async def save_if_untouched(tx: Transaction, attempt: Attempt, noted: Write, *, next_poll_at: datetime | None) -> bool:
    """Write an attempt's new state and a line of history, if nobody has heard of the attempt since it was prepared.

    One statement, under the charge's lock as every change; False changed nothing.
    """
    found = await tx.execute(
        "WITH charge AS (SELECT id FROM charges WHERE id = :a_charge_id FOR UPDATE), "
        f"moved AS (UPDATE attempts SET {_ATTEMPT} FROM charge WHERE attempts.id = :a_id "
        "AND attempts.charge_id = charge.id AND attempts.state IN ('prepared', 'unknown') RETURNING attempts.id), "
        f"noted AS ({noted.sql} FROM moved) SELECT id FROM moved",
        a_charge_id=attempt.charge_id,
        **_attempt_values(attempt, next_poll_at),
        **noted.parameters,
    )
    return found.first() is not None


async def save_attempt(tx: Transaction, attempt: Attempt, *, next_poll_at: datetime | None) -> None:
    """Write an attempt's new state."""
    await tx.write(saving_attempt(attempt, next_poll_at=next_poll_at))


async def attempts_of(tx: Transaction, charge_id: UUID) -> list[Attempt]:
    """Return a charge's attempts, oldest first."""
    rows = await tx.session.execute(
        text("SELECT * FROM attempts WHERE charge_id = :id ORDER BY created_at, id"), {"id": charge_id}
    )
    return [to_attempt(row) for row in rows]


async def given_back(tx: Transaction, attempt_id: UUID) -> Yen:
    """Return what of an attempt's money went back, or is about to; call it with the charge locked."""
    found = await tx.session.execute(
        text("SELECT coalesce(sum(amount), 0) FROM refunds WHERE attempt_id = :id AND state <> 'failed'"),
        {"id": attempt_id},
    )
    return Yen(int(found.scalar_one()))


async def find_attempts(tx: Transaction, references: Collection[str]) -> dict[str, list[Attempt]]:
    """Return the attempts that providers may mean: by our own references first, then by the providers' ids."""
    # Two statements of which each finds its index; a provider may well use the form of a UUID for its own ids.
    ours = {key: each for each in references if (key := _uuid(each)) is not None}
    found: dict[str, list[Attempt]] = {each: [] for each in references}
    if ours:
        for row in await tx.execute("SELECT * FROM attempts WHERE id = ANY(:ids)", ids=list(ours)):
            found[ours[row.id]].append(to_attempt(row))
    if references:
        for row in await tx.execute("SELECT * FROM attempts WHERE provider_id = ANY(:ids)", ids=list(references)):
            found[row.provider_id].append(to_attempt(row))
    return found


def _uuid(given: str) -> UUID | None:
    try:
        return UUID(given)
    except ValueError:
        return None


async def due_attempts(
    tx: Transaction, methods: Sequence[str], *, at: datetime, limit: int, lease_until: datetime
) -> list[Attempt]:
    """Lease and return attempts of some methods whose provider is to be asked; another poller skips them meanwhile."""
    rows = await tx.session.execute(
        text(
            "UPDATE attempts SET next_poll_at = :lease, asked_at = :at "
            "WHERE id IN (SELECT id FROM attempts WHERE next_poll_at <= :at AND method = ANY(:methods) "
            "ORDER BY next_poll_at LIMIT :limit FOR UPDATE SKIP LOCKED) RETURNING *"
        ),
        {"at": at, "methods": list(methods), "limit": limit, "lease": lease_until},
    )
    return [to_attempt(row) for row in rows]


async def over(tx: Transaction, *, at: datetime, limit: int) -> list[UUID]:
    """Return charges that wait although their time was over before a moment and no attempt can be paid."""
    rows = await tx.session.execute(
        text(
            "SELECT id FROM charges c WHERE status IN ('pending', 'unknown') AND expires_at <= :at "
            "AND NOT EXISTS (SELECT FROM attempts a WHERE a.charge_id = c.id "
            "AND a.state IN ('prepared', 'open', 'unknown')) "
            "ORDER BY expires_at LIMIT :limit"
        ),
        {"at": at, "limit": limit},
    )
    return [row.id for row in rows]


async def attempt(tx: Transaction, attempt_id: UUID, *, lock: bool = False) -> Attempt | None:
    """Return one attempt, locked for a change if wanted: after its charge, never before."""
    found = await tx.session.execute(
        text(f"SELECT * FROM attempts WHERE id = :id{' FOR UPDATE' if lock else ''}"), {"id": attempt_id}
    )
    row = found.one_or_none()
    return None if row is None else to_attempt(row)


async def hasten(tx: Transaction, attempt_id: UUID, *, at: datetime, pause: timedelta) -> None:
    """Ask an attempt's provider soon, because somebody waits; two questions are at least `pause` apart."""
    await tx.session.execute(
        text(
            "UPDATE attempts SET next_poll_at = greatest(CAST(:at AS timestamptz), asked_at + :pause) "
            "WHERE id = :id AND next_poll_at > greatest(CAST(:at AS timestamptz), asked_at + :pause)"
        ),
        {"id": attempt_id, "at": at, "pause": pause},
    )


async def ask_at(tx: Transaction, attempt_id: UUID, at: datetime) -> None:
    """Put off a question that could not be sent; it does not count as one."""
    await tx.session.execute(
        text("UPDATE attempts SET next_poll_at = :at WHERE id = :id AND next_poll_at IS NOT NULL"),
        {"id": attempt_id, "at": at},
    )


async def ask_soon(tx: Transaction, attempt_id: UUID, *, at: datetime) -> None:
    """Have an attempt's provider asked now, and again from the shortest wait on."""
    await tx.session.execute(
        text("UPDATE attempts SET next_poll_at = :at, polls = 0 WHERE id = :id"), {"id": attempt_id, "at": at}
    )


def to_charge(row: Any) -> Charge:
    """Parse a row."""
    return Charge(
        id=row.id,
        caller=row.caller,
        reference=row.reference,
        amount=Yen(row.amount),
        method=row.method,
        status=row.status,
        description=row.description,
        expires_at=row.expires_at,
        return_url=row.return_url,
        locale=row.locale,
        facility=row.facility,
        parts=tuple(_part_from_json(part) for part in row.allocations),
        version=row.version,
        correlation_id=row.correlation_id,
        created_at=row.created_at,
        captured_at=row.captured_at,
        captured=None if row.captured_amount is None else Yen(row.captured_amount),
        captured_by=row.captured_by,
    )


def to_attempt(row: Any) -> Attempt:
    """Parse a row."""
    return Attempt(
        id=row.id,
        charge_id=row.charge_id,
        method=row.method,
        state=row.state,
        amount=Yen(row.amount),
        deadline=row.deadline,
        created_at=row.created_at,
        provider_id=row.provider_id,
        pay_url=row.pay_url,
        shown=dict(row.shown),
        polls=row.polls,
        captured_at=row.captured_at,
        captured=None if row.captured_amount is None else Yen(row.captured_amount),
    )


def _part_to_json(part: Part) -> dict[str, Any]:
    return {
        "facility": part.facility,
        "product": part.product,
        "revenue_owner": part.revenue_owner,
        "revenue_account": part.revenue_account,
        "tax_rate_percent": part.tax_rate_percent,
        "amount": part.amount.amount,
    }


def _part_from_json(kept: dict[str, Any]) -> Part:
    return Part(**(kept | {"amount": Yen(kept["amount"])}))


def parts_total(parts: Sequence[Part]) -> Yen:
    """Return what the parts add up to."""
    return Yen(sum(part.amount.amount for part in parts))
