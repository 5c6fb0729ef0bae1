"""Writes what providers send: the made-up world's lines as the files of Stripe, PayPay and KOMOJU, month by month."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

import duckdb

from console.bench.reconciling.plan import Plan, Provider

CHUNK_CHARACTERS: Final = 1 << 20
UTF8_MARK: Final = b"\xef\xbb\xbf"
MONTHS_A_FILE_MAX: Final = 120

_JAPAN: Final = "moment + INTERVAL 9 HOUR"
_KEY: Final = "concat('pi_', translate(CAST(l.charge AS VARCHAR), '-', ''))"
_STRIPE: Final = f"""
SELECT l.payout AS automatic_payout_id,
       strftime(l.arrives_on::TIMESTAMP - INTERVAL 9 HOUR, '%Y-%m-%d %H:%M:%S')
           AS automatic_payout_effective_at_utc,
       strftime(l.arrives_on::TIMESTAMP, '%Y-%m-%d %H:%M:%S') AS automatic_payout_effective_at,
       concat('txn_', l.number) AS balance_transaction_id, strftime(moment, '%Y-%m-%d %H:%M:%S') AS created_utc,
       strftime({_JAPAN}, '%Y-%m-%d %H:%M:%S') AS created, '' AS available_on_utc, '' AS available_on,
       'jpy' AS currency,
       concat(gross, '.00') AS gross, concat(fee, '.00') AS fee, concat(gross - fee, '.00') AS net,
       CASE kind WHEN 'dispute_won' THEN 'dispute_reversal' WHEN 'adjustment' THEN 'other_adjustment' ELSE kind END
           AS reporting_category,
       concat('ch_', l.number // 100) AS source_id, concat(product, ' ', category, ', ', quantity) AS description,
       concat('ch_', l.number // 100) AS charge_id, {_KEY} AS payment_intent_id, '' AS charge_created_utc,
       '' AS charge_created, 'card' AS payment_method_type, 'visa' AS card_brand, 'credit' AS card_funding,
       'JP' AS card_country, '' AS dispute_reason, reference AS "payment_metadata[attempt]",
       '' AS "refund_metadata[refund]", '' AS trace_id, '' AS trace_id_status
"""
_PAYPAY: Final = f"""
SELECT concat('9', lpad(CAST(l.number AS VARCHAR), 18, '0'), CASE WHEN chaff THEN '1' ELSE '0' END) AS "取引番号",
       '123456789012345678' AS "加盟店ID", '広島県' AS "屋号", '5001' AS "店舗ID",
       concat(facility, '〜窓口') AS "店舗名",
       '' AS "端末番号/PosID", CASE WHEN chaff THEN '取引失敗' ELSE '取引完了' END AS "取引ステータス",
       strftime({_JAPAN}, '%Y/%m/%d %H:%M:%S') AS "取引日時", gross AS "取引金額", '' AS "レシート番号",
       'PayPay残高' AS "支払い方法", '' AS "支払い詳細", '' AS "取引確定期限", reference AS "加盟店決済ID",
       'オンライン決済' AS "サービスタイプ"
"""
_KOMOJU: Final = f"""
SELECT concat('k', l.number) AS "決済ID",
       CASE kind WHEN 'charge' THEN '売上' WHEN 'refund' THEN '返金' WHEN 'reversal' THEN '取消' ELSE '調整' END
           AS "種別",
       reference AS "外部注文番号", gross AS "金額", fee AS "手数料", tax AS "手数料消費税",
       strftime({_JAPAN}, '%Y/%m/%d %H:%M:%S') AS "決済日時"
"""
_SELECTS: Final[dict[Provider, str]] = {
    "stripe": _STRIPE,
    "paypay": _PAYPAY,
    "paypay_parks": _PAYPAY,
    "komoju": _KOMOJU,
}

# Formats that accounting makes by a mapping of columns: their name, and what is sent to /v1/column-mappings.
MAPPINGS: Final[dict[str, dict[str, Any]]] = {
    "komoju": {
        "title": "KOMOJU 精算明細",
        "definition": {
            "provider": "komoju",
            "columns": {
                "line": {"headings": ["決済ID"]},
                "kind": {"headings": ["種別"]},
                "attempt": {"headings": ["外部注文番号"]},
                "gross": {"headings": ["金額"]},
                "fee": {"headings": ["手数料"], "optional": True},
                "tax": {"headings": ["手数料消費税"], "optional": True},
                "occurred_on": {"headings": ["決済日時"], "parse": "moment_japan"},
            },
            "kinds": {"売上": "charge", "返金": "refund", "取消": "reversal", "調整": "adjustment"},
        },
    },
    "paypay_parks": {
        "title": "PayPay 取引一覧(公園)",
        "definition": {
            "provider": "paypay_parks",
            "columns": {
                "line": {"headings": ["取引番号"]},
                "attempt": {"headings": ["加盟店決済ID"]},
                "gross": {"headings": ["取引金額"]},
                "occurred_on": {"headings": ["取引日時"], "parse": "moment_japan"},
            },
            "kinds": {"+": "charge", "-": "refund"},
            "skips": [{"column": {"headings": ["取引ステータス"]}, "words": ["取引失敗"]}],
        },
    },
}
FORMATS: Final[dict[Provider, str]] = {
    "stripe": "stripe_payouts",
    "paypay": "paypay_transactions",
    "paypay_parks": "paypay_parks",
    "komoju": "komoju",
}


@dataclass(frozen=True, slots=True)
class Paper:
    """One file to send, under the format's name."""

    path: Path
    format: str


def periods(plan: Plan, months: int) -> Iterator[tuple[date, date]]:
    """Yield the first and last day of each file's period: so many months, or what is left of the plan's days."""
    first = plan.first
    while first <= plan.last:
        year, month = divmod(first.year * 12 + first.month - 1 + months, 12)
        last = min(date(year, month + 1, 1) - timedelta(days=1), plan.last)
        yield first, last
        first = last + timedelta(days=1)


def write(world: duckdb.DuckDBPyConnection, plan: Plan, folder: Path, *, months: int) -> list[Paper]:
    """Write every provider's files, of so many months each, in the order in which they come.

    What is in which row of which file is kept as the table `places`: file, record, line's number. A file of PayPay's
    begins with the last day of the one before, as people download it; failed payments are in it too.
    """
    world.execute("CREATE OR REPLACE TABLE places (file VARCHAR, record INTEGER, number BIGINT)")
    world.execute(
        "CREATE OR REPLACE VIEW told AS SELECT l.*, p.charge, p.facility, p.product, p.category, p.quantity "
        "FROM lines AS l LEFT JOIN payments AS p ON p.i = l.number // 100"
    )
    found = []
    for first, last in periods(plan, months):
        for provider, select in _SELECTS.items():
            path = folder / f"{provider}-{first:%Y%m%d}-{last:%Y%m%d}.csv"
            _write_one(world, provider, select, path, (first, last))
            found.append(Paper(path, FORMATS[provider]))
    return found


def _write_one(
    world: duckdb.DuckDBPyConnection, provider: Provider, select: str, path: Path, days: tuple[date, date]
) -> None:
    overlap = 1 if provider == "paypay" else 0
    failed = (
        "UNION ALL SELECT *, true AS chaff FROM told WHERE provider = $provider AND day BETWEEN $first AND $last "
        "AND kind = 'charge' AND number % 9700 = 0"
    )
    # Stripe tells of a payment once it is paid out.
    told_on = "arrives_on" if provider == "stripe" else "day"
    world.execute(
        "CREATE OR REPLACE TEMP TABLE page AS "
        f"SELECT *, row_number() OVER (ORDER BY {told_on}, day, number, NOT chaff) AS place "
        "FROM (SELECT *, false AS chaff FROM told WHERE provider = $provider "
        f"AND {told_on} BETWEEN $first AND $last "
        f"{failed if provider == 'paypay' else ''}) AS one",
        {"provider": provider, "first": days[0] - timedelta(days=overlap), "last": days[1]},
    )
    world.execute("INSERT INTO places SELECT $name, place + 1, number FROM page WHERE NOT chaff", {"name": path.name})
    world.execute(f"COPY ({select} FROM page AS l ORDER BY place) TO '{path}' (FORMAT csv, HEADER)")
    if provider == "paypay":
        _as_downloaded(path)


def _as_downloaded(path: Path) -> None:
    """Write PayPay's file as its page gives it in Japan: in CP932."""
    plain = path.with_suffix(".utf8")
    path.rename(plain)
    with plain.open(encoding="utf-8", newline="") as source, path.open("w", encoding="cp932", newline="") as sink:
        while piece := source.read(CHUNK_CHARACTERS):
            sink.write(piece.replace("〜", "～"))  # The letter that CP932 has.
    plain.unlink()
