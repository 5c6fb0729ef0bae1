"""Circuit breakers, retry budgets and paces; nothing here calls or remembers anything.

A breaker belongs to one operation of one method (opening may fail while refunds work). It opens after a few failures in
a row, or at once when the provider itself says that it is in maintenance or that we ask too often. An open breaker
means that nothing is sent: an outcome that is not known stays so and is asked about later.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal, assert_never

Operation = Literal["open", "query", "expire", "refund", "query_refund"]
State = Literal["closed", "open", "half_open"]
Trouble = Literal["maintenance", "rate_limited", "unreachable", "failing"]

FAILURES_MAX = 5
PAUSE_FAILING = timedelta(seconds=10)
PAUSE_MAINTENANCE = timedelta(minutes=1)
PAUSE_RATE_LIMITED = timedelta(seconds=2)
PAUSE_MAX = timedelta(minutes=10)
PROBE = timedelta(seconds=40)  # Longer than any provider's time-out: a probe that never came back frees its place.


@dataclass(frozen=True, slots=True)
class Breaker:
    """One operation of one method. `until`: not called before, when open; the probe's lease, when half open.

    `pauses` counts how often it opened without a success between: each pause is twice as long as the last.
    """

    method: str
    operation: Operation
    state: State = "closed"
    failures: int = 0
    pauses: int = 0
    trouble: Trouble | None = None
    until: datetime | None = None
    last_ok_at: datetime | None = None
    last_trouble_at: datetime | None = None


def may_call(breaker: Breaker, *, at: datetime) -> bool:
    """Tell whether the provider may be called now."""
    match breaker.state:
        case "closed":
            return True
        case "open" | "half_open":
            return breaker.until is None or at >= breaker.until
        case _:
            assert_never(breaker.state)


def called(breaker: Breaker, *, at: datetime) -> Breaker:
    """Take the place of the one probe, if it is time for one; call it just before the provider is called."""
    if breaker.state == "closed":
        return breaker
    return replace(breaker, state="half_open", until=at + PROBE)


def succeeded(breaker: Breaker, *, at: datetime) -> Breaker:
    """Close it: the provider answered, be it with a refusal."""
    return replace(breaker, state="closed", failures=0, pauses=0, trouble=None, until=None, last_ok_at=at)


def failed(breaker: Breaker, trouble: Trouble, *, retry_after: timedelta | None = None, at: datetime) -> Breaker:
    """Count a failure, and open if it is one too many. `retry_after`: what the provider itself asked for."""
    failures = breaker.failures + 1
    newer = replace(breaker, failures=failures, trouble=trouble, last_trouble_at=at)
    told = trouble in {"maintenance", "rate_limited"}
    if not told and breaker.state == "closed" and failures < FAILURES_MAX:
        return newer
    pause = retry_after or min(_first_pause(trouble) * 2 ** min(breaker.pauses, 10), PAUSE_MAX)
    return replace(newer, state="open", pauses=breaker.pauses + 1, until=at + pause)


def _first_pause(trouble: Trouble) -> timedelta:
    match trouble:
        case "maintenance":
            return PAUSE_MAINTENANCE
        case "rate_limited":
            return PAUSE_RATE_LIMITED
        case "unreachable" | "failing":
            return PAUSE_FAILING
        case _:
            assert_never(trouble)


def offered_again(breaker: Breaker, *, at: datetime) -> Breaker:
    """Let the next call be the probe once the pause is over."""
    over = breaker.state == "open" and breaker.until is not None and breaker.until <= at
    return replace(breaker, state="half_open", until=None) if over else breaker


def is_shown_as_paused(breaker: Breaker) -> bool:
    """Tell whether visitors are not offered the method: not for a mere moment of too many calls."""
    return breaker.operation == "open" and breaker.state == "open" and breaker.trouble != "rate_limited"


@dataclass(frozen=True, slots=True)
class Window:
    """A time in which a method is in maintenance, as its provider announced it."""

    method: str
    begins: datetime
    until: datetime

    def holds(self, at: datetime) -> bool:
        """Tell whether it is now."""
        return self.begins <= at < self.until


def kept_away(breaker: Breaker, *, until: datetime, at: datetime) -> Breaker:
    """Pause until an announced maintenance is over; one that is paused for longer stays as it is."""
    if breaker.state == "open" and breaker.until is not None and breaker.until >= until:
        return breaker
    return replace(breaker, state="open", trouble="maintenance", until=until, last_trouble_at=at)


RETRY_SHARE = 0.25  # of the first calls
RETRIES_PER_SECOND = 2.0
RETRIES_SAVED_MAX = 50.0


@dataclass(frozen=True, slots=True)
class RetryBudget:
    """How many calls may be repeated: a share of the first ones and a few each second, so that trouble is not fed."""

    saved: float = RETRIES_SAVED_MAX
    at: datetime | None = None


def first_call(budget: RetryBudget) -> RetryBudget:
    """Earn a share of a repeat by a first call."""
    return replace(budget, saved=min(budget.saved + RETRY_SHARE, RETRIES_SAVED_MAX))


def repeat(budget: RetryBudget, *, at: datetime) -> tuple[RetryBudget, bool]:
    """Spend one repeat; tell whether there was one."""
    passed = 0.0 if budget.at is None else max(0.0, (at - budget.at).total_seconds())
    saved = min(budget.saved + passed * RETRIES_PER_SECOND, RETRIES_SAVED_MAX)
    if saved < 1:
        return RetryBudget(saved, at), False
    return RetryBudget(saved - 1, at), True


@dataclass(frozen=True, slots=True)
class Pace:
    """How many calls a second a provider takes from us; a second's worth may come at once."""

    per_second: float
    ready: float
    at: datetime


def wait_for_turn(pace: Pace, *, at: datetime) -> tuple[Pace, timedelta]:
    """Take the next turn; return how long to wait for it."""
    passed = max(0.0, (at - pace.at).total_seconds())
    ready = min(pace.ready + passed * pace.per_second, pace.per_second) - 1
    return replace(pace, ready=ready, at=max(at, pace.at)), timedelta(seconds=max(0.0, -ready / pace.per_second))
