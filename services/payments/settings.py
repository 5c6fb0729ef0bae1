"""Settings of payments."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path
from typing import Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from kernel.settings import Environment, Settings
from payments.health.model import Window
from payments.transfers.sealing import SECRET_LENGTH_MIN


class Maintenance(BaseModel):
    """A maintenance that a provider announced: in it the method takes no new payments."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: str
    begins: AwareDatetime = Field(alias="from")
    until: AwareDatetime

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Self:
        if self.until <= self.begins:
            raise ValueError(f"The maintenance of {self.method} ends before it begins. Correct its 'until'.")
        return self


class PaymentsSettings(Settings):
    """What payments needs beyond the common settings. The examples are the sandbox's; production refuses them."""

    payments_database_url: str = ""
    payments_port: int = Field(default=8102, ge=1, le=65_535)
    methods_enabled: tuple[str, ...] = ("stripe_card", "paypay", "payeasy_komoju")
    methods_retired: tuple[str, ...] = ()  # take no new payments; those of before are asked about and refunded
    # JSON: the method, "from" and "until" with their offsets (docs/running.md)
    methods_maintenance: tuple[Maintenance, ...] = Field(default=(), max_length=100)
    callers: tuple[str, ...] = ("ticketing",)  # whose charges are opened: names of services and of other systems
    payout_readers: tuple[str, ...] = ("reconciliation",)  # the services that may ask what providers paid out
    form_action_origins: tuple[str, ...] = ("https://checkout.stripe.com",)

    calls_per_second: float = Field(default=100.0, gt=0)  # to one provider, from one process; more wait for their turn
    message_body_days: int = Field(default=14, ge=1)  # a provider's message may name a payer: kept only so long

    # Webhook secrets of collecting systems are derived from it; without one, from the session key.
    collecting_key: SecretStr = SecretStr("")
    webhook_networks: tuple[str, ...] = ()  # private networks that production may send messages to, as 10.1.0.0/16
    webhook_ca_file: Path | None = None  # who signs the certificates of those; none: the public authorities

    stripe_secret_key: SecretStr = SecretStr("sk_test_momiji_sandbox")
    stripe_webhook_secrets: tuple[SecretStr, ...] = (SecretStr("whsec_momiji_sandbox"),)
    stripe_api_base: str = "http://127.0.0.1:8109/stripe"

    paypay_api_key: str = "a_momiji_sandbox"
    paypay_api_secret: SecretStr = SecretStr("paypay-secret-momiji-sandbox")
    paypay_merchant_id: str = "100000000000000001"
    paypay_base_url: str = "http://127.0.0.1:8109/paypay"
    paypay_webhook_sources: tuple[str, ...] = ()  # addresses that notifications may come from; none: any

    komoju_secret_key: SecretStr = SecretStr("sk_test_komoju_momiji_sandbox")
    komoju_webhook_secrets: tuple[SecretStr, ...] = (SecretStr("komoju-webhook-momiji-sandbox"),)
    komoju_webhook_secret: SecretStr = SecretStr("")  # the name before there could be two; it still counts
    komoju_base_url: str = "http://127.0.0.1:8109/komoju/api/v1"
    komoju_contact_email: str = "tickets@momiji.invalid"
    komoju_contact_phone: str = "0820000000"

    # Bank accounts for refunds lie sealed under the first of these; a replaced one stays in its place behind it until
    # everything is sealed anew. 32 characters or more each.
    payments_data_keys: tuple[SecretStr, ...] = (SecretStr("an example key of the sandbox, for nothing real"),)
    refunds_by_own_transfer: tuple[str, ...] = ()  # methods whose refunds to a bank account go by our own bank's file
    # Our own account for such files, names in katakana; without the code there is none.
    transfer_consignor_code: str = Field(default="", pattern=r"^[0-9]{0,10}$")
    transfer_consignor_name: str = Field(default="", max_length=60)
    transfer_bank_code: str = Field(default="", pattern=r"^([0-9]{4})?$")
    transfer_bank_name: str = Field(default="", max_length=40)
    transfer_branch_code: str = Field(default="", pattern=r"^([0-9]{3})?$")
    transfer_branch_name: str = Field(default="", max_length=40)
    transfer_account_kind: Literal["normal", "checking"] = "normal"
    transfer_account_number: str = Field(default="", pattern=r"^[0-9]{0,7}$")

    @model_validator(mode="after")
    def _one_route_for_paypay(self) -> Self:
        if {"paypay", "stripe_paypay"} <= set(self.methods_enabled):
            raise ValueError(
                "MOMIJI_METHODS_ENABLED names paypay and stripe_paypay. Choose one and move the other to "
                "MOMIJI_METHODS_RETIRED: a payer whose first payment has no answer yet is not led to a second route."
            )
        return self

    @model_validator(mode="after")
    def _maintenance_of_what_there_is(self) -> Self:
        for each in self.methods_maintenance:
            if each.method not in self.methods_connected:
                raise ValueError(
                    f"MOMIJI_METHODS_MAINTENANCE names {each.method[:40]}, which is no way to pay here. "
                    f"There are: {', '.join(self.methods_connected)}."
                )
        return self

    @property
    def maintenance_windows(self) -> tuple[Window, ...]:
        """The announced maintenances, the earliest first."""
        every = (Window(each.method, each.begins, each.until) for each in self.methods_maintenance)
        return tuple(sorted(every, key=lambda each: each.begins))

    @property
    def production(self) -> bool:
        """Whether real money moves."""
        return self.environment is Environment.PRODUCTION

    @property
    def collecting_master_key(self) -> str:
        """What the webhook secrets of collecting systems are derived from."""
        return self.collecting_key.get_secret_value() or self.session_key.get_secret_value()

    @field_validator("webhook_networks")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for each in value:
            ip_network(each, strict=False)
        return value

    @property
    def methods_connected(self) -> tuple[str, ...]:
        """The methods whose providers are talked to."""
        return (*self.methods_enabled, *(each for each in self.methods_retired if each not in self.methods_enabled))

    @property
    def komoju_active_secrets(self) -> tuple[SecretStr, ...]:
        """The secrets that KOMOJU's messages may be signed with now: two while one is being replaced."""
        if not self.komoju_webhook_secret.get_secret_value():
            return self.komoju_webhook_secrets
        named = "komoju_webhook_secrets" in self.model_fields_set
        return (*(self.komoju_webhook_secrets if named else ()), self.komoju_webhook_secret)

    @model_validator(mode="after")
    def _production_talks_to_real_providers(self) -> Self:
        if self.environment is not Environment.PRODUCTION:
            return self
        keys = [each.get_secret_value() for each in self.payments_data_keys]
        if not keys or any(len(each) < SECRET_LENGTH_MIN or "sandbox" in each for each in keys):
            raise ValueError(
                "MOMIJI_PAYMENTS_DATA_KEYS holds an example, a key of fewer than 32 characters or nothing; "
                "production refuses it. Make one with: openssl rand -base64 48"
            )
        addresses = {
            "stripe_card": self.stripe_api_base,
            "stripe_paypay": self.stripe_api_base,
            "paypay": self.paypay_base_url,
            "payeasy_komoju": self.komoju_base_url,
        }
        for method in self.methods_connected:
            if not addresses.get(method, "https://").startswith("https://"):
                raise ValueError(f"The address of {method}'s provider is not https; production refuses it.")
        signing = {
            "stripe_card": ("MOMIJI_STRIPE_WEBHOOK_SECRETS", self.stripe_webhook_secrets),
            "stripe_paypay": ("MOMIJI_STRIPE_WEBHOOK_SECRETS", self.stripe_webhook_secrets),
            "payeasy_komoju": ("MOMIJI_KOMOJU_WEBHOOK_SECRETS", self.komoju_active_secrets),
        }
        for name, secrets in (signing[method] for method in self.methods_connected if method in signing):
            said = [each.get_secret_value() for each in secrets]
            if not said or not all(said) or any("sandbox" in each for each in said):
                raise ValueError(f"{name} holds an example or nothing; production refuses it.")
        if "payeasy_komoju" in self.methods_connected and self.komoju_contact_email.endswith(".invalid"):
            raise ValueError("MOMIJI_KOMOJU_CONTACT_EMAIL is not set; KOMOJU writes there about Pay-easy payments.")
        return self

    @property
    def required_in_production(self) -> frozenset[str]:
        """The secrets that must be set where real money moves."""
        by_method = {
            "stripe_card": {"stripe_secret_key"},
            "stripe_paypay": {"stripe_secret_key"},
            "paypay": {"paypay_api_secret"},
            "payeasy_komoju": {"komoju_secret_key"},
        }
        needed = {name for method in self.methods_connected for name in by_method.get(method, set())}
        return super().required_in_production | needed
