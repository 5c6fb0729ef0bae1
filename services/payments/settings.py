"""Settings of payments."""

from __future__ import annotations

from pydantic import Field, SecretStr

from kernel.settings import Settings


class PaymentsSettings(Settings):
    """What payments needs beyond the common settings. The examples are the sandbox's; production refuses them."""

    payments_database_url: str = ""
    payments_port: int = Field(default=8102, ge=1, le=65_535)
    methods_enabled: tuple[str, ...] = ("stripe_card", "paypay", "payeasy_komoju")
    callers: tuple[str, ...] = ("ticketing",)  # whose charges are opened: names of services and of other systems
    form_action_origins: tuple[str, ...] = ("https://checkout.stripe.com",)

    stripe_secret_key: SecretStr = SecretStr("sk_test_momiji_sandbox")
    stripe_webhook_secrets: tuple[SecretStr, ...] = (SecretStr("whsec_momiji_sandbox"),)
    stripe_api_base: str = "http://127.0.0.1:8109/stripe"

    paypay_api_key: str = "a_momiji_sandbox"
    paypay_api_secret: SecretStr = SecretStr("paypay-secret-momiji-sandbox")
    paypay_merchant_id: str = "100000000000000001"
    paypay_base_url: str = "http://127.0.0.1:8109/paypay"
    paypay_webhook_sources: tuple[str, ...] = ()  # addresses that notifications may come from; none: any

    komoju_secret_key: SecretStr = SecretStr("sk_test_komoju_momiji_sandbox")
    komoju_webhook_secret: SecretStr = SecretStr("komoju-webhook-momiji-sandbox")
    komoju_base_url: str = "http://127.0.0.1:8109/komoju/api/v1"
    komoju_contact_email: str = "tickets@momiji.invalid"
    komoju_contact_phone: str = "0820000000"

    @property
    def required_in_production(self) -> frozenset[str]:
        """The secrets that must be set where real money moves."""
        return super().required_in_production | {"stripe_secret_key", "paypay_api_secret", "komoju_secret_key"}
