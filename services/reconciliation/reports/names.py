"""How things are called: as ticketing said it last, kept for when it does not answer or sells them no more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from kernel.clock import business_date
from kernel.rows import Transaction
from kernel.telemetry import correlation_id
from reconciliation.days.wording import method_name
from reconciliation.reports.model import Names
from reconciliation.reports.offer_names import Kind, Known, both
from reconciliation.wiring import Wiring

_KNOWN: Final = (
    "SELECT DISTINCT ON (kind, code) kind, code, name_ja, name_en FROM known_names ORDER BY kind, code, since DESC"
)


async def names(wiring: Wiring, tag: str) -> Names:
    """Return what facilities, owners, products, categories and ways to pay are called in a language, else codes."""
    at = wiring.clock.now()
    told: dict[tuple[Kind, str], tuple[str, str]] = {
        ("facility", code): both(each) for code, each in (await wiring.names.all()).items()
    }
    told |= await wiring.offer_names.news(business_date(at))
    async with wiring.database.transaction(correlation_id.get()) as tx:
        known: dict[tuple[Kind, str], tuple[str, str]] = {
            (row.kind, row.code): (row.name_ja, row.name_en) for row in await tx.execute(_KNOWN)
        }
        changed = {key: each for key, each in told.items() if known.get(key) != each}
        await _keep(tx, changed, at=at)
    known |= changed
    words, place = wiring.pages.gettext_of(tag), 0 if tag == "ja" else 1
    owners = told_apart({code: each[place] for (kind, code), each in known.items() if kind == "owner"})

    def called(kind: Kind, facility: str, code: str) -> str:
        found = known.get((kind, f"{facility}/{code}"))
        return code if found is None else found[place]

    return Names(
        tag,
        facility=lambda code: known[("facility", code)][place] if ("facility", code) in known else code,
        method=lambda method: method_name(method, wiring.settings.methods, tag, words),
        product=lambda facility, code: called("product", facility, code),
        category=lambda facility, code: called("category", facility, code),
        owner=lambda code: owners.get(code, code),
        facilities=tuple(sorted(code for kind, code in known if kind == "facility")),
    )


def told_apart(names: Mapping[str, str]) -> dict[str, str]:
    """Return names by code; where several have one name, each with its code, for money is not theirs together."""
    times = Counter(names.values())
    return {code: name if times[name] == 1 else f"{name} ({code})" for code, name in names.items()}


async def _keep(tx: Transaction, changed: Known, *, at: datetime) -> None:
    if not changed:
        return
    rows = [{"kind": kind, "code": code, "at": at, "ja": ja, "en": en} for (kind, code), (ja, en) in changed.items()]
    await tx.session.execute(
        "INSERT INTO known_names (kind, code, since, name_ja, name_en) VALUES (:kind, :code, :at, :ja, :en) "
        "ON CONFLICT DO NOTHING",
        rows,
    )
