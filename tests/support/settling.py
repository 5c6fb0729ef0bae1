"""What providers and banks say, put into the books as if their files had been read: for tests of what follows."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from uuid import UUID, uuid4

AT = datetime(2026, 11, 25, 1, 0, tzinfo=UTC)
DAY = date(2026, 11, 20)
ACCOUNT = "0169-001-1-0001234567"
_numbers = itertools.count(1)


def payment(number):
    """Return the attempt id of a numbered payment."""
    return UUID(int=number)


@dataclass(frozen=True)
class Line:
    """A line of a provider; its net follows from the rest."""

    gross: int
    kind: str = "charge"
    attempt: UUID | None = None
    provider: str = "stripe"
    fee: int = 0
    tax: int = 0
    payout: str = ""
    day: date = DAY
    arrives_on: date | None = None
    brand: str = ""
    id: UUID = field(default_factory=uuid4)


@dataclass(frozen=True)
class Claim:
    """Something that a provider owes us, or we it."""

    amount: int
    kind: str = "charge"
    attempt: UUID | None = None
    method: str = "stripe_card"
    day: date = DAY
    facility: str = "hpam"
    order: str = "o"
    id: UUID = field(default_factory=uuid4)


@dataclass(frozen=True)
class Deposit:
    """One booking of our bank."""

    amount: int
    day: date = DAY
    payer: str = "ｽﾄﾗｲﾌﾟｼﾞﾔﾊﾟﾝ(ｶ"
    account: str = ACCOUNT
    basis: str = "statement"
    cancelled: bool = False
    id: UUID = field(default_factory=uuid4)


async def put_file(tx, *, form="test", lines=1, provider=""):
    """Write the row of a file and return its id; the next run of matching sees it."""
    file_id = uuid4()
    await tx.execute(
        "INSERT INTO statement_files (id, sha256, format, file_name, bytes_count, way, received_at, received_by, "
        "line_count, new_count, amount, provider) "
        "VALUES (:id, :sha, :form, 'f', 1, 'api', :at, 'test', :lines, :lines, 0, :provider)",
        id=file_id,
        sha=(file_id.bytes * 2),
        form=form,
        at=AT,
        lines=lines,
        provider=provider,
    )
    return file_id


async def put_lines(tx, lines):
    """Write lines as one file; return their ids."""
    providers = {each.provider for each in lines}
    file_id = await put_file(tx, lines=len(lines), provider=providers.pop() if len(providers) == 1 else "")
    rows = [
        {
            "id": each.id,
            "file": file_id,
            "record": number,
            "provider": each.provider,
            "kind": each.kind,
            "attempt": each.attempt,
            "reference": str(each.attempt or ""),
            "gross": each.gross,
            "fee": each.fee,
            "tax": each.tax,
            "net": each.gross - each.fee - each.tax,
            "payout": each.payout,
            "arrives": each.arrives_on,
            "day": each.day,
            "brand": each.brand,
        }
        for number, each in enumerate(lines, start=1)
    ]
    if rows:
        await tx.session.execute(
            "INSERT INTO settlement_lines (id, file_id, record, provider, kind, word, attempt_id, reference, key, "
            "gross, fee, tax, net, payout, arrives_on, occurred_on, brand) VALUES (:id, :file, :record, :provider, "
            ":kind, '', :attempt, :reference, '', :gross, :fee, :tax, :net, :payout, :arrives, :day, :brand)",
            rows,
        )
    return [each.id for each in lines]


async def put_claims(tx, claims):
    """Write claims; return their ids."""
    rows = [
        {
            "id": each.id,
            "kind": each.kind,
            "method": each.method,
            "attempt": each.attempt,
            "order": each.order,
            "facility": each.facility,
            "amount": each.amount,
            "day": each.day,
        }
        for each in claims
    ]
    if rows:
        await tx.session.execute(
            "INSERT INTO claims (id, kind, method, attempt_id, charge_id, order_id, facility, amount, business_date) "
            "VALUES (:id, :kind, :method, :attempt, :id, :order, :facility, :amount, :day)",
            rows,
        )
    return [each.id for each in claims]


async def put_deposits(tx, deposits, *, until=None):
    """Write bank lines as one file, and that the statement of their accounts reaches until a day; return the ids."""
    file_id = await put_file(tx, lines=len(deposits))
    rows = [
        {
            "id": each.id,
            "file": file_id,
            "record": next(_numbers),
            "basis": each.basis,
            "account": each.account,
            "day": each.day,
            "amount": each.amount,
            "payer": each.payer,
            "cancelled": each.cancelled,
        }
        for each in deposits
    ]
    if rows:
        await tx.session.execute(
            "INSERT INTO bank_lines (id, file_id, record, basis, account, booked_on, value_on, amount, reference, "
            "kind, payer, payer_code, bank, branch, summary, edi, cancelled) VALUES (:id, :file, :record, :basis, "
            ":account, :day, :day, :amount, '', '11', :payer, '', '', '', '', '', :cancelled)",
            rows,
        )
    for account in sorted({each.account for each in deposits} or {ACCOUNT}) if until else ():
        await tx.execute(
            "INSERT INTO bank_balances (file_id, account, holder, first_day, last_day, opening, closing) "
            "VALUES (:file, :account, '', :first, :until, 0, 0)",
            file=file_id,
            account=account,
            first=min([each.day for each in deposits] + [until]),
            until=until,
        )
    return [each.id for each in deposits]
