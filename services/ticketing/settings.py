"""Settings of ticketing."""

from __future__ import annotations

from datetime import time

from pydantic import Field, SecretStr

from kernel.settings import Settings


class TicketingSettings(Settings):
    """What ticketing needs beyond the common settings."""

    ticketing_database_url: str = ""
    ticketing_port: int = Field(default=8101, ge=1, le=65535)

    order_key_secret: SecretStr = SecretStr("")  # derives each order's key; at least 32 characters
    ticket_signing_key: SecretStr = SecretStr("")  # Ed25519 seed, 64 hexadecimal digits
    ticket_key_id: int = Field(default=1, ge=1, le=255)

    hold_minutes_card: int = Field(default=40, ge=32, le=24 * 60)  # Stripe's page lives 30 minutes at least
    hold_minutes_qr: int = Field(default=15, ge=6, le=24 * 60)
    hold_minutes_longest: int = Field(default=120, ge=32, le=24 * 60)  # after placing, however often one tries again
    hold_until_payeasy: time = time(20, 0)  # on the evening before the visit, Japan time
    provider_margin_minutes: int = Field(default=5, ge=1, le=60)  # the provider's deadline ends this much earlier
    # Where a form of ours may be redirected to beyond payments: the providers' own pages.
    form_action_origins: tuple[str, ...] = (
        "https://checkout.stripe.com",
        "https://*.paypay.ne.jp",
        "https://komoju.com",
    )

    tickets_per_order_max: int = Field(default=200, ge=1, le=1000)
    sale_days_ahead_max: int = Field(default=180, ge=1, le=730)

    @property
    def required_in_production(self) -> frozenset[str]:
        """The secrets that must be set where real money moves."""
        return super().required_in_production | {"order_key_secret", "ticket_signing_key"}
