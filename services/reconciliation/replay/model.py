"""What a replay found: the digests of both ledgers, what the stream no longer has, where they differ first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from kernel.refusals import Conflict, Unavailable

Verdict = Literal["identical", "unproven", "differs"]

# Every table that a replay makes again, with what names a row of it, and which column says whose fact or order it is.
TABLES: dict[str, tuple[str, ...]] = {
    "facts": ("event_id",),
    "entries": ("fact_id", "position"),
    "order_positions": ("order_id",),
    "ticket_positions": ("ticket_id",),
    "claims": ("id",),
}
FACT_COLUMN = {"facts": "event_id", "entries": "fact_id", "claims": "id"}  # the others are sums over an order


@dataclass(frozen=True, slots=True)
class Compared:
    """One table in both ledgers, over the facts that both can have: its rows, and their SHA-256 in a fixed order."""

    table: str
    rows: int
    serving: str
    replayed: str


@dataclass(frozen=True, slots=True)
class Difference:
    """The first thing that differs: where, of which order, and what each ledger says of it ('' for nothing)."""

    table: str
    key: str
    order_id: str
    serving: str
    replayed: str


@dataclass(frozen=True, slots=True)
class Lost:
    """Facts that the ledger has and the stream no longer holds: they and their orders cannot be proven by it."""

    facts: int
    orders: int
    first: datetime
    last: datetime


@dataclass(frozen=True, slots=True)
class Findings:
    """What a replay found. `events` were read; `lacking` of them the serving ledger does not have."""

    events: int
    unreadable: int
    facts: int
    lacking: int
    lost: Lost | None
    compared: tuple[Compared, ...]
    differing: int
    difference: Difference | None

    @property
    def verdict(self) -> Verdict:
        """How both ledgers stand to each other."""
        if self.difference is not None:
            return "differs"
        return "identical" if self.lost is None else "unproven"


@dataclass(frozen=True, slots=True)
class Swapped:
    """How many rows of each table were put right; nothing else was touched."""

    rows: dict[str, int]


class AnotherReplayRuns(Conflict):
    """Two would build the same shadow."""

    slug = "another-replay-runs"
    advice = "Another replay runs on this ledger. Wait for it to end, then start again."


class StreamIsSilent(Unavailable):
    """Events that the stream says it has did not come."""

    slug = "stream-is-silent"
    advice = (
        "The stream says that it holds {count} more events, but gave none for {seconds} seconds. Nothing was changed; "
        "see whether the stream is well, then start again."
    )


class TooMuchComes(Unavailable):
    """The comparison cannot keep in mind what comes meanwhile."""

    slug = "too-much-comes"
    advice = (
        "More than {count} events came while the ledgers were compared. Nothing was changed; start at a quieter hour."
    )


class CannotSwap(Conflict):
    """The replayed ledger would lose what the serving one knows."""

    slug = "cannot-swap"
    advice = (
        "The stream no longer has {lost} facts of the ledger, and {changed} facts read otherwise than the ledger kept "
        "them. Facts are never lost or changed, so nothing was swapped; look at the first difference."
    )
