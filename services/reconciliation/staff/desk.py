"""Who sits before an accounting page: staff who are signed in see it, others sign in first, refusals say what to do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from urllib.parse import quote

from fastapi import Request, Response
from fastapi.responses import RedirectResponse

from kernel.access import Principal
from kernel.refusals import Forbidden, Refusal, Unauthenticated
from kernel.signin import SignIn
from reconciliation.wiring import Wiring, scope_of, wiring_of

SEE_OTHER = 303

Page = Callable[[Wiring, Principal], Awaitable[Response]]


async def for_reader(request: Request, page: Page, *, everywhere: bool = False) -> Response:
    """Show a page to somebody who may read the books; `everywhere`: of all facilities."""
    wiring = wiring_of(request)
    try:
        principal = request.state.reader = wiring.reader(request)
        if everywhere and scope_of(principal) is not None:
            raise Forbidden
        return await page(wiring, principal)
    except Unauthenticated:
        target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"/sign-in?next={quote(target)}", status_code=SEE_OTHER)
    except Refusal as refusal:
        return wiring.pages.refusal(request, refusal)


async def for_bookkeeper(request: Request, page: Page) -> Response:
    """Show a page to somebody who may change the books, for all facilities; a form comes from a page of ours."""

    async def guarded(wiring: Wiring, _reader: Principal) -> Response:
        if request.method == "POST":
            SignIn.require_own_page(request)
        principal = wiring.bookkeeper(request)
        if scope_of(principal) is not None:
            raise Forbidden
        return await page(wiring, principal)

    return await for_reader(request, guarded, everywhere=True)
