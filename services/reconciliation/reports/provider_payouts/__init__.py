"""提供者別入金照合表: each payout of each provider, from our claims by its lines and fees to what our bank received."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from uuid import UUID

from kernel.money import Yen
from kernel.rows import Transaction
from reconciliation.days.wording import provider_name
from reconciliation.reports.model import (
    ROWS_MAX,
    Asked,
    Bar,
    Chart,
    Column,
    Document,
    Report,
    Rows,
    Table,
    Text,
    require_rows,
    wareki,
)

TITLE = Text("提供者別入金照合表", "Payouts by provider")
SUMS = (
    Column("明細件数", "count", 9, "Lines"),
    Column("未照合件数", "count", 9, "Not matched"),
    Column("請求権額", "yen", 13, "Claimed"),
    Column("明細総額", "yen", 13, "Gross"),
    Column("手数料", "yen", 11, "Fee"),
    Column("手数料消費税", "yen", 11, "Tax on fee"),
    Column("振込手数料", "yen", 10, "Transfer fee"),
    Column("差引入金予定額", "yen", 14, "Net"),
    Column("入金額", "yen", 13, "Deposit"),
    Column("差額", "yen", 11, "Difference"),
)
COLUMNS = (
    Column("入金予定日", "date", 12, "Due", paper=False),
    Column("入金予定日(和暦)", "text", 18, "Due (era)", page=False, whole=True),
    Column("提供者", "text", 14, "Provider"),
    Column("精算番号", "text", 24, "Payout"),
    Column("対象期間の始まり", "date", 12, "Payments from"),
    Column("対象期間の終わり", "date", 12, "to"),
    *SUMS,
    Column("入金日", "date", 12, "Came on"),
    Column("状態", "text", 14, "State"),
)
BY_PROVIDER = (Column("提供者", "text", 14, "Provider"), Column("入金回数", "count", 9, "Payouts"), *SUMS)
NOTES = (
    Text(
        "請求権額は、明細と照合した当方の債権の額です。明細総額から手数料・その消費税・振込手数料を引いた額が差引入金予定額です。",
        "Claimed is what we claim by the lines that are matched. Gross − fee − tax on fee − transfer fee = net.",
    ),
    Text(
        "差額は入金額から差引入金予定額を引いた額で、入金のあるものだけに示します。複数の精算が一つの振込で入金したときの差額は最初の精算に示します。",
        "Difference is deposit less net, where a deposit came; of several payouts in one transfer at the first.",
    ),
)

_PAYOUTS: Final = """
WITH shown AS MATERIALIZED (
    SELECT * FROM payouts WHERE arrives_on BETWEEN :first AND :last ORDER BY arrives_on, provider, key LIMIT :limit
), made AS (
    SELECT p.id,
        count(*) FILTER (WHERE m.line_id IS NULL AND l.kind NOT IN ('fee', 'transfer_fee', 'adjustment')) AS unmatched,
        coalesce(sum(CASE WHEN m.claim_id IS NOT NULL THEN c.amount WHEN m.line_id IS NOT NULL THEN l.gross END), 0)
            AS claimed
    FROM shown AS p
    JOIN settlement_lines AS l ON l.provider = p.provider AND l.kind <> 'payout'
        AND l.occurred_on BETWEEN p.first_day AND p.last_day AND (l.payout = p.key OR (l.payout = '' AND NOT p.named))
    LEFT JOIN match_legs AS m ON m.line_id = l.id AND m.stands
    LEFT JOIN claims AS c ON c.id = m.claim_id
    GROUP BY p.id
), legs AS (
    SELECT coalesce(group_id, bank_line_id) AS match_id, bank_line_id, payout_id FROM deposit_legs WHERE stands
), came AS (
    SELECT legs.match_id, sum(b.amount) AS amount, max(b.booked_on) AS day
    FROM legs JOIN bank_lines AS b ON b.id = legs.bank_line_id GROUP BY legs.match_id
), due AS (
    SELECT legs.match_id, sum(p.net) AS net, (array_agg(p.id ORDER BY p.arrives_on, p.provider, p.key))[1] AS first_one
    FROM legs JOIN payouts AS p ON p.id = legs.payout_id GROUP BY legs.match_id
)
SELECT p.id, p.provider, p.key, p.arrives_on, p.first_day, p.last_day, p.lines,
    coalesce(made.unmatched, 0) AS unmatched,
    CAST(coalesce(made.claimed, 0) AS bigint) AS claimed, p.gross, p.fee, p.tax, p.transfer_fee, p.net,
    CASE WHEN due.match_id IS NOT NULL THEN
        CAST(p.net + CASE WHEN due.first_one = p.id THEN came.amount - due.net ELSE 0 END AS bigint) END AS deposit,
    came.day AS came_on
FROM shown AS p LEFT JOIN made ON made.id = p.id
LEFT JOIN (legs JOIN came USING (match_id) JOIN due USING (match_id)) ON legs.payout_id = p.id
ORDER BY p.arrives_on, p.provider, p.key
"""


@dataclass(frozen=True, slots=True)
class ProviderPayout:
    """One payout beside what our bank received for it; `deposit` and `came_on` are None where nothing came."""

    id: UUID
    provider: str
    key: str
    arrives_on: date
    first_day: date
    last_day: date
    lines: int
    unmatched: int
    claimed: Yen
    gross: Yen
    fee: Yen
    tax: Yen
    transfer_fee: Yen
    net: Yen
    deposit: Yen | None
    came_on: date | None

    @property
    def sums(self) -> tuple[int | None, ...]:
        """The cells of SUMS."""
        deposit = None if self.deposit is None else self.deposit.amount
        return (
            self.lines,
            self.unmatched,
            self.claimed.amount,
            self.gross.amount,
            self.fee.amount,
            self.tax.amount,
            self.transfer_fee.amount,
            self.net.amount,
            deposit,
            None if deposit is None else deposit - self.net.amount,
        )

    @property
    def state(self) -> Text:
        """How it stands."""
        if self.deposit is None:
            return Text("入金なし", "nothing to come") if not self.net else Text("未入金", "has not come")
        return Text("一致", "agrees") if self.deposit == self.net else Text("差額あり", "differs")


def document(found: Sequence[ProviderPayout], asked: Asked) -> Document:
    """Return the document of payouts, and their sums by provider."""
    title = asked.say(TITLE)
    rows: Rows = tuple(
        (
            each.arrives_on,
            wareki(each.arrives_on),
            provider_name(each.provider),
            each.key,
            each.first_day,
            each.last_day,
            *each.sums,
            each.came_on,
            asked.say(each.state),
        )
        for each in found
    )
    by_provider = {
        name: [each for each in found if each.provider == name] for name in sorted({p.provider for p in found})
    }
    sums: Rows = tuple(
        (
            provider_name(name),
            len(theirs),
            *(sum(cell or 0 for cell in cells) for cells in zip(*(p.sums for p in theirs), strict=True)),
        )
        for name, theirs in by_provider.items()
    )
    bars = tuple(
        Bar(provider_name(name), sum((p.fee + p.tax + p.transfer_fee).amount for p in theirs))
        for name, theirs in by_provider.items()
    )
    return Document(
        title,
        asked.period,
        asked.place,
        (
            Table(title, COLUMNS, rows, tuple(f"/payouts/{each.id}" for each in found)),
            Table(asked.say(Text("提供者別合計", "Sums by provider")), BY_PROVIDER, sums, beside=True),
        ),
        tuple(asked.say(each) for each in NOTES),
        Chart(
            asked.say(Text("提供者別の手数料(税・振込手数料を含む)", "Fees by provider, with tax and transfer fees")),
            "yen",
            bars,
        )
        if len(bars) > 1
        else None,
    )


async def read(tx: Transaction, asked: Asked) -> Document:
    """Read the payouts that are due within the days."""
    rows = (await tx.execute(_PAYOUTS, first=asked.first, last=asked.last, limit=ROWS_MAX + 1)).all()
    require_rows(rows)
    return document([_payout(row) for row in rows], asked)


def _payout(row: Any) -> ProviderPayout:
    return ProviderPayout(
        id=row.id,
        provider=row.provider,
        key=row.key,
        arrives_on=row.arrives_on,
        first_day=row.first_day,
        last_day=row.last_day,
        lines=row.lines,
        unmatched=row.unmatched,
        claimed=Yen(row.claimed),
        gross=Yen(row.gross),
        fee=Yen(row.fee),
        tax=Yen(row.tax),
        transfer_fee=Yen(row.transfer_fee),
        net=Yen(row.net),
        deposit=None if row.deposit is None else Yen(row.deposit),
        came_on=row.came_on,
    )


REPORT = Report(
    "provider_payouts",
    TITLE,
    Text(
        "決済事業者の入金ごとに、債権・明細・手数料・差引額と銀行の入金を並べ、差額を示します。",
        "For each payout of a provider: claims, lines, fees, net and what our bank received, with the difference.",
    ),
    70,
    read,
    everywhere=True,
)
