"""Pages for staff: check a scanned counter code, register the codes that were issued, print their sheets."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from kernel.access import ALL_FACILITIES, Principal, Role
from kernel.cards import CardNumberRefused, holds_card_number
from kernel.clock import new_id
from kernel.problems import status_of
from kernel.refusals import Invalid, Refusal, Unauthenticated
from kernel.signin import SignIn
from kernel.telemetry import correlation_id
from payments.static_codes import actions, model, store
from payments.static_codes.merchant_code import JpqrNumber, LocalName, MerchantCode
from payments.static_codes.model import Judged, StaticCode
from payments.static_codes.picture import picture
from payments.static_codes.problems import CodeProblem
from payments.static_codes.reading import OPENING, Checked, check
from payments.static_codes.tlv import legible
from payments.static_codes.writing import build
from payments.wiring import Wiring, wiring_of

router = APIRouter(include_in_schema=False)

SEE_OTHER: Final = 303
HOME: Final = "/operations/static-codes"
READERS: Final = (Role.FACILITY, Role.SUPERVISOR, Role.ACCOUNTING, Role.AUDITOR)
KEEPERS: Final = (Role.ACCOUNTING,)  # who decide which code is the right one; an administrator may always
SHOWN_MAX: Final = 500
FACILITY_MAX: Final = 64
SIZES: Final = ("a4", "a6")
LABELS: Final[Mapping[str, str]] = {  # msgids
    "facility": "Facility code in the books",
    "counter": "Counter",
    "name_ja": "Facility's name in Japanese",
    "name_en": "Facility's name in English",
    "text": "Content of the code",
}
EMPTY: Final = dict.fromkeys(LABELS, "")
# What stands on the sheet, in both languages: msgids.
SHEET: Final = (
    "Pay here with your phone",
    "Scan this code with your payment app.",
    "Type the amount and show the screen to our staff before you pay.",
    "Check the amount and show the screen to our staff before you pay.",
    "Pay, and show the screen that says it is done.",
    "Your app shows this name:",
    "If it shows another one, do not pay and tell our staff.",
)
Page = Callable[[Wiring, Principal], Awaitable[Response]]


class FieldNeeded(Invalid):
    """A field of the form is empty, too long, or cannot be read."""

    slug = "static-code-form"
    advice = "Fill in “{field}” with 1 to {most} characters and send the form again."


async def for_staff(request: Request, page: Page, *roles: Role) -> Response:
    """Answer somebody of a role; send others to sign in, and refusals to a page that says what to do."""
    wiring = wiring_of(request)
    try:
        principal = wiring.sign_in.principal(request, at=wiring.clock.now()).require(*roles)
        if request.method == "POST":
            SignIn.require_own_page(request)
        return await page(wiring, principal)
    except Unauthenticated:
        return RedirectResponse(f"/sign-in?next={quote(request.url.path)}", status_code=SEE_OTHER)
    except Refusal as refusal:
        return wiring.pages.refusal(request, refusal)


@router.get(HOME)
async def codes_page(request: Request) -> Response:
    """Offer to check a code; list the codes that lie on counters."""

    async def page(wiring: Wiring, principal: Principal) -> Response:
        return await _home(wiring, request, principal)

    return await for_staff(request, page, *READERS)


@router.post(HOME + "/check")
async def check_form(request: Request) -> Response:
    """Say what a scanned code says, what is wrong with it, and whether it is the one that belongs there."""

    async def page(wiring: Wiring, principal: Principal) -> Response:
        form = await request.form()
        text, chosen = str(form.get("text", "")), str(form.get("expected", ""))
        _refuse_card_number(text)
        checked = check(text, rules="jpqr")
        async with wiring.database.transaction(correlation_id.get()) as tx:
            expected = await actions.find(tx, _id_of(chosen), principal=principal) if chosen else None
            judged = await actions.judge(tx, checked, expected=expected, principal=principal, at=wiring.clock.now())
        return await _home(wiring, request, principal, checked=checked, judged=judged, chosen=chosen)

    return await for_staff(request, page, *READERS)


@router.post(HOME)
async def register_form(request: Request) -> Response:
    """Keep a code as its issuer gave it."""

    async def page(wiring: Wiring, principal: Principal) -> Response:
        at, said = wiring.clock.now(), await request.form()
        form = {name: str(said.get(name, "")).strip() for name in LABELS}
        try:
            code = _wanted(wiring, request, form, principal)
            async with wiring.database.transaction(correlation_id.get()) as tx:
                await actions.register(tx, code, at=at)
        except Refusal as refusal:
            return await _home(wiring, request, principal, form=form, refusal=refusal)
        return RedirectResponse(f"{HOME}/{code.id}", status_code=SEE_OTHER)

    return await for_staff(request, page, *KEEPERS)


@router.get(HOME + "/sample")
async def sample_page(request: Request) -> Response:
    """Fill the form with a code made for practice; where real money moves there is none."""

    async def page(wiring: Wiring, principal: Principal) -> Response:
        if wiring.settings.production:
            raise model.SampleCode
        async with wiring.database.transaction(correlation_id.get()) as tx:
            number = await store.count(tx) + 1
        mine = sorted(principal.facilities - {ALL_FACILITIES})
        form = {
            "facility": mine[0] if mine else "sample",
            "counter": f"練習 {number}",
            "name_ja": "練習用の施設",
            "name_en": "Facility for practice",
            "text": sample(number),
        }
        return await _home(wiring, request, principal, form=form, sample=True)

    return await for_staff(request, page, *KEEPERS)


@router.get(HOME + "/{code_id}")
async def code_page(request: Request, code_id: UUID) -> Response:
    """Show a code, its fields, and the ways to print it."""

    async def page(wiring: Wiring, principal: Principal) -> Response:
        async with wiring.database.transaction(correlation_id.get()) as tx:
            code = await actions.find(tx, code_id, principal=principal)
        rows = check(code.text, rules="jpqr").rows
        may = {"may_keep": _keeps(principal), "everything": _sees_all(principal)}
        return wiring.pages.render(request, "static_code.html", code=code, rows=rows, **may)

    return await for_staff(request, page, *READERS)


@router.get(HOME + "/{code_id}/sheet")
async def sheet_page(request: Request, code_id: UUID, size: str = "a4") -> Response:
    """Show the sheet that lies on the counter, in Japanese and English, to be printed on A4 or A6."""

    async def page(wiring: Wiring, principal: Principal) -> Response:
        async with wiring.database.transaction(correlation_id.get()) as tx:
            code = await actions.find(tx, code_id, principal=principal)
        if code.retired_at is not None:
            raise model.StaticCodeRetired
        read = check(code.text, rules="jpqr").code
        assert read is not None  # noqa: S101 - only codes without a fault were ever kept
        return wiring.pages.render(
            request,
            "static_code_sheet.html",
            code=code,
            said=read,
            size=size if size in SIZES else SIZES[0],
            picture=picture(code.text),
            everything=_sees_all(principal),
            in_japanese=wiring.pages.gettext_of("ja"),
        )

    return await for_staff(request, page, *READERS)


@router.post(HOME + "/{code_id}/retire")
async def retire_form(request: Request, code_id: UUID) -> Response:
    """End the use of a code."""

    async def page(wiring: Wiring, principal: Principal) -> Response:
        async with wiring.database.transaction(correlation_id.get()) as tx:
            await actions.retire(tx, code_id, principal=principal, at=wiring.clock.now())
        return RedirectResponse(f"{HOME}/{code_id}", status_code=SEE_OTHER)

    return await for_staff(request, page, *KEEPERS)


def sample(number: int) -> str:
    """Return a code for practice: a level 1 of zeros belongs to nobody."""
    made = MerchantCode(
        accounts=(JpqrNumber(model.NOBODY, "0001", "000001", f"{number:06d}"[-6:]).template,),
        category="7991",
        currency="392",
        country="JP",
        name="SAMPLE",
        city="HIROSHIMA",
        initiation="static",
        postal_code="7308511",
        local_name=LocalName("JA", "練習用(支払えません)"),
    )
    return build(made, rules="jpqr")


async def _home(
    wiring: Wiring,
    request: Request,
    principal: Principal,
    *,
    checked: Checked | None = None,
    judged: Judged | None = None,
    chosen: str = "",
    form: Mapping[str, str] | None = None,
    refusal: Refusal | None = None,
    sample: bool = False,
) -> Response:
    mine = None if ALL_FACILITIES in principal.facilities else sorted(principal.facilities)
    async with wiring.database.transaction(correlation_id.get()) as tx:
        codes = await store.listed(tx, facilities=mine, limit=SHOWN_MAX)
        retired = await store.listed(tx, facilities=mine, retired=True, limit=SHOWN_MAX)
    return wiring.pages.render(
        request,
        "static_codes.html",
        status=200 if refusal is None else status_of(refusal),
        codes=codes,
        retired=retired,
        checked=checked,
        judged=judged,
        problems=[_said(wiring, request, each) for each in checked.problems] if checked else [],
        readable=bool(checked and checked.text.startswith(OPENING)),
        chosen=chosen,
        form={**EMPTY, **(form or {})},
        form_open=form is not None,
        problem=_said(wiring, request, refusal) if refusal else "",
        may_keep=_keeps(principal),
        everything=_sees_all(principal),
        practice=not wiring.settings.production,
        sample=sample,
    )


def _said(wiring: Wiring, request: Request, refusal: Refusal) -> str:
    """Return a refusal in the reader's words; the name of a field is a word, too."""
    if not isinstance(refusal, CodeProblem) or "name" not in refusal.fields:
        return wiring.pages.advice(request, refusal)
    name = wiring.pages.message(request, str(refusal.fields["name"]))
    return wiring.pages.text(request, refusal.advice, **{**refusal.fields, "name": name})


def _wanted(wiring: Wiring, request: Request, form: Mapping[str, str], principal: Principal) -> StaticCode:
    """Return the code that a form asks to keep. Raises Refusal."""
    for name, most in (("facility", FACILITY_MAX), *((each, model.NAME_MAX) for each in LABELS if each != "text")):
        value = form[name]
        if not 1 <= len(value) <= most or not all(legible(each) for each in value):
            raise FieldNeeded(field=wiring.pages.message(request, LABELS[name]), most=most)
        if holds_card_number(value):
            raise CardNumberRefused
    principal.require_facility(form["facility"])
    _refuse_card_number(form["text"])
    checked = check(form["text"], rules="jpqr")
    if checked.code is None:
        raise checked.problems[0]
    number = model.require_for_counter(checked.code, production=wiring.settings.production)
    return StaticCode(
        id=new_id(),
        facility=form["facility"],
        counter=form["counter"],
        name_ja=form["name_ja"],
        name_en=form["name_en"],
        text=checked.text,
        number=str(number),
        registered_at=wiring.clock.now(),
        registered_by=principal.name,
    )


def _refuse_card_number(text: str) -> None:
    """Raise CardNumberRefused for what is no code of this kind and looks like a card's number."""
    if not text.strip().startswith(OPENING) and holds_card_number(text):
        raise CardNumberRefused


def _id_of(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise model.UnknownStaticCode from None


def _keeps(principal: Principal) -> bool:
    return principal.role in {*KEEPERS, Role.ADMIN}


def _sees_all(principal: Principal) -> bool:
    """Tell whether the other pages of operations are theirs, too."""
    return principal.role in {Role.ACCOUNTING, Role.AUDITOR, Role.ADMIN}
