"""A gate of its own for tests: ticketing's admission on a fresh database, with facilities made up here."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from cryptography.hazmat.primitives.serialization import load_pem_public_key
from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse, Response
from starlette.staticfiles import StaticFiles

from kernel import server
from kernel.access import Issuer, Principal, Role, StaffDirectory, Verifier
from kernel.clock import SystemClock, new_id
from kernel.rows import Database
from kernel.server import PageSources
from kernel.signin import SignIn
from kernel.web import Pages, mount_assets
from kernel.web.pages import Assets
from support.gate_codes import registry
from ticketing import admission
from ticketing.admission.batching import ScanDesk
from ticketing.admission.desk import GateDesk, Remembering
from ticketing.admission.model import Gate
from ticketing.admission.setup import install

HERE = Path(admission.__file__).parent
NAMES = {
    "hpam": ("広島県立美術館", "Hiroshima Prefectural Art Museum"),
    "shukkeien": ("縮景園", "Shukkeien Garden"),
}
CATEGORIES = {"adult": ("大人", "Adult"), "child": ("小人", "Child"), "university": ("大学生", "University student")}


@dataclass(frozen=True)
class TwoFacilities:
    """Two facilities with one gate each, as FacilityBook offers them to the gate."""

    def gate(self, code: str) -> Gate | None:
        facility = code.removesuffix("-1")
        return Gate(code, facility) if facility in NAMES and code.endswith("-1") else None

    def gates_of(self, principal: Principal) -> Sequence[Gate]:
        return [Gate(f"{each}-1", each) for each in sorted(NAMES) if principal.may_see(each)]

    def gate_name(self, code: str, language: str) -> str:
        return self.facility_name(code.removesuffix("-1"), language) + (" 入口" if language == "ja" else " entrance")

    def facility_name(self, facility: str, language: str) -> str:
        return NAMES.get(facility, (facility, facility))[0 if language == "ja" else 1]

    def facility_number(self, facility: str) -> int:
        return sorted(NAMES).index(facility) + 1

    def product_name(self, facility: str, product: str, language: str) -> str:
        return ("所蔵作品展" if language == "ja" else "Collection") if product == "collection" else product

    def category_name(self, facility: str, category: str, language: str) -> str:
        return CATEGORIES.get(category, (category, category))[0 if language == "ja" else 1]


class FolderAssets(Assets):
    """Built files of a folder, under their plain names."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def url(self, name: str) -> str:
        return f"/built/{name}" if (self._folder / name).exists() else super().url(name)

    def has(self, name: str) -> bool:
        return (self._folder / name).exists() or super().has(name)


def create_app() -> FastAPI:
    """Return the app; the environment says which database, and which key signs staff tokens."""
    database = Database(os.environ["GATE_DATABASE_URL"], service="ticketing", pool_size_max=4)
    key = load_pem_public_key(Path(os.environ["GATE_STAFF_PUBLIC_KEY"]).read_bytes())
    app = FastAPI()
    sign_in = SignIn(
        service="ticketing",
        verifier=Verifier({"staff": key}, audience="ticketing"),
        staff=StaffDirectory({}),
        session_key="only for tests, and long enough for HS256",
    )
    pages = Pages(folders=[HERE / "templates"], words=[HERE.parent / "words"])
    built = os.environ.get("GATE_ASSETS")
    if built:
        pages.assets = FolderAssets(Path(built))
        app.mount("/built", StaticFiles(directory=built))
    desk = GateDesk(
        database=database,
        clock=SystemClock(),
        pages=pages,
        who=Remembering(sign_in),
        gates=TwoFacilities(),
        scans=ScanDesk(database, new_id=new_id),
        new_id=new_id,
        keys=registry,
    )
    server.dress(
        app,
        service="ticketing",
        body_bytes_max=65_536,
        sources=PageSources(webassembly=True, camera=True),
        readiness={"database": database.ping},
    )
    install(app, desk)
    mount_assets(app)

    @app.get("/staff/sign-in")
    async def sign_in_page(request: Request, token: str, next: str = "/gate") -> Response:  # noqa: A002
        at = desk.clock.now()
        answer = RedirectResponse(next, status_code=303)
        sign_in.start_session(answer, sign_in.by_token(token, at=at), at=at, secure=False)
        return answer

    return app


def staff_token(private_pem: str, role: Role = Role.GATE, facilities: Sequence[str] = ("*",)) -> str:
    """Return a bearer token for an hour."""
    principal = Principal(f"test {role.value}", role, frozenset(facilities))
    at = SystemClock().now()
    return Issuer("staff", private_pem).token(principal, audience="staff", at=at, lifetime=timedelta(hours=1))
