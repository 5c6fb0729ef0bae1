"""The canonical journal as Parquet: one row for each posting, with the hashes by which its chain can be checked."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any, Final

import duckdb

from reconciliation.exports.model import Format
from reconciliation.journal.canonical import Journal, Row, read
from reconciliation.reports.model import Text

COLUMNS: Final = {
    "voucher": "BIGINT",
    "place": "INTEGER",
    "voucher_id": "VARCHAR",
    "kind": "VARCHAR",
    "origin": "VARCHAR",
    "booked_on": "DATE",
    "business_date": "DATE",
    "belongs": "INTEGER",
    "fiscal_year": "INTEGER",
    "old_year": "BOOLEAN",
    "reverses": "BIGINT",
    "side": "VARCHAR",
    "account": "VARCHAR",
    "account_title": "VARCHAR",
    "amount": "BIGINT",
    "tax": "BIGINT",
    "facility": "VARCHAR",
    "revenue_owner": "VARCHAR",
    "revenue_account": "VARCHAR",
    "fund": "VARCHAR",
    "part": "VARCHAR",
    "chapter": "VARCHAR",
    "item": "VARCHAR",
    "section": "VARCHAR",
    "method": "VARCHAR",
    "provider": "VARCHAR",
    "tax_rate_percent": "INTEGER",
    "words": "VARCHAR",
    "posted_by": "VARCHAR",
    "posted_at": "VARCHAR",
    "previous_hash": "VARCHAR",
    "hash": "VARCHAR",
}


def values(row: Row) -> dict[str, Any]:
    """Return a row as the file has it; `words` are the voucher's own, which its hash covers."""
    voucher, draft, posting = row.voucher, row.voucher.draft, row.posting
    return {
        "voucher": voucher.number,
        "place": row.place,
        "voucher_id": str(voucher.id),
        "kind": draft.kind,
        "origin": draft.origin,
        "booked_on": voucher.booked_on.isoformat(),
        "business_date": draft.business_date.isoformat(),
        "belongs": draft.belongs,
        "fiscal_year": voucher.year.fiscal_year,
        "old_year": voucher.year.old,
        "reverses": draft.reverses,
        "side": posting.side,
        "account": posting.account,
        "account_title": row.account,
        "amount": posting.amount.amount,
        "tax": row.tax.amount,
        "facility": posting.facility,
        "revenue_owner": posting.revenue_owner,
        "revenue_account": posting.revenue_account,
        **dict(zip(("fund", "part", "chapter", "item", "section"), row.revenue, strict=True)),
        "method": posting.method,
        "provider": posting.provider,
        "tax_rate_percent": posting.tax_rate_percent,
        "words": draft.words,
        "posted_by": voucher.posted_by,
        "posted_at": voucher.posted_at.isoformat(timespec="microseconds"),
        "previous_hash": voucher.previous_hash.hex(),
        "hash": voucher.hash.hex(),
    }


def write(journal: Journal) -> bytes:
    """Return the file. One thread keeps the order of rows, and so the bytes."""
    types = ", ".join(f"{name}: '{kind}'" for name, kind in COLUMNS.items())
    with tempfile.TemporaryDirectory() as folder, duckdb.connect(config={"threads": 1}) as connection:
        source, target = Path(folder) / "rows.json", Path(folder) / "journal.parquet"
        with source.open("w", encoding="utf-8") as opened:
            for row in journal.rows:
                opened.write(json.dumps(values(row), ensure_ascii=False) + "\n")
        rows = (
            f"SELECT * FROM read_json('{source}', format = 'newline_delimited', columns = {{{types}}})"
            if journal.rows
            else "SELECT " + ", ".join(f"CAST(NULL AS {kind}) AS {name}" for name, kind in COLUMNS.items()) + " LIMIT 0"
        )
        connection.execute(f"COPY ({rows}) TO '{target}' (FORMAT parquet, COMPRESSION zstd)")
        return target.read_bytes()


FORMAT: Final = Format(
    "journal_parquet",
    Text("仕訳帳(標準形式)", "Canonical journal"),
    "Parquet",
    "application/vnd.apache.parquet",
    "parquet",
    read,
    write,
    everywhere=True,
)
