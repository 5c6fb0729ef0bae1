"""Settings of ticketing."""

from __future__ import annotations

from dataclasses import asdict
from datetime import time
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from kernel.settings import Settings
from ticketing.orders.ways import FREE, NAME_PATTERN, WAYS, Kind


class MethodSold(BaseModel):
    """A way to pay: its name in payments, what it is like (see ticketing.orders.ways), and what people call it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(pattern=NAME_PATTERN)]
    kind: Kind
    title_ja: Annotated[str, Field(min_length=1, max_length=60)]
    title_en: Annotated[str, Field(min_length=1, max_length=60)]
    sold: bool = True


class TicketingSettings(Settings):
    """What ticketing needs beyond the common settings."""

    ticketing_database_url: str = ""
    ticketing_port: int = Field(default=8101, ge=1, le=65535)

    order_key_secret: SecretStr = SecretStr("")  # derives each order's key; at least 32 characters
    ticket_signing_key: SecretStr = SecretStr("")  # Ed25519 seed, 64 hexadecimal digits
    ticket_key_id: int = Field(default=1, ge=1, le=255)

    # What orders are paid by, in the order in which pages show it. Each is also a folder of payments' methods that
    # MOMIJI_METHODS_ENABLED names there. A way that orders were paid by stays here with sold=false.
    methods: tuple[MethodSold, ...] = tuple(MethodSold(**asdict(each)) for each in WAYS)

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

    @field_validator("methods")
    @classmethod
    def _one_of_each(cls, value: tuple[MethodSold, ...]) -> tuple[MethodSold, ...]:
        names = [each.name for each in value]
        if FREE in names or len(set(names)) < len(names) or not any(each.sold for each in value):
            raise ValueError("MOMIJI_METHODS must name each way to pay once, and one at least that is sold.")
        return value

    @property
    def required_in_production(self) -> frozenset[str]:
        """The secrets that must be set where real money moves."""
        return super().required_in_production | {"order_key_secret", "ticket_signing_key"}
