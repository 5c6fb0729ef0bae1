"""Reading the stream from its beginning under a name of its own, in stretches that end where it stood at a moment."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping, Sequence

from kernel.stream.protocol import Delivered, EventStream, Extent, Place, StreamError, Subscription
from reconciliation.replay.model import StreamIsSilent

log = logging.getLogger(__name__)

PORTION_EVENTS = 2_000
POLL_MS = 500
SILENT_SECONDS_MAX = 60
TROUBLE_SECONDS = 1.0


class Reading:
    """One reader of some topics, used by one thread at a time. It commits nothing and so leaves nothing behind.

    What is delivered again after trouble (nothing is ever committed) is passed over by its offset.
    """

    def __init__(self, stream: EventStream, topics: Sequence[str], *, name: str) -> None:
        self._stream = stream
        self._topics = tuple(topics)
        self._subscription: Subscription = stream.subscribe(topics, group=name)
        self._next: dict[Place, int] = {}
        self._ahead: list[Delivered] = []

    def extents(self) -> Mapping[Place, Extent]:
        """Return what the stream holds now."""
        return self._stream.extents(self._topics)

    def left(self, until: Mapping[Place, Extent]) -> int:
        """Return how many offsets lie between here and there."""
        return sum(max(0, extent.next - self._at(place, extent)) for place, extent in until.items())

    def _at(self, place: Place, extent: Extent) -> int:
        return max(self._next.get(place, 0), extent.first)

    def portions(self, until: Mapping[Place, Extent]) -> Iterator[list[Delivered]]:
        """Yield every event up to there that was not given before. Raises StreamIsSilent or StreamError."""
        heard_at = time.monotonic()
        kept, self._ahead = self._ahead, []
        yield from self._within(kept, until)
        while self.left(until):
            try:
                found = self._subscription.poll(timeout_ms=POLL_MS, records_max=PORTION_EVENTS)
            except StreamError as problem:
                if time.monotonic() - heard_at > SILENT_SECONDS_MAX:
                    raise
                log.warning("the replay waits for the stream", extra={"problem": str(problem)})
                time.sleep(TROUBLE_SECONDS)
                continue
            if found:
                yield from self._within(found, until)
                heard_at = time.monotonic()
            elif time.monotonic() - heard_at > SILENT_SECONDS_MAX:
                raise StreamIsSilent(count=self.left(until), seconds=SILENT_SECONDS_MAX)

    def _within(self, found: Sequence[Delivered], until: Mapping[Place, Extent]) -> Iterator[list[Delivered]]:
        portion = []
        for each in found:
            place = (each.topic, each.partition)
            if each.offset < self._next.get(place, 0):
                continue
            if each.offset >= until[place].next:
                self._ahead.append(each)
                continue
            self._next[place] = each.offset + 1
            portion.append(each)
        if portion:
            yield portion

    def close(self) -> None:
        """Leave."""
        self._subscription.close()
