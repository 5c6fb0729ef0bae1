"""Rows of transfers and of their history."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from kernel.money import Yen
from kernel.rows import Transaction
from payments.transfers.model import IDLE_MAX, State, Transfer
from payments.transfers.sealing import Sealed

# What a history says: msgids; the pages translate them.
SENTENCES: Final[dict[str, str]] = {
    "submitted": "The payer named an account at {bank}, ending in {end}.",
    "opened": "{actor} opened the account to check it.",
    "opened_to_approve": "{actor} opened the account to approve it.",
    "shown": "The account was shown to {actor}.",
    "proposed": "{actor} checked the account and proposed the transfer.",
    "approved": "{actor} approved the transfer.",
    "sent_back": "{actor} asked the payer again: {words}",
    "rejected": "{actor} rejected the refund: {words}",
    "sent": "Sent to {method}.",
    "refused": "{method} did not accept the account; the payer is asked again.",
    "sent_again": "It had not reached {method}; it is sent again.",
    "in_file": "{actor} put it into file {file}, row {row}.",
    "withdrawn": "{actor} withdrew file {file}; it waits for another one.",
    "returned": "{actor} noted that the bank returned it: {words}",
    "transferred": "The money was transferred.",
    "failed": "{method} rejected the transfer.",
    "forgotten": "The account was deleted after 90 days without progress.",
}

SAVE = (
    "UPDATE transfers SET state = :state, moved_at = :moved_at, key_id = :key_id, sealed = :sealed, "
    "bank_name = :bank_name, number_end = :number_end, checker = :checker, approver = :approver, route = :route, "
    "fault = :fault, words = :words, purged_at = :purged_at WHERE id = :id"
)


async def add(tx: Transaction, *, refund_id: UUID, charge_id: UUID, amount: Yen, at: datetime) -> None:
    """Begin the transfer of a refund that was just added."""
    await tx.execute(
        "INSERT INTO transfers (id, charge_id, amount, state, opened_at, moved_at) "
        "VALUES (:id, :charge_id, :amount, 'awaiting_account', :at, :at)",
        id=refund_id,
        charge_id=charge_id,
        amount=amount.amount,
        at=at,
    )


async def adopt(tx: Transaction, charge_id: UUID, *, at: datetime) -> None:
    """Begin the transfers of refunds that an older version added while this one was being installed."""
    await tx.execute(
        "INSERT INTO transfers (id, charge_id, amount, state, opened_at, moved_at) "
        "SELECT id, charge_id, amount, 'awaiting_account', requested_at, CAST(:at AS timestamptz) FROM refunds "
        "WHERE charge_id = :charge AND state = 'needs_bank_account' ON CONFLICT (id) DO NOTHING",
        charge=charge_id,
        at=at,
    )


async def find(tx: Transaction, transfer_id: UUID, *, lock: bool = False) -> Transfer | None:
    """Return a transfer; lock its charge first to change it."""
    found = await tx.execute(f"SELECT * FROM transfers WHERE id = :id{' FOR UPDATE' if lock else ''}", id=transfer_id)
    row = found.one_or_none()
    return None if row is None else to_transfer(row)


async def of_charge(tx: Transaction, charge_id: UUID, *, lock: bool = False) -> list[Transfer]:
    """Return the transfers of a charge, oldest first; lock the charge first to change them."""
    rows = await tx.execute(
        f"SELECT * FROM transfers WHERE charge_id = :id ORDER BY opened_at, id{' FOR UPDATE' if lock else ''}",
        id=charge_id,
    )
    return [to_transfer(row) for row in rows]


async def queue(
    tx: Transaction, states: tuple[State, ...], facilities: list[str] | None, *, limit: int
) -> list[tuple[Transfer, str, str]]:
    """Return transfers in some states, those that wait longest first, each with its reference and method.

    `facilities`: whose are meant; None: all.
    """
    rows = await tx.execute(
        "SELECT t.*, c.reference, a.method FROM transfers t JOIN charges c ON c.id = t.charge_id "
        "JOIN refunds r ON r.id = t.id JOIN attempts a ON a.id = r.attempt_id "
        "WHERE t.state = ANY(:states) AND (CAST(:facilities AS text[]) IS NULL OR c.facility = ANY(:facilities)) "
        "ORDER BY t.moved_at, t.id LIMIT :limit",
        states=list(states),
        facilities=facilities,
        limit=limit,
    )
    return [(to_transfer(row), row.reference, row.method) for row in rows]


async def counts(tx: Transaction, facilities: list[str] | None) -> dict[str, int]:
    """Return how many transfers there are in each state that is not over."""
    rows = await tx.execute(
        "SELECT t.state, count(*) AS number FROM transfers t JOIN charges c ON c.id = t.charge_id "
        "WHERE t.state NOT IN ('transferred', 'rejected') "
        "AND (CAST(:facilities AS text[]) IS NULL OR c.facility = ANY(:facilities)) GROUP BY t.state",
        facilities=facilities,
    )
    return {row.state: row.number for row in rows}


async def save(tx: Transaction, transfer: Transfer) -> None:
    """Write a transfer's new state."""
    await tx.execute(
        SAVE,
        id=transfer.id,
        state=transfer.state,
        moved_at=transfer.moved_at,
        key_id=None if transfer.sealed is None else transfer.sealed.key_id,
        sealed=None if transfer.sealed is None else transfer.sealed.body,
        bank_name=transfer.bank_name,
        number_end=transfer.number_end,
        checker=transfer.checker,
        approver=transfer.approver,
        route=transfer.route,
        fault=transfer.fault,
        words=transfer.words,
        purged_at=transfer.purged_at,
    )


async def note(tx: Transaction, transfer_id: UUID, kind: str, /, *, at: datetime, **fields: str | int) -> None:
    """Add a line to a transfer's history: a kind of SENTENCES and its values. No account goes in."""
    assert kind in SENTENCES  # noqa: S101 - a line that nobody could read
    await tx.execute(
        "INSERT INTO transfer_history (transfer_id, at, kind, fields) VALUES (:id, :at, :kind, CAST(:f AS jsonb))",
        id=transfer_id,
        at=at,
        kind=kind,
        f=json.dumps(fields, ensure_ascii=False),
    )


async def audit(tx: Transaction, action: str, subject: str, *, actor: str, at: datetime) -> None:
    """Write into the installation's audit trail who saw bank data."""
    await tx.execute(
        "INSERT INTO audit (at, actor, action, subject) VALUES (:at, :actor, :action, :subject)",
        at=at,
        actor=actor,
        action=action,
        subject=subject,
    )


async def history(tx: Transaction, transfer_id: UUID) -> list[tuple[datetime, str, dict[str, Any]]]:
    """Return (when, kind, values) of everything that happened to a transfer, oldest first."""
    rows = await tx.execute(
        "SELECT at, kind, fields FROM transfer_history WHERE transfer_id = :id ORDER BY position", id=transfer_id
    )
    return [(row.at, row.kind, dict(row.fields)) for row in rows]


async def idle(tx: Transaction, *, at: datetime, limit: int) -> list[UUID]:
    """Return transfers whose account was kept too long."""
    rows = await tx.execute(
        "SELECT id FROM transfers WHERE sealed IS NOT NULL AND moved_at <= :before ORDER BY moved_at LIMIT :limit",
        before=at - IDLE_MAX,
        limit=limit,
    )
    return [row.id for row in rows]


async def under_older_keys(tx: Transaction, keys: tuple[str, ...], *, limit: int) -> list[tuple[UUID, Sealed]]:
    """Return what is sealed under one of some keys, locked."""
    rows = await tx.execute(
        "SELECT id, key_id, sealed FROM transfers WHERE sealed IS NOT NULL AND key_id = ANY(:keys) "
        "ORDER BY id LIMIT :limit FOR UPDATE SKIP LOCKED",
        keys=list(keys),
        limit=limit,
    )
    return [(row.id, Sealed(row.key_id, bytes(row.sealed))) for row in rows]


async def reseal(tx: Transaction, transfer_id: UUID, sealed: Sealed) -> None:
    """Replace what is sealed by the same under another key."""
    await tx.execute(
        "UPDATE transfers SET key_id = :key_id, sealed = :sealed WHERE id = :id AND sealed IS NOT NULL",
        id=transfer_id,
        key_id=sealed.key_id,
        sealed=sealed.body,
    )


def to_transfer(row: Any) -> Transfer:
    """Parse a row."""
    return Transfer(
        id=row.id,
        charge_id=row.charge_id,
        amount=Yen(row.amount),
        state=row.state,
        opened_at=row.opened_at,
        moved_at=row.moved_at,
        sealed=None if row.sealed is None else Sealed(row.key_id, bytes(row.sealed)),
        bank_name=row.bank_name,
        number_end=row.number_end,
        checker=row.checker,
        approver=row.approver,
        route=row.route,
        fault=row.fault,
        words=row.words,
        purged_at=row.purged_at,
    )
