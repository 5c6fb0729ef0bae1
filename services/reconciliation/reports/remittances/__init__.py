"""指定管理者別送金明細書: what is to be remitted to each revenue owner, by facility: gross, less refunds and fees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from kernel.money import Yen, total
from kernel.rows import Transaction
from reconciliation.reports.model import (
    ROWS_MAX,
    Asked,
    Column,
    Document,
    Report,
    Rows,
    Table,
    Text,
    entries_address,
    require_rows,
)
from reconciliation.reports.owners import OWNER, OWNER_COLUMNS

TITLE = Text("指定管理者別送金明細書", "Remittances by revenue owner")
NOBODY: Final = Text("共通", "In common")
MONEY: Final = (
    Column("収入額", "yen", 14, "Gross", entries="sold"),
    Column("還付額", "yen", 13, "Given back", entries="refunded"),
    Column("支払手数料", "yen", 13, "Fees"),
    Column("手数料消費税", "yen", 13, "Tax on fees"),
    Column("差引送金額", "yen", 14, "Net to remit"),
)
NOTES = (
    Text(
        "仕訳帳の記帳日によります。収入額は調定した総額から調定減額を引いた額、差引送金額はそこから還付額と手数料を引いた額です。",
        "By the day of the books. Gross is what was assessed; net is what is left of it after refunds and fees.",
    ),
    Text(
        "手数料は、決済ごとに、その収入の帰属先と施設に分けています。帰属先の分からない手数料(月額、振込手数料など)は「共通」の行です。",
        "A fee is borne by the owner of its payment. Fees that are nobody's in particular stand in the row In common.",
    ),
)
# Fees that no payment explains belong to nobody; transfer fees are one for several owners.
_SUMS: Final = """
SELECT p.revenue_owner, p.facility,
    CAST(sum(amount) FILTER (WHERE p.account = 'revenue') AS bigint) AS gross,
    CAST(-sum(amount) FILTER (WHERE p.account = 'refunds') AS bigint) AS refunded,
    CAST(-sum(amount) FILTER (WHERE p.account IN ('fees', 'transfer_fees')) AS bigint) AS fees,
    CAST(-sum(amount) FILTER (WHERE p.account = 'fee_tax') AS bigint) AS fee_tax
FROM (SELECT q.voucher, q.account, q.revenue_owner, q.facility,
          CASE q.side WHEN 'credit' THEN q.amount ELSE -q.amount END AS amount FROM postings AS q) AS p
JOIN vouchers AS v ON v.number = p.voucher
WHERE v.booked_on BETWEEN :first AND :last
  AND p.account IN ('revenue', 'refunds', 'fees', 'fee_tax', 'transfer_fees')
  AND (CAST(:facilities AS text[]) IS NULL OR p.facility = ANY(CAST(:facilities AS text[])))
GROUP BY p.revenue_owner, p.facility ORDER BY p.revenue_owner = '', p.revenue_owner, p.facility LIMIT :limit
"""


@dataclass(frozen=True, slots=True)
class Remittance:
    """What one owner has of one facility."""

    owner: str
    facility: str
    gross: Yen
    refunded: Yen
    fees: Yen
    fee_tax: Yen

    @property
    def net(self) -> Yen:
        """What is to be remitted."""
        return self.gross - self.refunded - self.fees - self.fee_tax

    @property
    def cells(self) -> tuple[int, ...]:
        """The cells of MONEY."""
        return tuple(each.amount for each in (self.gross, self.refunded, self.fees, self.fee_tax, self.net))


def document(found: Sequence[Remittance], asked: Asked) -> Document:
    """Return the document: a row for each owner and facility, and the sums by owner."""
    nobody = asked.say(NOBODY)
    facility = Column("施設名", "text", 30, "Facility")
    rows: Rows = tuple(
        (
            each.owner,
            asked.names.owner(each.owner) or nobody,
            asked.names.facility(each.facility) if each.facility else nobody,
            *each.cells,
        )
        for each in found
    )
    links = tuple(
        entries_address(asked.first, asked.last, facility=each.facility, owner=each.owner) if each.owner else ""
        for each in found
    )
    owners = list(dict.fromkeys(each.owner for each in found))
    sums: Rows = tuple(
        (asked.names.owner(code) or nobody, *_sum_of([each for each in found if each.owner == code])) for code in owners
    )
    return Document(
        asked.say(TITLE),
        asked.period,
        asked.place,
        (
            Table(asked.say(Text("帰属先別の合計", "Sums by owner")), (OWNER, *MONEY), sums, beside=True),
            Table(asked.say(TITLE), (*OWNER_COLUMNS, facility, *MONEY), rows, links),
        ),
        tuple(asked.say(each) for each in NOTES),
    )


def _sum_of(found: Sequence[Remittance]) -> tuple[int, ...]:
    whole = Remittance(
        "",
        "",
        total(each.gross for each in found),
        total(each.refunded for each in found),
        total(each.fees for each in found),
        total(each.fee_tax for each in found),
    )
    return whole.cells


async def read(tx: Transaction, asked: Asked) -> Document:
    """Read what the journal booked in the period."""
    rows = await tx.execute(
        _SUMS,
        first=asked.first,
        last=asked.last,
        facilities=None if asked.facilities is None else list(asked.facilities),
        limit=ROWS_MAX + 1,
    )
    found = [
        Remittance(
            row.revenue_owner,
            row.facility,
            *(Yen(getattr(row, name) or 0) for name in ("gross", "refunded", "fees", "fee_tax")),
        )
        for row in rows
    ]
    require_rows(found)
    return document(found, asked)


REPORT: Final = Report(
    "remittances",
    TITLE,
    Text(
        "帰属先(指定管理者)と施設ごとに、収入額から還付額と手数料を引いた送金額です。",
        "What is to be remitted to each owner, by facility: gross, less refunds and fees.",
    ),
    85,
    read,
)
