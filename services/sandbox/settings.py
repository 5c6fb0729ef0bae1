"""The sandbox's settings: where it listens, what it keeps, and the example credentials it accepts."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal, Self

from pydantic import AliasChoices, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from kernel.settings import Environment


class SandboxSettings(BaseSettings):
    """Each field is MOMIJI_SANDBOX_<NAME>, but for the few that an installation shares.

    The secrets are examples on purpose: with MOMIJI_ENVIRONMENT=production the sandbox does not start.
    Raises ValueError (pydantic's ValidationError) in production.
    """

    model_config = SettingsConfigDict(
        env_prefix="MOMIJI_SANDBOX_", extra="ignore", frozen=True, populate_by_name=True, hide_input_in_errors=True
    )

    environment: Environment = Field(
        default=Environment.DEVELOPMENT, validation_alias=AliasChoices("environment", "MOMIJI_ENVIRONMENT")
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", validation_alias=AliasChoices("log_level", "MOMIJI_LOG_LEVEL")
    )
    payments_url: str = Field(
        default="http://127.0.0.1:8102", validation_alias=AliasChoices("payments_url", "MOMIJI_PAYMENTS_URL")
    )
    payments_internal_url: str = Field(
        default="", validation_alias=AliasChoices("payments_internal_url", "MOMIJI_PAYMENTS_INTERNAL_URL")
    )

    host: str = "127.0.0.1"
    port: int = Field(default=8109, ge=0, le=65_535)
    public_url: str = "http://127.0.0.1:8109"
    merchant_name: str = "もみじ（練習） / Momiji (practice)"  # who is paid, as the payer's pages say it
    journal_file: Path | None = None  # nothing is kept over a restart without one
    journal_bytes_max: int = Field(default=512 * 1024 * 1024, ge=1_024)
    objects_max: int = Field(default=50_000, ge=10)  # of each kind; the oldest are forgotten first

    stripe_webhook_url: str = ""  # default: <payments>/v1/webhooks/stripe_card
    paypay_webhook_url: str = ""
    komoju_webhook_url: str = ""
    gmopg_webhook_url: str = ""
    stripe_webhook_events: tuple[str, ...] = ("*",)  # what the merchant chose to be told of; "refund.*" is many
    komoju_webhook_events: tuple[str, ...] = ("*",)
    webhook_retry_seconds_min: float = Field(default=0.5, gt=0)
    # Real providers pause for hours; a person at a demo does not.
    webhook_retry_seconds_max: float = Field(default=10.0, gt=0)
    webhook_tries_max: int = Field(default=1_000, ge=1)

    stripe_secret_key: SecretStr = SecretStr("sk_test_momiji_sandbox")
    stripe_webhook_secrets: tuple[SecretStr, ...] = (SecretStr("whsec_momiji_sandbox"),)
    stripe_fee_basis_points: int = Field(default=360, ge=0, le=10_000)
    stripe_refund_seconds: float = Field(default=0.3, ge=0)

    paypay_api_key: str = "a_momiji_sandbox"
    paypay_api_secret: SecretStr = SecretStr("paypay-secret-momiji-sandbox")
    paypay_merchant_id: str = "100000000000000001"
    paypay_code_seconds: int = Field(default=300, ge=1)
    paypay_fee_basis_points: int = Field(default=198, ge=0, le=10_000)
    paypay_partial_refunds_max: int = Field(default=10, ge=1)

    komoju_secret_key: SecretStr = SecretStr("sk_test_komoju_momiji_sandbox")
    komoju_webhook_secret: SecretStr = SecretStr("komoju-webhook-momiji-sandbox")
    komoju_deadline_seconds: int = Field(default=7 * 86_400, ge=1)
    komoju_fee_basis_points: int = Field(default=275, ge=0, le=10_000)
    komoju_refund_seconds: float = Field(default=0.5, ge=0)

    gmopg_shop_id: str = "tshop00000001"
    gmopg_shop_pass: SecretStr = SecretStr("sandboxpas")
    gmopg_deadline_seconds: int = Field(default=60 * 86_400, ge=1)  # beyond which no numbers live
    gmopg_fee_basis_points: int = Field(default=250, ge=0, le=10_000)

    payer_hosts: tuple[str, ...] = ()  # hosts beyond loopback that POST /payers may fetch
    timeout_fault_seconds: float = Field(default=60.0, gt=0)

    @model_validator(mode="after")
    def _never_in_production(self) -> Self:
        if self.environment is Environment.PRODUCTION:
            raise ValueError(
                "The sandbox moves no real money and does not start with MOMIJI_ENVIRONMENT=production. "
                "Point MOMIJI_STRIPE_API_BASE, MOMIJI_PAYPAY_BASE_URL and MOMIJI_KOMOJU_BASE_URL at the providers."
            )
        return self

    def webhook_url(self, provider: str) -> str:
        """Return where a provider ("stripe", "paypay", "komoju" or "gmopg") sends its webhooks."""
        given = {
            "stripe": self.stripe_webhook_url,
            "paypay": self.paypay_webhook_url,
            "komoju": self.komoju_webhook_url,
            "gmopg": self.gmopg_webhook_url,
        }[provider]
        method = {
            "stripe": "stripe_card",
            "paypay": "paypay",
            "komoju": "payeasy_komoju",
            "gmopg": "payeasy_gmopg",
        }[provider]
        base = self.payments_internal_url or self.payments_url
        return given or f"{base.rstrip('/')}/v1/webhooks/{method}"

    def is_told(self, provider: str, event_type: str) -> bool:
        """Tell whether the merchant chose to be told of a kind of event; PayPay and the second agency ask nobody."""
        chosen = {"stripe": self.stripe_webhook_events, "komoju": self.komoju_webhook_events}.get(provider, ("*",))
        return any(fnmatchcase(event_type, each) for each in chosen)

    @property
    def base(self) -> str:
        """The address of this sandbox as payers see it, without a final slash."""
        return self.public_url.rstrip("/")
