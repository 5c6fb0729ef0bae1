"""Making a version of a contract, and taking the examples where there is none."""

from __future__ import annotations

import json
from datetime import date, datetime
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from kernel.rows import Transaction
from reconciliation.provider_contracts import store
from reconciliation.provider_contracts.model import NAME, Contract, Definition, require_no_overlap

EXAMPLE: Final = Path(__file__).parent / "data" / "example.json"


class ContractSaid(BaseModel):
    """A contract as a file says it."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(pattern=NAME)
    since: date
    definition: Definition


async def define(
    tx: Transaction, name: str, *, since: date, definition: Definition, by: str, at: datetime
) -> tuple[Contract, bool]:
    """Make the next version of a contract; return it and whether it is new: the same again changes nothing.

    Raises ProviderFixed, ProviderTaken and PaymentsTaken.
    """
    await store.lock(tx)
    require_no_overlap(name, definition, list((await store.terms(tx)).values()))
    known = await store.versions(tx, name)
    if known and (known[0].since, known[0].definition) == (since, definition):
        return known[0], False
    made = Contract(name, len(known) + 1, since, definition, by, at)
    await store.add(tx, made)
    return made, True


async def take_examples(tx: Transaction, *, by: str, at: datetime) -> int:
    """Take the example contracts if there is none at all; return how many were taken."""
    await store.lock(tx)
    if await store.terms(tx):
        return 0
    said = [ContractSaid.model_validate(each) for each in json.loads(EXAMPLE.read_text(encoding="utf-8"))]
    for each in said:
        await define(tx, each.name, since=each.since, definition=each.definition, by=by, at=at)
    return len(said)
