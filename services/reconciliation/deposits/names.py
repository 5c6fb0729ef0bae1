"""Names of who sent a transfer, brought into one form: banks write kana in half width, large and shortened. Pure.

Banks' files have JIS X 0201 kana without small letters, ヲ and ー, and mark a company's form by カ) before its name or
(カ behind it (全銀協, 法人略語).
"""

from __future__ import annotations

import re
import unicodedata
from difflib import SequenceMatcher
from functools import lru_cache
from typing import Final

NAME_LENGTH_MAX: Final = 200
MEANINGFUL_LETTERS: Final = 4
SAME_PERCENT: Final = 100
CUT_PERCENT: Final = 90

_MARKS: Final = {0x309B: "\u3099", 0x309C: "\u309a"}
_HIRAGANA: Final = {code: code + 0x60 for code in range(0x3041, 0x3097)}
_LARGE: Final = str.maketrans("ァィゥェォャュョッヮヵヶヲヰヱ", "アイウエオヤユヨツワカケオイエ")
_DASHES: Final = dict.fromkeys(map(ord, "‐‑‒–—―−ー─－~〜"), "-")
_SHORT: Final = "カ|ユ|メ|シ|ド|イ|ソ|ザイ|シヤ|ガク|フク|シユウ|トクヒ|株|有|合|同|社|財"
_LONG: Final = (
    "カブシキガイシヤ|カブシキカイシヤ|ユウゲンガイシヤ|ユウゲンカイシヤ|ゴウドウガイシヤ|ゴウドウカイシヤ|"
    "株式会社|有限会社|合同会社|合名会社|合資会社"
)
_FORMS: Final = re.compile(rf"^(?:{_LONG}|\(?(?:{_SHORT})\))|(?:{_LONG}|\((?:{_SHORT})\)?)$|\((?:{_SHORT})\)")
_NO_LETTERS: Final = re.compile(r"[\s.,・、。'\"｡､]+")


@lru_cache(maxsize=10_000)
def plain(name: str) -> str:
    """Return a name without what banks write in different ways: width, small kana, dashes, spaces, カ) and (カ.

    Empty for a name that has nothing else.
    """
    folded = unicodedata.normalize("NFKC", name[:NAME_LENGTH_MAX].translate(_MARKS)).translate(_HIRAGANA)
    large = unicodedata.normalize("NFC", folded).upper().translate(_LARGE).translate(_DASHES)
    return _FORMS.sub("", _NO_LETTERS.sub("", large))


@lru_cache(maxsize=10_000)
def likeness(one: str, other: str) -> int:
    """Return how alike two plain names are, in percent. One that begins with the other is cut, not different."""
    if not one or not other:
        return 0
    if one == other:
        return SAME_PERCENT
    short, long = sorted((one, other), key=lambda name: (len(name), name))
    if len(short) >= MEANINGFUL_LETTERS and long.startswith(short):
        return CUT_PERCENT
    return min(round(SequenceMatcher(None, short, long, autojunk=False).ratio() * SAME_PERCENT), SAME_PERCENT - 1)
