"""The one call from reconciliation to payments: what was paid out."""

from __future__ import annotations

from datetime import date
from typing import Final, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from kernel.access import Issuer
from kernel.clock import Clock
from kernel.telemetry import correlation_id
from reconciliation.fetching.model import Lines, Payout, Payouts

TIMEOUT_SECONDS: Final = 300.0  # Payments asks the provider page by page; a large payout has a thousand.
CONNECT_SECONDS: Final = 2.0
BODY_BYTES_MAX: Final = 64_000_000

T = TypeVar("T", bound=BaseModel)


class AwayError(Exception):
    """Payments, or the provider behind it, does not answer now; the message says which answer there was."""


class NotToldError(Exception):
    """Payments answers, but not this; the message says how."""


class NotThereError(NotToldError):
    """Payments does not know what it is asked for: 404."""


class Payments:
    """Asks payments with short-lived tokens of our own."""

    def __init__(self, *, base_url: str, issuer: Issuer, clock: Clock, client: httpx.AsyncClient | None = None) -> None:
        self._issuer = issuer
        self._clock = clock
        self._client = client or httpx.AsyncClient(
            base_url=base_url, timeout=httpx.Timeout(TIMEOUT_SECONDS, connect=CONNECT_SECONDS)
        )

    async def payouts(self, provider: str, since: date) -> tuple[Payout, ...]:
        """Return a provider's payouts whose lines are final, oldest first; raise AwayError or NotToldError."""
        return (await self._get(Payouts, f"/v1/payouts/{provider}", {"since": since.isoformat()})).items

    async def lines(self, provider: str, payout: str) -> Lines:
        """Return what a payout consists of; raise AwayError or NotToldError."""
        return await self._get(Lines, f"/v1/payouts/{provider}/{payout}", {})

    async def close(self) -> None:
        """Let go of connections."""
        await self._client.aclose()

    async def _get(self, shape: type[T], path: str, params: dict[str, str]) -> T:
        headers = {
            "Authorization": f"Bearer {self._issuer.service_token(audience='payments', at=self._clock.now())}",
            "X-Correlation-Id": correlation_id.get(),
        }
        body = bytearray()
        try:
            async with self._client.stream("GET", path, params=params, headers=headers) as answer:
                if answer.is_server_error:
                    raise AwayError(f"it answered {answer.status_code}")
                if answer.status_code == httpx.codes.NOT_FOUND:
                    raise NotThereError("it answered 404")
                if not answer.is_success:
                    raise NotToldError(f"it answered {answer.status_code}")
                async for piece in answer.aiter_bytes():
                    body += piece
                    if len(body) > BODY_BYTES_MAX:
                        raise NotToldError(f"its answer has more than {BODY_BYTES_MAX} bytes")
        except httpx.HTTPError as away:
            raise AwayError(type(away).__name__) from away
        try:
            return shape.model_validate_json(bytes(body))
        except ValidationError as problem:
            raise NotToldError(f"its answer has {problem.error_count()} faults") from None
