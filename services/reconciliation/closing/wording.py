"""What is missing, in words."""

from __future__ import annotations

from datetime import date

from kernel.web import LANGUAGES, Pages
from reconciliation.closing.missing import EXPLANATIONS, Missing


def explain(pages: Pages, missing: Missing, tag: str) -> tuple[str, str]:
    """Return what is missing and what to do, in one language."""
    words = pages.gettext_of(tag)
    language = next(each for each in LANGUAGES if each.tag == tag)

    def said(day: date | None) -> str:
        return pages.day(language, day) if day else "–"

    fields = {
        "count": f"{missing.count:,}",
        "amount": str(missing.amount),
        "provider": words(missing.name),
        "day": said(missing.day),
    }
    what, then = (words(message).format(**fields) for message in EXPLANATIONS[missing.kind])
    return what, then
