"""Rows of collecting systems, their keys and their webhook secrets."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from kernel.rows import Transaction
from payments.collecting.model import Account, Key, Secret, System

USED_EVERY = timedelta(hours=1)  # how exactly the last use of a key is known


async def add(tx: Transaction, system: System) -> bool:
    """Insert a system; tell whether its name was new."""
    found = await tx.execute(
        "INSERT INTO collecting_systems "
        "(name, title, facility, methods, accounts, return_origins, webhook_url, active, created_at) "
        "VALUES (:name, :title, :facility, :methods, CAST(:accounts AS jsonb), :origins, :webhook_url, :active, :at) "
        "ON CONFLICT (name) DO NOTHING RETURNING name",
        **_values(system),
        at=system.created_at,
    )
    return found.one_or_none() is not None


async def save(tx: Transaction, system: System) -> None:
    """Write what may change of a system."""
    await tx.execute(
        "UPDATE collecting_systems SET title = :title, facility = :facility, methods = :methods, "
        "accounts = CAST(:accounts AS jsonb), return_origins = :origins, webhook_url = :webhook_url, active = :active "
        "WHERE name = :name",
        **_values(system),
    )


def _values(system: System) -> dict[str, Any]:
    accounts = [{"owner": each.owner, "account": each.account} for each in system.accounts]
    return {
        "name": system.name,
        "title": system.title,
        "facility": system.facility,
        "methods": list(system.methods),
        "accounts": json.dumps(accounts, ensure_ascii=False),
        "origins": list(system.return_origins),
        "webhook_url": system.webhook_url,
        "active": system.active,
    }


async def find(tx: Transaction, name: str, *, lock: bool = False) -> System | None:
    """Return a system, locked for a change if wanted."""
    found = await tx.execute(
        f"SELECT * FROM collecting_systems WHERE name = :name{' FOR UPDATE' if lock else ''}", name=name
    )
    row = found.one_or_none()
    return None if row is None else _to_system(row)


async def every(tx: Transaction, *, limit: int) -> list[System]:
    """Return the systems by name."""
    rows = await tx.execute("SELECT * FROM collecting_systems ORDER BY name LIMIT :limit", limit=limit)
    return [_to_system(row) for row in rows]


async def key_of(tx: Transaction, prefix: str) -> Key | None:
    """Return a key by its visible prefix."""
    row = (await tx.execute("SELECT * FROM collecting_keys WHERE prefix = :prefix", prefix=prefix)).one_or_none()
    return None if row is None else _to_key(row)


async def keys(tx: Transaction, names: Sequence[str]) -> list[Key]:
    """Return the keys of systems, newest first, revoked ones too."""
    rows = await tx.execute(
        "SELECT * FROM collecting_keys WHERE system = ANY(:names) ORDER BY created_at DESC, prefix", names=list(names)
    )
    return [_to_key(row) for row in rows]


async def add_key(tx: Transaction, key: Key) -> None:
    """Insert a key."""
    await tx.execute(
        "INSERT INTO collecting_keys (prefix, system, sha256, created_at, expires_at) "
        "VALUES (:prefix, :system, :sha256, :created_at, :expires_at)",
        prefix=key.prefix,
        system=key.system,
        sha256=key.sha256,
        created_at=key.created_at,
        expires_at=key.expires_at,
    )


async def revoke_key(tx: Transaction, system: str, prefix: str, *, at: datetime) -> bool:
    """End a key; tell whether there was one to end."""
    found = await tx.execute(
        "UPDATE collecting_keys SET revoked_at = :at "
        "WHERE system = :system AND prefix = :prefix AND revoked_at IS NULL RETURNING prefix",
        system=system,
        prefix=prefix,
        at=at,
    )
    return found.one_or_none() is not None


async def used(tx: Transaction, key: Key, *, at: datetime) -> None:
    """Write down that a key was used, once an hour: who replaces a key looks whether the old one still is."""
    if key.last_used_at is None or key.last_used_at + USED_EVERY <= at:
        await tx.execute(
            "UPDATE collecting_keys SET last_used_at = :at WHERE prefix = :prefix", prefix=key.prefix, at=at
        )


async def secrets(tx: Transaction, names: Sequence[str]) -> list[Secret]:
    """Return the active webhook secrets of systems, oldest first."""
    rows = await tx.execute(
        "SELECT * FROM collecting_secrets WHERE system = ANY(:names) AND revoked_at IS NULL ORDER BY created_at, id",
        names=list(names),
    )
    return [Secret(row.id, row.system, row.created_at, row.revoked_at) for row in rows]


async def add_secret(tx: Transaction, secret: Secret) -> None:
    """Insert a webhook secret's id."""
    await tx.execute(
        "INSERT INTO collecting_secrets (id, system, created_at) VALUES (:id, :system, :at)",
        id=secret.id,
        system=secret.system,
        at=secret.created_at,
    )


async def revoke_secret(tx: Transaction, system: str, secret_id: UUID, *, at: datetime) -> bool:
    """End a webhook secret; tell whether there was one to end."""
    found = await tx.execute(
        "UPDATE collecting_secrets SET revoked_at = :at "
        "WHERE system = :system AND id = :id AND revoked_at IS NULL RETURNING id",
        system=system,
        id=secret_id,
        at=at,
    )
    return found.one_or_none() is not None


async def audit(tx: Transaction, actor: str, action: str, system: str, *, at: datetime, **details: str) -> None:
    """Write into the audit trail who changed what of a system; never a key."""
    await tx.execute(
        "INSERT INTO audit (at, actor, action, subject, details) "
        "VALUES (:at, :actor, :action, :subject, CAST(:details AS jsonb))",
        at=at,
        actor=actor,
        action=action,
        subject=f"collecting_system:{system}",
        details=json.dumps(details, ensure_ascii=False),
    )


def _to_system(row: Any) -> System:
    return System(
        name=row.name,
        title=row.title,
        facility=row.facility,
        methods=tuple(row.methods),
        accounts=tuple(Account(each["owner"], each["account"]) for each in row.accounts),
        return_origins=tuple(row.return_origins),
        webhook_url=row.webhook_url,
        active=row.active,
        created_at=row.created_at,
    )


def _to_key(row: Any) -> Key:
    return Key(
        row.prefix,
        row.system,
        bytes(row.sha256),
        row.created_at,
        row.expires_at,
        row.revoked_at,
        row.last_used_at,
    )
