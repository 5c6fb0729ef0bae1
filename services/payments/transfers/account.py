"""A bank account as a payer types it: read strictly, and brought into the characters that banks take."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from typing import Any, Final, Literal, cast

from kernel.cards import CardNumberRefused, holds_card_number
from payments.methods.protocol import BankAccount

YUCHO_CODE = "9900"
HOLDER_LENGTH_MAX = 30  # 受取人名 of a Zengin data record
NAME_LENGTH_MAX = 40
TYPED_LENGTH_MAX = 100
FIELDS = ("bank_name", "bank_code", "branch_name", "branch_code", "kind", "symbol", "number", "holder")
KINDS: Final[Mapping[str, Literal["normal", "checking", "savings"]]] = {
    "normal": "normal",
    "checking": "checking",
    "savings": "savings",
}

BLOT = "***"
BANK_FIELDS: Final = frozenset(
    {"customer_name", "bank_name", "bank_code", "branch_name", "branch_number", "account_type", "account_number"}
)

# The characters of 全銀協 files: JIS X 0201 without small kana, ヲ, ー and the comma.
ALLOWED: Final = frozenset(
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ ()-./\\｢｣" + "".join(map(chr, range(0xFF71, 0xFFA0)))  # ｱ to ﾟ
)
_FULL = (
    "アイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワン"
    "ァィゥェォャュョッヮヵヶヲヰヱ"
)
_HALF = "ｱｲｳｴｵｶｷｸｹｺｻｼｽｾｿﾀﾁﾂﾃﾄﾅﾆﾇﾈﾉﾊﾋﾌﾍﾎﾏﾐﾑﾒﾓﾔﾕﾖﾗﾘﾙﾚﾛﾜﾝｱｲｳｴｵﾔﾕﾖﾂﾜｶｹｵｲｴ"
_DASHES = "‐‑‒–—―−ー─－"
_TO_HALF: Final[Mapping[str, str]] = {
    **dict(zip(_FULL, _HALF, strict=True)),
    **dict.fromkeys(_DASHES, "-"),
    "\u3099": "ﾞ",
    "\u309a": "ﾟ",
    "・": ".",
    "。": ".",
    "「": "｢",
    "」": "｣",
    "¥": "\\",
    "、": " ",
    ",": " ",
}
_HIRAGANA = {code: code + 0x60 for code in range(0x3041, 0x3097)}
_MARKS = {0x309B: "\u3099", 0x309C: "\u309a", 0xFF9E: "\u3099", 0xFF9F: "\u309a"}

# What is said at a field that is wrong: msgids.
WRONG: Final[Mapping[str, str]] = {
    "bank_name": "Write the name of the bank, up to 40 characters.",
    "bank_code": "The bank code has 4 digits, for example 0001. It stands in the passbook and on the bank's site.",
    "branch_name": "Write the name of the branch, up to 40 characters.",
    "branch_code": "The branch code has 3 digits, for example 001. It stands in the passbook and on the card.",
    "kind": "Choose the kind of account.",
    "number": "The account number has up to 7 digits. Leave out the branch code.",
    "symbol": "The symbol (kigou) has 5 digits, the first of them 1 or 0. It stands on the first page of the passbook.",
    "yucho_number": "The number (bangou) has up to 8 digits and ends in 1 on a savings passbook.",
    "holder": "Write the name in katakana as in the passbook, up to 30 characters.",
    "card": CardNumberRefused.advice,
}


def kana(text: str) -> str | None:
    """Return a name in the half-width characters of Zengin files, or None if a character has no place there.

    Hiragana, full-width and small kana, long-vowel marks and lower case are brought into form; kanji is not guessed.
    """
    folded = unicodedata.normalize("NFKC", text.translate(_MARKS)).translate(_HIRAGANA)
    parted = unicodedata.normalize("NFD", folded).upper()
    half = " ".join("".join(_TO_HALF.get(each, each) for each in parted).split())
    return half if all(each in ALLOWED for each in half) else None


def full_width(text: str) -> str:
    """Return Zengin's half-width kana as people write it."""
    return unicodedata.normalize("NFKC", text)


def digits(text: str) -> str:
    """Return what was typed with its digits folded and without the spaces and hyphens that people put between."""
    return re.sub(r"[\s\-‐‑‒–—―−ー]", "", unicodedata.normalize("NFKC", text))


def read(typed: Mapping[str, str], *, yucho: bool) -> BankAccount | dict[str, str]:
    """Read a form. Returns the account, or for each wrong field the msgid that says what to do.

    The account's `holder_kana` is in Zengin's characters and its `number` has 7 digits.
    """
    given = {name: typed.get(name, "").strip()[:TYPED_LENGTH_MAX] for name in FIELDS}
    wrong = {name: WRONG["card"] for name, value in given.items() if holds_card_number(value)}
    holder = kana(given["holder"])
    if not holder or len(holder) > HOLDER_LENGTH_MAX or not any(each.isalpha() for each in holder):
        wrong.setdefault("holder", WRONG["holder"])
    account = _yucho(given, holder or "", wrong) if yucho else _bank(given, holder or "", wrong)
    return wrong if wrong or account is None else account


def _bank(given: Mapping[str, str], holder: str, wrong: dict[str, str]) -> BankAccount | None:
    bank, branch, number = (digits(given[name]) for name in ("bank_code", "branch_code", "number"))
    for name in ("bank_name", "branch_name"):
        if not 1 <= len(given[name]) <= NAME_LENGTH_MAX:
            wrong.setdefault(name, WRONG[name])
    for name, value, shape in (
        ("bank_code", bank, r"[0-9]{4}"),
        ("branch_code", branch, r"[0-9]{3}"),
        ("number", number, r"0{0,6}[1-9][0-9]{0,6}"),
    ):
        if re.fullmatch(shape, value) is None:
            wrong.setdefault(name, WRONG[name])
    if len(number) > 7:  # noqa: PLR2004 - 口座番号
        wrong.setdefault("number", WRONG["number"])
    kind = KINDS.get(given["kind"])
    if kind is None:
        wrong.setdefault("kind", WRONG["kind"])
    if wrong or kind is None:
        return None
    return BankAccount(holder, given["bank_name"], bank, given["branch_name"], branch, kind, number.zfill(7))


def _yucho(given: Mapping[str, str], holder: str, wrong: dict[str, str]) -> BankAccount | None:
    """Turn 記号 and 番号 into what other banks use (ゆうちょ銀行, "記号番号から振込用の店名・預金種目・口座番号").

    記号 1xx?0: branch xx8, ordinary, the number without its last digit. 記号 0xx??: branch xx9, current, as it is.
    """
    symbol, number = digits(given["symbol"]), digits(given["number"])
    if re.fullmatch(r"1[0-9]{3}0[0-9]?|0[0-9]{4}[0-9]?", symbol) is None:  # a sixth digit is a re-issue's check digit
        wrong.setdefault("symbol", WRONG["symbol"])
        return None
    savings = symbol.startswith("1")
    shape = r"0*[1-9][0-9]*1" if savings else r"0*[1-9][0-9]*"
    if len(number) > (8 if savings else 7) or re.fullmatch(shape, number) is None:
        wrong.setdefault("number", WRONG["yucho_number"])
    if wrong:
        return None
    branch = symbol[1:3] + ("8" if savings else "9")
    name = "".join("〇一二三四五六七八九"[int(each)] for each in branch)
    kind: Literal["normal", "checking"] = "normal" if savings else "checking"
    own = (number[:-1] if savings else number).zfill(7)
    return BankAccount(holder, "ゆうちょ銀行", YUCHO_CODE, name, branch, kind, own)


def without_accounts(body: bytes) -> bytes:
    """Return a provider's message with the values of bank fields blotted out; any other comes back as it is.

    KOMOJU repeats in its messages whom a refund goes to, and messages are kept longer than accounts may be.
    """
    try:
        said = json.loads(body)
    except ValueError:
        return body
    blotted = _blotted(said)
    return body if blotted == said else json.dumps(blotted, ensure_ascii=False).encode()


def _blotted(said: Any) -> Any:
    match said:
        case dict():
            return {name: BLOT if name in BANK_FIELDS and value else _blotted(value) for name, value in said.items()}
        case list():
            return [_blotted(each) for each in said]
        case _:
            return said


def to_bytes(account: BankAccount) -> bytes:
    """Return an account as it is sealed."""
    return json.dumps({name: getattr(account, name) for name in BankAccount.__slots__}, ensure_ascii=False).encode()


def from_bytes(text: bytes) -> BankAccount:
    """Return the account that was sealed."""
    said = cast("dict[str, str]", json.loads(text))
    return BankAccount(**said)  # type: ignore[arg-type]  # written by to_bytes, under a seal
