"""Settings of this agency, beside its adapter: another one adds none to those of payments."""

from __future__ import annotations

from typing import Self

from pydantic import Field, SecretStr, model_validator

from kernel.settings import Environment, Settings


class GmopgSettings(Settings):
    """Each field is MOMIJI_<NAME>, in the environment or as a file. The examples are the sandbox's."""

    gmopg_shop_id: str = Field(default="tshop00000001", max_length=13)
    gmopg_shop_pass: SecretStr = SecretStr("sandboxpas")
    gmopg_base_url: str = ""  # up to and with /payment; the sandbox's in development
    gmopg_bank_page_url: str = ""  # {receipt} stands for EncryptReceiptNo; without one there is no net banking button
    gmopg_contact_name: str = Field(default="もみじ窓口", max_length=21)  # on the ATM's slip
    gmopg_contact_phone: str = Field(default="082-000-0000", pattern=r"^[0-9-]{9,12}$")
    gmopg_contact_hours: str = Field(default="09:00-17:00", pattern=r"^\d\d:\d\d-\d\d:\d\d$")
    gmopg_webhook_sources: tuple[str, ...] = ()  # addresses that notifications may come from; none: any

    @model_validator(mode="after")
    def _production_talks_to_the_agency(self) -> Self:
        if self.environment is not Environment.PRODUCTION:
            return self
        if not self.gmopg_base_url.startswith("https://"):
            raise ValueError("MOMIJI_GMOPG_BASE_URL is not set to an https address; production refuses it.")
        if self.gmopg_shop_id.startswith("tshop") or self.gmopg_contact_phone == "082-000-0000":
            raise ValueError(
                "Set MOMIJI_GMOPG_SHOP_ID to the agency's number for the shop (one with tshop is for tests), and "
                "MOMIJI_GMOPG_CONTACT_NAME, …_PHONE and …_HOURS to what the slip of the ATM is to say."
            )
        return self

    @property
    def base_url(self) -> str:
        """Where the agency is called."""
        return (self.gmopg_base_url or f"{self.sandbox_url.rstrip('/')}/gmopg/payment").rstrip("/")

    @property
    def bank_page(self) -> str:
        """The page on which a payer goes on to a bank."""
        practice = self.environment is not Environment.PRODUCTION and not self.gmopg_base_url
        return self.gmopg_bank_page_url or (f"{self.sandbox_url.rstrip('/')}/gmopg/pay/{{receipt}}" if practice else "")

    @property
    def required_in_production(self) -> frozenset[str]:
        """The secrets that must be set where real money moves."""
        return frozenset({"gmopg_shop_pass"})
