"""What somebody looks for at the matching desk: days, amounts and a name; and what they have chosen. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import date
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from kernel.refusals import Invalid, Words
from reconciliation.deposits.model import TOGETHER_MAX, TooManyTogether
from reconciliation.deposits.names import plain
from reconciliation.provider_contracts.model import Terms

NAME_LENGTH_MAX: Final = 80
AMOUNT_MAX: Final = 10**15
LISTS: Final = ("suggested", "lines", "payouts", "matched")


class DeskSearchUnreadable(Invalid):
    """A search that cannot be read, or that can find nothing."""

    slug = "desk-search-unreadable"
    advice = "{problem}. Correct it and search again."


@dataclass(frozen=True, slots=True)
class Typed:
    """A search as it was typed, to be shown again whatever it says."""

    first: str = ""
    last: str = ""
    least: str = ""
    most: str = ""
    name: str = ""

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Typed:
        """Return what was typed; no text here holds a NUL."""
        said = {name: str(given.get(key) or "").replace("\0", "").strip() for name, key in KEYS.items()}
        return cls(**said)

    def __bool__(self) -> bool:
        return any(getattr(self, each.name) for each in fields(self))


KEYS: Final = {"first": "from", "last": "to", "least": "min", "most": "max", "name": "name"}


@dataclass(frozen=True, slots=True)
class Wish:
    """A search that was understood; None and "" narrow nothing. Amounts are yen, whichever way the money goes."""

    first: date | None = None
    last: date | None = None
    least: int | None = None
    most: int | None = None
    name: str = ""

    @property
    def narrows(self) -> bool:
        """Tell whether it asks for less than everything."""
        return self != EVERYTHING


EVERYTHING: Final = Wish()


def understand(typed: Typed) -> Wish:
    """Return what a search says; raise DeskSearchUnreadable."""
    try:
        wish = Wish(
            date.fromisoformat(typed.first) if typed.first else None,
            date.fromisoformat(typed.last) if typed.last else None,
            _yen(typed.least),
            _yen(typed.most),
            typed.name,
        )
    except ValueError:
        problem = Words("A day is written as 2026-11-24, an amount as a number of yen")
        raise DeskSearchUnreadable(problem=problem) from None
    if wish.first and wish.last and wish.last < wish.first:
        raise DeskSearchUnreadable(problem=Words("The first day is after the last one"))
    if wish.least is not None and wish.most is not None and wish.most < wish.least:
        raise DeskSearchUnreadable(problem=Words("The smallest amount is larger than the largest"))
    if len(wish.name) > NAME_LENGTH_MAX:
        raise DeskSearchUnreadable(problem=Words("The name is too long"))
    return wish


def _yen(said: str) -> int | None:
    """Return an amount as people write it: with commas, a yen sign, or full-width digits; raise ValueError."""
    bare = unicodedata.normalize("NFKC", said).replace(",", "").replace("、", "").strip(" ¥円")
    if not bare:
        return None
    amount = int(bare)
    if not 0 <= amount <= AMOUNT_MAX:
        raise ValueError
    return amount


@dataclass(frozen=True, slots=True)
class Named:
    """A name as lists look for it: `said` in what banks and providers write, or one of the providers that it means."""

    said: tuple[str, ...]
    providers: tuple[str, ...]


def named(name: str, terms: Mapping[str, Terms]) -> Named | None:
    """Return whom a name means; None if it is none.

    A provider is meant by its code, by a title of its contract, in whatever letters, or by a name that its transfers
    come under; then those names are looked for, too.
    """
    if not name:
        return None
    wanted = _bare(name)
    meant = {code: said for code, said in terms.items() if any(wanted in _bare(each) for each in _called(code, said))}
    sent = (plain(each) for said in meant.values() for version in said.versions for each in version.definition.names)
    return Named(tuple(dict.fromkeys([wanted, *filter(None, sent)])), tuple(sorted(meant)))


def _called(code: str, terms: Terms) -> Iterable[str]:
    yield code
    for version in terms.versions:
        yield version.definition.title
        yield from version.definition.names


def _bare(name: str) -> str:
    """Return a name as names are compared; one that is nothing but a company's form, as it is."""
    return plain(name) or folded(name)


_HIRAGANA: Final = {code: code + 0x60 for code in range(0x3041, 0x3097)}
_LARGE: Final = str.maketrans("ァィゥェォャュョッヮヵヶヲヰヱ", "アイウエオヤユヨツワカケオイエ")
_DASHES: Final = dict.fromkeys(map(ord, "‐‑‒–—―−ー─~〜"), "-")
_SIGNS: Final = dict.fromkeys(map(ord, " .,・、。'\"\t"))


def folded(text: str) -> str:
    """Return a text as `plain_name` of the database does: `plain` with a company's form. Empty for signs alone."""
    large = unicodedata.normalize("NFKC", text).upper().translate(_HIRAGANA).translate(_LARGE)
    return large.translate(_DASHES).translate(_SIGNS)


@dataclass(frozen=True, slots=True)
class Chosen:
    """What somebody checked, on whatever page of the lists it was."""

    lines: tuple[UUID, ...] = ()
    payouts: tuple[UUID, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.lines or self.payouts)


def require_few(chosen: Chosen) -> Chosen:
    """Return what is chosen; raise TooManyTogether."""
    if max(len(chosen.lines), len(chosen.payouts)) > TOGETHER_MAX:
        raise TooManyTogether(count_max=TOGETHER_MAX)
    return chosen


@dataclass(frozen=True, slots=True)
class Place:
    """Where somebody is at the desk: their search, how far each list is turned, and what they have chosen."""

    typed: Typed
    turned: Mapping[str, str]
    chosen: Chosen

    def address(self, path: str, *, turn: str = "", cursor: str = "", done: str = "") -> str:
        """Return the address of the desk as it is, or with one list turned to a cursor ('': to its beginning)."""
        turned = dict(self.turned) | ({turn: cursor} if turn else {})
        given = [(KEYS[each.name], getattr(self.typed, each.name)) for each in fields(self.typed)]
        given += [(name, turned[name]) for name in LISTS if turned.get(name)]
        given += [("line", str(each)) for each in self.chosen.lines]
        given += [("payout", str(each)) for each in self.chosen.payouts]
        given.append(("done", done))
        said = urlencode([(name, value) for name, value in given if value])
        return f"{path}?{said}" if said else path
