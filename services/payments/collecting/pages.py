"""Pages for staff: the collecting systems, their keys and secrets, and what they were told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import ValidationError

from kernel.access import Principal, Role
from kernel.clock import JAPAN, new_id
from kernel.refusals import Invalid, Refusal, Unauthenticated
from kernel.rows import Transaction
from kernel.signin import SignIn
from kernel.telemetry import correlation_id
from payments.callbacks import actions as callbacks
from payments.callbacks import store as messages
from payments.collecting import actions, model, routes, store
from payments.wiring import Wiring, wiring_of

router = APIRouter(include_in_schema=False)

SEE_OTHER = 303
READERS = (Role.ADMIN, Role.ACCOUNTING, Role.AUDITOR)
HOME = "/operations/systems"
MESSAGES_MAX = 50
LABELS: Mapping[str, str] = {  # msgids
    "name": "Name for programs",
    "title": "Name for people",
    "facility": "Facility code in the books",
    "methods": "Ways to pay",
    "accounts": "Revenue accounts",
    "return_origins": "Addresses of the system",
    "webhook_url": "Address for messages",
}
EMPTY = dict.fromkeys(LABELS, "")
Step = Callable[[Transaction, Principal, datetime], Awaitable[Mapping[str, str] | None]]


class FieldWrong(Invalid):
    """A field of the form cannot be read."""

    slug = "form-field-wrong"
    advice = "Check the field “{field}” and send the form again."


class NewName(Invalid):
    """The name does not follow the rule."""

    slug = "collecting-system-name"
    advice = "A name for programs has 3 to 40 small letters, digits and hyphens, and begins with a letter."


@router.get(HOME)
async def systems_page(request: Request) -> Response:
    """List the systems, and offer to make one."""
    wiring = wiring_of(request)
    try:
        principal = _reader(wiring, request)
        return await _list(wiring, request, principal)
    except Unauthenticated:
        return _to_sign_in(HOME)
    except Refusal as refusal:
        return wiring.pages.refusal(request, refusal)


async def _list(
    wiring: Wiring,
    request: Request,
    principal: Principal,
    *,
    problem: str = "",
    form: Mapping[str, object] | None = None,
) -> Response:
    async with wiring.database.transaction(correlation_id.get()) as tx:
        systems = await store.every(tx, limit=actions.SYSTEMS_MAX)
        given_up = dict(await messages.given_up(tx))
    return wiring.pages.render(
        request,
        "systems.html",
        status=422 if problem else 200,
        systems=systems,
        given_up=given_up,
        may_change=principal.role is Role.ADMIN,
        problem=problem,
        form={**EMPTY, "methods": wiring.settings.methods_enabled, **(form or {})},
        **_choices(wiring),
    )


@router.post(HOME)
async def make_form(request: Request) -> Response:
    """Make a system and show its key and secret, this once."""
    wiring = wiring_of(request)
    at = wiring.clock.now()
    form: dict[str, object] = {}
    try:
        principal = _admin(wiring, request)
        form = await _form(request)
        try:
            wanted = _wanted(wiring, request, form, name=str(form.get("name", "")))
            assert isinstance(wanted, routes.NewSystem)  # noqa: S101 - a name was given
            if wanted.name in wiring.settings.callers:
                raise model.NameReserved(name=wanted.name)
            system = routes.parse(wiring, wanted.name, wanted, at=at)
            async with wiring.database.transaction(correlation_id.get()) as tx:
                secret = await actions.make(tx, system, secret_id=new_id(), actor=principal.name, at=at)
                key = await routes.new_key(tx, wanted.name, days=None, actor=principal.name, at=at)
        except Refusal as refusal:
            return await _list(wiring, request, principal, problem=wiring.pages.advice(request, refusal), form=form)
    except Unauthenticated:
        return _to_sign_in(HOME)
    except Refusal as refusal:
        return wiring.pages.refusal(request, refusal)
    shown = {"key": key, "secret": wiring.webhook_secret(secret)}
    return wiring.pages.render(request, "system_shown_once.html", status=201, name=system.name, **shown)


@router.get(HOME + "/{name}")
async def system_page(request: Request, name: str) -> Response:
    """Show a system, its keys and secrets, and what it was told last."""
    wiring = wiring_of(request)
    try:
        principal = _reader(wiring, request)
        return await _one(wiring, request, principal, name)
    except Unauthenticated:
        return _to_sign_in(f"{HOME}/{name}")
    except Refusal as refusal:
        return wiring.pages.refusal(request, refusal)


async def _one(
    wiring: Wiring,
    request: Request,
    principal: Principal,
    name: str,
    *,
    problem: str = "",
    form: Mapping[str, object] | None = None,
) -> Response:
    at = wiring.clock.now()
    async with wiring.database.transaction(correlation_id.get()) as tx:
        system = await store.find(tx, name)
        if system is None:
            raise model.UnknownSystem(name=name[:40])
        keys = await store.keys(tx, [name])
        secrets = await store.secrets(tx, [name])
        told = await messages.listed(tx, system=name, limit=MESSAGES_MAX)
        given_up = dict(await messages.given_up(tx)).get(name, 0)
    kept = {
        "title": system.title,
        "facility": system.facility,
        "methods": system.methods,
        "accounts": "\n".join(f"{each.owner} {each.account}" for each in system.accounts),
        "return_origins": "\n".join(system.return_origins),
        "webhook_url": system.webhook_url or "",
        "active": system.active,
    }
    return wiring.pages.render(
        request,
        "system.html",
        status=422 if problem else 200,
        system=system,
        keys=[(each, each.counts(at=at)) for each in keys],
        secrets=secrets,
        told=told,
        zone=JAPAN,
        given_up=given_up,
        may_change=principal.role is Role.ADMIN,
        may_replay=principal.role in {Role.ADMIN, Role.ACCOUNTING},
        problem=problem,
        form={**kept, **(form or {})},
        **_choices(wiring),
    )


@router.post(HOME + "/{name}")
async def change_form(request: Request, name: str) -> Response:
    """Write what the form says of a system."""
    wiring = wiring_of(request)
    at = wiring.clock.now()
    try:
        principal = _admin(wiring, request)
        form = await _form(request)
        try:
            wanted = routes.parse(wiring, name, _wanted(wiring, request, form), at=at)
            async with wiring.database.transaction(correlation_id.get()) as tx:
                await actions.change(tx, wanted, actor=principal.name, at=at)
        except Refusal as refusal:
            problem = wiring.pages.advice(request, refusal)
            return await _one(wiring, request, principal, name, problem=problem, form=form)
    except Unauthenticated:
        return _to_sign_in(f"{HOME}/{name}")
    except Refusal as refusal:
        return wiring.pages.refusal(request, refusal)
    return RedirectResponse(f"{HOME}/{quote(name)}", status_code=SEE_OTHER)


@router.post(HOME + "/{name}/keys")
async def key_form(request: Request, name: str) -> Response:
    """Give another key and show it, this once."""

    async def step(tx: Transaction, principal: Principal, at: datetime) -> Mapping[str, str]:
        return {"key": await routes.new_key(tx, name, days=None, actor=principal.name, at=at), "secret": ""}

    return await _step(request, name, step)


@router.post(HOME + "/{name}/keys/{prefix}/revoke")
async def revoke_key_form(request: Request, name: str, prefix: str) -> Response:
    """Revoke a key."""

    async def step(tx: Transaction, principal: Principal, at: datetime) -> None:
        await actions.revoke_key(tx, name, prefix, actor=principal.name, at=at)

    return await _step(request, name, step)


@router.post(HOME + "/{name}/secrets")
async def secret_form(request: Request, name: str) -> Response:
    """Give another webhook secret and show it, this once."""

    async def step(tx: Transaction, principal: Principal, at: datetime) -> Mapping[str, str]:
        secret = await actions.give_secret(tx, name, secret_id=new_id(), actor=principal.name, at=at)
        return {"key": "", "secret": wiring_of(request).webhook_secret(secret)}

    return await _step(request, name, step)


@router.post(HOME + "/{name}/secrets/{secret_id}/revoke")
async def revoke_secret_form(request: Request, name: str, secret_id: UUID) -> Response:
    """Revoke a webhook secret."""

    async def step(tx: Transaction, principal: Principal, at: datetime) -> None:
        await actions.revoke_secret(tx, name, secret_id, actor=principal.name, at=at)

    return await _step(request, name, step)


@router.post(HOME + "/{name}/messages/{message_id}/replay")
async def replay_form(request: Request, name: str, message_id: UUID) -> Response:
    """Send a message once more."""

    async def step(tx: Transaction, principal: Principal, at: datetime) -> None:
        await callbacks.replay(tx, message_id, of=None, actor=principal.name, at=at)

    return await _step(request, name, step, Role.ADMIN, Role.ACCOUNTING)


async def _step(request: Request, name: str, step: Step, *roles: Role) -> Response:
    """Do one step of staff in a transaction; what it returns is shown this once, else the system's page follows."""
    wiring = wiring_of(request)
    at = wiring.clock.now()
    try:
        principal = _admin(wiring, request, *roles)
        async with wiring.database.transaction(correlation_id.get()) as tx:
            shown = await step(tx, principal, at)
    except Unauthenticated:
        return _to_sign_in(f"{HOME}/{name}")
    except Refusal as refusal:
        return wiring.pages.refusal(request, refusal)
    if shown is not None:
        return wiring.pages.render(request, "system_shown_once.html", status=201, name=name, **shown)
    return RedirectResponse(f"{HOME}/{quote(name)}", status_code=SEE_OTHER)


async def _form(request: Request) -> dict[str, object]:
    said = await request.form()
    form: dict[str, object] = {name: str(value) for name, value in said.items() if name != "methods"}
    return form | {"methods": [str(each) for each in said.getlist("methods")], "active": "active" in said}


def _wanted(
    wiring: Wiring, request: Request, form: Mapping[str, object], *, name: str | None = None
) -> routes.SystemWanted:
    """Parse the form; raise FieldWrong in the reader's words."""
    lines = [line.split(None, 1) for line in str(form.get("accounts", "")).splitlines() if line.strip()]
    said = {
        "title": form.get("title"),
        "facility": form.get("facility"),
        "methods": form.get("methods"),
        "accounts": [{"owner": line[0], "account": line[1] if len(line) > 1 else ""} for line in lines],
        "return_origins": str(form.get("return_origins", "")).split(),
        "webhook_url": str(form.get("webhook_url", "")).strip() or None,
    }
    try:
        if name is None:
            return routes.SystemWanted.model_validate(said | {"active": form.get("active")})
        return routes.NewSystem.model_validate(said | {"name": name.strip()})
    except ValidationError as wrong:
        field = str(wrong.errors()[0]["loc"][0])
        if field == "name":
            raise NewName from None
        raise FieldWrong(field=wiring.pages.message(request, LABELS.get(field, field))) from None


def _choices(wiring: Wiring) -> dict[str, object]:
    return {"offered": [wiring.methods[each].capabilities for each in wiring.settings.methods_enabled]}


def _reader(wiring: Wiring, request: Request) -> Principal:
    return wiring.sign_in.principal(request, at=wiring.clock.now()).require(*READERS)


def _admin(wiring: Wiring, request: Request, *roles: Role) -> Principal:
    principal = wiring.sign_in.principal(request, at=wiring.clock.now()).require(*(roles or (Role.ADMIN,)))
    SignIn.require_own_page(request)
    return principal


def _to_sign_in(back: str) -> Response:
    return RedirectResponse(f"/sign-in?next={quote(back)}", status_code=SEE_OTHER)
