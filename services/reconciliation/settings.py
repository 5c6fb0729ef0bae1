"""Settings of reconciliation."""

from __future__ import annotations

from datetime import time
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from kernel.settings import Settings


class MethodTitle(BaseModel):
    """What people call a way to pay; the rest of ticketing's setting of the same name is not read here."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str
    title_ja: str
    title_en: str


class ReconciliationSettings(Settings):
    """What reconciliation needs beyond the common settings."""

    reconciliation_database_url: str = ""
    reconciliation_port: int = Field(default=8103, ge=1, le=65535)

    methods: tuple[MethodTitle, ...] = ()  # MOMIJI_METHODS as ticketing has it; without it a new one goes by its name

    agreement_grace_seconds: int = Field(default=300, ge=0, le=86_400)  # events of one order may be this far apart
    discrepancy_alone_yen_max: int = Field(default=50_000, ge=0)  # above it a second person approves a resolution
    facility_names_seconds: int = Field(default=300, ge=1, le=86_400)  # how long names of facilities are kept
    closing_starts_at: time = time(5)  # in Japan: from then on a day that is over closes by itself, if all agrees
    closing_round_seconds: int = Field(default=300, ge=1, le=86_400)
    export_days_max: int = Field(default=400, ge=1, le=3_700)

    statements_folder: Path | None = None  # what is dropped there is taken as a statement; without one, nothing is
    statements_folder_quiet_seconds: float = Field(default=10.0, ge=0.5, le=86_400)  # so long a file must not change
    statements_folder_complete: Literal["quiet", "marker"] = "quiet"  # marker: FILE.done must lie beside FILE
    board_round_seconds: int = Field(default=60, ge=1, le=86_400)  # how often days with new facts are counted again
    payouts_fetch_seconds: int = Field(default=3_600, ge=60, le=86_400)  # how often payments is asked what was paid out

    @property
    def fetches_payouts(self) -> bool:
        """Whether payouts are fetched: it was said where payments is, and there is a key to ask it with."""
        said = bool({"payments_url", "payments_internal_url"} & self.model_fields_set)
        return said and bool(self.service_key.get_secret_value())
