"""Reading the cash flow of a range of days."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Final

from kernel.clock import business_date
from kernel.rows import Transaction
from reconciliation.cash_flow import store
from reconciliation.cash_flow.model import RANGE_DAYS_MAX, Flow, expected_of, in_order
from reconciliation.days.model import require_range
from reconciliation.matching import store as matching
from reconciliation.provider_contracts import store as contracts
from reconciliation.provider_contracts.model import Terms

CLAIM_DAYS_MAX: Final = 100  # how old a claim may be that no line has told of


async def flow(tx: Transaction, *, first: date, last: date, at: datetime) -> Flow:
    """Return what is due and what came within days. Raises TooManyDays."""
    require_range(first, last, days_max=RANGE_DAYS_MAX)
    terms, reach = await contracts.terms(tx), await matching.reach(tx)
    claims = await store.open_claims(tx, since=_since(business_date(at), terms, reach))
    expected, without = expected_of(claims, terms, reach)
    estimated = [each for each in expected if first <= each.arrives_on <= last]
    told = await store.payouts(tx, first=first, last=last)
    return Flow(
        first,
        last,
        in_order([*told, *estimated]),
        tuple(await store.deposits(tx, first=first, last=last)),
        tuple(without),
        tuple(sorted({each.provider for each in estimated if terms[each.provider].newest.definition.illustrative})),
    )


def _since(today: date, terms: Mapping[str, Terms], reach: Mapping[str, date]) -> date:
    """Return from which day on claims may be untold: what all statements reach beyond is not, but for what is late."""
    begins = today - timedelta(days=CLAIM_DAYS_MAX)
    if not terms or any(provider not in reach for provider in terms):
        return begins
    late = max(version.definition.days_late for each in terms.values() for version in each.versions)
    return max(begins, min(reach[provider] for provider in terms) - timedelta(days=late))
