"""Idempotency-Key: the same POST twice has one effect and one answer.

Missing: 400. The same key with another body: 422. In flight: 409. (IETF draft
idempotency-key-header; the answer is kept in the transaction that had the effect.)
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text

from kernel.refusals import Conflict, Invalid, Malformed
from kernel.rows import Transaction

KEY_LENGTH_MAX = 255


class KeyMissing(Malformed):
    """The header is missing or too long."""

    slug = "idempotency-key-missing"
    advice = "Send an Idempotency-Key header (1 to 255 characters, new for each intention), so that a retry is safe."


class KeyReused(Invalid):
    """The same key came with another body."""

    slug = "idempotency-key-reused"
    advice = "This Idempotency-Key was used for another request. Use a new key for a new intention."


class InFlight(Conflict):
    """The first request with this key is still being worked on."""

    slug = "request-in-flight"
    advice = "The same request is still being worked on. Wait a second and ask again with the same key."


@dataclass(frozen=True, slots=True)
class Kept:
    """The answer that was given the first time."""

    status: int
    answer: Mapping[str, Any]


def require_key(key: str | None) -> str:
    """Return the key or raise KeyMissing."""
    if key is None or not 1 <= len(key) <= KEY_LENGTH_MAX:
        raise KeyMissing
    return key


async def claim(tx: Transaction, *, scope: str, key: str, body: bytes, at: datetime) -> Kept | None:
    """Claim a key inside the transaction that will have the effect; return the first answer if there is one.

    A concurrent claim of the same key is refused at once (409) rather than waited for.
    """
    digest = hashlib.sha256(body).digest()
    free = await tx.session.execute(
        text("SELECT pg_try_advisory_xact_lock(hashtextextended(:scope || chr(31) || :key, 7))"),
        {"scope": scope, "key": key},
    )
    if not free.scalar_one():
        raise InFlight
    found = (
        await tx.session.execute(
            text("SELECT body_sha256, status, answer FROM idempotency WHERE scope = :scope AND key = :key"),
            {"scope": scope, "key": key},
        )
    ).one_or_none()
    if found is None:
        await tx.session.execute(
            text("INSERT INTO idempotency (scope, key, body_sha256, started_at) VALUES (:scope, :key, :digest, :at)"),
            {"scope": scope, "key": key, "digest": digest, "at": at},
        )
        return None
    if bytes(found.body_sha256) != digest:
        raise KeyReused
    if found.status is None:
        return None  # A crash came between the claim and the answer; the effect's own keys make a repeat safe.
    return Kept(found.status, found.answer)


async def keep(tx: Transaction, *, scope: str, key: str, status: int, answer_json: str, at: datetime) -> None:
    """Keep the answer, in the same transaction as the effect."""
    await tx.session.execute(
        text(
            "UPDATE idempotency SET status = :status, answer = CAST(:answer AS jsonb), finished_at = :at "
            "WHERE scope = :scope AND key = :key"
        ),
        {"scope": scope, "key": key, "status": status, "answer": answer_json, "at": at},
    )
