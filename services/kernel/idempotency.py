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
from kernel.rows import Transaction, Write

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


# One round trip for the common case, a key that was never seen. The statement's snapshot may be older than its lock;
# then the insertion meets the row of whoever was quicker, and the row is read once more.
_CLAIM = text(
    """
    WITH lock AS (SELECT pg_try_advisory_xact_lock(hashtextextended(:scope || chr(31) || :key, 7)) AS free),
    kept AS (SELECT 1 FROM idempotency WHERE scope = :scope AND key = :key),
    made AS (
        INSERT INTO idempotency (scope, key, body_sha256, started_at, status, answer, finished_at)
        SELECT :scope, :key, :digest, :at, CAST(:status AS smallint), CAST(:answer AS jsonb),
               CASE WHEN CAST(:status AS smallint) IS NULL THEN NULL ELSE CAST(:at AS timestamptz) END
        FROM lock WHERE lock.free AND NOT EXISTS (SELECT FROM kept)
        ON CONFLICT DO NOTHING RETURNING 1
    )
    SELECT free, EXISTS (SELECT FROM made) AS new FROM lock
    """
)


async def claim(
    tx: Transaction, *, scope: str, key: str, body: bytes, at: datetime, known: tuple[int, str] | None = None
) -> Kept | None:
    """Claim a key inside the transaction that will have the effect; return the first answer if there is one.

    A concurrent claim of the same key is refused at once (409) rather than waited for. `known` is the status and the
    JSON of an answer that is known before the effect; then `keep` need not be called.
    """
    digest = hashlib.sha256(body).digest()
    status, answer = known or (None, None)
    claimed = (
        await tx.session.execute(
            _CLAIM, {"scope": scope, "key": key, "digest": digest, "at": at, "status": status, "answer": answer}
        )
    ).one()
    if not claimed.free:
        raise InFlight
    if claimed.new:
        return None
    found = (
        await tx.session.execute(
            text("SELECT body_sha256, status, answer FROM idempotency WHERE scope = :scope AND key = :key"),
            {"scope": scope, "key": key},
        )
    ).one()
    if bytes(found.body_sha256) != digest:
        raise KeyReused
    if found.status is None:
        return None  # A crash came between the claim and the answer; the effect's own keys make a repeat safe.
    return Kept(found.status, found.answer)


def claiming(*, scope: str, key: str, body: bytes, at: datetime) -> Write:
    """Return the claim of a key that was never seen, for a statement that has its effect too (`RETURNING 1`).

    It writes no row where `claim` is needed to say why: the key is known, or in use.
    """
    return Write(
        "INSERT INTO idempotency (scope, key, body_sha256, started_at) SELECT :i_scope, :i_key, :i_digest, :i_at "
        "WHERE NOT EXISTS (SELECT FROM idempotency WHERE scope = :i_scope AND key = :i_key) "
        "AND pg_try_advisory_xact_lock(hashtextextended(:i_scope || chr(31) || :i_key, 7)) "
        "ON CONFLICT DO NOTHING RETURNING 1",
        {"i_scope": scope, "i_key": key, "i_digest": hashlib.sha256(body).digest(), "i_at": at},
    )


async def keep(tx: Transaction, *, scope: str, key: str, status: int, answer_json: str, at: datetime) -> None:
    """Keep the answer, in the same transaction as the effect."""
    await tx.session.execute(
        text(
            "UPDATE idempotency SET status = :status, answer = CAST(:answer AS jsonb), finished_at = :at "
            "WHERE scope = :scope AND key = :key"
        ),
        {"scope": scope, "key": key, "status": status, "answer": answer_json, "at": at},
    )
