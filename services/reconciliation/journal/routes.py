"""JSON about the journal: vouchers, the trial balance, its verification, and vouchers made by hand."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from kernel import idempotency
from kernel.access import Principal
from kernel.clock import fiscal_year, new_id
from kernel.money import Yen
from kernel.refusals import Forbidden
from kernel.telemetry import correlation_id
from reconciliation.closing.actions import first_open_day
from reconciliation.journal import actions, reading, store
from reconciliation.journal.model import (
    ACCOUNTS,
    POSTINGS_MAX,
    AccountCode,
    Posting,
    Side,
    UnknownVoucher,
    Voucher,
    manual,
)
from reconciliation.wiring import Wiring, scope_of, wiring_of

router = APIRouter(tags=["journal"])

PATH = "/v1/journal"
WORDS_LENGTH_MAX = 1000
YEN_MAX = 10**12
Number = Annotated[int, Path(ge=1, le=10**18)]
Name = Annotated[str, Field(max_length=200)]


class PostingOut(BaseModel):
    """One side of a voucher. `title` is the account's Japanese name; the amount is in yen and positive."""

    side: Side
    account: AccountCode
    title: str
    amount: int
    facility: str
    revenue_owner: str
    revenue_account: str
    method: str
    provider: str
    tax_rate_percent: int


class VoucherOut(BaseModel):
    """One voucher. `belongs`: the fiscal year of its figures; `fiscal_year`: the one it is booked in."""

    number: int
    id: UUID
    kind: str
    origin: str
    booked_on: date
    business_date: date
    belongs: int
    fiscal_year: int
    old_year: bool
    reverses: int | None
    reversed_by: int | None
    words: str
    posted_by: str
    posted_at: datetime
    previous_hash: str
    hash: str
    postings: list[PostingOut]


def shown(voucher: Voucher, reversed_by: int | None) -> VoucherOut:
    """Return a voucher as JSON."""
    draft = voucher.draft
    return VoucherOut(
        number=voucher.number,
        id=voucher.id,
        kind=draft.kind,
        origin=draft.origin,
        booked_on=voucher.booked_on,
        business_date=draft.business_date,
        belongs=draft.belongs,
        fiscal_year=voucher.year.fiscal_year,
        old_year=voucher.year.old,
        reverses=draft.reverses,
        reversed_by=reversed_by,
        words=draft.words,
        posted_by=voucher.posted_by,
        posted_at=voucher.posted_at,
        previous_hash=voucher.previous_hash.hex(),
        hash=voucher.hash.hex(),
        postings=[
            PostingOut(
                side=each.side,
                account=each.account,
                title=ACCOUNTS[each.account].title_ja,
                amount=each.amount.amount,
                facility=each.facility,
                revenue_owner=each.revenue_owner,
                revenue_account=each.revenue_account,
                method=each.method,
                provider=each.provider,
                tax_rate_percent=each.tax_rate_percent,
            )
            for each in draft.postings
        ],
    )


class VouchersOut(BaseModel):
    """A page of vouchers by number."""

    items: list[VoucherOut]
    next_cursor: str | None


def _reader(request: Request) -> Wiring:
    wiring = wiring_of(request)
    if scope_of(wiring.reader(request)) is not None:
        raise Forbidden
    return wiring


def keeper_of(request: Request) -> tuple[Wiring, Principal]:
    """Return who may write vouchers: accounting, for all facilities."""
    wiring = wiring_of(request)
    principal = wiring.bookkeeper(request)
    if scope_of(principal) is not None:
        raise Forbidden
    return wiring, principal


@router.get(PATH)
async def get_journal(
    request: Request,
    *,
    first: Annotated[date | None, Query(alias="from")] = None,
    last: Annotated[date | None, Query(alias="to")] = None,
    least: Annotated[int | None, Query(alias="amount_from", ge=0, le=YEN_MAX)] = None,
    most: Annotated[int | None, Query(alias="amount_to", ge=0, le=YEN_MAX)] = None,
    counterparty: Annotated[str, Query(max_length=200)] = "",
    account: Annotated[str, Query(max_length=40)] = "",
    revenue_account: Annotated[str, Query(max_length=200)] = "",
    revenue_owner: Annotated[str, Query(max_length=200)] = "",
    facility: Annotated[str, Query(max_length=64)] = "",
    kind: Annotated[str, Query(max_length=40)] = "",
    cursor: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=reading.LIMIT_MAX)] = 50,
) -> VouchersOut:
    """Return vouchers by number. Days are of the books; what is asked of postings is asked of one and the same."""
    wiring = _reader(request)
    search = reading.Search(
        first=first,
        last=last,
        least=None if least is None else Yen(least),
        most=None if most is None else Yen(most),
        counterparty=counterparty.strip(),
        account=account,
        revenue_account=revenue_account,
        revenue_owner=revenue_owner,
        facility=facility,
        kind=kind,
    )
    async with wiring.database.transaction(correlation_id.get()) as tx:
        found = await reading.by_number(tx, search, after=cursor, limit=limit + 1)
        reversed_by = await store.reversals_of(tx, [each.number for each in found])
    return VouchersOut(
        items=[shown(each, reversed_by.get(each.number)) for each in found[:limit]],
        next_cursor=str(found[limit - 1].number) if len(found) > limit else None,
    )


class BalanceOut(BaseModel):
    """One account of a trial balance, in yen: debits are positive."""

    account: AccountCode
    title: str
    opening: int
    debit: int
    credit: int
    closing: int


@router.get(PATH + "/trial-balance")
async def get_trial_balance(
    request: Request,
    first: Annotated[date | None, Query(alias="from")] = None,
    last: Annotated[date | None, Query(alias="to")] = None,
    year: Annotated[int | None, Query(ge=2000, le=2199)] = None,
) -> list[BalanceOut]:
    """Return the trial balance of days of the books, or of a fiscal year with what was booked for it until 31 May."""
    wiring = _reader(request)
    async with wiring.database.transaction(correlation_id.get()) as tx:
        if year is not None:
            lines = await reading.trial_balance_of_year(tx, year)
        else:
            end = last or date.max
            begin = first or date.min
            lines = await reading.trial_balance(tx, first=begin, last=end, year=fiscal_year(begin))
    return [
        BalanceOut(
            account=each.account,
            title=ACCOUNTS[each.account].title_ja,
            opening=each.opening.amount,
            debit=each.debit.amount,
            credit=each.credit.amount,
            closing=each.closing.amount,
        )
        for each in lines
    ]


class VerificationOut(BaseModel):
    """What the newest verification found. `fault`: "" where nothing was wrong; `head` is the hash of `number`."""

    at: datetime
    verified_by: str
    number: int
    head: str
    fault: str
    fault_number: Number | None
    fault_origin: str
    waiting: int


@router.get(PATH + "/verification")
async def get_verification(request: Request) -> VerificationOut | None:
    """Return what the newest verification found; null before the first."""
    wiring = _reader(request)
    async with wiring.database.transaction(correlation_id.get()) as tx:
        row = await store.last_verification(tx)
    if row is None:
        return None
    return VerificationOut(
        at=row.at,
        verified_by=row.verified_by,
        number=row.number,
        head=bytes(row.head).hex(),
        fault=row.fault,
        fault_number=row.fault_number,
        fault_origin=row.fault_origin,
        waiting=row.waiting,
    )


@router.get(PATH + "/{number}")
async def get_voucher(request: Request, number: Number) -> VoucherOut:
    """Return one voucher."""
    wiring = _reader(request)
    async with wiring.database.transaction(correlation_id.get()) as tx:
        voucher = await store.find(tx, number)
        if voucher is None:
            raise UnknownVoucher(number=number)
        return shown(voucher, await store.reversal_number(tx, number))


class _Said(BaseModel):
    model_config = ConfigDict(extra="forbid")


class PostingSaid(_Said):
    """One side of a voucher that somebody makes; the amount in yen."""

    side: Side
    account: AccountCode
    amount: int = Field(ge=1, le=YEN_MAX)
    facility: Name = ""
    revenue_owner: Name = ""
    revenue_account: Name = ""
    method: Name = ""
    provider: Name = ""
    tax_rate_percent: int = Field(default=0, ge=0, le=99)

    def posting(self) -> Posting:
        """Return it as the journal books it."""
        return Posting(**(self.model_dump() | {"amount": Yen(self.amount)}))


class VoucherSaid(_Said):
    """A voucher that somebody makes. `old_year`: it is of the fiscal year before, whose books close on 31 May."""

    booked_on: date
    old_year: bool = False
    words: str = Field(min_length=1, max_length=WORDS_LENGTH_MAX)
    postings: list[PostingSaid] = Field(min_length=2, max_length=POSTINGS_MAX)


@router.post(PATH, status_code=201)
async def post_voucher(
    request: Request, given: VoucherSaid, idempotency_key: Annotated[str | None, Header()] = None
) -> dict[str, Any]:
    """Book a voucher made by hand: balanced, on an open day, for a reason."""
    wiring, principal = keeper_of(request)
    key, scope, at = idempotency.require_key(idempotency_key), f"voucher:{principal.name}", wiring.clock.now()
    async with wiring.database.transaction(correlation_id.get()) as tx:
        kept = await idempotency.claim(tx, scope=scope, key=key, body=given.model_dump_json().encode(), at=at)
        if kept is not None:
            return dict(kept.answer)
        draft = manual(
            new_id(),
            tuple(each.posting() for each in given.postings),
            day=given.booked_on,
            old_year=given.old_year,
            words=given.words,
        )
        made = await actions.enter(tx, draft, at=at, by=principal.name, new_id=new_id, open_day=first_open_day)
        answer = shown(made, None)
        await idempotency.keep(tx, scope=scope, key=key, status=201, answer_json=answer.model_dump_json(), at=at)
    return answer.model_dump(mode="json")


class Reason(_Said):
    """Why a voucher is reversed."""

    words: str = Field(min_length=1, max_length=WORDS_LENGTH_MAX)


@router.post(PATH + "/{number}/reverse", status_code=201)
async def reverse_voucher(
    request: Request, number: Number, given: Reason, idempotency_key: Annotated[str | None, Header()] = None
) -> dict[str, Any]:
    """Reverse a voucher that was made by hand."""
    wiring, principal = keeper_of(request)
    key, scope, at = idempotency.require_key(idempotency_key), f"voucher:{principal.name}", wiring.clock.now()
    async with wiring.database.transaction(correlation_id.get()) as tx:
        kept = await idempotency.claim(tx, scope=scope, key=key, body=f"{number}\n{given.words}".encode(), at=at)
        if kept is not None:
            return dict(kept.answer)
        made = await actions.reverse(
            tx, number, words=given.words, at=at, by=principal.name, new_id=new_id, open_day=first_open_day
        )
        answer = shown(made, None)
        await idempotency.keep(tx, scope=scope, key=key, status=201, answer_json=answer.model_dump_json(), at=at)
    return answer.model_dump(mode="json")
