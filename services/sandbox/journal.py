"""The journal: everything the sandbox knows, in memory and in one append-only file that survives kill -9."""

from __future__ import annotations

import fcntl
import json
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar

log = logging.getLogger(__name__)

Line = list[list[Any]]  # one change: [[kind, id, fields or None], …]


class Kept(Protocol):
    """A frozen dataclass of JSON-able fields with an id."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def id(self) -> str:
        """What finds it again."""
        ...


T = TypeVar("T", bound=Kept)


class JournalInUseError(RuntimeError):
    """Another sandbox writes the same journal file."""


class Shelf(Generic[T]):
    """All objects of one kind, found by id or by an index; the oldest are forgotten beyond `objects_max`."""

    def __init__(
        self, journal: Journal, kind: str, of: Callable[..., T], indexes: Mapping[str, Callable[[T], str | None]]
    ) -> None:
        self._journal = journal
        self.kind = kind
        self._of = of
        self._objects: dict[str, T] = {}
        self._keys = dict(indexes)
        self._indexes: dict[str, dict[str, dict[str, None]]] = {name: {} for name in indexes}

    def get(self, object_id: str) -> T | None:
        """Return one object, or None."""
        return self._objects.get(object_id)

    def put(self, thing: T) -> T:
        """Keep a new or changed object; written before the change ends."""
        self._set(thing)
        self._journal.note([self.kind, thing.id, _plain(thing)])
        while len(self._objects) > self._journal.objects_max:
            self.drop(next(iter(self._objects)))
        return thing

    def drop(self, object_id: str) -> None:
        """Forget an object."""
        gone = self._objects.pop(object_id, None)
        if gone is not None:
            self._unindex(gone)
            self._journal.note([self.kind, object_id, None])

    def by(self, index: str, key: str) -> list[T]:
        """Return the objects under a key of an index, oldest first."""
        return [self._objects[each] for each in self._indexes[index].get(key, {})]

    def newest(self, count: int) -> list[T]:
        """Return the last `count` objects, newest first, without walking over all of them."""
        found: list[T] = []
        for thing in reversed(self._objects.values()):
            if len(found) >= count:
                break
            found.append(thing)
        return found

    def __iter__(self) -> Iterator[T]:
        return iter(self._objects.values())

    def __len__(self) -> int:
        return len(self._objects)

    def load(self, object_id: str, said: dict[str, Any] | None) -> None:
        """Take one line of the journal back."""
        if said is None:
            gone = self._objects.pop(object_id, None)
            if gone is not None:
                self._unindex(gone)
            return
        self._set(self._of(**{name: tuple(each) if isinstance(each, list) else each for name, each in said.items()}))

    def lines(self) -> Iterator[list[Any]]:
        """Yield one journal entry for each object, oldest first."""
        for thing in self._objects.values():
            yield [self.kind, thing.id, _plain(thing)]

    def _set(self, thing: T) -> None:
        before = self._objects.get(thing.id)
        self._objects[thing.id] = thing
        for name, key_of in self._keys.items():
            old = key_of(before) if before is not None else None
            new = key_of(thing)
            if before is not None and old == new:
                continue
            self._remove(name, old, thing.id)
            if new is not None:
                self._indexes[name].setdefault(new, {})[thing.id] = None

    def _unindex(self, thing: T) -> None:
        for name, key_of in self._keys.items():
            self._remove(name, key_of(thing), thing.id)

    def _remove(self, name: str, key: str | None, object_id: str) -> None:
        if key is None:
            return
        under = self._indexes[name].get(key)
        if under is not None:
            under.pop(object_id, None)
            if not under:
                del self._indexes[name][key]


class Journal:
    """One line per change, the last word about an object wins; without a file it is memory only.

    A change is one line, so a torn last line (kill -9 in mid-write) loses that whole change, whose
    answer was never given, and never half of it.
    """

    def __init__(self, file: Path | None, *, objects_max: int, bytes_max: int) -> None:
        self.objects_max = objects_max
        self._bytes_max = bytes_max
        self._file = file
        self._shelves: dict[str, Shelf[Any]] = {}
        self._handle: int | None = None
        self._lock: int | None = None
        self._bytes = 0
        self._bytes_compacted = 0
        self._open_change: Line | None = None

    def shelf(self, kind: str, of: Callable[..., T], **indexes: Callable[[T], str | None]) -> Shelf[T]:
        """Make the shelf of one kind of object; call before `open`."""
        shelf = Shelf(self, kind, of, indexes)
        self._shelves[kind] = shelf
        return shelf

    def open(self) -> None:
        """Read the file back, write it anew without what is outdated, and go on appending.

        Raises JournalInUseError if another process holds it.
        """
        if self._file is None:
            return
        self._file.parent.mkdir(parents=True, exist_ok=True)
        # The lock is on a file of its own, because compaction replaces the journal's inode.
        self._lock = os.open(self._file.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._lock)
            self._lock = None
            raise JournalInUseError(
                f"Another sandbox uses {self._file}. Stop it, or set MOMIJI_SANDBOX_JOURNAL_FILE to another file."
            ) from None
        if self._file.exists():
            self._read()
        self._compact()

    def close(self) -> None:
        """Let go of the file."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    @contextmanager
    def change(self) -> Iterator[None]:
        """Write everything put inside as one line, whole or not at all."""
        if self._open_change is not None:  # An outer change is under way and will write it.
            yield
            return
        self._open_change = []
        try:
            yield
        finally:
            line, self._open_change = self._open_change, None
            self._append(line)

    def note(self, entry: list[Any]) -> None:
        """Take one entry into the change under way, or write it alone."""
        if self._open_change is not None:
            self._open_change.append(entry)
        else:
            self._append([entry])

    def _append(self, line: Line) -> None:
        if self._handle is None or not line:
            return
        data = _encode(line)
        _write_whole(self._handle, data)
        self._bytes += len(data)
        if self._bytes > self._bytes_max and self._bytes > 2 * self._bytes_compacted:
            self._compact()

    def _read(self) -> None:
        assert self._file is not None  # noqa: S101 - open() has looked
        with self._file.open("rb") as opened:
            for number, raw in enumerate(opened, start=1):
                try:
                    line = json.loads(raw)
                except ValueError:
                    log.warning("a torn journal line is left out", extra={"line": number, "file": str(self._file)})
                    continue
                for kind, object_id, said in line:
                    try:
                        self._shelves[kind].load(object_id, said)
                    except (KeyError, TypeError):  # written by a version that knew other things
                        log.warning("an unknown journal entry is left out", extra={"kind": kind, "id": object_id})

    def _compact(self) -> None:
        assert self._file is not None  # noqa: S101 - open() has looked
        fresh = self._file.with_suffix(".new")
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
        size = 0
        for shelf in self._shelves.values():
            for entry in shelf.lines():
                data = _encode([entry])
                _write_whole(handle, data)
                size += len(data)
        os.fsync(handle)
        fresh.replace(self._file)
        if self._handle is not None:
            os.close(self._handle)
        self._handle, self._bytes, self._bytes_compacted = handle, size, size


def _plain(thing: Kept) -> dict[str, Any]:
    return {each.name: getattr(thing, each.name) for each in fields(thing)}


def _encode(line: Line) -> bytes:
    return json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _write_whole(handle: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]
