"""Faults: which go wrong next, how, and how often."""

from __future__ import annotations

from dataclasses import dataclass, replace

REQUEST_KINDS = frozenset(
    {
        "timeout",
        "error_500",
        "error_500_after_success",
        "maintenance",
        "rate_limited",
        "unauthorized",
        "slow_ms",
        "fails",
    }
)
WEBHOOK_KINDS = frozenset({"duplicate_webhook", "lost_webhook", "reordered_webhook"})
FAULTS_MAX = 100
SLOW_MS_MAX = 60_000


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that will go wrong `count` more times.

    `operation` is open, query, refund, expire, webhook or "*"; `slow_ms` counts for the kind slow_ms only.
    """

    id: str
    provider: str
    operation: str
    kind: str
    count: int
    slow_ms: int = 0

    def hits(self, provider: str, operation: str) -> bool:
        """Tell whether it strikes this operation of this provider."""
        return self.provider in {provider, "*"} and self.operation in {operation, "*"}


class Faults:
    """The faults that wait to strike, in the order in which they were asked for; memory only."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Let a fault wait; the oldest is dropped beyond FAULTS_MAX."""
        self._waiting = [*self._waiting, fault][-FAULTS_MAX:]

    def waiting(self) -> list[Fault]:
        """Return what will still strike."""
        return list(self._waiting)

    def clear(self) -> int:
        """Forget them all and return how many there were."""
        count = len(self._waiting)
        self._waiting = []
        return count

    def strike(self, provider: str, operation: str, kinds: frozenset[str]) -> Fault | None:
        """Take the first that hits and use it up once."""
        for position, fault in enumerate(self._waiting):
            if fault.kind in kinds and fault.hits(provider, operation):
                left = replace(fault, count=fault.count - 1)
                self._waiting[position : position + 1] = [left] if left.count > 0 else []
                return fault
        return None
