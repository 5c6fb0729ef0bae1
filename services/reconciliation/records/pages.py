"""The pages of records: the entries behind a figure, and the search."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from fastapi import APIRouter, Request, Response

from kernel.access import Principal
from kernel.clock import business_date
from kernel.refusals import Refusal, Words
from kernel.telemetry import correlation_id
from kernel.web import language_of
from reconciliation.days.wording import provider_name
from reconciliation.exports.discovery import title_of
from reconciliation.records import entries, store
from reconciliation.records.model import (
    ENTRY_KINDS,
    RECORD_KINDS,
    BadSearch,
    EntriesAsked,
    EntryPlace,
    Record,
    RecordPlace,
    Wanted,
    entries_page,
)
from reconciliation.records.wording import BASES, LINE_KINDS, VOUCHER_KINDS
from reconciliation.records.wording import ENTRY_KINDS as ENTRY_WORDS
from reconciliation.records.wording import RECORD_KINDS as RECORD_WORDS
from reconciliation.reports.model import Names
from reconciliation.reports.names import names
from reconciliation.reports.periods import month_of
from reconciliation.staff.desk import for_reader
from reconciliation.wiring import Wiring, scope_of

router = APIRouter(include_in_schema=False)

PAGE_SIZE = 100
LINE_PAGES = {"settlement_line": "/statements/lines", "bank_line": "/statements/bank-lines"}


@router.get("/entries")
async def entries_of_a_figure(request: Request) -> Response:
    """List the entries behind a figure, with their sum by kind."""

    async def page(wiring: Wiring, principal: Principal) -> Response:
        given = request.query_params
        asked = _entries_asked(given, business_date(wiring.clock.now()))
        scope = scope_of(principal)
        if asked.facility is not None:
            principal.require_facility(asked.facility)
        after = EntryPlace.read(given["cursor"]) if given.get("cursor") else None
        async with wiring.database.transaction(correlation_id.get()) as tx:
            sums = await entries.sums(tx, asked, scope)
            found = await entries.page(tx, asked, scope, after=after, limit=PAGE_SIZE + 1)
        known = await names(wiring, language_of(request).tag)
        more = entries_page(asked, cursor=str(found[PAGE_SIZE - 1].place)) if len(found) > PAGE_SIZE else ""
        return wiring.pages.render(
            request,
            "entries.html",
            asked=asked,
            sums=sums,
            entries=found[:PAGE_SIZE],
            more=more,
            begins=entries_page(asked) if after else "",
            kind_words=ENTRY_WORDS,
            called=known,
        )

    return await for_reader(request, page)


def _entries_asked(given: Any, today: date) -> EntriesAsked:
    """Return what an address asks for; raise BadSearch for what cannot be read. `day` is a range of one."""
    try:
        day = date.fromisoformat(given["day"]) if given.get("day") else None
        first, last = month_of(today)
        kinds = tuple(kind for kind in ENTRY_KINDS if kind in given.get("kind", "").split(","))
        return EntriesAsked(
            first=day or (date.fromisoformat(given["from"]) if given.get("from") else first),
            last=day or (date.fromisoformat(given["to"]) if given.get("to") else last),
            kinds=kinds,
            facility=given.get("facility") or None,
            **{name: given.get(name) for name in ("account", "owner", "method", "product", "category")},
            rate=int(given["rate"]) if given.get("rate") else None,
            hour=int(given["hour"]) if given.get("hour") else None,
            surplus={"yes": True, "no": False}.get(given.get("surplus", "")),
            since=datetime.fromisoformat(given["since"]) if given.get("since") else None,
        )
    except ValueError:
        raise BadSearch(problem=Words("The address holds something that is no day or number")) from None


@router.get("/search")
async def search(request: Request) -> Response:
    """Search records by days, amounts and counterparty."""

    async def page(wiring: Wiring, principal: Principal) -> Response:
        given, tag = request.query_params, language_of(request).tag
        scope = scope_of(principal)
        found: list[Record] | None = None
        problem = ""
        try:
            if any(given.get(name) for name in ("from", "to", "min", "max", "counterparty")):
                wanted = _wanted(given)
                after = RecordPlace.read(given["cursor"]) if given.get("cursor") else None
                async with wiring.database.transaction(correlation_id.get()) as tx:
                    found = await store.find(tx, wanted, scope, after=after, limit=PAGE_SIZE + 1)
        except Refusal as refusal:
            problem = wiring.pages.advice(request, refusal)
        known = await names(wiring, tag)
        more = None
        if found is not None and len(found) > PAGE_SIZE:
            more = request.url.include_query_params(cursor=str(found[PAGE_SIZE - 1].place)).query
        return wiring.pages.render(
            request,
            "search.html",
            status=422 if problem else 200,
            given=given,
            kinds=[each for each in RECORD_KINDS if scope is None or each in {"entry", "export"}],
            kind_words=RECORD_WORDS,
            chosen=given.getlist("kind"),
            found=None if found is None else [_shown(each, wiring, tag, known) for each in found[:PAGE_SIZE]],
            more=more,
            problem=problem,
        )

    return await for_reader(request, page)


def _wanted(given: Any) -> Wanted:
    try:
        return Wanted(
            first=date.fromisoformat(given["from"]) if given.get("from") else None,
            last=date.fromisoformat(given["to"]) if given.get("to") else None,
            least=_yen(given.get("min")),
            most=_yen(given.get("max")),
            counterparty=given.get("counterparty", "").strip(),
            kinds=tuple(each for each in RECORD_KINDS if each in given.getlist("kind")),
        )
    except ValueError:
        raise BadSearch(problem=Words("A day is written as 2026-11-24, an amount as a number of yen")) from None


def _yen(said: str | None) -> int | None:
    """Return an amount as people write it: with commas, a yen sign, or full-width digits; raise ValueError."""
    plain = (said or "").replace(",", "").replace("、", "").strip(" \u3000¥￥円")
    if not plain:
        return None
    amount = int(plain)
    if amount < 0:
        raise ValueError
    return amount


def _shown(each: Record, wiring: Wiring, tag: str, known: Names) -> dict[str, Any]:
    """Return a record as a row: what it is in words, and where it is to be seen."""
    words = wiring.pages.gettext_of(tag)
    tables = {"entry": ENTRY_WORDS, "settlement_line": LINE_KINDS, "bank_line": BASES, "voucher": VOUCHER_KINDS}
    what, link, counterparty = each.what, "", each.counterparty
    reference = each.reference
    if each.kind == "export":
        what, link, reference = title_of(each.what, tag), f"/exports/{int(each.key)}", each.reference[:12] + "…"
    else:
        what = words(tables.get(each.kind, {}).get(each.what, each.what))
    if each.kind == "voucher":
        link = f"/journal/{int(each.key)}"
    if each.kind == "settlement_line":
        counterparty = provider_name(each.counterparty)
    if each.kind in LINE_PAGES:
        link = f"{LINE_PAGES[each.kind]}/{each.key}"
    if each.kind == "entry":
        link, reference = f"/orders/{each.order_id}", known.method(each.reference)
    return {
        "kind": words(RECORD_WORDS[each.kind]),
        "day": each.day,
        "amount": each.amount,
        "counterparty": counterparty,
        "what": what,
        "facility": known.facility(each.facility) if each.facility else "",
        "reference": reference,
        "link": link,
    }
