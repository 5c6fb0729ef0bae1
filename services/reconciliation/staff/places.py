"""Where accounting staff can go: one list of pages, of which everybody is shown those that are there for them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from fastapi import FastAPI, Request
from starlette.routing import Match

from kernel.access import ALL_FACILITIES, Principal


@dataclass(frozen=True, slots=True)
class Place:
    """One page of the books. `title` is a gettext message; `under`: where the pages lie that belong to it.

    `everywhere`: only for those who see all facilities. `current` is set for the reader who is there.
    """

    address: str
    title: str
    under: tuple[str, ...] = ()
    everywhere: bool = True
    current: bool = False


# A new page is one line here; the place of the line is its place on every page.
PLACES: Final = (
    Place("/", "Morning", under=("/orders", "/days"), everywhere=False),
    Place("/discrepancies", "Discrepancies", everywhere=False),
    Place("/matching", "Matching desk", under=("/lines",)),
    Place("/cash-flow", "Money due", under=("/payouts", "/deposits")),
    Place("/statements", "Statements", under=("/mappings",)),
    Place("/provider-contracts", "Contracts"),
    Place("/reports", "Reports", under=("/exports", "/entries"), everywhere=False),
    Place("/search", "Search", everywhere=False),
    Place("/closings", "Closings"),
    Place("/journal", "Journal", under=("/revenue-accounts",)),
    Place("/board", "Key figures"),
)


def places_of(request: Request) -> list[Place]:
    """Return the pages that there are for whoever sits before this one; none before signing in."""
    reader: Principal | None = getattr(request.state, "reader", None)
    if reader is None:
        return []
    here, sees_all = request.url.path, ALL_FACILITIES in reader.facilities
    return [
        replace(each, current=_holds(each, here))
        for each in PLACES
        if each.address in _served(request.app) and (sees_all or not each.everywhere)
    ]


def _holds(place: Place, path: str) -> bool:
    inner = (*place.under, *(() if place.address == "/" else (place.address,)))
    return path == place.address or any(path == each or path.startswith(f"{each}/") for each in inner)


def _served(app: FastAPI) -> frozenset[str]:
    """Return the addresses of PLACES that have a page, asked of the application once."""
    known: frozenset[str] | None = getattr(app.state, "places", None)
    if known is None:
        known = app.state.places = frozenset(each.address for each in PLACES if _answers(app, each.address))
    return known


def _answers(app: FastAPI, address: str) -> bool:
    scope = {"type": "http", "method": "GET", "path": address, "root_path": "", "headers": [], "query_string": b""}
    return any(route.matches(dict(scope))[0] is Match.FULL for route in app.router.routes)
