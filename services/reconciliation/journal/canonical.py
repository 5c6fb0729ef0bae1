"""The canonical journal: one row for each posting of some days, from which every layout of a package is made."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

from kernel.money import ZERO, Yen, tax_within
from kernel.rows import Transaction
from reconciliation.days.wording import provider_name
from reconciliation.journal import reading
from reconciliation.journal.model import ACCOUNTS, Posting, Voucher
from reconciliation.reports.accounts import RevenueAccounts, revenue_accounts
from reconciliation.reports.model import Asked, Names, require_rows

# What a voucher is called in files, which are Japanese.
KINDS: Final = {
    "assessment": "調定",
    "receipts": "収納",
    "refunds": "還付",
    "reversals": "収納取消",
    "disputes": "異議申立て",
    "fees": "支払手数料",
    "adjustments": "事業者の調整",
    "deposit": "入金",
    "reversal": "取消",
    "manual": "手書き",
}
TAXED: Final = frozenset({"revenue", "refunds"})


@dataclass(frozen=True, slots=True)
class Row:
    """One posting with what its voucher says, in words for people. `tax` is within `amount`, of revenue and refunds."""

    voucher: Voucher
    place: int
    posting: Posting
    account: str
    facility: str
    owner: str
    party: str
    revenue: tuple[str, str, str, str, str]
    tax: Yen
    words: str

    @property
    def day(self) -> date:
        """The day of the books."""
        return self.voucher.booked_on


@dataclass(frozen=True, slots=True)
class Journal:
    """The vouchers of some days by number, each with its rows."""

    vouchers: tuple[tuple[Row, ...], ...]

    @property
    def rows(self) -> tuple[Row, ...]:
        """Every row."""
        return tuple(row for rows in self.vouchers for row in rows)


async def read(tx: Transaction, asked: Asked) -> Journal:
    """Read the journal of some days of the books; raise TooManyRows."""
    found = await reading.of_days(tx, first=asked.first, last=asked.last)
    require_rows([posting for each in found for posting in each.draft.postings])
    accounts = await revenue_accounts(tx)
    return Journal(tuple(_rows(each, asked.names, accounts) for each in found))


def _rows(voucher: Voucher, names: Names, accounts: RevenueAccounts) -> tuple[Row, ...]:
    return tuple(
        Row(
            voucher,
            place,
            each,
            ACCOUNTS[each.account].title_ja,
            names.facility(each.facility) if each.facility else "",
            names.owner(each.revenue_owner),
            provider_name(each.provider) or (names.method(each.method) if each.method else ""),
            accounts.on(each.revenue_account, voucher.draft.business_date) if each.revenue_account else ("",) * 5,
            tax_within(each.amount, each.tax_rate_percent) if each.account in TAXED else ZERO,
            _words(voucher, names),
        )
        for place, each in enumerate(voucher.draft.postings, start=1)
    )


def _words(voucher: Voucher, names: Names) -> str:
    """Return the 摘要: what kind, of which place and day; what a person or the bank wrote."""
    draft = voucher.draft
    kind, _, rest = draft.origin.partition(":")
    place = "" if kind in {"deposit", "manual"} else names.facility(provider_name(rest.split(":")[1]))
    undoes = f"{KINDS['reversal']}(伝票{draft.reverses})" if draft.reverses is not None else ""
    day = "" if draft.business_date == voucher.booked_on else f"{draft.business_date.isoformat()}分"
    return " ".join(each for each in (undoes, KINDS.get(kind, kind), place, day, draft.words) if each)


def pairs(rows: tuple[Row, ...]) -> list[tuple[Row | None, Row | None]]:
    """Return the debits and credits of a voucher side by side; the shorter side ends with None."""
    sides = [[each for each in rows if each.posting.side == side] for side in ("debit", "credit")]
    length = max(len(each) for each in sides)
    debits, credits_ = ([*each, *([None] * (length - len(each)))] for each in sides)
    return list(zip(debits, credits_, strict=True))
