"""The one call from ticketing to payments: open a charge for an order."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import httpx

from kernel.access import Issuer
from kernel.clock import Clock
from kernel.refusals import Unavailable
from ticketing.orders.model import AwaitingPayment

log = logging.getLogger(__name__)

TIMEOUT_SECONDS = 35.0  # A provider may take 30.
CONNECT_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class OpenedCharge:
    """A charge as payments answered it."""

    id: UUID
    checkout_url: str


class PaymentsAway(Unavailable):
    """Payments, or the provider behind it, cannot open a charge now. The order stays."""

    slug = "payments-away"
    advice = "The payment cannot be started right now. Your places are kept; try again, or choose another way to pay."


class Charges:
    """Calls payments with short-lived tokens of our own; one kept-open client per process."""

    def __init__(self, *, base_url: str, issuer: Issuer, clock: Clock, client: httpx.AsyncClient | None = None) -> None:
        self._issuer = issuer
        self._clock = clock
        self._client = client or httpx.AsyncClient(
            base_url=base_url, timeout=httpx.Timeout(TIMEOUT_SECONDS, connect=CONNECT_SECONDS)
        )

    async def open(
        self,
        order: AwaitingPayment,
        *,
        method: str,
        description: str,
        expires_at: datetime,
        return_url: str,
        correlation_id: str,
    ) -> OpenedCharge:
        """Open the order's charge, the same one however often it is asked for; raise PaymentsAway otherwise."""
        basket = order.basket
        body = {
            "reference": str(basket.id),
            "amount": basket.total.amount,
            "method": method,
            "description": description,
            "expires_at": expires_at.isoformat(),
            "return_url": return_url,
            "locale": basket.locale,
            "facility": basket.facility,
            "allocations": [
                {
                    "facility": line.facility,
                    "product": line.product,
                    "revenue_owner": line.revenue_owner,
                    "revenue_account": line.revenue_account,
                    "tax_rate_percent": line.tax_rate_percent,
                    "amount": line.amount.amount,
                }
                for line in basket.lines
                if line.amount
            ],
        }
        headers = {
            "Authorization": f"Bearer {self._issuer.service_token(audience='payments', at=self._clock.now())}",
            "Idempotency-Key": f"{basket.id}:{method}:{int(expires_at.timestamp())}",
            "X-Correlation-Id": correlation_id,
        }
        try:
            answer = await self._client.post("/v1/charges", json=body, headers=headers)
        except httpx.HTTPError as away:
            log.warning("payments does not answer", extra={"order_id": str(basket.id), "problem": type(away).__name__})
            raise PaymentsAway from away
        if not answer.is_success:
            log.warning("payments opened no charge", extra={"order_id": str(basket.id), "status": answer.status_code})
            raise PaymentsAway
        opened = answer.json()
        return OpenedCharge(UUID(opened["id"]), str(opened["checkout_url"]))

    async def close(self) -> None:
        """Let go of connections."""
        await self._client.aclose()
