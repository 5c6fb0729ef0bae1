"""Idempotent answers as Stripe and KOMOJU keep them: the first answer to a key, for a day."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from sandbox.journal import Journal

KEPT_SECONDS = 86_400
ANSWERS_MAX = 20_000


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered to the first request under a key; `id` is provider and key."""

    id: str
    fingerprint: str
    status: int
    body: str
    at: int


class Answers:
    """The answers of all providers, and the keys whose first request still runs."""

    def __init__(self, journal: Journal) -> None:
        self._kept = journal.shelf("answer", Answer)
        self._running: set[str] = set()

    def find(self, provider: str, key: str, *, now: int) -> Answer | None:
        """Return the answer that was given less than a day ago."""
        found = self._kept.get(f"{provider}:{key}")
        return found if found is not None and now - found.at < KEPT_SECONDS else None

    def begin(self, provider: str, key: str) -> bool:
        """Mark a key as running; False if it already is."""
        name = f"{provider}:{key}"
        if name in self._running:
            return False
        self._running.add(name)
        return True

    def end(self, provider: str, key: str) -> None:
        """Mark a key as not running any more."""
        self._running.discard(f"{provider}:{key}")

    def keep(self, provider: str, key: str, fingerprint: str, *, status: int, body: str, now: int) -> None:
        """Keep the first answer; the oldest are forgotten beyond ANSWERS_MAX."""
        self._kept.put(Answer(f"{provider}:{key}", fingerprint, status, body, now))
        while len(self._kept) > ANSWERS_MAX:
            self._kept.drop(next(iter(self._kept)).id)


def fingerprint(*parts: bytes) -> str:
    """Return what tells one request body from another."""
    return hashlib.sha256(b"\0".join(parts)).hexdigest()
