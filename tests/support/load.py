"""Scans under load: a keep-alive HTTP client lean enough to share two cores with what it measures."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True)
class Answered:
    """One request as it came back: the HTTP status, its body, and how long it took."""

    status: int
    body: dict
    seconds: float


@dataclass(frozen=True)
class Load:
    """What a run measured."""

    answers: Sequence[Answered]
    seconds: float

    @property
    def per_second(self) -> float:
        """Return the rate of answers."""
        return len(self.answers) / self.seconds

    def percentile_ms(self, percent: float) -> float:
        """Return a latency in milliseconds that so many percent of the answers stayed below."""
        ordered = sorted(each.seconds for each in self.answers)
        return 1000 * ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def scan_request(host: str, gate: str, token: str, body: dict, *, batch: bool = False) -> bytes:
    """Return the bytes of one scan's request."""
    payload = json.dumps(body).encode()
    path = f"/v1/gates/{gate}/scans{'/batch' if batch else ''}"
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(payload)}\r\n\r\n"
    )
    return head.encode() + payload


def scan_body(scan_id: UUID, code: str, scanned_at: str) -> dict:
    """Return the fields of one scan."""
    return {"scan_id": str(scan_id), "code": code, "scanned_at": scanned_at}


async def run_load(port: int, requests: Sequence[bytes], *, connections: int) -> Load:
    """Send all requests over so many connections, each waiting for its answer; return what came back.

    A connection that breaks ends; its unanswered request is left out of the answers.
    """
    waiting = iter(requests)
    answers: list[Answered] = []

    async def one_connection() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            for request in waiting:
                started = time.perf_counter()
                writer.write(request)
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
                body = await reader.readexactly(length)
                answers.append(Answered(int(head[9:12]), json.loads(body), time.perf_counter() - started))
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    started = time.perf_counter()
    await asyncio.gather(*(one_connection() for _ in range(connections)))
    return Load(answers, time.perf_counter() - started)
