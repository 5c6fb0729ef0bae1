"""Saying what a code means from a day on."""

from __future__ import annotations

import json
from datetime import date, datetime
from pathlib import Path
from typing import Final

from kernel.rows import Transaction
from reconciliation.revenue_accounts import store
from reconciliation.revenue_accounts.model import Meaning, RevenueAccount, VersionTaken

EXAMPLES: Final = Path(__file__).parent / "data" / "examples.json"


async def define(
    tx: Transaction, code: str, valid_from: date, meaning: Meaning, *, by: str, at: datetime
) -> tuple[RevenueAccount, bool]:
    """Say what a code means; return it and whether it is new: the same again changes nothing. Raises VersionTaken."""
    await store.lock(tx)
    known = next(
        (each for each in (await store.chart(tx)).versions if (each.code, each.valid_from) == (code, valid_from)), None
    )
    if known is not None:
        if known.meaning != meaning:
            raise VersionTaken(code=code, day=valid_from.isoformat())
        return known, False
    made = RevenueAccount(code, valid_from, meaning, by, at)
    await store.add(tx, made)
    return made, True


async def take_examples(tx: Transaction, *, by: str, at: datetime) -> int:
    """Take the example accounts if there is none at all; return how many were taken."""
    await store.lock(tx)
    if (await store.chart(tx)).versions:
        return 0
    said = json.loads(EXAMPLES.read_text(encoding="utf-8"))
    for each in said["accounts"]:
        meaning = Meaning.model_validate(each["meaning"] | {"illustrative": True})
        await store.add(tx, RevenueAccount(each["code"], date.fromisoformat(said["valid_from"]), meaning, by, at))
    return len(said["accounts"])
