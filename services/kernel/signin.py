"""Staff sign-in on pages: a form, a session cookie, and the check that a POST came from our own page."""

from __future__ import annotations

from datetime import datetime, timedelta
from urllib.parse import urlsplit

import jwt
from fastapi import Request, Response

from kernel.access import TOKEN_HOURS_STAFF, Principal, Role, StaffDirectory, Verifier
from kernel.refusals import Forbidden, Unauthenticated

ISSUER_SESSION = "momiji-session"


class ForeignPost(Forbidden):
    """A form was sent from another site."""

    slug = "foreign-post"
    advice = "This form did not come from our page. Open the page again and repeat it."


class SignIn:
    """Who is asking: a bearer token first, else this service's own session cookie.

    `service` names the cookie, so that sessions of services on one host do not mix.
    """

    def __init__(self, *, service: str, verifier: Verifier, staff: StaffDirectory, session_key: str) -> None:
        self._cookie = f"momiji_{service}_session"
        self._service = service
        self._verifier = verifier
        self._staff = staff
        self._key = session_key

    def principal(self, request: Request, *, at: datetime) -> Principal:
        """Return who asks; raise Unauthenticated if nobody is known."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and token:
            return self._verifier.verify(token.strip(), at=at)
        cookie = request.cookies.get(self._cookie)
        if not cookie:
            raise Unauthenticated
        try:
            claims = jwt.decode(
                cookie,
                self._key,
                algorithms=["HS256"],
                audience=self._service,
                issuer=ISSUER_SESSION,
                options={"verify_exp": False, "require": ["exp", "sub"]},
            )
        except jwt.PyJWTError as problem:
            raise Unauthenticated from problem
        if at.timestamp() >= claims["exp"]:
            raise Unauthenticated
        if request.method not in {"GET", "HEAD"}:
            self.require_own_page(request)
        return Principal(claims["sub"], Role(claims["role"]), frozenset(claims["facilities"]))

    def by_password(self, name: str, password: str) -> Principal:
        """Return who a name and password belong to; raise WrongSignIn otherwise."""
        return self._staff.sign_in(name.strip(), password)

    def by_token(self, token: str, *, at: datetime) -> Principal:
        """Return who a pasted token (from `momiji token`) speaks for."""
        return self._verifier.verify(token.strip(), at=at)

    def start_session(self, response: Response, principal: Principal, *, at: datetime, secure: bool) -> None:
        """Set the session cookie: HttpOnly, SameSite=Lax, twelve hours."""
        ends = at + timedelta(hours=TOKEN_HOURS_STAFF)
        value = jwt.encode(
            {
                "iss": ISSUER_SESSION,
                "aud": self._service,
                "sub": principal.name,
                "role": principal.role.value,
                "facilities": sorted(principal.facilities),
                "exp": int(ends.timestamp()),
            },
            self._key,
            algorithm="HS256",
        )
        response.set_cookie(
            self._cookie,
            value,
            max_age=TOKEN_HOURS_STAFF * 3600,
            httponly=True,
            samesite="lax",
            secure=secure,
            path="/",
        )

    def end_session(self, response: Response) -> None:
        """Forget the session cookie."""
        response.delete_cookie(self._cookie, path="/")

    @staticmethod
    def require_own_page(request: Request) -> None:
        """Raise ForeignPost unless the browser says that the form came from this very origin.

        Our own `Referrer-Policy: no-referrer` makes browsers send `Origin: null` with our own forms (Fetch
        standard, "append a request Origin header"), so Sec-Fetch-Site is asked first.
        """
        site = request.headers.get("sec-fetch-site")
        if site is not None:
            if site not in {"same-origin", "none"}:
                raise ForeignPost
            return
        origin = request.headers.get("origin", "null")
        if origin == "null":
            return  # Browsers without either header; SameSite=Lax already keeps the cookie away from foreign posts.
        if urlsplit(origin).netloc != request.headers.get("host"):
            raise ForeignPost
