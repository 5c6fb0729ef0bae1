"""Stripe's lists (newest first, cursor pages) and its `expand`: ids replaced by the objects they name."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from sandbox.journal import Kept, Shelf
from sandbox.stripe import shapes
from sandbox.stripe.errors import StripeError
from sandbox.stripe.forms import integer
from sandbox.stripe.model import Payout
from sandbox.stripe.store import StripeStore

LIMIT_DEFAULT = "10"
LIMIT_MAX = 100
EXPAND_DEPTH_MAX = 4

RANGE: Mapping[str, Callable[[int, int], bool]] = {
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}
SECONDS_MAX = 10**11

T = TypeVar("T", bound=Kept)


def page(
    shelf: Shelf[T],
    params: dict[str, Any],
    url: str,
    shape: Callable[[T], dict[str, Any]],
    found: Sequence[T] | None,
) -> dict[str, Any]:
    """Return one page of what was found (None: of the whole shelf)."""
    limit = integer(params.get("limit", LIMIT_DEFAULT), "limit", least=1, most=LIMIT_MAX)
    after = params.get("starting_after")
    if found is None and not after:
        rows = shelf.newest(limit + 1)
    else:
        rows = list(reversed(found if found is not None else list(shelf)))
        if after:
            place = next((number for number, each in enumerate(rows) if each.id == after), None)
            if place is None:
                raise StripeError(f"No such object: '{after}'", code="resource_missing", param="starting_after")
            rows = rows[place + 1 :]
    return shapes.listed(url, [shape(each) for each in rows[:limit]], more=len(rows) > limit)


def within(payouts: Sequence[Payout], wanted: Mapping[str, Any]) -> list[Payout]:
    """Return those created within a range (gt, gte, lt, lte: seconds since 1970)."""
    bounds = [
        (RANGE[name], integer(said, f"created[{name}]", least=0, most=SECONDS_MAX)) for name, said in wanted.items()
    ]
    return [each for each in payouts if all(holds(each.created, bound) for holds, bound in bounds)]


def expand(store: StripeStore, base: str, said: dict[str, Any], paths: Any) -> dict[str, Any]:
    """Return the object with the named fields expanded. Raises StripeError for what cannot be."""
    for path in paths if isinstance(paths, list) else []:
        parts = str(path).split(".")
        if len(parts) > EXPAND_DEPTH_MAX:
            raise StripeError(f"You cannot expand more than {EXPAND_DEPTH_MAX} levels of a property.", param="expand")
        _expand(store, base, said, parts, str(path))
    return said


def _expand(store: StripeStore, base: str, said: dict[str, Any], parts: list[str], path: str) -> None:
    name, rest = parts[0], parts[1:]
    if said.get("object") in {"list", "search_result"} and name == "data":
        for each in said["data"]:
            _expand(store, base, each, rest, path)
        return
    if name not in said:
        raise StripeError(f"This property cannot be expanded ({path}).", param="expand[0]")
    if isinstance(said[name], str):
        found = look_up(store, base, said[name])
        if found is None:
            raise StripeError(f"This property cannot be expanded ({path}).", param="expand[0]")
        said[name] = found
    if rest and isinstance(said[name], dict):
        _expand(store, base, said[name], rest, path)


def look_up(store: StripeStore, base: str, object_id: str) -> dict[str, Any] | None:
    """Return any object by its id, as JSON."""
    if (intent := store.intents.get(object_id)) is not None:
        return shapes.intent(intent, base)
    plain: tuple[tuple[Shelf[Any], Callable[[Any], dict[str, Any]]], ...] = (
        (store.charges, shapes.charge),
        (store.balance, shapes.balance),
        (store.refunds, shapes.refund),
        (store.disputes, shapes.dispute),
        (store.payouts, shapes.payout),
    )
    for shelf, shape in plain:
        found = shelf.get(object_id)
        if found is not None:
            return shape(found)
    return None
