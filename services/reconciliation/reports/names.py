"""How things are called: names of facilities as ticketing said them last, kept for when it does not answer."""

from __future__ import annotations

from datetime import datetime

from kernel.rows import Transaction
from kernel.telemetry import correlation_id
from reconciliation.days.names import name_of
from reconciliation.days.wording import method_name
from reconciliation.reports.model import Names
from reconciliation.wiring import Wiring

_KNOWN = "SELECT DISTINCT ON (code) code, name_ja, name_en FROM facility_names ORDER BY code, since DESC"


async def names(wiring: Wiring, tag: str) -> Names:
    """Return the names of facilities and ways to pay in a language."""
    told = await wiring.names.all()
    async with wiring.database.transaction(correlation_id.get()) as tx:
        known = await _known(tx)
        changed = {code: each for code, each in told.items() if known.get(code) != each}
        await _keep(tx, changed, at=wiring.clock.now())
    facilities = known | changed
    words = wiring.pages.gettext_of(tag)
    return Names(
        tag,
        facility=lambda code: name_of(facilities, code, tag),
        method=lambda method: method_name(method, wiring.settings.methods, tag, words),
        facilities=tuple(sorted(facilities)),
    )


async def _known(tx: Transaction) -> dict[str, dict[str, str]]:
    return {row.code: {"ja": row.name_ja, "en": row.name_en} for row in await tx.execute(_KNOWN)}


async def _keep(tx: Transaction, changed: dict[str, dict[str, str]], *, at: datetime) -> None:
    for code, each in changed.items():
        await tx.execute(
            "INSERT INTO facility_names (code, since, name_ja, name_en) VALUES (:code, :at, :ja, :en) "
            "ON CONFLICT DO NOTHING",
            code=code,
            at=at,
            ja=each["ja"],
            en=each["en"],
        )
