"""The watched folder on disk: every step by a handle of the folder itself, so that no link leads elsewhere."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final, Literal

from reconciliation.drops.model import (
    MARKER,
    DroppedEmpty,
    DroppedTooLarge,
    DroppedUnreadable,
    Look,
    NotAPlainFile,
    Place,
    is_plain_name,
)
from reconciliation.statements.model import FILE_BYTES_MAX

ENTRIES_MAX: Final = 10_000  # looked at in one round
CHUNK_BYTES: Final = 1 << 20
FOLDER_MODE: Final = 0o750
NOTE_MODE: Final = 0o640
Outcome = Literal["taken", "refused"]

_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class ChangedMeanwhileError(Exception):
    """A file was written to, or replaced, while it was read: it is looked at again."""


@dataclass(frozen=True, slots=True)
class Copy:
    """A private copy of a dropped file, which nobody else can change any more."""

    path: Path
    sha256: str
    look: Look


class Folder:
    """The watched folder, its folders of formats, and `taken` and `refused` in it."""

    def __init__(self, root: int, handles: dict[str, int], outcomes: dict[Outcome, int]) -> None:
        self._root = root
        self._handles = handles
        self._outcomes = outcomes

    @classmethod
    @contextmanager
    def opened(cls, path: Path, formats: Iterable[str]) -> Iterator[Folder]:
        """Open the folder; raises OSError if it, or what belongs to it, is not a folder that can be written to."""
        handles: list[int] = []

        def keep(handle: int) -> int:
            handles.append(handle)
            return handle

        try:
            root = keep(os.open(path, _DIRECTORY))
            outcomes: dict[Outcome, int] = {}
            names: tuple[Outcome, ...] = ("taken", "refused")
            for outcome in names:
                with suppress(FileExistsError):
                    os.mkdir(outcome, FOLDER_MODE, dir_fd=root)
                outcomes[outcome] = keep(os.open(outcome, _DIRECTORY, dir_fd=root))
                if not os.access(".", os.W_OK | os.X_OK, dir_fd=outcomes[outcome]):
                    raise PermissionError(errno.EACCES, "This folder cannot be written to", outcome)
            of_formats = {"": root}
            for name in formats:
                if is_plain_name(name):
                    with suppress(OSError):  # not there, or no folder
                        of_formats[name] = keep(os.open(name, _DIRECTORY, dir_fd=root))
            yield cls(root, of_formats, outcomes)
        finally:
            for handle in handles:
                os.close(handle)

    def look(self) -> dict[Place, Look]:
        """Return what lies there, folders aside."""
        found: dict[Place, Look] = {}
        for folder, handle in self._handles.items():
            with os.scandir(handle) as entries:
                for entry in islice(entries, ENTRIES_MAX):
                    try:
                        if entry.is_dir(follow_symlinks=False):
                            continue
                        seen = entry.stat(follow_symlinks=False)
                    except FileNotFoundError:
                        continue
                    found[Place(folder, entry.name)] = _look(seen)
        return found

    def copy(self, place: Place, target: Path) -> Copy:
        """Copy a file, wholly or not at all.

        Raises NotAPlainFile, DroppedEmpty, DroppedTooLarge, DroppedUnreadable, ChangedMeanwhileError and
        FileNotFoundError.
        """
        try:
            handle = os.open(place.name, _FILE, dir_fd=self._handles[place.folder])
        except PermissionError:
            raise DroppedUnreadable from None
        except OSError as problem:
            if problem.errno in {errno.ELOOP, errno.ENXIO, errno.EMLINK}:
                raise NotAPlainFile from None
            raise
        with os.fdopen(handle, "rb") as source:
            before = os.fstat(source.fileno())
            if not stat.S_ISREG(before.st_mode) or before.st_nlink != 1:
                raise NotAPlainFile
            if not before.st_size:
                raise DroppedEmpty
            if before.st_size > FILE_BYTES_MAX:
                raise DroppedTooLarge(bytes_count=before.st_size, bytes_max=FILE_BYTES_MAX)
            digest, count = hashlib.sha256(), 0
            with target.open("wb") as sink:
                while piece := source.read(CHUNK_BYTES):
                    count += len(piece)
                    if count > before.st_size:
                        raise ChangedMeanwhileError
                    digest.update(piece)
                    sink.write(piece)
            if count != before.st_size or _look(os.fstat(source.fileno())) != _look(before):
                raise ChangedMeanwhileError
        return Copy(target, digest.hexdigest(), _look(before))

    def look_at(self, place: Place) -> Look:
        """Return what a look at one file shows; raises FileNotFoundError."""
        return _look(os.stat(place.name, dir_fd=self._handles[place.folder], follow_symlinks=False))

    def move(self, place: Place, outcome: Outcome, name: str, look: Look) -> None:
        """Move a file, and take its marker away. What is there is not followed, whatever it is.

        Raises ChangedMeanwhileError if it is not what was looked at any more; then it lies in the folder again, under
        the name that it was to have.
        """
        source, target = self._handles[place.folder], self._outcomes[outcome]
        os.rename(place.name, name, src_dir_fd=source, dst_dir_fd=target)
        if _look(os.stat(name, dir_fd=target, follow_symlinks=False)) != look:
            # Somebody put another one in its place in the meantime, and may have done so again: none is overwritten.
            os.rename(name, name, src_dir_fd=target, dst_dir_fd=source)
            raise ChangedMeanwhileError
        with suppress(FileNotFoundError):
            os.unlink(place.name + MARKER, dir_fd=source)

    def write_note(self, name: str, text: str) -> None:
        """Write the note that lies beside a refused file."""
        target = self._outcomes["refused"]
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(name, flags, NOTE_MODE, dir_fd=target), "wb") as sink:
            sink.write(text.encode("utf-8-sig"))


def _look(seen: os.stat_result) -> Look:
    return Look(seen.st_ino, seen.st_size, seen.st_mtime_ns)
