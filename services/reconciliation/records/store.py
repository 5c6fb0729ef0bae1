"""The search over records in SQL: each kind for itself, newest first, put together a page at a time."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from kernel.money import Yen
from kernel.rows import Transaction
from reconciliation.deposits.searching import folded
from reconciliation.records.model import RECORD_KINDS, Record, RecordKind, RecordPlace, Wanted

ORDERS_MAX: Final = 50
# Banks write no small kana and a hyphen for a long vowel.
_SMALL: Final = str.maketrans("ァィゥェォッャュョヮー", "アイウエオツヤユヨワ-")
_SMALL_SQL: Final = "'ァィゥェォッャュョヮー', 'アイウエオツヤユヨワ-'"


@dataclass(frozen=True, slots=True)
class _Source:
    """Where records of one kind are. `own`: whose rows facility staff see, or "" where they see none.

    `named`: by what a counterparty is found; `ordered`: which rows are of the orders that it names.
    """

    columns: str
    rows: str
    day: str
    key: str
    amount: str
    own: str
    named: str
    ordered: str = ""


def _said(*columns: str) -> str:
    """Return a condition that one of some columns holds what is looked for, kana of every width and size alike."""
    text = " || ' ' || ".join(columns)
    return f"upper(translate(normalize({text}, NFKC), {_SMALL_SQL})) LIKE :said"


_SOURCES: Final[dict[RecordKind, _Source]] = {
    "entry": _Source(
        columns="coalesce(p.number, e.order_id) AS counterparty, e.kind AS what, e.facility, e.method AS reference, "
        "e.order_id",
        rows="entries AS e LEFT JOIN order_positions AS p ON p.order_id = e.order_id",
        day="e.business_date",
        key="e.fact_id || '.' || lpad(CAST(e.position AS text), 5, '0')",
        amount="e.amount",
        own="e.facility = ANY(CAST(:scope AS text[]))",
        named="false",
        ordered="e.order_id",
    ),
    "voucher": _Source(
        columns="v.words AS counterparty, v.kind AS what, '' AS facility, CAST(v.number AS text) AS reference, "
        "'' AS order_id",
        rows="(SELECT j.*, (SELECT CAST(sum(p.amount) AS bigint) FROM postings AS p WHERE p.voucher = j.number "
        "AND p.side = 'debit') AS amount FROM vouchers AS j) AS v",
        day="v.booked_on",
        key="lpad(CAST(v.number AS text), 12, '0')",
        amount="v.amount",
        own="",
        named=_said("v.words", "v.origin"),
    ),
    "settlement_line": _Source(
        columns="l.provider AS counterparty, l.kind AS what, '' AS facility, "
        "coalesce(nullif(l.key, ''), l.reference) AS reference, '' AS order_id",
        rows="settlement_lines AS l",
        day="l.occurred_on",
        key="CAST(l.id AS text)",
        amount="l.gross",
        own="",
        # A provider is a code; a million lines are read faster without thinking of kana.
        named="(upper(l.provider) LIKE :said OR :exact IN (l.key, l.reference, l.payout))",
    ),
    "bank_line": _Source(
        columns="coalesce(nullif(b.payer, ''), b.summary) AS counterparty, b.basis AS what, '' AS facility, "
        "b.account AS reference, '' AS order_id",
        rows="bank_lines AS b",
        day="b.booked_on",
        key="CAST(b.id AS text)",
        amount="b.amount",
        own="",
        named="(b.account = :exact OR b.id IN (SELECT n.line_id FROM bank_line_names AS n "
        "WHERE n.sender LIKE :folded OR n.rest LIKE :folded))",
    ),
    "export": _Source(
        columns="x.fetched_by AS counterparty, x.format AS what, x.facility, x.sha256 AS reference, '' AS order_id",
        rows="export_log AS x",
        day="CAST(x.at AT TIME ZONE 'Asia/Tokyo' AS date)",
        key="lpad(CAST(x.position AS text), 12, '0')",
        amount="",
        own="x.facilities <@ CAST(:scope AS text[])",
        named=_said("x.fetched_by"),
    ),
}


async def find(
    tx: Transaction, wanted: Wanted, scope: Sequence[str] | None, *, after: RecordPlace | None, limit: int
) -> list[Record]:
    """Return the records that are searched for, newest first, after a place; of a scope's facilities or (None) all."""
    orders = await _orders(tx, wanted.counterparty)
    found: list[Record] = []
    for kind, source in _SOURCES.items():
        if wanted.wants(kind) and (scope is None or source.own):
            found += await _of_kind(tx, kind, source, wanted, orders, scope, after, limit)
    found.sort(key=lambda each: each.place.key, reverse=True)
    found.sort(key=lambda each: (-each.day.toordinal(), each.place.rank))
    return found[:limit]


async def _of_kind(
    tx: Transaction,
    kind: RecordKind,
    source: _Source,
    wanted: Wanted,
    orders: Sequence[str],
    scope: Sequence[str] | None,
    after: RecordPlace | None,
    limit: int,
) -> list[Record]:
    given: dict[str, Any] = {"limit": limit}
    parts = [*_amounts(source, wanted, given), *_days(kind, source, wanted, after, given)]
    if scope is not None:
        parts.append(source.own)
        given["scope"] = list(scope)
    if wanted.counterparty:
        parts.append(_counterparty(source, wanted, orders, given))
    rows = await tx.execute(
        f"SELECT {source.key} AS key, {source.day} AS day, {source.amount or 'CAST(NULL AS bigint)'} AS amount, "
        f"{source.columns} FROM {source.rows} WHERE {' AND '.join(parts) or 'true'} "
        f'ORDER BY {source.day} DESC, ({source.key}) COLLATE "C" DESC LIMIT :limit',
        **given,
    )
    return [_record(kind, row) for row in rows]


def _amounts(source: _Source, wanted: Wanted, given: dict[str, Any]) -> list[str]:
    """Return the condition on the amount, whichever way the money went: two ranges, so that an index serves each."""
    if not source.amount:
        return []
    if wanted.least is None and wanted.most is None:
        return [f"{source.amount} <> 0"]
    given |= {"least": wanted.least or 0, "most": wanted.most if wanted.most is not None else 10**15}
    column = source.amount
    return [f"({column} BETWEEN :least AND :most OR {column} BETWEEN -:most AND -:least)", f"{column} <> 0"]


def _days(
    kind: RecordKind, source: _Source, wanted: Wanted, after: RecordPlace | None, given: dict[str, Any]
) -> list[str]:
    parts = []
    if wanted.first is not None:
        parts.append(f"{source.day} >= :first")
        given["first"] = wanted.first
    if wanted.last is not None:
        parts.append(f"{source.day} <= :last")
        given["last"] = wanted.last
    if after is not None:
        rank = RECORD_KINDS.index(kind)
        given["after_day"] = after.day
        parts.append(f"{source.day} {'<' if rank < after.rank else '<='} :after_day")
        if rank == after.rank:
            parts.append(f'({source.day} < :after_day OR ({source.key}) COLLATE "C" < :after_key)')
            given["after_key"] = after.key
    return parts


def _counterparty(source: _Source, wanted: Wanted, orders: Sequence[str], given: dict[str, Any]) -> str:
    conditions = [source.named]
    if ":said" in source.named:
        given["said"] = f"%{_plain(wanted.counterparty)}%"
    if ":folded" in source.named:
        # Signs alone are nobody's name.
        given["folded"] = f"%{_escaped(bare)}%" if (bare := folded(wanted.counterparty)) else ""
    if ":exact" in source.named:
        given["exact"] = wanted.counterparty
    if source.ordered and orders:
        conditions.append(f"{source.ordered} = ANY(CAST(:orders AS text[]))")
        given["orders"] = list(orders)
    return f"({' OR '.join(conditions)})"


def _plain(text: str) -> str:
    """Return a text as names are compared, with what LIKE would read as a sign taken for itself."""
    return _escaped(unicodedata.normalize("NFKC", text).translate(_SMALL).upper())


def _escaped(text: str) -> str:
    return re.sub(r"([\\%_])", r"\\\1", text)


async def _orders(tx: Transaction, counterparty: str) -> list[str]:
    """Return the orders whose number or id is looked for; a number may lack its hyphen."""
    plain = re.sub(r"[\s-]", "", unicodedata.normalize("NFKC", counterparty)).upper()
    if not plain:
        return []
    half = len(plain) // 2
    rows = await tx.execute(
        "SELECT order_id FROM order_positions WHERE number = ANY(CAST(:numbers AS text[])) OR order_id = :order_id "
        "ORDER BY order_id LIMIT :limit",
        numbers=[plain, f"{plain[:half]}-{plain[half:]}", counterparty],
        order_id=counterparty,
        limit=ORDERS_MAX,
    )
    return list(rows.scalars())


def _record(kind: RecordKind, row: Any) -> Record:
    return Record(
        kind=kind,
        key=row.key,
        day=row.day,
        amount=None if row.amount is None else Yen(row.amount),
        counterparty=row.counterparty,
        what=row.what,
        facility=row.facility,
        reference=row.reference,
        order_id=row.order_id,
    )
