"""Pages of payments' staff: signing in and out."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from kernel.refusals import Refusal
from kernel.signin import SignIn
from payments.staff.desk import SEE_OTHER
from payments.wiring import wiring_of

router = APIRouter(include_in_schema=False)

HOME = "/operations"


def _local(target: str) -> str:
    """Return where to go after signing in: only to our own pages."""
    return target if target.startswith("/") and "//" not in target and "\\" not in target else HOME


@router.get("/")
async def front_door() -> Response:
    """Lead to where staff begins; payers come by the address of their payment."""
    return RedirectResponse(HOME, status_code=SEE_OTHER)


@router.get("/sign-in")
async def sign_in_page(request: Request, next: str = HOME) -> Response:  # noqa: A002 - the address's own word
    """Show the sign-in form."""
    return wiring_of(request).pages.render(request, "sign-in.html", next=_local(next), problem=None, name="")


@router.post("/sign-in")
async def sign_in(request: Request) -> Response:
    """Sign in by name and password, or by a pasted token."""
    wiring = wiring_of(request)
    at = wiring.clock.now()
    form = {name: str(value) for name, value in (await request.form()).items()}
    target = _local(form.get("next", HOME))
    try:
        SignIn.require_own_page(request)
        if form.get("token", "").strip():
            principal = wiring.sign_in.by_token(form["token"], at=at)
        else:
            principal = wiring.sign_in.by_password(form.get("name", ""), form.get("password", ""))
    except Refusal as refusal:
        problem = wiring.pages.advice(request, refusal)
        return wiring.pages.render(
            request, "sign-in.html", status=401, next=target, problem=problem, name=form.get("name", "")
        )
    answer = RedirectResponse(target, status_code=SEE_OTHER)
    secure = wiring.settings.payments_url.startswith("https://")
    wiring.sign_in.start_session(answer, principal, at=at, secure=secure)
    return answer


@router.post("/sign-out")
async def sign_out(request: Request) -> Response:
    """Sign out."""
    SignIn.require_own_page(request)
    answer = RedirectResponse("/sign-in", status_code=SEE_OTHER)
    wiring_of(request).sign_in.end_session(answer)
    return answer
