"""The pages of vouchers made by hand: the form, and their reversal."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from kernel.access import Principal
from kernel.clock import business_date, new_id
from kernel.money import ZERO
from kernel.refusals import Forbidden, Invalid, Refusal
from kernel.signin import SignIn
from kernel.telemetry import correlation_id
from reconciliation.closing.actions import first_open_day
from reconciliation.journal import actions
from reconciliation.journal.display import amount_of, may_write, spoken_to, voucher_page
from reconciliation.journal.model import ACCOUNTS, Posting, manual
from reconciliation.reports.names import names
from reconciliation.revenue_accounts import store as revenue_accounts
from reconciliation.staff.desk import SEE_OTHER, for_reader
from reconciliation.wiring import Wiring, scope_of

router = APIRouter(include_in_schema=False)

ROWS_BY_HAND: Final = 6
WORDS_LENGTH_MAX: Final = 1000


@router.get("/journal/new")
async def new_voucher(request: Request) -> Response:
    """Show the form of a voucher by hand."""

    async def page(wiring: Wiring, principal: Principal) -> Response:
        if not may_write(principal):
            raise Forbidden
        return await _by_hand(wiring, request, {}, "")

    return await for_reader(request, page, everywhere=True)


async def _by_hand(wiring: Wiring, request: Request, given: Mapping[str, str], problem: str) -> Response:
    today = business_date(wiring.clock.now())
    spoken = await spoken_to(wiring, request)
    known = await names(wiring, spoken.tag)
    async with wiring.database.transaction(correlation_id.get()) as tx:
        chart = await revenue_accounts.chart(tx)
    return wiring.pages.render(
        request,
        "voucher-by-hand.html",
        status=422 if problem else 200,
        given=given,
        problem=problem,
        today=today,
        rows=range(1, ROWS_BY_HAND + 1),
        accounts=[(code, spoken.account(code)) for code in ACCOUNTS],
        facilities=[(code, known.facility(code)) for code in known.facilities],
        revenue_accounts=[(code, spoken.revenue(code, today)) for code in
                          dict.fromkeys(each.code for each in chart.versions)],
    )  # fmt: skip


@router.post("/journal/new")
async def enter_voucher(request: Request) -> Response:
    """Book a voucher by hand, and show it; or say what is wrong with what was written."""

    async def page(wiring: Wiring, _reader: Principal) -> Response:
        SignIn.require_own_page(request)
        principal = wiring.bookkeeper(request)
        if scope_of(principal) is not None:
            raise Forbidden
        given = {name: str(value) for name, value in (await request.form()).items()}
        try:
            draft = manual(
                new_id(),
                tuple(_postings(given)),
                day=_day(given.get("day", "")),
                old_year=given.get("old_year") == "yes",
                words=given.get("words", "")[:WORDS_LENGTH_MAX],
            )
            async with wiring.database.transaction(correlation_id.get()) as tx:
                made = await actions.enter(
                    tx, draft, at=wiring.clock.now(), by=principal.name, new_id=new_id, open_day=first_open_day
                )
        except Refusal as refusal:
            return await _by_hand(wiring, request, given, wiring.pages.advice(request, refusal))
        return RedirectResponse(f"/journal/{made.number}", status_code=SEE_OTHER)

    return await for_reader(request, page, everywhere=True)


class RowUnclear(Invalid):
    """A row of the form says half of what it must."""

    slug = "voucher-row-unclear"
    advice = "Row {row}: choose an account, and write the amount either as a debit or as a credit."


class NoDay(Invalid):
    """There is no such day."""

    slug = "voucher-day-missing"
    advice = "Choose the day on which this is booked."


def _day(said: str) -> date:
    try:
        return date.fromisoformat(said)
    except ValueError:
        raise NoDay from None


def _postings(given: Mapping[str, str]) -> list[Posting]:
    made = []
    for row in range(1, ROWS_BY_HAND + 1):
        account = given.get(f"account-{row}", "")
        debit, credit = (amount_of(given.get(f"{side}-{row}", "")) or ZERO for side in ("debit", "credit"))
        if not account and not debit and not credit:
            continue
        if account not in ACCOUNTS or bool(debit) == bool(credit):
            raise RowUnclear(row=row)
        made.append(
            Posting(
                "debit" if debit else "credit",
                ACCOUNTS[account].code,
                debit or credit,
                facility=given.get(f"facility-{row}", "")[:200],
                revenue_account=given.get(f"revenue-{row}", "")[:200] if ACCOUNTS[account].by_revenue else "",
            )
        )
    return made


@router.post("/journal/{number}/reverse")
async def reverse_voucher(request: Request, number: int) -> Response:
    """Reverse a voucher that was made by hand, and show the reversal."""

    async def page(wiring: Wiring, _reader: Principal) -> Response:
        SignIn.require_own_page(request)
        principal = wiring.bookkeeper(request)
        if scope_of(principal) is not None:
            raise Forbidden
        words = str((await request.form()).get("words", ""))[:WORDS_LENGTH_MAX]
        try:
            async with wiring.database.transaction(correlation_id.get()) as tx:
                made = await actions.reverse(
                    tx,
                    number,
                    words=words,
                    at=wiring.clock.now(),
                    by=principal.name,
                    new_id=new_id,
                    open_day=first_open_day,
                )
        except Refusal as refusal:
            return await voucher_page(wiring, request, principal, number, wiring.pages.advice(request, refusal))
        return RedirectResponse(f"/journal/{made.number}", status_code=SEE_OTHER)

    return await for_reader(request, page, everywhere=True)
