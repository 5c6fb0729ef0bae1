"""Who stands before a page of /operations, what they may see there, and where they go instead."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import quote

from fastapi import Request, Response
from fastapi.responses import RedirectResponse

from kernel.access import ALL_FACILITIES, Principal, Role
from kernel.refusals import Forbidden, Refusal, Unauthenticated
from kernel.signin import SignIn
from payments.wiring import Wiring, wiring_of

SEE_OTHER = 303
ACTING = frozenset({Role.ACCOUNTING, Role.ADMIN})


@dataclass(frozen=True, slots=True)
class Staff:
    """Somebody of the staff: accounting and admin act, auditors read, each for their own facilities."""

    principal: Principal

    @property
    def name(self) -> str:
        """Who it is, as the audit trail writes it."""
        return self.principal.name

    @property
    def acts(self) -> bool:
        """Whether they may change something."""
        return self.principal.role in ACTING

    @property
    def is_admin(self) -> bool:
        """Whether they may read what providers sent."""
        return self.principal.role is Role.ADMIN

    @property
    def everywhere(self) -> bool:
        """Whether all facilities are theirs."""
        return ALL_FACILITIES in self.principal.facilities

    @property
    def facilities(self) -> list[str] | None:
        """The facilities that are theirs; None: all."""
        return None if self.everywhere else sorted(self.principal.facilities)


Page = Callable[[Wiring, Staff], Awaitable[Response]]


def staff_of(request: Request, *, acts: bool = False, everywhere: bool = False) -> Staff:
    """Return who asks. Raises Unauthenticated or Forbidden.

    `acts`: it changes something; `everywhere`: it is about all facilities at once.
    """
    wiring = wiring_of(request)
    principal = wiring.sign_in.principal(request, at=wiring.clock.now())
    staff = Staff(principal.require(Role.ACCOUNTING, Role.AUDITOR))
    if acts and not staff.acts:
        raise Forbidden
    if everywhere:
        principal.require_facility(ALL_FACILITIES)
    return staff


async def for_staff(request: Request, page: Page, *, acts: bool = False, everywhere: bool = False) -> Response:
    """Answer somebody signed in; send others to sign in, and refusals to a page that says what to do."""
    wiring = wiring_of(request)
    try:
        if request.method == "POST":
            SignIn.require_own_page(request)
        return await page(wiring, staff_of(request, acts=acts, everywhere=everywhere))
    except Unauthenticated:
        back = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"/sign-in?next={quote(back)}", status_code=SEE_OTHER)
    except Refusal as refusal:
        return wiring.pages.refusal(request, refusal)
