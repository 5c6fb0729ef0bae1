"""Words: gettext catalogues read once, and the choice of language for one reader."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from babel.messages.pofile import read_po
from fastapi import Request

LANGUAGE_COOKIE = "momiji_language"


@dataclass(frozen=True, slots=True)
class Language:
    """One language of the pages: its BCP 47 tag and its name in itself."""

    tag: str
    name: str


JAPANESE = Language("ja", "日本語")
ENGLISH = Language("en", "English")
LANGUAGES: tuple[Language, ...] = (JAPANESE, ENGLISH)
_BY_TAG = {each.tag: each for each in LANGUAGES}


def language_of(request: Request) -> Language:
    """Return the reader's language: ?lang= first, then the cookie, then the browser, else Japanese."""
    known: Language | None = request.scope.get("momiji.language")
    if known is None:
        known = request.scope["momiji.language"] = _asked_for(request)
    return known


def _asked_for(request: Request) -> Language:
    for wish in (request.query_params.get("lang"), request.cookies.get(LANGUAGE_COOKIE)):
        if wish in _BY_TAG:
            return _BY_TAG[wish]
    for part in request.headers.get("accept-language", "").split(","):
        tag = part.split(";")[0].strip().lower().split("-")[0]
        if tag in _BY_TAG:
            return _BY_TAG[tag]
    return JAPANESE


class Catalogue:
    """The messages of one language, merged from the kernel's and the service's catalogues."""

    def __init__(self, messages: Mapping[str, str | tuple[str, ...]]) -> None:
        self._messages = dict(messages)

    def gettext(self, message: str) -> str:
        """Return the translation, or the message itself (English)."""
        found = self._messages.get(message)
        return found if isinstance(found, str) and found else message

    def ngettext(self, singular: str, plural: str, count: int) -> str:
        """Return the form for a count; Japanese has one form for all."""
        found = self._messages.get(singular)
        if isinstance(found, tuple) and any(found):
            return found[0] if len(found) == 1 or count == 1 else found[1]
        return singular if count == 1 else plural


@cache
def catalogue(tag: str, folders: tuple[Path, ...]) -> Catalogue:
    """Read and merge `<folder>/<tag>.po` of every folder that has one; later folders win."""
    messages: dict[str, str | tuple[str, ...]] = {}
    for folder in folders:
        file = folder / f"{tag}.po"
        if not file.exists():
            continue
        with file.open("rb") as opened:
            for message in read_po(opened, locale=tag):
                if message.id and message.string and not message.fuzzy:
                    key = message.id if isinstance(message.id, str) else message.id[0]
                    messages[key] = message.string if isinstance(message.string, str) else tuple(message.string)
    return Catalogue(messages)
