"""Settings of payments. Each method's own settings lie in its folder."""

from __future__ import annotations

from pydantic import Field

from kernel.settings import Environment, Settings


class PaymentsSettings(Settings):
    """What payments needs beyond the common settings."""

    payments_database_url: str = ""
    payments_port: int = Field(default=8102, ge=1, le=65535)
    methods_enabled: str = ""  # names separated by commas; empty: every method that has a folder

    message_tries_max: int = Field(default=10, ge=1, le=1_000)
    # Where a form of ours may be redirected to: the providers' own pages.
    form_action_origins: tuple[str, ...] = (
        "https://checkout.stripe.com",
        "https://*.paypay.ne.jp",
        "https://komoju.com",
    )

    @property
    def form_actions(self) -> tuple[str, ...]:
        """The origins that forms may lead to; outside of production also the sandbox's."""
        practice = () if self.environment is Environment.PRODUCTION else (self.sandbox_url,)
        return (self.ticketing_url, *self.form_action_origins, *practice)
