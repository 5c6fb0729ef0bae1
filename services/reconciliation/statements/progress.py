"""How far a file is while it is taken, as a share of the whole: kept in memory for the page that sent it.

Taking goes on without looking back: it only notes which stage it is at. Whoever asks looks at what the stage leaves
behind: the file that grows, the bytes that PostgreSQL has copied. While the reader is at work nothing is to be seen, so
that its time is reckoned from the files before. Only the process that takes a file knows of it; others say nothing.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Literal
from uuid import UUID

Stage = Literal["waiting", "reading", "writing", "copying", "keeping", "taken"]

# The share at which each stage begins, as a million lines of a provider take them (docs/statements.md).
BEGINS: Final[dict[Stage, float]] = {
    "waiting": 0.0,
    "reading": 0.01,
    "writing": 0.42,
    "copying": 0.68,
    "keeping": 0.97,
    "taken": 1.0,
}
NEXT: Final[dict[Stage, Stage]] = {
    "waiting": "reading",
    "reading": "writing",
    "writing": "copying",
    "copying": "keeping",
    "keeping": "taken",
    "taken": "taken",
}
KNOWN_MAX: Final = 200
READ_BYTES_PER_SECOND: Final = 12_000_000.0  # until the first file tells it better
RECKONED_MAX: Final = 0.95  # of a stage that is only reckoned
SHORT_SECONDS: Final = 0.5  # a file that is read faster tells nothing about speed


@dataclass(slots=True)
class Progress:
    """One file on its way. `by`: whose it is. `copied_seen`: somebody saw PostgreSQL copy its lines."""

    by: str
    speed: Speed
    stage: Stage = "waiting"
    since: datetime | None = None
    bytes_count: int = 0
    growing: Path | None = None
    copies_bytes: int = 0
    backend: int | None = None
    copied_seen: bool = False
    file_id: UUID | None = None

    def reads(self, bytes_count: int, at: datetime) -> None:
        """Note that the file is read now."""
        self.bytes_count, self.since, self.stage = bytes_count, at, "reading"

    def writes(self, growing: Path, at: datetime) -> None:
        """Note that its lines are written into a file for PostgreSQL."""
        if self.since is not None:
            self.speed.learn(self.bytes_count, (at - self.since).total_seconds())
        self.growing, self.stage = growing, "writing"

    def copies(self, copies_bytes: int, backend: int) -> None:
        """Note that PostgreSQL copies its lines, in this one of its processes."""
        self.copies_bytes, self.backend, self.stage = copies_bytes, backend, "copying"

    def keeps(self) -> None:
        """Note that its own bytes are kept."""
        self.stage = "keeping"

    def ends(self, file_id: UUID) -> None:
        """Note that it is taken."""
        self.file_id, self.stage = file_id, "taken"

    def share(self, *, at: datetime, copied: int | None) -> float:
        """Return how much of the whole is done. `copied`: bytes that PostgreSQL has copied; None: it is not copying."""
        stage = self.stage
        begin = BEGINS[stage]
        return begin + (BEGINS[NEXT[stage]] - begin) * min(1.0, max(0.0, self._within(stage, at, copied)))

    def _within(self, stage: Stage, at: datetime, copied: int | None) -> float:
        if stage == "reading" and self.since is not None:
            return min(RECKONED_MAX, self.speed.done(self.bytes_count, (at - self.since).total_seconds()))
        if stage == "writing" and self.growing is not None:
            return self._grown(self.growing)
        if stage == "copying":
            self.copied_seen = self.copied_seen or bool(copied)
            if copied is None:
                return 1.0 if self.copied_seen else 0.0
            return copied / self.copies_bytes if self.copies_bytes else 0.0
        return 0.0

    def _grown(self, growing: Path) -> float:
        """Return how much of the lines is written: they take about the room that the file takes."""
        try:
            return min(RECKONED_MAX, growing.stat().st_size / max(1, self.bytes_count))
        except OSError:
            return 0.0


@dataclass(slots=True)
class Speed:
    """How fast files were read lately."""

    bytes_per_second: float = READ_BYTES_PER_SECOND

    def learn(self, bytes_count: int, seconds: float) -> None:
        """Take a file into account: the last one counts as much as all before."""
        if seconds > SHORT_SECONDS and bytes_count:
            self.bytes_per_second = (self.bytes_per_second + bytes_count / seconds) / 2

    def done(self, bytes_count: int, seconds: float) -> float:
        """Return how much of a file should be read after some time."""
        return seconds * self.bytes_per_second / max(1, bytes_count)


class Progresses:
    """Files on their way, by the id that the sending page gave each; the oldest are forgotten."""

    def __init__(self) -> None:
        self._known: OrderedDict[UUID, Progress] = OrderedDict()
        self._speed = Speed()

    def begin(self, sending: UUID | None, by: str) -> Progress:
        """Begin to follow a file; one without an id is followed by nobody."""
        made = Progress(by, self._speed)
        if sending is not None:
            self._known.pop(sending, None)
            self._known[sending] = made
            while len(self._known) > KNOWN_MAX:
                self._known.popitem(last=False)
        return made

    def find(self, sending: UUID, by: str) -> Progress | None:
        """Return how far somebody's file is; None if it is not known here, or another's."""
        found = self._known.get(sending)
        return found if found is not None and found.by == by else None
