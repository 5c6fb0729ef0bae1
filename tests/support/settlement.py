"""Providers and a bank that do what they must: statements of every claim, payouts by contract, transfers of each."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import uuid4

from reconciliation.matching import actions as matching
from reconciliation.provider_contracts.actions import take_examples
from support.money_stories import PROVIDER_OF

FEE_PERMILLE = 32
NOW = "2026-12-01T00:00:00Z"


async def put_file(tx, *, first, last):
    """Write down that a statement came; its lines name it."""
    file_id = uuid4()
    await tx.execute(
        "INSERT INTO statement_files (id, sha256, format, file_name, bytes_count, way, received_at, received_by, "
        "first_day, last_day, line_count, new_count, amount) VALUES (:id, sha256(CAST(CAST(:id AS text) AS bytea)), "
        "'test', 'test', 1, 'api', CAST(:now AS timestamptz), 'test', :first, :last, 1, 1, 0)",
        id=file_id, first=first, last=last, now=NOW,
    )  # fmt: skip
    return file_id


async def put_line(tx, *, provider, kind, day, gross, fee=0, tax=0, attempt=None, word="", file_id=None):
    line_id = uuid4()
    await tx.execute(
        "INSERT INTO settlement_lines (id, file_id, record, provider, kind, word, attempt_id, reference, key, gross, "
        "fee, tax, net, payout, arrives_on, occurred_on) VALUES (:id, :file, 1, :provider, :kind, :word, :attempt, '', "
        "'', :gross, :fee, :tax, :net, '', NULL, :day)",
        id=line_id, file=file_id or await put_file(tx, first=day, last=day), provider=provider, kind=kind, word=word,
        attempt=attempt, gross=gross, fee=fee, tax=tax, net=gross - fee - tax, day=day,
    )  # fmt: skip
    return line_id


async def put_lines_of_claims(tx, *, at):
    """Let every provider tell of every claim that it has not told of; PayPay does not state its fees. Match them."""
    await take_examples(tx, by="test", at=at)
    claims = list(
        await tx.execute(
            "SELECT * FROM claims AS c WHERE NOT EXISTS (SELECT FROM match_legs AS m WHERE m.claim_id = c.id)"
        )
    )
    days = [each.business_date for each in claims]
    file_id = await put_file(tx, first=min(days), last=max(days)) if days else None
    for each in claims:
        provider = PROVIDER_OF[each.method]
        fee = each.amount * FEE_PERMILLE // 1000 if each.kind == "charge" and provider != "paypay" else 0
        await put_line(
            tx, provider=provider, kind=each.kind, day=each.business_date, gross=each.amount, fee=fee, tax=fee // 10,
            attempt=each.attempt_id, file_id=file_id,
        )  # fmt: skip
    await matching.run(tx, run_id=uuid4(), at=at)


async def put_bank_line(tx, *, day, amount, payer="ストライプ", basis="statement"):
    """Let the bank book something in an account whose deposits must be known for what they are."""
    line_id = uuid4()
    await tx.execute(
        "INSERT INTO bank_lines (id, file_id, record, basis, account, booked_on, value_on, amount, reference, kind, "
        "payer, payer_code, bank, branch, summary, edi, cancelled) VALUES (:id, :id, 1, :basis, 'a', :day, :day, "
        ":amount, '', '11', :payer, '', '', '', '', '', false)",
        id=line_id, day=day, amount=amount, payer=payer, basis=basis,
    )  # fmt: skip
    await tx.execute(
        "INSERT INTO account_reach (account, until, unknown_until) VALUES ('a', :far, :far) ON CONFLICT DO NOTHING",
        far=date(2099, 1, 1),
    )
    return line_id


async def put_payout(tx, *, provider, first, last, gross, fee, tax, transfer_fee=0, lines_fee=None):
    payout_id = uuid4()
    net = gross - fee - tax - transfer_fee
    await tx.execute(
        "INSERT INTO payouts (id, contract, provider, key, arrives_on, first_day, last_day, lines, gross, fee, tax, "
        "transfer_fee, net, lines_fee, lines_tax) VALUES (:id, :provider, :provider, CAST(:id AS text), :last, :first, "
        ":last, 1, :gross, :fee, :tax, :transfer_fee, :net, :lines_fee, :tax)",
        id=payout_id, provider=provider, first=first, last=last, gross=gross, fee=fee, tax=tax,
        transfer_fee=transfer_fee, net=net, lines_fee=fee if lines_fee is None else lines_fee,
    )  # fmt: skip
    return payout_id, net


async def put_leg(tx, bank_line, payout, *, difference=0):
    await tx.execute(
        "INSERT INTO deposit_legs (bank_line_id, payout_id, rule, rule_version, run_id, difference, accepted_by) "
        "VALUES (:line, :payout, 'test', 1, :run, :difference, 'ana')",
        line=bank_line, payout=payout, run=uuid4(), difference=difference,
    )  # fmt: skip


async def pay_out(tx):
    """Let every payout arrive, two days after the last of its days."""
    for each in list(await tx.execute("SELECT id, last_day, net FROM payouts WHERE net <> 0 ORDER BY id")):
        line = await put_bank_line(tx, day=each.last_day + timedelta(days=2), amount=each.net)
        await put_leg(tx, line, each.id)
