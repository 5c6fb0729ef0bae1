"""Settings: read once at the edge from MOMIJI_* variables or from files of the same names."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SecretsSettingsSource, SettingsConfigDict

# Words that mark a value as an example; production refuses to start with one of them.
EXAMPLE_MARKS = ("sandbox", "example", "sk_test_", "changeme")


class Environment(StrEnum):
    """Where an installation stands."""

    DEVELOPMENT = "development"
    PRODUCTION = "production"


class Settings(BaseSettings):
    """What every service needs. Each field is MOMIJI_<NAME> in the environment.

    Secrets may also lie as files named momiji_<name> in the folder MOMIJI_SECRETS_DIR.
    """

    model_config = SettingsConfigDict(
        env_prefix="MOMIJI_",
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,  # Inputs are secrets; errors end in logs.
    )

    environment: Environment = Environment.DEVELOPMENT
    secrets_dir: Path | None = None

    host: str = "127.0.0.1"
    stream: Literal["postgres", "kafka"] = "postgres"
    stream_database_url: str = ""
    kafka_bootstrap: str = "127.0.0.1:9092"

    ticketing_url: str = "http://127.0.0.1:8101"
    payments_url: str = "http://127.0.0.1:8102"
    reconciliation_url: str = "http://127.0.0.1:8103"
    sandbox_url: str = "http://127.0.0.1:8109"
    # How services reach each other, where that differs from what a browser uses.
    ticketing_internal_url: str = ""
    payments_internal_url: str = ""

    staff_file: Path | None = None  # local sign-in: names, roles, facilities and Argon2 hashes
    trusted_keys_dir: Path | None = None  # public keys of those whose tokens are believed
    service_key: SecretStr = SecretStr("")  # this service's own private key, PEM
    session_key: SecretStr = SecretStr("")  # signs the staff session cookie of this service

    database_pool_size_max: int = Field(default=10, ge=1, le=100)
    body_bytes_max: int = Field(default=65_536, ge=1_024)
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - no .env files: one way to set a thing
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - replaced by the folder named at run time
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read arguments first, then the environment, then the folder of secret files."""
        named = env_settings().get("secrets_dir") or init_settings().get("secrets_dir")
        if not named:
            return (init_settings, env_settings)
        return (init_settings, env_settings, SecretsSettingsSource(settings_cls, secrets_dir=Path(str(named))))

    @model_validator(mode="after")
    def _production_takes_no_examples(self) -> Self:
        if self.environment is not Environment.PRODUCTION:
            return self
        for name, value in self:
            said = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
            if isinstance(value, SecretStr) and name in self.required_in_production and not said:
                raise ValueError(f"MOMIJI_{name.upper()} is not set; production starts only with every secret set.")
            if name != "sandbox_url" and any(mark in said.lower() for mark in EXAMPLE_MARKS):
                raise ValueError(f"MOMIJI_{name.upper()} holds an example or sandbox value; production refuses it.")
        return self

    @property
    def payments_api(self) -> str:
        """The address at which other services call payments."""
        return self.payments_internal_url or self.payments_url

    @property
    def ticketing_api(self) -> str:
        """The address at which other services call ticketing."""
        return self.ticketing_internal_url or self.ticketing_url

    @property
    def required_in_production(self) -> frozenset[str]:
        """The secrets that must be set where real money moves."""
        return frozenset({"service_key", "session_key"})
