"""提供者別入金照合表: claims, lines and fees of a payout beside what the bank received, alone or with others."""

from datetime import date
from uuid import uuid4

import pytest

from reconciliation.matching import actions as matching
from reconciliation.reports.discovery import reports
from reconciliation.reports.model import Asked, Names
from support.settling import AT, Claim, Deposit, Line, payment, put_claims, put_deposits, put_lines

NAMES = Names("ja", facility=lambda code: code, method=lambda method: method)
MARCH = date(2027, 3, 1)  # beyond what the example books hold


@pytest.fixture
async def rows(books):
    async with books.wiring.database.transaction("test") as tx:
        ids = [payment(9_000 + number) for number in range(3)]
        await put_claims(tx, [Claim(1_000, attempt=each, day=MARCH) for each in ids[:2]])
        lines = [
            Line(1_000, attempt=each, provider="agency", fee=30, tax=3, payout=key, day=MARCH, arrives_on=MARCH)
            for each, key in zip(ids, ("p1", "p2", "p2"), strict=True)
        ]
        lines.append(Line(500, provider="agency", payout="p3", day=MARCH, arrives_on=MARCH))
        await put_lines(tx, lines)
        await matching.run(tx, run_id=uuid4(), at=AT)
        found = await tx.execute("SELECT id, key FROM payouts WHERE provider = 'agency' ORDER BY key")
        payouts = [each.id for each in found if each.key != "p3"]
        deposit, group = Deposit(2_900, day=MARCH), uuid4()
        await put_deposits(tx, [deposit])
        for bank_line, payout in ((deposit.id, None), (None, payouts[0]), (None, payouts[1])):
            await tx.execute(
                "INSERT INTO deposit_legs (bank_line_id, payout_id, group_id, rule, rule_version, run_id, difference, "
                "accepted_by) VALUES (:line, :payout, :group, 'by_hand', 1, :group, 0, 'somebody')",
                line=bank_line,
                payout=payout,
                group=group,
            )
        document = await reports()["provider_payouts"].read(tx, Asked(MARCH, MARCH, None, NAMES))
    table = document.tables[0]
    names = [column.name for column in table.columns]
    return [dict(zip(names, row, strict=True)) for row in table.rows]


async def test_a_payout_is_shown_from_claims_to_deposit(rows):
    columns = (
        "精算番号",
        "明細件数",
        "未照合件数",
        "請求権額",
        "明細総額",
        "手数料",
        "手数料消費税",
        "差引入金予定額",
        "入金額",
        "差額",
    )
    assert [tuple(row[name] for name in columns) for row in rows] == [
        ("p1", 1, 0, 1_000, 1_000, 30, 3, 967, 966, -1),
        ("p2", 2, 1, 1_000, 2_000, 60, 6, 1_934, 1_934, 0),
        ("p3", 1, 1, 0, 500, 0, 0, 500, None, None),
    ]
    assert [row["状態"] for row in rows] == ["差額あり", "一致", "未入金"]


async def test_a_payout_that_has_not_come_is_no_deposit(rows):
    waiting = next(row for row in rows if row["精算番号"] == "p3")
    assert (waiting["入金額"], waiting["差額"], waiting["入金日"], waiting["状態"]) == (None, None, None, "未入金")
    assert sum(row["入金額"] or 0 for row in rows) == 2_900  # what the bank booked, and no yen more
