"""What every provider's API has at its edge: a bounded body, and faults on demand."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, cast

from fastapi import Request
from fastapi.responses import Response

from kernel.refusals import TooLarge
from sandbox.faults.model import REQUEST_KINDS

if TYPE_CHECKING:
    from sandbox.wiring import Sandbox

BODY_BYTES_MAX = 65_536
RETRY_AFTER_SECONDS = 1


def sandbox_of(request: Request) -> Sandbox:
    """Return the running sandbox."""
    return cast("Sandbox", request.app.state.sandbox)


async def bounded_body(request: Request) -> bytes:
    """Return the raw body; raise TooLarge beyond BODY_BYTES_MAX."""
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > BODY_BYTES_MAX:
            raise TooLarge(bytes_max=BODY_BYTES_MAX)
        parts.append(part)
    return b"".join(parts)


async def with_faults(  # noqa: PLR0911 - one return for each fault
    sandbox: Sandbox,
    provider: str,
    operation: str,
    act: Callable[[float], Awaitable[Response]],
    *,
    error: Callable[[], Response],
    maintenance: Callable[[], Response],
    too_many: Callable[[], Response],
    unauthorized: Callable[[], Response],
) -> Response:
    """Do a request as the waiting faults want it: not, slowly, or with its answer lost.

    `act` takes the seconds that it is to pause with its idempotency key held.

    `timeout` and `error_500_after_success` do what was asked and lose the answer: the caller cannot know.
    """
    fault = sandbox.faults.strike(provider, operation, REQUEST_KINDS - {"fails"})
    match fault.kind if fault is not None else "":
        case "maintenance":
            return maintenance()
        case "unauthorized":
            return unauthorized()
        case "rate_limited":
            answer = too_many()
            answer.headers["retry-after"] = str(RETRY_AFTER_SECONDS)
            return answer
        case "error_500":
            return error()
        case "error_500_after_success":
            await act(0)
            return error()
        case "timeout":
            await act(0)
            await asyncio.sleep(sandbox.settings.timeout_fault_seconds)
            return error()
        case "slow_ms":
            return await act(fault.slow_ms / 1000 if fault is not None else 0)
        case _:
            return await act(0)
