"""How long a provider that was asked too often is left alone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

FIRST_SECONDS = 1.0
LONGEST_SECONDS = 60.0
ASKED_SECONDS_MAX = 600.0  # A provider that names a longer pause is tried earlier: it may have meant something else.


def asked_for(headers: Mapping[str, str]) -> float | None:
    """Return the seconds of a Retry-After header; None if there is none, or a date, which no provider here sends."""
    said = next((value for name, value in headers.items() if name.lower() == "retry-after"), "").strip()
    return min(float(said), ASKED_SECONDS_MAX) if said.isdecimal() else None


class Quiet:
    """A pause that one provider asked for with 429; without a number of its own it doubles, up to a minute.

    It lives in one process: another one learns it by its own first 429.
    """

    def __init__(self) -> None:
        self._until: datetime | None = None
        self._times = 0

    def begin(self, seconds: float | None, *, at: datetime) -> float:
        """Begin a pause, of the seconds that the provider said or of our own; return them."""
        pause = min(FIRST_SECONDS * 2.0 ** min(self._times, 10), LONGEST_SECONDS) if seconds is None else seconds
        self._times += 1
        self._until = at + timedelta(seconds=pause)
        return pause

    def left(self, *, at: datetime) -> float:
        """Return the seconds that are left of the pause; 0.0 when the provider may be called."""
        return 0.0 if self._until is None else max(0.0, (self._until - at).total_seconds())

    def end(self) -> None:
        """Forget the pauses: the provider answered as usual."""
        if self._times:
            self._until, self._times = None, 0


def again_at(seconds: float | None, *, at: datetime) -> datetime | None:
    """Return when a provider may be asked again that named a pause; None if it named none."""
    return None if seconds is None else at + timedelta(seconds=seconds)
