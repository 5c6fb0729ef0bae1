"""Reading the journal: search, trial balance, and what lies behind a posting. SQL only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from kernel.money import Yen
from kernel.rows import Transaction
from reconciliation.journal.model import ACCOUNTS, AccountCode, Voucher
from reconciliation.journal.store import SELECT, voucher_of, with_postings

LIMIT_MAX: Final = 200
VOUCHERS_MAX: Final = 200_000


@dataclass(frozen=True, slots=True)
class Search:
    """What somebody looks for: days of the books, amounts of a posting, and what a posting says. None and "": any.

    `counterparty`: a provider, a way to pay, or a part of the words (a remitter's name).
    """

    first: date | None = None
    last: date | None = None
    least: Yen | None = None
    most: Yen | None = None
    counterparty: str = ""
    account: str = ""
    revenue_account: str = ""
    revenue_owner: str = ""
    facility: str = ""
    kind: str = ""

    @property
    def of_postings(self) -> bool:
        """Tell whether it asks for something that postings say."""
        return any((self.least, self.most, self.account, self.revenue_account, self.revenue_owner, self.facility))


# All that is asked of a posting is asked of one and the same.
_FOUND: Final = """
(CAST(:first AS date) IS NULL OR v.booked_on >= :first) AND (CAST(:last AS date) IS NULL OR v.booked_on <= :last)
AND (:kind = '' OR v.kind = :kind)
AND EXISTS (SELECT FROM postings AS p WHERE p.voucher = v.number
    AND (CAST(:least AS bigint) IS NULL OR p.amount >= :least) AND (CAST(:most AS bigint) IS NULL OR p.amount <= :most)
    AND (:account = '' OR p.account = :account)
    AND (:revenue_account = '' OR p.revenue_account = :revenue_account)
    AND (:revenue_owner = '' OR p.revenue_owner = :revenue_owner)
    AND (:facility = '' OR p.facility = :facility)
    AND (:counterparty = '' OR p.method = :counterparty OR p.provider = :counterparty
         OR strpos(upper(v.words), upper(:counterparty)) > 0))
"""
_NEWEST_FIRST: Final = (
    f"{SELECT} WHERE (CAST(:day AS date) IS NULL OR (v.booked_on, v.number) < (CAST(:day AS date), "
    f"CAST(:number AS bigint))) AND {_FOUND} ORDER BY v.booked_on DESC, v.number DESC LIMIT :limit"
)
_BY_NUMBER: Final = f"{SELECT} WHERE v.number > :number AND {_FOUND} ORDER BY v.number LIMIT :limit"


def _wanted(search: Search) -> dict[str, Any]:
    return {
        "first": search.first,
        "last": search.last,
        "least": None if search.least is None else search.least.amount,
        "most": None if search.most is None else search.most.amount,
        "counterparty": search.counterparty,
        "account": search.account,
        "revenue_account": search.revenue_account,
        "revenue_owner": search.revenue_owner,
        "facility": search.facility,
        "kind": search.kind,
    }


async def newest_first(tx: Transaction, search: Search, *, after: tuple[date, int] | None, limit: int) -> list[Voucher]:
    """Return vouchers by day of the books, the newest first, after a place in that order."""
    day, number = after or (None, None)
    rows = await tx.execute(_NEWEST_FIRST, **_wanted(search), day=day, number=number, limit=limit)
    return [voucher_of(each) for each in await with_postings(tx, rows)]


async def by_number(tx: Transaction, search: Search, *, after: int, limit: int) -> list[Voucher]:
    """Return vouchers by number, after one of them."""
    rows = await tx.execute(_BY_NUMBER, **_wanted(search), number=after, limit=limit)
    return [voucher_of(each) for each in await with_postings(tx, rows)]


async def of_days(tx: Transaction, *, first: date, last: date) -> list[Voucher]:
    """Return every voucher of some days of the books, by number."""
    rows = await tx.execute(
        f"{SELECT} WHERE v.booked_on BETWEEN :first AND :last ORDER BY v.number LIMIT :limit",
        first=first,
        last=last,
        limit=VOUCHERS_MAX,
    )
    return [voucher_of(each) for each in await with_postings(tx, rows)]


@dataclass(frozen=True, slots=True)
class Line:
    """One account in a trial balance (試算表): what it held, its debits, its credits. Debits are positive."""

    account: AccountCode
    opening: Yen
    debit: Yen
    credit: Yen

    @property
    def closing(self) -> Yen:
        """What it holds at the end."""
        return self.opening + self.debit - self.credit


# Revenue and expense begin each fiscal year with nothing.
_TRIAL: Final = """
SELECT p.account,
    CAST(coalesce(sum(CASE p.side WHEN 'debit' THEN p.amount ELSE -p.amount END) FILTER (WHERE {before}), 0) AS bigint)
        AS opening,
    CAST(coalesce(sum(p.amount) FILTER (WHERE {within} AND p.side = 'debit'), 0) AS bigint) AS debit,
    CAST(coalesce(sum(p.amount) FILTER (WHERE {within} AND p.side = 'credit'), 0) AS bigint) AS credit
FROM vouchers AS v JOIN postings AS p ON p.voucher = v.number
WHERE {until} GROUP BY p.account
"""
_CARRIED: Final = "p.account = ANY(CAST(:carried AS text[]))"
_TRIAL_OF_DAYS: Final = _TRIAL.format(
    before=f"v.booked_on < :first AND ({_CARRIED} OR v.fiscal_year = :year)",
    within="v.booked_on BETWEEN :first AND :last",
    until="v.booked_on <= :last",
)
_TRIAL_OF_YEAR: Final = _TRIAL.format(
    before=f"v.fiscal_year < :year AND {_CARRIED}", within="v.fiscal_year = :year", until="v.fiscal_year <= :year"
)


async def trial_balance(tx: Transaction, *, first: date, last: date, year: int) -> list[Line]:
    """Return the trial balance of days of the books, every account once; `year`: the fiscal year of the first."""
    return _lines(await tx.execute(_TRIAL_OF_DAYS, first=first, last=last, year=year, carried=_carried()))


async def trial_balance_of_year(tx: Transaction, year: int) -> list[Line]:
    """Return the trial balance of a fiscal year, with what was booked for it until 31 May of the next."""
    return _lines(await tx.execute(_TRIAL_OF_YEAR, year=year, carried=_carried()))


def _carried() -> list[str]:
    return [code for code, account in ACCOUNTS.items() if account.kind in {"asset", "liability"}]


def _lines(rows: Any) -> list[Line]:
    found = {row.account: row for row in rows}
    return [
        Line(code, *(Yen(getattr(found.get(code), name, 0)) for name in ("opening", "debit", "credit")))
        for code in ACCOUNTS
    ]


@dataclass(frozen=True, slots=True)
class Choices:
    """What there is to choose from in a search."""

    counterparties: tuple[str, ...]
    revenue_accounts: tuple[str, ...]
    revenue_owners: tuple[str, ...]
    facilities: tuple[str, ...]


async def choices(tx: Transaction, *, first: date, last: date) -> Choices:
    """Return the counterparties, revenue accounts, owners and facilities that postings of days name."""
    row = (
        await tx.execute(
            "SELECT array_agg(DISTINCT method) FILTER (WHERE method <> '') AS methods, "
            "array_agg(DISTINCT provider) FILTER (WHERE provider <> '') AS providers, "
            "array_agg(DISTINCT revenue_account) FILTER (WHERE revenue_account <> '') AS accounts, "
            "array_agg(DISTINCT revenue_owner) FILTER (WHERE revenue_owner <> '') AS owners, "
            "array_agg(DISTINCT facility) FILTER (WHERE facility <> '') AS facilities "
            "FROM vouchers AS v JOIN postings AS p ON p.voucher = v.number WHERE v.booked_on BETWEEN :first AND :last",
            first=first,
            last=last,
        )
    ).one()
    return Choices(
        tuple(sorted({*(row.methods or ()), *(row.providers or ())})),
        tuple(row.accounts or ()),
        tuple(row.owners or ()),
        tuple(row.facilities or ()),
    )
