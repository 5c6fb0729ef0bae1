"""Refusals: errors that are expected, each of which says what to do.

    Refusal
    ├── Malformed        400  the request cannot be read
    ├── Unauthenticated  401  nobody is signed in
    ├── Forbidden        403  somebody is, and may not
    ├── NotFound         404
    ├── Conflict         409  true a moment ago, or in flight
    ├── Gone             410
    ├── TooLarge         413
    ├── Invalid          422  readable, but not acceptable
    ├── TooMany          429
    └── Unavailable      503  try again later; nothing was lost

A slice declares its own under one of these, with a slug and an advice. The advice is a gettext
message with {named} fields, so that a page can say it in the visitor's language.
"""

from __future__ import annotations

from typing import ClassVar


class Words(str):
    """A field that is a message itself: pages say it in their reader's language too."""

    __slots__ = ()


class Refusal(Exception):  # noqa: N818 - a refusal is an answer, not an error
    """An expected error. Fields fill the placeholders of the advice."""

    slug: ClassVar[str] = "refused"
    advice: ClassVar[str] = "This cannot be done. Ask the facility's staff."

    def __init__(self, **fields: str | int) -> None:
        self.fields = fields
        super().__init__(self.detail)

    @property
    def detail(self) -> str:
        """The advice in English with its fields filled in."""
        return self.advice.format(**self.fields)


class Malformed(Refusal):
    """The request cannot be read."""

    slug = "malformed"
    advice = "The request cannot be read: {problem}. Correct it and send it again."


class Unauthenticated(Refusal):
    """Nobody is signed in, or the sign-in has ended."""

    slug = "sign-in-needed"
    advice = "Sign in first, or send a valid token as 'Authorization: Bearer …'."


class Forbidden(Refusal):
    """Somebody is signed in and may not do this."""

    slug = "not-allowed"
    advice = "Your role or facility does not allow this. Ask a supervisor."


class NotFound(Refusal):
    """There is no such thing, or it is not yours to see."""

    slug = "not-found"
    advice = "There is no {what} {id}. Check the address or the number."


class Conflict(Refusal):
    """The state does not allow it now."""

    slug = "conflict"
    advice = "Somebody else changed this at the same moment. Reload and try again."


class Gone(Refusal):
    """It was there once and is over."""

    slug = "gone"
    advice = "This has ended. Start again."


class TooLarge(Refusal):
    """The body or the file is too large."""

    slug = "too-large"
    advice = "The body is larger than {bytes_max} bytes. Send less."


class Invalid(Refusal):
    """The request is readable, but not acceptable."""

    slug = "invalid"
    advice = "{problem}"


class TooMany(Refusal):
    """Too many requests in a short time."""

    slug = "too-many-requests"
    advice = "Too many requests. Wait {seconds} seconds and try again."


class Unavailable(Refusal):
    """Something that we depend on does not answer; nothing was lost."""

    slug = "unavailable"
    advice = "This does not work right now. Nothing was lost; try again in a minute."
