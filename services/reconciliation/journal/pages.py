"""The pages of the journal: vouchers by day, one voucher, what lies behind a posting, the trial balance."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from itertools import groupby
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from kernel.access import Principal, Role
from kernel.clock import business_date, fiscal_year
from kernel.money import total
from kernel.refusals import Refusal
from kernel.signin import SignIn
from kernel.telemetry import correlation_id
from reconciliation.journal import behind, reading, rounds, store
from reconciliation.journal.display import (
    Spoken,
    amount_of,
    found_voucher,
    row_of,
    spoken_to,
    verification_of,
    voucher_page,
)
from reconciliation.journal.model import ACCOUNTS, UnknownVoucher
from reconciliation.journal.wording import RULE_WORDS
from reconciliation.records.wording import VOUCHER_KINDS
from reconciliation.reports.periods import chosen, periods
from reconciliation.staff.desk import SEE_OTHER, for_reader
from reconciliation.wiring import Wiring

router = APIRouter(include_in_schema=False)

VOUCHERS_SHOWN = 50
ROWS_BY_HAND: Final = 6
DAYS_SHOWN: Final = timedelta(days=30)
PAGES_OF: Final[dict[behind.What, str]] = {
    "order": "/orders",
    "line": "/statements/lines",
    "bank_line": "/statements/bank-lines",
    "payout": "/payouts",
}
_TEXTS: Final = ("counterparty", "account", "revenue_account", "revenue_owner", "facility", "kind")


def _may_write(principal: Principal) -> bool:
    return principal.role in {Role.ACCOUNTING, Role.ADMIN}


def _search(given: Mapping[str, str], first: date, last: date) -> reading.Search:
    return reading.Search(
        first=first,
        last=last,
        least=amount_of(given.get("min", "")),
        most=amount_of(given.get("max", "")),
        **{name: given.get(name, "").strip()[:200] for name in _TEXTS},
    )


def _after(cursor: str) -> tuple[date, int] | None:
    day, _, number = cursor.partition("/")
    try:
        return date.fromisoformat(day), int(number)
    except ValueError:
        return None


@router.get("/journal")
async def journal(request: Request) -> Response:
    """List vouchers by day of the books, the newest first, narrowed down by whatever a posting says."""

    async def page(wiring: Wiring, _principal: Principal) -> Response:
        given, today = request.query_params, business_date(wiring.clock.now())
        first, last = today - DAYS_SHOWN, today
        if given.get("from") or given.get("to"):
            first, last = chosen(given.get("from", ""), given.get("to", ""), today)
        problem, found, reversed_by = "", [], {}
        async with wiring.database.transaction(correlation_id.get()) as tx:
            try:
                found = await reading.newest_first(
                    tx, _search(given, first, last), after=_after(given.get("cursor", "")), limit=VOUCHERS_SHOWN + 1
                )
                reversed_by = await store.reversals_of(tx, [each.number for each in found])
            except Refusal as refusal:
                problem = wiring.pages.advice(request, refusal)
            choices = await reading.choices(tx, first=first, last=last)
            verified = await store.last_verification(tx)
        spoken = await spoken_to(wiring, request)
        shown = [row_of(each, reversed_by.get(each.number), spoken) for each in found[:VOUCHERS_SHOWN]]
        more = ""
        if len(found) > VOUCHERS_SHOWN:
            end = found[VOUCHERS_SHOWN - 1]
            more = request.url.include_query_params(cursor=f"{end.booked_on}/{end.number}").query
        return wiring.pages.render(
            request,
            "journal.html",
            status=422 if problem else 200,
            **_form(given, first, last, today, choices, spoken),
            days=[(day, list(rows)) for day, rows in groupby(shown, key=lambda each: each["booked_on"])],
            more=more,
            problem=problem,
            narrowed=any(given.get(name) for name in (*_TEXTS, "min", "max")),
            verified=verification_of(verified, spoken),
        )

    return await for_reader(request, page, everywhere=True)


def _form(
    given: Mapping[str, str], first: date, last: date, today: date, choices: reading.Choices, spoken: Spoken
) -> dict[str, Any]:
    return {
        "given": given,
        "first": first,
        "last": last,
        "periods": periods(today),
        "accounts": [(code, spoken.account(code)) for code in ACCOUNTS],
        "kinds": [(kind, spoken.kind(kind)) for kind in VOUCHER_KINDS],
        "parties": [(code, spoken.party(code)) for code in choices.counterparties],
        "revenue_accounts": [(code, spoken.revenue(code, last)) for code in choices.revenue_accounts],
        "revenue_owners": [(code, spoken.owner(code)) for code in choices.revenue_owners],
        "facilities": [(code, spoken.facility(code)) for code in choices.facilities],
    }


@router.post("/journal/verify")
async def verify(request: Request) -> Response:
    """Verify the journal now."""

    async def page(wiring: Wiring, principal: Principal) -> Response:
        SignIn.require_own_page(request)
        await rounds.verify_once(wiring, by=principal.name)
        return RedirectResponse("/journal", status_code=SEE_OTHER)

    return await for_reader(request, page, everywhere=True)


@router.get("/journal/balance")
async def trial_balance(request: Request) -> Response:
    """Show the trial balance of days, or of a fiscal year with what was booked for it until 31 May."""

    async def page(wiring: Wiring, _principal: Principal) -> Response:
        given, today = request.query_params, business_date(wiring.clock.now())
        first, last = chosen(given.get("from", ""), given.get("to", ""), today)
        said = given.get("year", "")
        year = int(said) if said.isascii() and said.isdigit() and 2019 <= int(said) <= today.year else None  # noqa: PLR2004
        async with wiring.database.transaction(correlation_id.get()) as tx:
            lines = (
                await reading.trial_balance_of_year(tx, year)
                if year is not None
                else await reading.trial_balance(tx, first=first, last=last, year=fiscal_year(first))
            )
        spoken = await spoken_to(wiring, request)
        current = fiscal_year(today)
        return wiring.pages.render(
            request,
            "trial-balance.html",
            first=first,
            last=last,
            year=year,
            periods=periods(today),
            years=(current, current - 1),
            lines=[{"line": each, "title": spoken.account(each.account), "settles": ACCOUNTS[each.account].settles,
                    "link": "/journal?" + urlencode({"from": first, "to": last, "account": each.account})}
                   for each in lines],
            debit=total(each.debit for each in lines),
            credit=total(each.credit for each in lines),
        )  # fmt: skip

    return await for_reader(request, page, everywhere=True)


@router.get("/journal/{number}")
async def voucher(request: Request, number: int) -> Response:
    """Show one voucher."""

    async def page(wiring: Wiring, principal: Principal) -> Response:
        return await voucher_page(wiring, request, principal, number, "")

    return await for_reader(request, page, everywhere=True)


@router.get("/journal/{number}/{place}")
async def posting(request: Request, number: int, place: int) -> Response:
    """Show what lies behind a posting: orders, lines of a statement, deposits and payouts."""

    async def page(wiring: Wiring, _principal: Principal) -> Response:
        found, reversed_by = await found_voucher(wiring, number)
        if not 1 <= place <= len(found.draft.postings):
            raise UnknownVoucher(number=f"{number}/{place}"[:20])
        one = found.draft.postings[place - 1]
        async with wiring.database.transaction(correlation_id.get()) as tx:
            parts = await behind.parts(tx, found.draft, one)
        spoken = await spoken_to(wiring, request)
        return wiring.pages.render(
            request,
            "posting.html",
            row=row_of(found, reversed_by, spoken),
            posting=row_of(found, reversed_by, spoken)["postings"][place - 1],
            parts=[{"part": each, "rule": spoken.words(RULE_WORDS.get(each.rule, each.rule)) if each.rule else "",
                    "link": f"{PAGES_OF[each.what]}/{each.id}"} for each in parts],
            what={each.what for each in parts},
            sum=total(each.amount for each in parts),
            full=len(parts) >= behind.SHOWN_MAX,
            corrected=reversed_by is not None,
        )  # fmt: skip

    return await for_reader(request, page, everywhere=True)
