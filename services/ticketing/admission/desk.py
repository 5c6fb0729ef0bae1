"""What the gate's routes and pages are given: one frozen bundle at `app.state.gate`, made in app.py."""

from __future__ import annotations

import base64
import hashlib
import json
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID

from fastapi import Request

from kernel.access import Principal
from kernel.clock import Clock
from kernel.rows import Database
from kernel.signin import SignIn
from kernel.web import Pages, language_of
from ticketing.admission.actions import UnknownGate
from ticketing.admission.batching import ScanDesk
from ticketing.admission.model import Gate
from ticketing.tickets.keys import KeyRegistry

SESSIONS_REMEMBERED_MAX = 2_000


class Gates(Protocol):
    """The gates of every facility, and the words that people know things by."""

    def gate(self, code: str) -> Gate | None:
        """Return a gate by its code, or None."""
        ...

    def gates_of(self, principal: Principal) -> Sequence[Gate]:
        """Return the gates of somebody's facilities."""
        ...

    def gate_name(self, code: str, language: str) -> str:
        """Return a gate's name in a language ('ja' or 'en'), its facility's name included."""
        ...

    def facility_name(self, facility: str, language: str) -> str:
        """Return a facility's name; its code if nobody knows it any more."""
        ...

    def facility_number(self, facility: str) -> int:
        """Return the number that ticket codes carry for a facility."""
        ...

    def product_name(self, facility: str, product: str, language: str) -> str:
        """Return a product's name; its code if nobody knows it any more."""
        ...

    def category_name(self, facility: str, category: str, language: str) -> str:
        """Return a category's name, such as 大人; its code if nobody knows it any more."""
        ...


@dataclass(frozen=True, slots=True)
class GateDesk:
    """Everything that the edges of admission need.

    `keys` is asked for every code, so that a new key is believed without a restart.
    """

    database: Database
    clock: Clock
    pages: Pages
    who: Remembering
    gates: Gates
    scans: ScanDesk
    new_id: Callable[[], UUID]
    keys: Callable[[], KeyRegistry]

    def language(self, request: Request) -> str:
        """Return the tag of the reader's language."""
        return language_of(request).tag

    def gate_of(self, code: str) -> Gate:
        """Return a gate; raise UnknownGate (404) if there is none."""
        gate = self.gates.gate(code)
        if gate is None:
            raise UnknownGate(gate=code[:64])
        return gate


@dataclass(slots=True)
class Remembering:
    """Asks who sends a request, and remembers a verified bearer token until it ends.

    Verifying costs some 200 µs, and a gate sends the same token thousands of times a day. Only the
    token's SHA-256 is kept, for a bounded number of tokens, and never longer than the token lives.
    """

    sign_in: SignIn
    _known: OrderedDict[bytes, tuple[Principal, float]] = field(default_factory=OrderedDict)

    def principal(self, request: Request, *, at: datetime) -> Principal:
        """Return who asks; raise Unauthenticated if nobody is known."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            return self.sign_in.principal(request, at=at)
        digest = hashlib.sha256(token.strip().encode()).digest()
        found = self._known.get(digest)
        if found is not None and at.timestamp() < found[1]:
            return found[0]
        principal = self.sign_in.principal(request, at=at)
        self._known[digest] = (principal, _ends(token))
        if len(self._known) > SESSIONS_REMEMBERED_MAX:
            self._known.popitem(last=False)
        return principal


def _ends(verified_token: str) -> float:
    """Return when a token that was just verified ends, in seconds since 1970."""
    claims = verified_token.strip().split(".")[1]
    return float(json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["exp"])


async def desk_of(request: Request) -> GateDesk:
    """Return the bundle that app.py made. It is async because FastAPI gives every other dependency a thread."""
    desk = request.app.state.gate
    assert isinstance(desk, GateDesk)  # noqa: S101 - app.py makes it before the first request
    return desk
