"""Payments' own words for one reader: methods by their names, money as money, lines of a history as sentences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fastapi import Request

from kernel.money import Yen
from kernel.web import language_of
from payments.charges.history import SENTENCES
from payments.operations.words import FIELDS
from payments.wiring import Wiring

SHOWN_LENGTH_MAX = 200


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody who reads a page in their language."""

    wiring: Wiring
    request: Request

    def method(self, name: str) -> str:
        """Return a method's name for people; '' is one that the payer has not chosen."""
        if not name:
            return self.wiring.pages.message(self.request, "not chosen yet")
        known = self.wiring.methods.get(name)
        if known is None:
            return name
        title = known.capabilities.title
        return title.ja if language_of(self.request).tag == "ja" else title.en

    def word(self, words: Mapping[str, str], said: str) -> str:
        """Return what one of our words is called; what is none of them, as it is, but bounded."""
        known = words.get(said)
        return said[:SHOWN_LENGTH_MAX] if known is None else self.wiring.pages.message(self.request, known)

    def sentence(self, kind: str, fields: Mapping[str, object]) -> str:
        """Return a line of a history as a sentence."""
        if kind not in SENTENCES:  # written before kinds were kept
            return str(fields.get("words", kind))[:SHOWN_LENGTH_MAX]
        said = {name: self._value(name, value) for name, value in fields.items()}
        return self.wiring.pages.text(self.request, SENTENCES[kind], **said)

    def _value(self, name: str, value: object) -> str:
        if name == "amount" and isinstance(value, int):
            return str(Yen(value))
        if name == "method":
            return self.method(str(value))
        return self.word(FIELDS.get(name, {}), str(value))
