"""The edge where time, ids and secrets come from; everything inside takes them as arguments."""

from __future__ import annotations

import secrets
from datetime import UTC, date, datetime
from typing import Protocol
from uuid import UUID
from zoneinfo import ZoneInfo

from uuid_utils.compat import uuid7

JAPAN = ZoneInfo("Asia/Tokyo")
FISCAL_YEAR_FIRST_MONTH = 4


class Clock(Protocol):
    """Where the present comes from; tests pass one that stands still."""

    def now(self) -> datetime:
        """Return the present moment, aware, in UTC."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """Return the present moment, aware, in UTC."""
        return datetime.now(UTC)  # noqa: TID251 - this is the edge that the rule names


def new_id() -> UUID:
    """Return a fresh UUIDv7 (RFC 9562 §5.7): unique, and sorted by the time it was made."""
    return uuid7()


def new_secret(bytes_count: int = 24) -> str:
    """Return an unguessable URL-safe secret of that many random bytes."""
    return secrets.token_urlsafe(bytes_count)


def business_date(at: datetime) -> date:
    """Return the day in Japan on which a moment falls: the day that books are kept by."""
    return at.astimezone(JAPAN).date()


def fiscal_year(day: date) -> int:
    """Return the Japanese public fiscal year (April to March, 地方自治法208条) of a day."""
    return day.year if day.month >= FISCAL_YEAR_FIRST_MONTH else day.year - 1
