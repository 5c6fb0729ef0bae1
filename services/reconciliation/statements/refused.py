"""A file that was not taken: what its sender was told, kept in both languages for whoever asks where it is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from kernel.refusals import Refusal, Words
from kernel.web import Pages
from reconciliation.statements.model import Way


@dataclass(frozen=True, slots=True)
class RefusedFile:
    """One file that was refused. `sha256` None: it could not be read at all."""

    id: UUID
    at: datetime
    way: Way
    file_name: str
    bytes_count: int
    sha256: str | None
    by: str
    slug: str
    advice_ja: str
    advice_en: str

    def advice(self, tag: str) -> str:
        """Return what to do, in a language."""
        return self.advice_ja if tag == "ja" else self.advice_en


def refused_file(
    pages: Pages,
    refusal: Refusal,
    *,
    id: UUID,  # noqa: A002 - what it is called everywhere
    at: datetime,
    way: Way,
    file_name: str,
    bytes_count: int,
    sha256: str | None,
    by: str,
) -> RefusedFile:
    """Return what is kept of a refusal."""
    return RefusedFile(
        id=id,
        at=at,
        way=way,
        file_name=file_name,
        bytes_count=bytes_count,
        sha256=sha256,
        by=by,
        slug=refusal.slug,
        advice_ja=advice_in(pages, refusal, "ja"),
        advice_en=advice_in(pages, refusal, "en"),
    )


def advice_in(pages: Pages, refusal: Refusal, tag: str) -> str:
    """Return a refusal's advice in a language, where nobody asks by HTTP."""
    words = pages.gettext_of(tag)
    said = {name: words(value) if isinstance(value, Words) else value for name, value in refusal.fields.items()}
    return words(refusal.advice).format(**said)
