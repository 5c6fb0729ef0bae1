"""What is done with collecting systems: know one by its key, make and change one, replace its keys and secrets."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from kernel.refusals import Conflict, Unauthenticated
from kernel.rows import Transaction
from payments.collecting import model, store
from payments.collecting.model import Key, Secret, System

SYSTEMS_MAX = 500


class WrongKey(Unauthenticated):
    """The API key is unknown, expired or revoked."""

    slug = "api-key-not-valid"
    advice = "This API key is unknown, has expired or was revoked. Ask Momiji's administrator for a new one."


class TooManySystems(Conflict):
    """There is no room for another system."""

    slug = "too-many-collecting-systems"
    advice = "There are {count} collecting systems already, which is the most. Reuse one of them."


async def known(tx: Transaction, presented: str, *, at: datetime) -> System:
    """Return the system that an API key belongs to. Raises WrongKey, without telling what is wrong with it."""
    prefix = model.prefix_of(presented)
    key = None if prefix is None else await store.key_of(tx, prefix)
    if key is None or not model.opens(key, presented, at=at):
        raise WrongKey
    system = await store.find(tx, key.system)
    if system is None or not system.active:
        raise WrongKey
    await store.used(tx, key, at=at)
    return system


async def make(tx: Transaction, system: System, *, secret_id: UUID, actor: str, at: datetime) -> Secret:
    """Add a system with its first webhook secret. Raises NameReserved, SystemExists or TooManySystems."""
    if system.name in model.SERVICES:
        raise model.NameReserved(name=system.name)
    if len(await store.every(tx, limit=SYSTEMS_MAX)) >= SYSTEMS_MAX:
        raise TooManySystems(count=SYSTEMS_MAX)
    if not await store.add(tx, system):
        raise model.SystemExists(name=system.name)
    secret = Secret(secret_id, system.name, at)
    await store.add_secret(tx, secret)
    await store.audit(tx, actor, "collecting_system.made", system.name, at=at)
    return secret


async def change(tx: Transaction, wanted: System, *, actor: str, at: datetime) -> System:
    """Write what is wanted of a system that is there. Raises UnknownSystem."""
    before = await _locked(tx, wanted.name)
    newer = replace(wanted, created_at=before.created_at)
    await store.save(tx, newer)
    await store.audit(tx, actor, "collecting_system.changed", wanted.name, at=at, active=str(newer.active).lower())
    return newer


async def give_key(
    tx: Transaction, name: str, *, prefix: str, random: str, expires_at: datetime | None, actor: str, at: datetime
) -> str:
    """Add an API key and return it, which nobody can ever again. Raises UnknownSystem or TwoActive."""
    await _locked(tx, name)
    if sum(each.counts(at=at) for each in await store.keys(tx, [name])) >= model.ACTIVE_MAX:
        raise model.TwoActive
    key = f"{model.KEY_MARK}{prefix}_{random}"
    assert model.prefix_of(key) == prefix  # noqa: S101 - what we hand out is what we would take
    await store.add_key(tx, Key(prefix, name, model.sha256_of(key), at, expires_at))
    await store.audit(tx, actor, "collecting_key.made", name, at=at, prefix=prefix)
    return key


async def revoke_key(tx: Transaction, name: str, prefix: str, *, actor: str, at: datetime) -> None:
    """End a key at once. Raises UnknownKey."""
    if not await store.revoke_key(tx, name, prefix, at=at):
        raise model.UnknownKey(prefix=prefix[:40])
    await store.audit(tx, actor, "collecting_key.revoked", name, at=at, prefix=prefix)


async def give_secret(tx: Transaction, name: str, *, secret_id: UUID, actor: str, at: datetime) -> Secret:
    """Add a webhook secret; messages are signed with both until the old one is revoked. Raises TwoActive."""
    await _locked(tx, name)
    if len(await store.secrets(tx, [name])) >= model.ACTIVE_MAX:
        raise model.TwoActive
    secret = Secret(secret_id, name, at)
    await store.add_secret(tx, secret)
    await store.audit(tx, actor, "collecting_secret.made", name, at=at, id=str(secret_id))
    return secret


async def revoke_secret(tx: Transaction, name: str, secret_id: UUID, *, actor: str, at: datetime) -> None:
    """End a webhook secret. Raises UnknownKey."""
    if not await store.revoke_secret(tx, name, secret_id, at=at):
        raise model.UnknownKey(prefix=str(secret_id))
    await store.audit(tx, actor, "collecting_secret.revoked", name, at=at, id=str(secret_id))


async def _locked(tx: Transaction, name: str) -> System:
    system = await store.find(tx, name, lock=True)
    if system is None:
        raise model.UnknownSystem(name=name[:40])
    return system
