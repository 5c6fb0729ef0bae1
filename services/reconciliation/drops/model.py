"""When a dropped file is complete, what it is called once it is taken or refused, and why it is refused: pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import PurePosixPath
from typing import Final

from kernel.clock import JAPAN
from kernel.refusals import Invalid, Unavailable

MARKER: Final = ".done"
NAME_BYTES_MAX: Final = 255  # of a file system
FAULTS_MAX: Final = 3
UNFINISHED: Final = (
    *(".tmp", ".temp", ".part", ".partial", ".filepart", ".crdownload", ".download", ".uploading", ".inprogress"),
    *(".swp", ".lock", "~"),
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a file lies: a folder below the watched one, named for a format ('' for the watched one), and its name."""

    folder: str
    name: str


@dataclass(frozen=True, slots=True)
class Look:
    """What a look at a file shows without opening it; another one with the same values means that it rests."""

    inode: int
    bytes_count: int
    changed_ns: int


@dataclass
class Watch:
    """What earlier looks showed. Only files that are there now are remembered."""

    quiet_seconds: float
    by_marker: bool
    _since: dict[Place, tuple[Look, float]] = field(default_factory=dict)
    _faults: dict[tuple[Place, Look], int] = field(default_factory=dict)
    _left: set[tuple[Place, Look]] = field(default_factory=set)

    def complete(self, seen: Mapping[Place, Look], *, at_seconds: float) -> list[Place]:
        """Return the files that are complete, by name: those that have rested, and those whose marker lies beside.

        `at_seconds` is of a clock that never goes back.
        """
        self._since = {
            place: known if (known := self._since.get(place)) and known[0] == look else (look, at_seconds)
            for place, look in seen.items()
        }
        self._faults = {known: count for known, count in self._faults.items() if seen.get(known[0]) == known[1]}
        self._left = {known for known in self._left if seen.get(known[0]) == known[1]}
        found = [
            place
            for place, (look, since) in self._since.items()
            if not is_unfinished(place.name)
            and (place, look) not in self._left
            and (
                Place(place.folder, place.name + MARKER) in seen
                or (not self.by_marker and at_seconds - since >= self.quiet_seconds)
            )
        ]
        return sorted(found, key=lambda place: (place.folder, place.name))

    def begin_again(self, place: Place) -> None:
        """Look at a file anew: it changed while it was read."""
        self._since.pop(place, None)

    def is_hopeless(self, place: Place) -> bool:
        """Note that a fault of ours was met with a file; tell whether that happened too often."""
        known = self._since.get(place)
        if known is None:
            return False
        key = (place, known[0])
        self._faults[key] = self._faults.get(key, 0) + 1
        return self._faults[key] >= FAULTS_MAX

    def leave(self, place: Place) -> None:
        """Leave a file alone until it changes: it cannot be moved away."""
        known = self._since.get(place)
        if known is not None:
            self._left.add((place, known[0]))


def is_unfinished(name: str) -> bool:
    """Tell whether a name says that a file is still being written, or that it is none but a marker."""
    return name.startswith((".", "~")) or name.lower().endswith((*UNFINISHED, MARKER))


def readable(name: str) -> str:
    """Return a name for people and for the database: one line of text, whatever bytes its sender's system wrote."""
    raw = name.encode("utf-8", "surrogateescape")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = raw.decode("cp932", "replace")  # Programs on older systems write names so.
    text = unicodedata.normalize("NFC", text)
    return "".join("_" if unicodedata.category(each) in {"Cc", "Cf", "Co", "Zl", "Zp"} else each for each in text)


def kept_name(name: str, mark: str, *, at: datetime, room: int = 0) -> str:
    """Return what a file is called once it is moved: its time in Japan, a mark of its content, its own name.

    So none is ever written over another. `room`: bytes that are kept free for an ending.
    """
    before = f"{at.astimezone(JAPAN):%Y-%m-%d_%H%M%S}_{mark[:8]}_"
    own = readable(name).replace("/", "_")
    while len((before + own).encode()) > NAME_BYTES_MAX - room:
        own = own[1:]  # The end tells more: it has the suffix.
    return before + own


def is_plain_name(name: str) -> bool:
    """Tell whether a name is one step, and not a way to elsewhere."""
    return name not in {"", ".", ".."} and PurePosixPath(name).name == name and "\0" not in name


class NotAPlainFile(Invalid):
    """A link, a device, a pipe, or a file with a second name: it could lead elsewhere."""

    slug = "dropped-no-file"
    advice = "This is a link or something else that is no plain file. Put the file itself into the folder."


class DroppedEmpty(Invalid):
    """Nothing is in it."""

    slug = "dropped-empty"
    advice = "The file is empty. The transfer may have broken off; send it again."


class DroppedTooLarge(Invalid):
    """More than is ever read."""

    slug = "dropped-too-large"
    advice = "The file has {bytes_count} bytes; at most {bytes_max} are taken. Ask the sender for it in parts."


class DroppedUnreadable(Invalid):
    """The worker may not open it."""

    slug = "dropped-unreadable"
    advice = "Momiji may not read this file. Let its group read it (mode 640) and send it again."


class FaultOfOurs(Unavailable):
    """The same fault of Momiji's own, time and again."""

    slug = "dropped-fault"
    advice = (
        "Momiji met a fault of its own with this file; nothing of it was taken. Tell its operator the number {number} "
        "and send the file again when the fault is mended."
    )
