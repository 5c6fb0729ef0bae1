"""What was agreed with the providers of the made-up world, as accounting tells it to reconciliation."""

from __future__ import annotations

from typing import Any, Final

from console.bench.reconciling.banking import ACCOUNT
from console.bench.reconciling.goods import GOODS
from console.bench.reconciling.papers import MAPPINGS
from console.bench.reconciling.plan import PARKS, TERMS, Provider
from console.bench.reconciling.settling import KOMOJU_FEES, LATE_BANK_DAYS

DAYS_LATE: Final = 5
# The day of the example contracts, which these replace; what was before is read by the first that there is.
SINCE: Final = "2026-04-01"
NAMES: Final[dict[Provider, str]] = {
    "stripe": "ストライプジャパン(カ",
    "paypay": "ペイペイ(カ",
    "paypay_parks": "ペイペイ(カ",
    "komoju": "カ)デジカ",
}
_HALF_MONTHS: Final = [
    {"day": 15, "months_later": 0, "pays_on": 31, "moved": "next"},
    {"day": 31, "months_later": 1, "pays_on": 15, "moved": "next"},
]
_THIRDS: Final = [
    {"day": 10, "months_later": 0, "pays_on": 20, "moved": "previous"},
    {"day": 20, "months_later": 0, "pays_on": 31, "moved": "previous"},
    {"day": 31, "months_later": 1, "pays_on": 10, "moved": "previous"},
]
_PAYS: Final[dict[Provider, dict[str, Any]]] = {
    "stripe": {"by": "named"},
    "paypay": {"by": "periods", "closings": _HALF_MONTHS},
    "paypay_parks": {"by": "periods", "closings": _HALF_MONTHS},
    "komoju": {"by": "periods", "closings": _THIRDS},
}


def wanted() -> dict[str, dict[str, Any]]:
    """Return what accounting puts where before the first file comes: mappings of columns, and contracts."""
    mappings = {f"/v1/column-mappings/{name}": each for name, each in MAPPINGS.items()}
    return mappings | {f"/v1/provider-contracts/{name}": each for name, each in contracts().items()}


def contracts() -> dict[str, dict[str, Any]]:
    """Return each contract by its name, as it is sent."""
    others = sorted({each.facility for each in GOODS} - set(PARKS))
    facilities: dict[Provider, list[str]] = {"paypay": others, "paypay_parks": sorted(PARKS)}
    return {
        each.provider: {
            "since": SINCE,
            "definition": {
                "title": each.provider,
                "provider": each.provider,
                "methods": [each.method],
                "facilities": facilities.get(each.provider, []),
                "pays": _PAYS[each.provider],
                "fees": {
                    "known_by": "lines" if each.stated else "terms",
                    "terms": [
                        {
                            "basis_points": each.fee_rate,
                            "rounding": "down" if each.down else "half_up",
                            "tax_percent": each.tax_percent,
                            "tax_rounding": "down" if each.down else "half_up",
                        }
                    ],
                    "refunds": "kept" if each.stated else "returned",
                },
                "transfer_fees": _transfer_fees() if each.provider == "komoju" else [],
                "names": [NAMES[each.provider]],
                "account": ACCOUNT,
                "bank_days_late": LATE_BANK_DAYS,
                "days_late": DAYS_LATE,
                "together": "paypay" if each.method == "paypay" else "",
            },
        }
        for each in TERMS
    }


def _transfer_fees() -> list[dict[str, int]]:
    steps: list[dict[str, int]] = [{"below": below, "fee": fee} for below, fee in KOMOJU_FEES]
    steps[-1].pop("below")
    return steps
