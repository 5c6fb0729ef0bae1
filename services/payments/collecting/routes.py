"""JSON about collecting systems, for administrators: make one, change it, replace its keys and webhook secrets."""

from __future__ import annotations

import secrets
import string
from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from kernel.access import Principal, Role
from kernel.clock import new_id, new_secret
from kernel.refusals import Invalid
from kernel.rows import Transaction
from kernel.telemetry import correlation_id
from payments.collecting import actions, model, store
from payments.collecting.model import Account, Key, Secret, System
from payments.wiring import Wiring, wiring_of

router = APIRouter(tags=["collecting systems"])

READERS = (Role.ADMIN, Role.AUDITOR)
PREFIX_LETTERS = string.ascii_lowercase + string.digits
Short = Annotated[str, StringConstraints(min_length=1, max_length=64, strip_whitespace=True)]
Long = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]
Url = Annotated[str, StringConstraints(min_length=8, max_length=500, strip_whitespace=True)]


class AccountWanted(BaseModel):
    """A revenue account, and whose money it is."""

    model_config = ConfigDict(extra="forbid")

    owner: Short
    account: Long


class SystemWanted(BaseModel):
    """What an administrator says of a collecting system; `facility` is where the books keep what names none."""

    model_config = ConfigDict(extra="forbid")

    title: Long
    facility: Short
    methods: list[Short] = Field(min_length=1, max_length=20)
    accounts: list[AccountWanted] = Field(min_length=1, max_length=100)
    return_origins: list[Url] = Field(min_length=1, max_length=20)
    webhook_url: Url | None = None
    active: bool = True


class NewSystem(SystemWanted):
    """What `POST /v1/collecting-systems` takes; the name is the caller of its charges and never changes."""

    name: str = Field(pattern=model.NAME.pattern)
    key_days: int | None = Field(default=None, ge=1, le=3660)


class KeyWanted(BaseModel):
    """What `POST /v1/collecting-systems/{name}/keys` takes; without `days` the key is good until it is revoked."""

    model_config = ConfigDict(extra="forbid")

    days: int | None = Field(default=None, ge=1, le=3660)


@router.post("/v1/collecting-systems", status_code=201)
async def post_system(request: Request, wanted: NewSystem) -> dict[str, Any]:
    """Make a system; its first API key and webhook secret are in this answer and never again."""
    wiring, admin, at = _admin(request)
    if wanted.name in wiring.settings.callers:
        raise model.NameReserved(name=wanted.name)
    system = parse(wiring, wanted.name, wanted, at=at)
    async with wiring.database.transaction(correlation_id.get()) as tx:
        secret = await actions.make(tx, system, secret_id=new_id(), actor=admin.name, at=at)
        key = await new_key(tx, wanted.name, days=wanted.key_days, actor=admin.name, at=at)
        shown = await answer(tx, system, at=at)
    return shown | {"key": key, "webhook_secret": wiring.webhook_secret(secret)}


@router.get("/v1/collecting-systems")
async def get_systems(request: Request) -> dict[str, Any]:
    """Return all systems with their keys' prefixes."""
    wiring = wiring_of(request)
    at = wiring.clock.now()
    wiring.sign_in.principal(request, at=at).require(*READERS)
    async with wiring.database.transaction(correlation_id.get()) as tx:
        systems = await store.every(tx, limit=actions.SYSTEMS_MAX)
        return {"systems": [await answer(tx, each, at=at) for each in systems]}


@router.get("/v1/collecting-systems/{name}")
async def get_system(request: Request, name: str) -> dict[str, Any]:
    """Return one system."""
    wiring = wiring_of(request)
    at = wiring.clock.now()
    wiring.sign_in.principal(request, at=at).require(*READERS)
    async with wiring.database.transaction(correlation_id.get()) as tx:
        system = await store.find(tx, name)
        if system is None:
            raise model.UnknownSystem(name=name[:40])
        return await answer(tx, system, at=at)


@router.put("/v1/collecting-systems/{name}")
async def put_system(request: Request, name: str, wanted: SystemWanted) -> dict[str, Any]:
    """Write what is wanted of a system; its name, keys and secrets stay."""
    wiring, admin, at = _admin(request)
    async with wiring.database.transaction(correlation_id.get()) as tx:
        system = await actions.change(tx, parse(wiring, name, wanted, at=at), actor=admin.name, at=at)
        return await answer(tx, system, at=at)


@router.post("/v1/collecting-systems/{name}/keys", status_code=201)
async def post_key(request: Request, name: str, wanted: KeyWanted) -> dict[str, Any]:
    """Give a system another key, to replace the one in use; it is shown this once."""
    wiring, admin, at = _admin(request)
    async with wiring.database.transaction(correlation_id.get()) as tx:
        key = await new_key(tx, name, days=wanted.days, actor=admin.name, at=at)
    return {"key": key, "prefix": model.prefix_of(key)}


@router.delete("/v1/collecting-systems/{name}/keys/{prefix}", status_code=204)
async def delete_key(request: Request, name: str, prefix: str) -> None:
    """Revoke a key at once."""
    wiring, admin, at = _admin(request)
    async with wiring.database.transaction(correlation_id.get()) as tx:
        await actions.revoke_key(tx, name, prefix, actor=admin.name, at=at)


@router.post("/v1/collecting-systems/{name}/webhook-secrets", status_code=201)
async def post_secret(request: Request, name: str) -> dict[str, Any]:
    """Give a system another webhook secret; every message is signed with both until the older one is revoked."""
    wiring, admin, at = _admin(request)
    async with wiring.database.transaction(correlation_id.get()) as tx:
        secret = await actions.give_secret(tx, name, secret_id=new_id(), actor=admin.name, at=at)
    return {"id": str(secret.id), "webhook_secret": wiring.webhook_secret(secret)}


@router.delete("/v1/collecting-systems/{name}/webhook-secrets/{secret_id}", status_code=204)
async def delete_secret(request: Request, name: str, secret_id: UUID) -> None:
    """Revoke a webhook secret."""
    wiring, admin, at = _admin(request)
    async with wiring.database.transaction(correlation_id.get()) as tx:
        await actions.revoke_secret(tx, name, secret_id, actor=admin.name, at=at)


def _admin(request: Request) -> tuple[Wiring, Principal, datetime]:
    wiring = wiring_of(request)
    at = wiring.clock.now()
    return wiring, wiring.sign_in.principal(request, at=at).require(Role.ADMIN), at


async def new_key(tx: Transaction, name: str, *, days: int | None, actor: str, at: datetime) -> str:
    """Draw a key and give it to a system."""
    return await actions.give_key(
        tx,
        name,
        prefix="".join(secrets.choice(PREFIX_LETTERS) for _ in range(8)),
        random=new_secret(32),
        expires_at=None if days is None else at + timedelta(days=days),
        actor=actor,
        at=at,
    )


def parse(wiring: Wiring, name: str, wanted: SystemWanted, *, at: datetime) -> System:
    """Return a system as it is wanted; raise a refusal that says what cannot be."""
    for method in wanted.methods:
        wiring.offered(method)
    origins = [model.origin_of(each) for each in wanted.return_origins]
    if None in origins:
        raise Invalid(problem="return_origins holds what is no web address. Write it as https://host.example.jp")
    strict = wiring.settings.production
    if strict and any(not str(each).startswith("https://") for each in origins):
        raise Invalid(problem="return_origins holds an address that is not https. Production takes only https")
    problem = None if wanted.webhook_url is None else model.problem_of_url(wanted.webhook_url, strict=strict)
    if problem is not None:
        raise model.WebhookUrlNotAllowed(problem=problem)
    return System(
        name=name,
        title=wanted.title,
        facility=wanted.facility,
        methods=tuple(dict.fromkeys(wanted.methods)),
        accounts=tuple(dict.fromkeys(Account(each.owner, each.account) for each in wanted.accounts)),
        return_origins=tuple(dict.fromkeys(str(each) for each in origins)),
        webhook_url=wanted.webhook_url,
        active=wanted.active,
        created_at=at,
    )


async def answer(tx: Transaction, system: System, *, at: datetime) -> dict[str, Any]:
    """Return a system as JSON, without anything secret."""
    return {
        "name": system.name,
        "title": system.title,
        "facility": system.facility,
        "methods": list(system.methods),
        "accounts": [{"owner": each.owner, "account": each.account} for each in system.accounts],
        "return_origins": list(system.return_origins),
        "webhook_url": system.webhook_url,
        "active": system.active,
        "keys": [_key(each, at) for each in await store.keys(tx, [system.name])],
        "webhook_secrets": [_secret(each) for each in await store.secrets(tx, [system.name])],
    }


def _key(key: Key, at: datetime) -> dict[str, Any]:
    return {
        "prefix": key.prefix,
        "active": key.counts(at=at),
        "created_at": key.created_at.isoformat(),
        "expires_at": key.expires_at and key.expires_at.isoformat(),
        "revoked_at": key.revoked_at and key.revoked_at.isoformat(),
        "last_used_at": key.last_used_at and key.last_used_at.isoformat(),
    }


def _secret(secret: Secret) -> dict[str, Any]:
    return {"id": str(secret.id), "created_at": secret.created_at.isoformat()}
