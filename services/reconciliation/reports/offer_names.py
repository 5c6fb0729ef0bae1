"""Asking ticketing what products, categories and revenue owners are called; the books never depend on it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final, Literal

import httpx

log = logging.getLogger(__name__)

Kind = Literal["facility", "product", "category", "owner"]
# Of a kind and a code: the name in Japanese and in English.
Known = Mapping[tuple[Kind, str], tuple[str, str]]

SECONDS_MAX: Final = 2.0
RETRY_SECONDS: Final = 60.0
FACILITIES_MAX: Final = 100


@dataclass
class OfferNames:
    """Asks ticketing now and then what it sells is called, and whose money it is; the books never depend on it."""

    base_url: str
    fresh_seconds: float
    _due_at: float = 0.0
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def news(self, today: date) -> Known:
        """Return the names of what is on sale and of revenue owners if it is time to ask, else none."""
        if time.monotonic() < self._due_at or self._lock.locked():
            return {}
        async with self._lock:
            try:
                found = await asyncio.wait_for(self._ask(today), SECONDS_MAX)
                self._due_at = time.monotonic() + self.fresh_seconds
            except (httpx.HTTPError, TimeoutError, ValueError, KeyError, TypeError) as problem:
                log.warning("names of what is on sale are not to be had", extra={"problem": str(problem)})
                self._due_at = time.monotonic() + RETRY_SECONDS
                return {}
        return found

    async def _ask(self, today: date) -> Known:
        found: dict[tuple[Kind, str], tuple[str, str]] = {}
        async with httpx.AsyncClient(base_url=self.base_url, timeout=SECONDS_MAX) as client:
            answer = await client.get("/v1/facilities", params={"limit": FACILITIES_MAX})
            answer.raise_for_status()
            facilities = answer.json()["items"]
            days = {
                each["code"]: today.isoformat() if each["open_today"] else each["next_open_day"] for each in facilities
            }
            offers = await asyncio.gather(*(self._offers(client, code, day) for code, day in days.items() if day))
        for owner in (owner for each in facilities for owner in each.get("revenue_owners", ())):
            found.setdefault(("owner", owner["code"]), both(owner["name"]))
        for code, each in ((code, each) for code, some in offers for each in some):
            found["product", f"{code}/{each['product']}"] = both(each["product_name"])
            found["category", f"{code}/{each['category']}"] = both(each["category_name"])
        return found

    @staticmethod
    async def _offers(client: httpx.AsyncClient, code: str, day: str) -> tuple[str, list[dict[str, Any]]]:
        answer = await client.get(f"/v1/facilities/{code}/offers", params={"date": day})
        return code, list(answer.json()["offers"]) if answer.is_success else []


def both(name: Mapping[str, str]) -> tuple[str, str]:
    """Return a name as ticketing has it in Japanese and in English; raise KeyError."""
    return name["ja"], name["en"]
