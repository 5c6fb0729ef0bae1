"""`momiji redeliver`: which events were put aside as dead letters, and why; sends them again once that is mended."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from console.installation import SERVICES, CannotStartError
from console.replaying import places_of
from kernel.stream.protocol import (
    Delivered,
    EventStream,
    Extent,
    Place,
    Record,
    StreamError,
    Subscription,
    dead_letter_topic_of,
    topic_of,
)

GROUP = "redeliver"  # remembers how far dead letters were sent again
SILENT_SECONDS_MAX = 5.0
POLL_MS = 500
PORTION = 200
ORIGIN = "origin_"


def redeliver(environment: Mapping[str, str], *, send: bool) -> int:
    """List the dead letters that were not sent again yet, and send them if asked; 1 if some cannot be sent."""
    _, stream = places_of(environment)
    try:
        waiting, kept = run(stream, [dead_letter_topic_of(topic_of(service)) for service in SERVICES], send=send)
    except StreamError as problem:
        raise CannotStartError(str(problem)) from problem
    finally:
        stream.close()
    _print(waiting, kept, send=send)
    return 1 if kept else 0


def run(stream: EventStream, topics: Sequence[str], *, send: bool) -> tuple[list[Delivered], list[Delivered]]:
    """Return the letters that wait, and those of them that cannot be sent as they are; send the others if asked.

    Each goes to the topic that it came from, under its own id: a consumer that it had its effect on passes over it, the
    one that could not read it tries again. What is sent is not listed again; a crash in between sends it twice, which
    changes nothing.
    """
    subscription = stream.subscribe(topics, group=GROUP)
    try:
        waiting = _read(subscription, stream.extents(topics))
        whole = [each for each in waiting if _is_whole(each)]
        if send and waiting:
            for start in range(0, len(whole), PORTION):
                stream.publish([_as_it_was(each) for each in whole[start : start + PORTION]])
            subscription.commit()
    finally:
        subscription.close()
    return waiting, [each for each in waiting if not _is_whole(each)]


def _read(subscription: Subscription, until: Mapping[Place, Extent]) -> list[Delivered]:
    """Return what was not sent again before; it ends where the topics end now."""
    found: list[Delivered] = []
    ends = {place: extent.next for place, extent in until.items() if extent.next > extent.first}
    heard_at = time.monotonic()
    while ends and time.monotonic() - heard_at < SILENT_SECONDS_MAX:
        for each in subscription.poll(timeout_ms=POLL_MS, records_max=PORTION):
            heard_at, place = time.monotonic(), (each.topic, each.partition)
            found.append(each)
            if each.offset + 1 >= ends.get(place, 0):
                ends.pop(place, None)
    return found


def _is_whole(letter: Delivered) -> bool:
    """Tell whether a letter holds its event; one that was too large holds a note of where it lies."""
    return f"{ORIGIN}topic" in letter.headers and b'"too large for a dead letter"' not in letter.body


def _as_it_was(letter: Delivered) -> Record:
    headers = {name: value for name, value in letter.headers.items() if not name.startswith(ORIGIN)}
    return Record(letter.headers[f"{ORIGIN}topic"], letter.key, headers, letter.body)


def _print(waiting: Sequence[Delivered], kept: Sequence[Delivered], *, send: bool) -> None:
    screen = Console()
    if not waiting:
        screen.print("No dead letter waits.")
        return
    table = Table("put aside", "consumer", "event", "subject", "why")
    for each in waiting:
        said = each.headers
        names = ("origin_at", "origin_consumer", "ce_type", "ce_subject", "origin_problem")
        table.add_row(*(escape(said.get(name, "–")) for name in names))
    screen.print(table)
    for each in kept:
        place = "/".join(each.headers.get(f"{ORIGIN}{name}", "?") for name in ("topic", "partition", "offset"))
        screen.print(f"Too large for a dead letter, not sent: it lies at {place}.", highlight=False)
    count = len(waiting) - len(kept)
    screen.print(
        f"{count} sent again."
        if send
        else f"{count} can be sent again: mend their cause, then 'momiji redeliver --send'.",
        highlight=False,
    )
