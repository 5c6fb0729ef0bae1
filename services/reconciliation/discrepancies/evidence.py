"""What a discrepancy rests on: the row of a statement and its file, the claim, payout, bank's line, or closing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import date
from typing import Any, Final
from uuid import UUID

from kernel.clock import business_date
from kernel.money import Yen
from kernel.rows import Transaction
from reconciliation.closing import store as closings
from reconciliation.closing.model import BY_ITSELF, day_period
from reconciliation.days import store as figures
from reconciliation.days.figures import NOTHING
from reconciliation.discrepancies.handling import Stored
from reconciliation.records.model import EntriesAsked, entries_page

ROWS_MAX: Final = 20

# Titles and labels; gettext messages.
TITLES: Final = {
    "line": "Line of a provider's statement",
    "claim": "What our books say",
    "payout": "Payout",
    "deposit": "Line of the bank",
    "closing": "As it was closed, and now",
}
# Where those that see all facilities find more of it.
PAGES: Final = {
    TITLES["line"]: "/statements/lines",
    TITLES["payout"]: "/payouts",
    TITLES["deposit"]: "/statements/bank-lines",
}
LABELS: Final = {
    "file": "File",
    "record": "Row of the file",
    "provider": "Provider",
    "word": "The provider's word",
    "reference": "Reference",
    "key": "Number at the provider",
    "gross": "Amount, gross",
    "fee": "Fee",
    "tax": "Tax on the fee",
    "transfer_fee": "Transfer fee",
    "net": "Amount, net",
    "stated_net": "Net, as the provider states",
    "occurred_on": "Booked on",
    "payout": "Payout number",
    "arrives_on": "Due at the bank on",
    "kind": "Kind",
    "method": "Way to pay",
    "amount": "Amount",
    "business_date": "Day",
    "contract": "Contract",
    "lines": "Lines",
    "account": "Account",
    "booked_on": "Booked on",
    "payer": "Remitter",
    "bank": "Bank",
    "summary": "Summary",
    "closed_on": "Closed on",
    "closed_by": "Closed by",
    "sold": "Sold",
    "sold_count": "Tickets sold",
    "captured": "Received",
    "refunded": "Given back",
    "reversed": "Taken back",
    "unallocated": "Over-receipts",
    "admitted": "Entered",
}
LINKS: Final = {
    "entries": "What was written down since",
    "closing": "The day's closing",
}
_YEN: Final = {"gross", "fee", "tax", "transfer_fee", "net", "stated_net", "amount"}

Value = str | int | date | Yen


@dataclass(frozen=True, slots=True)
class Evidence:
    """One fact: a title, its values by label, the order and the file that it is of, its own page, others about it."""

    title: str
    values: tuple[tuple[str, Value], ...]
    order_id: str = ""
    file_id: UUID | None = None
    links: tuple[tuple[str, str], ...] = ()
    page: str = ""


_LINE_SQL: Final = (
    "SELECT f.file_name AS file, l.record, l.provider, l.word, l.occurred_on, l.gross, l.fee, l.tax, l.net, "
    "l.reference, l.key, l.payout, l.arrives_on, l.file_id, l.id AS page_id, c.order_id FROM settlement_lines AS l "
    "LEFT JOIN statement_files AS f ON f.id = l.file_id "
    "LEFT JOIN LATERAL (SELECT order_id FROM claims WHERE attempt_id = l.attempt_id LIMIT 1) AS c ON true "
    "WHERE l.id = :id LIMIT :limit"
)
_CLAIM_SQL: Final = (
    "SELECT kind, method, business_date, amount, coalesce(CAST(attempt_id AS text), '') AS reference, order_id, "
    "NULL AS file_id FROM claims WHERE id = :id LIMIT :limit"
)
# A claim that is matched with a line of another amount, a line that is: each shows the other side too.
_CLAIMS_OF_LINE_SQL: Final = (
    "SELECT c.kind, c.method, c.business_date, c.amount, coalesce(CAST(c.attempt_id AS text), '') AS reference, "
    "c.order_id, NULL AS file_id FROM claims AS c JOIN settlement_lines AS l ON l.attempt_id = c.attempt_id "
    "WHERE l.id = :id ORDER BY c.business_date, c.id LIMIT :limit"
)
_PAYOUT_SQL: Final = (
    "SELECT contract, provider, key AS payout, arrives_on, lines, gross, fee, tax, transfer_fee, net, stated_net, "
    "'' AS order_id, NULL AS file_id, id AS page_id FROM payouts WHERE id = :id LIMIT :limit"
)
_DEPOSIT: Final = (
    "(SELECT CAST(:id AS uuid) UNION SELECT {column} FROM deposit_legs WHERE stands "
    "AND (group_id = :id OR bank_line_id = :id) AND {column} IS NOT NULL)"
)
_BANK_SQL: Final = (
    "SELECT f.file_name AS file, b.record, b.account, b.booked_on, b.amount, b.payer, b.bank, b.summary, b.file_id, "
    "b.id AS page_id, "
    "'' AS order_id FROM bank_lines AS b LEFT JOIN statement_files AS f ON f.id = b.file_id WHERE b.id IN "
    f"{_DEPOSIT.format(column='bank_line_id')} ORDER BY b.booked_on, b.id LIMIT :limit"
)
_PAID_SQL: Final = (
    "SELECT contract, provider, key AS payout, arrives_on, lines, gross, fee, tax, transfer_fee, net, stated_net, "
    f"'' AS order_id, NULL AS file_id, id AS page_id FROM payouts WHERE id IN {_DEPOSIT.format(column='payout_id')} "
    "ORDER BY arrives_on, id LIMIT :limit"
)
_SOURCES: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "line": ((TITLES["line"], _LINE_SQL), (TITLES["claim"], _CLAIMS_OF_LINE_SQL)),
    "claim": ((TITLES["claim"], _CLAIM_SQL),),
    "payout": ((TITLES["payout"], _PAYOUT_SQL),),
    "deposit": ((TITLES["deposit"], _BANK_SQL), (TITLES["payout"], _PAID_SQL)),
}


async def of(tx: Transaction, found: Stored) -> list[Evidence]:
    """Return what a discrepancy rests on; an order's facts are on the order's own page."""
    family, _, key = found.subject.partition(":")
    if family == "day":
        return await _of_closing(tx, found.day, key.rpartition(":")[2])
    try:
        wanted = UUID(key)
    except ValueError:
        return []
    return [
        _evidence(title, row)
        for title, sql in _SOURCES.get(family, ())
        for row in await tx.execute(sql, id=wanted, limit=ROWS_MAX)
    ]


async def _of_closing(tx: Transaction, day: date, version: str) -> list[Evidence]:
    """Return the figures of a day that differ from those of its closing: as it was closed, and as they are."""
    kept = await closings.versions(tx, day_period(day))
    closing = next((each for each in kept if str(each.version) == version), None)
    if closing is None:
        return []
    now = (await figures.totals(tx, None, first=day, last=day)).get(day, NOTHING)
    both = [(each.name, getattr(closing.totals, each.name), getattr(now, each.name)) for each in fields(now)]
    since = EntriesAsked(day, day, since=closing.closed_at)
    return [
        Evidence(
            TITLES["closing"],
            (
                (LABELS["closed_on"], business_date(closing.closed_at)),
                *([(LABELS["closed_by"], closing.closed_by)] if closing.closed_by != BY_ITSELF else []),
                *((LABELS[name], f"{_told(then)} → {_told(is_)}") for name, then, is_ in both if then != is_),
            ),
            links=((LINKS["entries"], entries_page(since)), (LINKS["closing"], f"/closings/day/{day}")),
        )
    ]


def _evidence(title: str, row: Any) -> Evidence:
    values = row._asdict()
    return Evidence(
        title,
        tuple(
            (LABELS[name], Yen(value) if name in _YEN else value)
            for name, value in values.items()
            if name in LABELS and value not in {None, ""}
        ),
        order_id=values.get("order_id") or "",
        file_id=values.get("file_id"),
        page=f"{PAGES[title]}/{values['page_id']}" if title in PAGES else "",
    )


def told(label: str, value: Value, *, day: Callable[[date], str], called: Mapping[str, Callable[[str], str]]) -> str:
    """Return a value as a page writes it; `called` says by label what codes are called."""
    if isinstance(value, str) and label in called:
        return called[label](value)
    return day(value) if isinstance(value, date) else _told(value)


def _told(value: str | int | Yen) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)
