"""One round over the watched folder: each complete file is taken or refused, and none keeps another waiting."""

from __future__ import annotations

import asyncio
import logging
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import UUID, uuid5

from prometheus_client import Counter
from sqlalchemy.exc import SQLAlchemyError

from kernel.clock import new_id
from kernel.refusals import Refusal
from kernel.telemetry import correlation_id
from kernel.web import LANGUAGES
from reconciliation.drops.folder import ChangedMeanwhileError, Copy, Folder, Outcome
from reconciliation.drops.model import FaultOfOurs, Look, Place, Watch, kept_name, readable
from reconciliation.mappings import actions as mappings
from reconciliation.statements import actions as statements
from reconciliation.statements.actions import Upload
from reconciliation.statements.model import StatementUnrecognised
from reconciliation.statements.refused import advice_in, refused_file
from reconciliation.wiring import Wiring

log = logging.getLogger(__name__)

POLL_SECONDS: Final = 2.0
AWAY_SECONDS: Final = 30.0
SENDER: Final = "folder"
NOTE_ENDING: Final = ".txt"
REFUSALS: Final = UUID("01932ad0-7c30-7d0c-9c7e-5d0f3bb1a0f4")  # the family of ids made of what was refused

DROPPED = Counter("momiji_dropped_files_total", "Files of the watched folder", ["outcome"])

NOTE_REFUSED = "This file was not taken."
NOTE_FILE = "File: {name}"
NOTE_TIME = "Looked at: {moment}"
NOTE_WHY = "What was wrong, and what to do:"
NOTE_AGAIN = "Put the right file into the same folder; it may have the same name. Nothing was lost."
NOTE_FORMAT = "Or put it into a folder of the format's name; there may be: {known}."
NOTES: Final = (NOTE_REFUSED, NOTE_FILE, NOTE_TIME, NOTE_WHY, NOTE_AGAIN, NOTE_FORMAT)


@dataclass(frozen=True, slots=True)
class _Dropped:
    """A complete file, and what is known of it so far."""

    place: Place
    look: Look
    copy: Copy | None = None


async def watch(wiring: Wiring, stop: asyncio.Event) -> None:
    """Look at the folder until stop is set, if there is one; whatever fails is tried again."""
    settings = wiring.settings
    if settings.statements_folder is None:
        return
    kept = Watch(settings.statements_folder_quiet_seconds, settings.statements_folder_complete == "marker")
    while not stop.is_set():
        pause = POLL_SECONDS
        try:
            await look_once(wiring, settings.statements_folder, kept, at_seconds=time.monotonic())
        except (SQLAlchemyError, OSError) as problem:
            log.warning("the watched folder waits", extra={"problem": str(problem)[:300]})
            pause = AWAY_SECONDS
        except Exception:
            log.exception("the watched folder met a fault")
            pause = AWAY_SECONDS
        try:
            await asyncio.wait_for(stop.wait(), pause)
        except TimeoutError:
            continue


async def look_once(wiring: Wiring, path: Path, kept: Watch, *, at_seconds: float) -> int:
    """Take or refuse every file that is complete; return how many were moved.

    Raises SQLAlchemyError while the database is away and OSError while the folder is none; files stay where they are.
    """
    async with wiring.database.at_once(SENDER) as tx:
        known = await mappings.formats(tx)
    moved, problem = 0, None
    with Folder.opened(path, known) as folder:
        seen = await asyncio.to_thread(folder.look)
        for place in kept.complete(seen, at_seconds=at_seconds):
            token = correlation_id.set(f"folder-{new_id()}")
            try:
                moved += await _deal_with(wiring, folder, _Dropped(place, seen[place]), kept)
            except FileNotFoundError:
                continue  # Its sender, or another worker, took it away.
            except ChangedMeanwhileError:
                kept.begin_again(place)
            except OSError as found:
                log.warning("a dropped file stays", extra={"file": readable(place.name), "problem": str(found)})
                problem = found
            finally:
                correlation_id.reset(token)
    if problem is not None:
        raise problem
    return moved


async def _deal_with(wiring: Wiring, folder: Folder, dropped: _Dropped, kept: Watch) -> bool:
    """Take or refuse one file; return whether it was moved."""
    with tempfile.TemporaryDirectory() as scratch:
        try:
            copy = await asyncio.to_thread(folder.copy, dropped.place, Path(scratch) / "given")
            dropped = _Dropped(dropped.place, copy.look, copy)
            await _take(wiring, dropped.place, copy)
        except Refusal as refusal:
            await _refuse(wiring, folder, dropped, kept, refusal)
            return True
        except (ChangedMeanwhileError, OSError):
            raise
        except Exception:
            await wiring.database.ping()  # If that fails, it is not the file's fault.
            log.exception("a fault with a dropped file", extra={"file": readable(dropped.place.name)})
            if not kept.is_hopeless(dropped.place):
                return False
            await _refuse(wiring, folder, dropped, kept, FaultOfOurs(number=correlation_id.get()))
            return True
    name = kept_name(dropped.place.name, copy.sha256, at=wiring.clock.now())
    await _move(folder, dropped, kept, "taken", name)
    return True


async def _move(folder: Folder, dropped: _Dropped, kept: Watch, outcome: Outcome, name: str) -> None:
    try:
        await asyncio.to_thread(folder.move, dropped.place, outcome, name, dropped.look)
    except FileNotFoundError:
        raise
    except OSError:
        kept.leave(dropped.place)  # It would be read again and again.
        raise
    DROPPED.labels(outcome).inc()


async def _take(wiring: Wiring, place: Place, copy: Copy) -> None:
    async with wiring.database.at_once(correlation_id.get()) as tx:
        wanted = mappings.format_named(tx, place.folder) if place.folder else mappings.format_of(tx, copy.path)
        chosen = await wanted
    await statements.take(
        wiring.database,
        chosen,
        Upload(copy.path, copy.sha256, copy.look.bytes_count, readable(place.name)[:200], "folder", SENDER),
        correlation_id=correlation_id.get(),
        file_id=new_id(),
        event_id=new_id(),
        at=wiring.clock.now(),
    )


async def _refuse(wiring: Wiring, folder: Folder, dropped: _Dropped, kept: Watch, refusal: Refusal) -> None:
    """Write down why, put the note beside, move the file; after a crash all of it is done again, once."""
    at, look = wiring.clock.now(), dropped.look
    named = readable(dropped.place.name)
    sha256 = dropped.copy.sha256 if dropped.copy else None
    mark = sha256 or f"{look.inode:08x}"
    refused_id = uuid5(REFUSALS, f"{dropped.place}\x1f{look}\x1f{mark}")
    note = await _note(wiring, named, refusal)
    await statements.refuse(
        wiring.database,
        refused_file(
            wiring.pages,
            refusal,
            id=refused_id,
            at=at,
            way="folder",
            file_name=named[:200],
            bytes_count=look.bytes_count,
            sha256=sha256,
            by=SENDER,
        ),
        correlation_id=correlation_id.get(),
    )
    name = kept_name(dropped.place.name, mark, at=at, room=len(NOTE_ENDING))
    await asyncio.to_thread(folder.write_note, name + NOTE_ENDING, note)
    await _move(folder, dropped, kept, "refused", name)
    log.info("a dropped file was refused", extra={"slug": refusal.slug, "file": named})


async def _note(wiring: Wiring, name: str, refusal: Refusal) -> str:
    """Return what lies beside a refused file: the same in each language, Japanese first."""
    known = ""
    if isinstance(refusal, StatementUnrecognised):
        async with wiring.database.at_once(correlation_id.get()) as tx:
            known = ", ".join(sorted(await mappings.formats(tx)))
    parts = []
    for language in LANGUAGES:
        words = wiring.pages.gettext_of(language.tag)
        lines = [
            words(NOTE_REFUSED),
            words(NOTE_FILE).format(name=name),
            words(NOTE_TIME).format(moment=wiring.pages.moment(language, wiring.clock.now())),
            "",
            words(NOTE_WHY),
            advice_in(wiring.pages, refusal, language.tag),
            *([words(NOTE_FORMAT).format(known=known)] if known else []),
            words(NOTE_AGAIN),
        ]
        parts.append("\r\n".join(lines))
    return "\r\n\r\n----\r\n\r\n".join(parts) + "\r\n"
