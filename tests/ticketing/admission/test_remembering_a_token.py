"""A verified token is remembered until it ends, and not a second longer."""

from datetime import UTC, datetime, timedelta

import jwt
import pytest
from starlette.requests import Request

from kernel.access import Principal, Role
from kernel.refusals import Unauthenticated
from ticketing.admission.desk import SESSIONS_REMEMBERED_MAX, Remembering

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
GATE = Principal("gate", Role.GATE, frozenset({"hpam"}))


class CountingSignIn:
    """Stands for kernel.signin.SignIn: believes a token until its own end, and counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    def principal(self, request: Request, *, at: datetime) -> Principal:
        self.asked += 1
        token = request.headers["authorization"].split()[1]
        if at.timestamp() >= jwt.decode(token, options={"verify_signature": False})["exp"]:
            raise Unauthenticated
        return GATE


def request_with(number: int = 0) -> Request:
    claims = {"exp": int((NOW + timedelta(hours=1)).timestamp()), "jti": number}
    token = jwt.encode(claims, "only to have the shape of a token here", algorithm="HS256")
    return Request({"type": "http", "headers": [(b"authorization", f"Bearer {token}".encode())]})


def test_the_second_request_is_not_verified_again():
    sign_in = CountingSignIn()
    who = Remembering(sign_in)
    assert [who.principal(request_with(), at=NOW) for _ in range(3)] == [GATE] * 3
    assert sign_in.asked == 1


def test_a_token_that_ended_is_not_believed_from_memory():
    who = Remembering(CountingSignIn())
    who.principal(request_with(), at=NOW)
    with pytest.raises(Unauthenticated):
        who.principal(request_with(), at=NOW + timedelta(hours=1))


def test_memory_is_bounded():
    who = Remembering(CountingSignIn())
    for number in range(SESSIONS_REMEMBERED_MAX + 5):
        who.principal(request_with(number), at=NOW)
    assert len(who._known) == SESSIONS_REMEMBERED_MAX
