"""Pages of contracts with providers: which there are, one in time, and the form for a new version with its preview."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from kernel.access import Principal
from kernel.clock import business_date
from kernel.money import Yen
from kernel.refusals import Refusal
from kernel.telemetry import correlation_id
from kernel.web import language_of
from reconciliation.days.names import name_of
from reconciliation.days.wording import METHODS, method_name, provider_name
from reconciliation.provider_contracts import changing, draft, store, wording
from reconciliation.provider_contracts.draft import Form, Problem
from reconciliation.provider_contracts.model import (
    MONTH_END,
    NAME,
    YEN_MAX,
    Contract,
    Definition,
    Terms,
    UnknownContract,
    by_provider,
)
from reconciliation.provider_contracts.outlook import Outlook, outlook, percent_of
from reconciliation.provider_contracts.remade import Remade
from reconciliation.provider_contracts.timeline import Span, bars, changed_parts, spans, with_version
from reconciliation.staff.desk import SEE_OTHER, for_bookkeeper, for_reader
from reconciliation.wiring import Wiring, keeps_books

router = APIRouter(include_in_schema=False)

PAGE: Final = "/provider-contracts"
EDITOR: Final = PAGE + "/new-version"  # No contract's name has a hyphen.
EXAMPLE: Final = Yen(10_000)
PAYOUTS_SHOWN_MAX: Final = 12
AMOUNT_DIGITS_MAX: Final = 15


def _words(wiring: Wiring, request: Request) -> dict[str, Any]:
    """Return what every template of contracts calls things by."""
    tag = language_of(request).tag
    words = wiring.pages.gettext_of(tag)
    return {
        "method": lambda code: method_name(code, wiring.settings.methods, tag, words),
        "provider": provider_name,
        "percent": percent_of,
        "roundings": wording.ROUNDINGS,
        "month_end": MONTH_END,
    }


@router.get(PAGE)
async def contracts_page(request: Request) -> Response:
    """Show which contracts there are, and what each means for a payment of today."""

    async def page(wiring: Wiring, principal: Principal) -> Response:
        today = business_date(wiring.clock.now())
        names = await wiring.names.all()
        async with wiring.database.transaction(correlation_id.get()) as tx:
            terms = sorted((await store.terms(tx)).values(), key=lambda each: each.name)
            without = await store.without_contract(tx)
        return wiring.pages.render(
            request,
            "provider-contracts.html",
            principal=principal,
            may_write=keeps_books(principal),
            contracts=[(each, each.on(today), outlook(each, today, EXAMPLE)) for each in terms],
            without=without,
            today=today,
            facility=lambda code: name_of(names, code, language_of(request).tag),
            **_words(wiring, request),
        )

    return await for_reader(request, page, everywhere=True)


async def _versions(tx: Any, name: str) -> Terms:
    """Return a contract's versions. Raises UnknownContract."""
    found = await store.versions(tx, name)
    if not found:
        known = sorted({each.name for each in await store.every(tx)})
        raise UnknownContract(name=name[:40], known=", ".join(known) or "–")
    return Terms(tuple(found))


@dataclass(frozen=True, slots=True)
class _Entry:
    """A version on the timeline. `span` None: it counts for no day. `changed`: parts that it says differently."""

    contract: Contract
    span: Span | None
    changed: tuple[str, ...]


def _entries(terms: Terms) -> list[_Entry]:
    """Return all versions, the newest days first; those that count for no day come last."""
    counting = {each.contract.version: each for each in spans(terms)}
    by_version = {each.version: each for each in terms.versions}
    found = [
        _Entry(
            each,
            counting.get(each.version),
            tuple(changed_parts(by_version[each.version - 1], each)) if each.version - 1 in by_version else (),
        )
        for each in terms.versions
    ]
    return sorted(
        found, key=lambda each: (each.span is not None, each.contract.since, each.contract.version), reverse=True
    )


@router.get(EDITOR)
async def editor_page(request: Request) -> Response:
    """Show the form: begun with what counts last, or empty for a new contract."""

    async def page(wiring: Wiring, principal: Principal) -> Response:
        name = request.query_params.get("contract", "")
        begun: dict[str, str] = draft.empty_form()
        if name:
            async with wiring.database.transaction(correlation_id.get()) as tx:
                terms = await _versions(tx, name)
            newest = terms.newest
            begun = draft.form_of(newest.definition) | {"made_from": str(len(terms.versions)), "contract": name}
        begun |= {"provider": begun.get("provider") or request.query_params.get("provider", "")[:40]}
        return await _editor(wiring, request, principal, begun, [])

    return await for_bookkeeper(request, page)


@router.get(PAGE + "/{name}")
async def contract_page(request: Request, name: str) -> Response:
    """Show a contract: what counts today, its versions in time, and what it means."""

    async def page(wiring: Wiring, principal: Principal) -> Response:
        today = business_date(wiring.clock.now())
        names = await wiring.names.all()
        async with wiring.database.transaction(correlation_id.get()) as tx:
            terms = await _versions(tx, name)
        drawn, now = bars(spans(terms), today)
        return wiring.pages.render(
            request,
            "provider-contract.html",
            principal=principal,
            may_write=keeps_books(principal),
            terms=terms,
            current=terms.on(today),
            entries=_entries(terms),
            bars=drawn,
            now=now,
            today=today,
            seen=outlook(terms, today, EXAMPLE),
            parts=wording.PARTS,
            facility=lambda code: name_of(names, code, language_of(request).tag),
            saved=_counts(request),
            **_words(wiring, request),
        )

    return await for_reader(request, page, everywhere=True)


def _counts(request: Request) -> dict[str, int] | None:
    """Return what the page was told that was just saved: a version, and how many payouts are another by it."""
    said = {name: request.query_params.get(name, "") for name in ("saved", "changed", "came", "gone", "unmatched")}
    return {name: int(value[:9]) for name, value in said.items()} if all(map(str.isdigit, said.values())) else None


@router.post(EDITOR)
async def edit(request: Request) -> Response:
    """Show what the form would mean, or save it as a new version."""

    async def page(wiring: Wiring, principal: Principal) -> Response:
        form = {name: str(value) for name, value in (await request.form(max_fields=1_000)).items()}
        if form.get("wish") != "save":
            return await _editor(wiring, request, principal, form, [], asked=True)
        wanted = _wanted(form)
        if isinstance(wanted, list):
            return await _editor(wiring, request, principal, form, wanted, asked=True)
        name, since, definition = wanted
        try:
            async with wiring.database.transaction(correlation_id.get()) as tx:
                await store.lock(tx)
                if overtaken := _overtaken(form, await store.versions(tx, name)):
                    return await _editor(wiring, request, principal, form, [overtaken], asked=True)
                made, remade = await changing.change(
                    tx, name, since=since, definition=definition, by=principal.name, at=wiring.clock.now()
                )
        except Refusal as refusal:
            said = Problem("", wiring.pages.advice(request, refusal))
            return await _editor(wiring, request, principal, form, [said], asked=True)
        return RedirectResponse(_after(made, remade), status_code=SEE_OTHER)

    return await for_bookkeeper(request, page)


def _after(made: Contract, remade: Remade | None) -> str:
    version, found = (0, Remade()) if remade is None else (made.version, remade)
    counts = f"changed={len(found.changed)}&came={len(found.came)}&gone={len(found.gone)}&unmatched={found.unmatched}"
    return f"{PAGE}/{made.name}?saved={version}&{counts}"


def _overtaken(form: Form, known: list[Contract]) -> Problem | None:
    """Return what to say where the contract is not as the form was begun with."""
    if not form.get("contract"):
        return Problem("name", wording.NAME_TAKEN) if known else None
    if known and form.get("made_from", "") != str(known[0].version):
        return Problem("", wording.OVERTAKEN, {"version": str(known[0].version)})
    return None


def _wanted(form: Form) -> tuple[str, date, Definition] | list[Problem]:
    """Return the version that a form says, or all that is wrong."""
    found: list[Problem] = []
    name = form.get("contract") or form.get("name", "").strip()
    if not re.fullmatch(NAME, name):
        found.append(Problem("name", wording.NAME_WRONG))
    since, definition = draft.since_of(form), draft.checked(form)
    if isinstance(since, Problem):
        found.append(since)
    if isinstance(definition, list):
        found += definition
    if found or isinstance(since, Problem) or isinstance(definition, list):
        return found
    return name, since, definition


def _asked(form: Form, usual: date) -> tuple[date, Yen] | Problem:
    """Return the payment that the preview is about: of the usual day and of 10,000 yen unless the form says another."""
    day = draft.day_of(form, "example_day") if form.get("example_day") else usual
    said = unicodedata.normalize("NFKC", form.get("example_amount", "")).replace(",", "").strip().removeprefix("¥")
    said = said or str(EXAMPLE.amount)
    if day is None or not (said.isascii() and said.isdigit() and 1 <= int(said[:AMOUNT_DIGITS_MAX]) <= YEN_MAX):
        return Problem("example_amount", wording.AMOUNT_WRONG)
    return day, Yen(int(said))


@dataclass(frozen=True, slots=True)
class _Preview:
    """What saving would do. `remade` None: too many lines for a rehearsal."""

    seen: Outlook
    new: bool
    spans: tuple[Span, ...]
    version: int
    remade: Remade | None
    lines: int


async def _preview(
    wiring: Wiring, principal: Principal, wanted: tuple[str, date, Definition], asked: tuple[date, Yen], at: datetime
) -> _Preview:
    """Return what a version would mean and make anew. Raises what keeps it from being made."""
    name, since, definition = wanted
    async with wiring.database.transaction(correlation_id.get()) as tx:
        known = await store.versions(tx, name)
        made, remade = await changing.rehearse(tx, name, since=since, definition=definition, by=principal.name, at=at)
        lines = await store.lines_in_payouts(tx, definition.provider)
    before = Terms(tuple(known)) if known else None
    new = not known or made.version > known[0].version
    terms = with_version(before, made) if new or before is None else before
    day, amount = asked
    mine = tuple(each for each in spans(terms) if each.contract.version == made.version)
    return _Preview(outlook(terms, day, amount), new, mine, made.version, remade, lines)


async def _editor(
    wiring: Wiring,
    request: Request,
    principal: Principal,
    form: Mapping[str, str],
    problems: list[Problem],
    *,
    asked: bool = False,
) -> Response:
    at = wiring.clock.now()
    today = business_date(at)
    preview: _Preview | None = None
    wanted = _wanted(form) if asked and not problems else []
    if isinstance(wanted, tuple):
        example = _asked(form, max(today, wanted[1]))
        try:
            if isinstance(example, Problem):
                problems = [example]
            else:
                preview = await _preview(wiring, principal, wanted, example, at)
                form = {"example_day": example[0].isoformat(), "example_amount": str(example[1].amount)} | {
                    name: value for name, value in form.items() if value or not name.startswith("example_")
                }
        except Refusal as refusal:
            problems = [Problem("", wiring.pages.advice(request, refusal))]
    elif asked and not problems:
        problems = wanted
    async with wiring.database.transaction(correlation_id.get()) as tx:
        every = await store.every(tx)
        accounts = await store.accounts(tx)
    names = await wiring.names.all()
    own = by_provider([each for each in every if each.name == form.get("contract")])
    ticked = {name.partition("_")[2] for name in form if name.startswith("method_")}
    carried = {method for each in every for method in each.definition.methods}
    known = {each.name for each in wiring.settings.methods} | {each for each in METHODS if each not in {"", "none"}}
    facilities = set(names) | {name.partition("_")[2] for name in form if name.startswith("facility_")}
    return wiring.pages.render(
        request,
        "provider-contract-edit.html",
        status=422 if problems else 200,
        principal=principal,
        form=form,
        problems=problems,
        at_fault={each.at for each in problems},
        terms=next(iter(own.values()), None),
        methods=sorted(known | carried | ticked),
        facilities=sorted(facilities),
        some_facilities=any(name.startswith("facility_") for name in form),
        facility=lambda code: name_of(names, code, language_of(request).tag),
        closings=range(draft.rows_of(form, "closing")),
        fee_rows=range(draft.rows_of(form, "term")),
        transfers=range(draft.rows_of(form, "transfer")),
        accounts=accounts,
        words=wording,
        preview=preview,
        payouts_shown=PAYOUTS_SHOWN_MAX,
        today=today,
        **_words(wiring, request),
    )
