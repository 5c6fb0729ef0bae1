"""Providers and a bank that do what they must: statements of every claim, payouts of every line, transfers of each."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

from reconciliation.matching import actions as matching
from support.money_stories import PROVIDER_OF

FEE_PERMILLE = 32


async def put_line(tx, *, provider, kind, day, gross, fee=0, tax=0, attempt=None, word=""):
    line_id = uuid4()
    await tx.execute(
        "INSERT INTO settlement_lines (id, file_id, record, provider, kind, word, attempt_id, reference, key, gross, "
        "fee, tax, net, payout, arrives_on, occurred_on) VALUES (:id, :id, 1, :provider, :kind, :word, :attempt, '', "
        "'', :gross, :fee, :tax, :net, '', NULL, :day)",
        id=line_id, provider=provider, kind=kind, word=word, attempt=attempt, gross=gross, fee=fee, tax=tax,
        net=gross - fee - tax, day=day,
    )  # fmt: skip
    return line_id


async def put_lines_of_claims(tx, *, at):
    """Let every provider tell of every claim that it has not told of, with its fees; match them."""
    claims = list(
        await tx.execute(
            "SELECT * FROM claims AS c WHERE NOT EXISTS (SELECT FROM match_legs AS m WHERE m.claim_id = c.id)"
        )
    )
    for each in claims:
        fee = each.amount * FEE_PERMILLE // 1000 if each.kind == "charge" else 0
        await put_line(
            tx, provider=PROVIDER_OF[each.method], kind=each.kind, day=each.business_date, gross=each.amount,
            fee=fee, tax=fee // 10, attempt=each.attempt_id,
        )  # fmt: skip
    await matching.run(tx, run_id=uuid4(), at=at)


async def put_bank_line(tx, *, day, amount, payer="ストライプ", basis="statement"):
    line_id = uuid4()
    await tx.execute(
        "INSERT INTO bank_lines (id, file_id, record, basis, account, booked_on, value_on, amount, reference, kind, "
        "payer, payer_code, bank, branch, summary, edi, cancelled) VALUES (:id, :id, 1, :basis, 'a', :day, :day, "
        ":amount, '', '11', :payer, '', '', '', '', '', false)",
        id=line_id, day=day, amount=amount, payer=payer, basis=basis,
    )  # fmt: skip
    return line_id


async def put_payout(tx, *, provider, first, last, gross, fee, tax, transfer_fee=0):
    payout_id = uuid4()
    net = gross - fee - tax - transfer_fee
    await tx.execute(
        "INSERT INTO payouts (id, contract, provider, key, arrives_on, first_day, last_day, lines, gross, fee, tax, "
        "transfer_fee, net) VALUES (:id, :provider, :provider, CAST(:id AS text), :last, :first, :last, 1, :gross, "
        ":fee, :tax, :transfer_fee, :net)",
        id=payout_id, provider=provider, first=first, last=last, gross=gross, fee=fee, tax=tax,
        transfer_fee=transfer_fee, net=net,
    )  # fmt: skip
    return payout_id, net


async def put_leg(tx, bank_line, payout, *, difference=0):
    await tx.execute(
        "INSERT INTO deposit_legs (bank_line_id, payout_id, rule, rule_version, run_id, difference) "
        "VALUES (:line, :payout, 'test', 1, :run, :difference)",
        line=bank_line, payout=payout, run=uuid4(), difference=difference,
    )  # fmt: skip


async def pay_out(tx):
    """Let every provider transfer all of its lines at once, less a transfer fee, two days after the last of them."""
    sums = await tx.execute(
        "SELECT provider, min(occurred_on) AS first, max(occurred_on) AS last, CAST(sum(gross) AS bigint) AS gross, "
        "CAST(sum(CASE WHEN kind = 'fee' THEN 0 ELSE fee END) AS bigint) AS fee, CAST(sum(tax) AS bigint) AS tax "
        "FROM settlement_lines WHERE kind <> 'payout' GROUP BY provider"
    )
    for each in sums:
        payout, net = await put_payout(
            tx, provider=each.provider, first=each.first, last=each.last, gross=each.gross, fee=each.fee,
            tax=each.tax, transfer_fee=220,
        )  # fmt: skip
        line = await put_bank_line(tx, day=each.last + timedelta(days=2), amount=net)
        await put_leg(tx, line, payout)
