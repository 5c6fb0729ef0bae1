"""Names of facilities, asked from ticketing now and then; codes stand in while it does not answer."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, field

import httpx

log = logging.getLogger(__name__)

SECONDS_MAX = 1.5
RETRY_SECONDS = 10.0
PAGES_MAX = 20


@dataclass
class FacilityNames:
    """A cache at the edge: the books never depend on it."""

    base_url: str
    fresh_seconds: float
    _names: dict[str, dict[str, str]] = field(default_factory=dict)
    _due_at: float = 0.0
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def all(self) -> dict[str, dict[str, str]]:
        """Return the names in each language by facility code; old or none when ticketing does not answer."""
        if time.monotonic() >= self._due_at and not self._lock.locked():
            async with self._lock:
                try:
                    self._names = await asyncio.wait_for(self._ask(), SECONDS_MAX)
                    self._due_at = time.monotonic() + self.fresh_seconds
                except (httpx.HTTPError, TimeoutError, ValueError, KeyError, TypeError) as problem:
                    log.warning("names of facilities are not to be had", extra={"problem": str(problem)})
                    self._due_at = time.monotonic() + RETRY_SECONDS
        return self._names

    async def _ask(self) -> dict[str, dict[str, str]]:
        names: dict[str, dict[str, str]] = {}
        cursor: str | None = None
        async with httpx.AsyncClient(timeout=SECONDS_MAX) as client:
            for _ in range(PAGES_MAX):
                answer = await client.get(
                    f"{self.base_url}/v1/facilities", params={"cursor": cursor} if cursor else None
                )
                answer.raise_for_status()
                body = answer.json()
                names |= {item["code"]: dict(item["name"]) for item in body["items"]}
                cursor = body.get("next_cursor")
                if not cursor:
                    break
        return names


def name_of(names: dict[str, dict[str, str]], code: str, language: str) -> str:
    """Return a facility's name in a language, else its code."""
    return names.get(code, {}).get(language) or code
