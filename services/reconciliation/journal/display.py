"""What the journal's pages show, worked out before any template: names, rows, one voucher."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from fastapi import Request, Response

from kernel.access import Principal, Role
from kernel.money import Yen
from kernel.refusals import Invalid
from kernel.telemetry import correlation_id
from kernel.web import language_of
from reconciliation.days.wording import provider_name
from reconciliation.journal import store
from reconciliation.journal.model import ACCOUNTS, Posting, UnknownVoucher, Voucher
from reconciliation.journal.verifying import FAULTS
from reconciliation.records.wording import VOUCHER_KINDS
from reconciliation.reports.names import names
from reconciliation.revenue_accounts import store as revenue_accounts
from reconciliation.wiring import Wiring

YEN_MAX: Final = 10**12


class BadAmount(Invalid):
    """Something is no amount."""

    slug = "bad-amount"
    advice = "{said} is no amount. Write a whole number of yen, such as 12,300."


def amount_of(said: str) -> Yen | None:
    """Return an amount as people write it, full-width digits too; None for nothing; raise BadAmount."""
    plain = said.replace(",", "").replace("、", "").strip(" \u3000¥￥円")
    if not plain:
        return None
    try:
        amount = int(plain)
    except ValueError:
        raise BadAmount(said=said[:40]) from None
    if not 0 <= amount < YEN_MAX:
        raise BadAmount(said=said[:40])
    return Yen(amount)


@dataclass(frozen=True, slots=True)
class Spoken:
    """How things are called for one reader."""

    words: Callable[[str], str]
    facility: Callable[[str], str]
    method: Callable[[str], str]
    owner: Callable[[str], str]
    revenue: Callable[[str, date], str]
    tag: str

    def account(self, code: str) -> str:
        """Return an account's title."""
        account = ACCOUNTS[code]  # type: ignore[index]
        return account.title_ja if self.tag == "ja" else account.title_en

    def kind(self, kind: str) -> str:
        """Return what a voucher of a kind is called."""
        return self.words(VOUCHER_KINDS.get(kind, kind))

    def party(self, code: str) -> str:
        """Return what a way to pay or a provider is called."""
        return provider_name(self.method(code))

    def detail(self, posting: Posting, day: date, *, place: str) -> list[str]:
        """Return what a posting says beside account, amount and the place that its voucher is of."""
        said = [
            self.facility(posting.facility) if posting.facility not in {"", place} else "",
            self.revenue(posting.revenue_account, day) if posting.revenue_account else "",
            self.owner(posting.revenue_owner),
            self.method(posting.method) if posting.method else "",
            provider_name(posting.provider),
            f"{posting.tax_rate_percent}%" if posting.tax_rate_percent else "",
        ]
        return [each for each in said if each]

    def about(self, voucher: Voucher) -> str:
        """Return what a voucher is about in a few words."""
        place = place_of(voucher)
        return voucher.draft.words or (self.facility(provider_name(place)) if place else "")


def place_of(voucher: Voucher) -> str:
    """Return the facility or provider that a voucher is of; "" for deposits and vouchers by hand."""
    kind, _, rest = voucher.draft.origin.partition(":")
    return "" if kind in {"deposit", "manual"} else rest.split(":")[1]


async def spoken_to(wiring: Wiring, request: Request) -> Spoken:
    """Return how things are called for whoever reads."""
    tag = language_of(request).tag
    known = await names(wiring, tag)
    async with wiring.database.transaction(correlation_id.get()) as tx:
        chart = await revenue_accounts.chart(tx)

    def revenue(code: str, day: date) -> str:
        found = chart.on(code, day)
        return code if found is None else "・".join(found.meaning.levels[-2:])

    return Spoken(wiring.pages.gettext_of(tag), known.facility, known.method, known.owner, revenue, tag)


def may_write(principal: Principal) -> bool:
    """Tell whether somebody may book by hand."""
    return principal.role in {Role.ACCOUNTING, Role.ADMIN}


def row_of(voucher: Voucher, reversed_by: int | None, spoken: Spoken) -> dict[str, Any]:
    """Return a voucher as a page shows it."""
    draft = voucher.draft
    return {
        "voucher": voucher,
        "number": voucher.number,
        "booked_on": voucher.booked_on,
        "business_date": draft.business_date,
        "kind": spoken.kind(draft.kind),
        "about": spoken.about(voucher),
        "reversed_by": reversed_by,
        "reverses": draft.reverses,
        "amount": draft.amount,
        "postings": [
            {
                "place": place,
                "side": each.side,
                "account": spoken.account(each.account),
                "amount": each.amount,
                "detail": spoken.detail(each, draft.business_date, place=place_of(voucher)),
            }
            for place, each in enumerate(draft.postings, start=1)
        ],
    }


def verification_of(row: store.Row | None, spoken: Spoken) -> dict[str, Any] | None:
    """Return what a verification found, in words."""
    if row is None:
        return None
    what, then = FAULTS.get(row.fault, ("", ""))
    return {
        "at": row.at,
        "by": row.verified_by,
        "number": row.number,
        "head": bytes(row.head).hex(),
        "what": spoken.words(what).format(number=row.fault_number, origin=row.fault_origin) if row.fault else "",
        "then": spoken.words(then) if row.fault else "",
    }


async def found_voucher(wiring: Wiring, number: int) -> tuple[Voucher, int | None]:
    """Return a voucher, and the number of its reversal if it has one; raise UnknownVoucher."""
    if not 0 < number < 10**18:
        raise UnknownVoucher(number=str(number)[:20])
    async with wiring.database.transaction(correlation_id.get()) as tx:
        found = await store.find(tx, number)
        if found is None:
            raise UnknownVoucher(number=number)
        return found, await store.reversal_number(tx, number)


async def voucher_page(wiring: Wiring, request: Request, principal: Principal, number: int, problem: str) -> Response:
    """Return the page of one voucher."""
    found, reversed_by = await found_voucher(wiring, number)
    spoken = await spoken_to(wiring, request)
    by_hand = found.draft.kind == "manual" and reversed_by is None
    return wiring.pages.render(
        request,
        "voucher.html",
        status=422 if problem else 200,
        problem=problem,
        row=row_of(found, reversed_by, spoken),
        voucher=found,
        may_reverse=by_hand and may_write(principal),
        drills=found.draft.kind not in {"manual", "reversal"},
    )
