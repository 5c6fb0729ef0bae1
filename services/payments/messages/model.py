"""A provider's message as staff see it; nothing here calls or remembers anything."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from kernel.refusals import NotFound

State = Literal["waiting", "given_up", "done"]


@dataclass(frozen=True, slots=True)
class ProviderMessage:
    """What a provider sent, without its body. `reference` is what it names: our attempt or refund, or its own id.

    `outcome` is a word for what came of asking the provider; None while it waits or was given up.
    `has_body`: it is young enough for its body to be kept still.
    """

    id: int
    method: str
    event_id: str
    reference: str
    state: State
    outcome: str | None
    tries: int
    received_at: datetime
    processed_at: datetime | None
    next_try_at: datetime | None
    has_body: bool


class UnknownProviderMessage(NotFound):
    """There is no such message."""

    slug = "unknown-provider-message"
    advice = "There is no such message of a provider. Look at the list of messages."
