"""Card numbers: none of ours ever needs one, and what looks like one is refused before it is kept (PCI DSS, SAQ A)."""

from __future__ import annotations

import re
import unicodedata

from kernel.refusals import Invalid

# 13 to 19 digits with single blanks or hyphens between them, as they are printed on cards.
_DIGITS = re.compile(r"(?<![0-9-])[0-9](?:[ -]?[0-9]){12,18}(?![0-9-])")
_HYPHENS = dict.fromkeys(map(ord, "‐‑‒–—―−ー"), "-")


class CardNumberRefused(Invalid):
    """Somebody typed what looks like a card number where none belongs."""

    slug = "card-number-refused"
    advice = "This looks like a card number. Type it only on the payment company's own page; nothing was kept here."


def holds_card_number(text: str) -> bool:
    """Tell whether a text holds 13 to 19 digits that pass the check of card numbers (ISO/IEC 7812, Luhn).

    Full-width digits and any hyphen count, as a Japanese keyboard types them.
    """
    plain = unicodedata.normalize("NFKC", text).translate(_HYPHENS)
    return any(_luhn(re.sub("[ -]", "", found)) for found in _DIGITS.findall(plain))


def _luhn(digits: str) -> bool:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value  # noqa: PLR2004 - the digit sum of a doubled digit
    return total % 10 == 0
