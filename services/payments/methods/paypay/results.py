"""What each of PayPay's results means to us: one table, and a rule by HTTP status for a code that is not in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

Meaning = Literal[
    "done",
    "ask_first",  # nobody knows what came of it: query before anything else
    "maintenance",  # nothing was begun; come back later
    "rate_limited",  # nothing was begun; call less often
    "misconfigured",  # our key, merchant or clock is wrong: a person must look
    "not_paid",  # there is no payment for this reference (yet)
    "no_such_code",  # deleted or never made
    "already_paid",  # query it: the money is there
    "duplicate",  # query it: an earlier call of ours made it
    "not_reversible",  # cannot be cancelled any more: refund instead
    "refund_limit",  # more than is left, or more partial refunds than the contract allows
    "no_such_refund",
    "refused",  # PayPay will not do it, and repeating it does not help
]

# Both the word (resultInfo.code) and the number (resultInfo.codeId) decide: old answers carry one, some the other.
TABLE: Mapping[tuple[str, str], Meaning] = {
    ("SUCCESS", "08100001"): "done",
    ("REQUEST_ACCEPTED", "08100001"): "done",
    ("UNAUTHORIZED", "08100016"): "misconfigured",
    ("RATE_LIMIT", "08100998"): "rate_limited",
    ("MAINTENANCE_MODE", "08100999"): "maintenance",
    ("INTERNAL_SERVER_ERROR", "08101000"): "ask_first",
    ("INVALID_URL", "08100006"): "misconfigured",
    ("INVALID_REQUEST_PARAMS", "00200004"): "refused",
    ("DUPLICATE_REFUND_REQUEST", "00200007"): "duplicate",
    ("REFUND_LIMIT_EXCEEDED", "00200014"): "refund_limit",
    ("NO_SUCH_REFUND_ORDER", "00200018"): "no_such_refund",
    ("ORDER_NOT_REVERSIBLE", "00200044"): "not_reversible",
    ("DYNAMIC_QR_NOT_FOUND", "01652072"): "no_such_code",
    ("DUPLICATE_DYNAMIC_QR_REQUEST", "01652073"): "duplicate",
    ("DYNAMIC_QR_ALREADY_PAID", "01652074"): "already_paid",
    ("DYNAMIC_QR_PAYMENT_NOT_FOUND", "01652075"): "not_paid",
}
_BY_WORD: Mapping[str, Meaning] = {word: meaning for (word, _), meaning in TABLE.items()}
_BY_NUMBER: Mapping[str, Meaning] = {number: meaning for (_, number), meaning in TABLE.items()}

SERVER_ERROR = 500
SUCCESSES = range(200, 300)
UNAUTHORIZED = frozenset({401, 403})
TOO_MANY = 429


def words_of(answer: Any) -> tuple[str, str]:
    """Return the code's word and number; two empty texts when the answer is none of PayPay's."""
    said = answer.get("resultInfo") if isinstance(answer, dict) else None
    return (str(said.get("code", "")), str(said.get("codeId", ""))) if isinstance(said, dict) else ("", "")


def meaning_of(status: int | None, answer: Any) -> Meaning:
    """Return what an answer means; `status` None: none came.

    A known code decides; an unknown one is judged by its HTTP status, and whatever a server's fault (5xx) may have
    done is asked about first. A success with a code that is not one is not believed either.
    """
    if status is None:
        return "ask_first"
    word, number = words_of(answer)
    known = _BY_WORD.get(word) or _BY_NUMBER.get(number)
    if known is not None and (known == "done") == (status in SUCCESSES):
        return known
    return _by_status(status)


def _by_status(status: int) -> Meaning:
    if status == TOO_MANY:
        return "rate_limited"
    if status in UNAUTHORIZED:
        return "misconfigured"
    if status >= SERVER_ERROR or status in SUCCESSES:
        return "ask_first"
    return "refused"
