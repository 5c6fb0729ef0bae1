"""Why a payment was refused, in a few words of our own that may be shown to the payer.

Each provider's codes are mapped to these in its own folder. What must not be said to the person at the till (a card
reported lost or stolen, a suspicion) is "declined" and nothing more.
"""

from __future__ import annotations

from typing import Literal, TypeGuard, get_args

Reason = Literal[
    "insufficient_funds",
    "card_expired",
    "card_details_wrong",
    "authentication_failed",
    "card_not_accepted",
    "limit_reached",
    "try_again",
    "declined",
]
REASONS: frozenset[str] = frozenset(get_args(Reason))


def _is_reason(said: str) -> TypeGuard[Reason]:
    return said in REASONS


def reason_of(said: object) -> Reason:
    """Return a reason that may be shown; anything unknown is "declined"."""
    return said if isinstance(said, str) and _is_reason(said) else "declined"
