"""An HTTP load generator lean enough to share two cores with what it measures."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: its status, body and seconds."""

    status: int
    body: bytes
    seconds: float

    def json(self) -> Any:
        """Return the body as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Load:
    """What one run measured."""

    answers: Sequence[Answer]
    seconds: float

    @property
    def per_second(self) -> float:
        """Answers a second."""
        return len(self.answers) / self.seconds

    def percentile_ms(self, percent: float) -> float:
        """Return the latency that so many percent of the answers stayed below."""
        return percentile([each.seconds for each in self.answers], percent) * 1000

    def count(self, status: int) -> int:
        """Return how many answers had a status."""
        return sum(each.status == status for each in self.answers)


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the smallest value that so many percent of all do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def post(host: str, path: str, body: object, headers: Mapping[str, str]) -> bytes:
    """Return the bytes of one POST."""
    payload = json.dumps(body).encode()
    lines = [f"POST {path} HTTP/1.1", f"Host: {host}", "Content-Type: application/json"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    lines += [f"Content-Length: {len(payload)}", "", ""]
    return "\r\n".join(lines).encode() + payload


class Line:
    """One kept-open connection, which takes one request after another."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def to(cls, port: int) -> Line:
        """Connect to a port of this machine."""
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def send(self, request: bytes) -> Answer:
        """Send one request and return its answer; raises OSError or EOFError when the connection is gone."""
        at = time.perf_counter()
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        body = await self._reader.readexactly(length)
        return Answer(int(head[9:12]), body, time.perf_counter() - at)

    def close(self) -> None:
        """Close the connection."""
        self._writer.close()


async def send_all(port: int, requests: Sequence[bytes], *, connections: int, seconds_max: float) -> Load:
    """Send requests over so many kept-open connections, one after another on each, until done or time is over."""
    waiting = iter(requests)
    answers: list[Answer] = []
    started = time.perf_counter()

    async def one() -> None:
        line = await Line.to(port)
        try:
            for request in waiting:
                if time.perf_counter() - started > seconds_max:
                    return
                answers.append(await line.send(request))
        finally:
            line.close()

    await asyncio.gather(*(one() for _ in range(connections)))
    return Load(answers, time.perf_counter() - started)
