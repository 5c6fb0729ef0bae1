"""The codes that lie on counters, as their issuer gave them, and what a scanned code is to them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

from kernel.refusals import Conflict, Invalid, NotFound
from payments.static_codes.merchant_code import JpqrNumber, MerchantCode
from payments.static_codes.reading import Checked, check

NAME_MAX: Final = 60
NOBODY: Final = "0" * 13  # level 1 of the codes that are made for practice

Verdict = Literal["right", "another_counter", "another_facility", "retired", "changed", "stranger", "faulty"]


@dataclass(frozen=True, slots=True)
class StaticCode:
    """A code that lies on a counter. `text` is exactly what its issuer gave; `number` is JPQR's, in words."""

    id: UUID
    facility: str
    counter: str
    name_ja: str
    name_en: str
    text: str
    number: str
    registered_at: datetime
    registered_by: str
    checked_at: datetime | None = None
    checked_by: str | None = None
    retired_at: datetime | None = None
    retired_by: str | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """A field in which a scanned code is not what was expected; an empty side: it is not there. `name` is a msgid."""

    tag: str
    name: str
    expected: str
    found: str


@dataclass(frozen=True, slots=True)
class Judged:
    """What a scanned code is. `known`: the code of ours that it is, or that it stands for."""

    verdict: Verdict
    known: StaticCode | None
    differences: tuple[Difference, ...]


class UnknownStaticCode(NotFound):
    """There is no such code, or it is another facility's."""

    slug = "unknown-static-code"
    advice = "There is no such counter code among those of your facilities. Look at the list of them."


class StaticCodeKnown(Conflict):
    """The very same code is registered."""

    slug = "static-code-known"
    advice = "This code is registered already, for {counter}. Print that sheet again, or retire that code first."


class StaticCodeRetired(Conflict):
    """The code is not used any more."""

    slug = "static-code-retired"
    advice = "This code was retired. It is not printed any more; register the one that replaces it."


class ForOnePayment(Invalid):
    """The code is made for a single payment."""

    slug = "static-code-for-one-payment"
    advice = "This code is made for one payment (field 01 is 12). Ask its issuer for the counter's code, with 11."


class SampleCode(Invalid):
    """A code made for practice would lie on a counter."""

    slug = "static-code-sample"
    advice = "This code was made for practice: nobody would get the money. Use the code that the association issued."


def require_for_counter(code: MerchantCode, *, production: bool) -> JpqrNumber:
    """Return the number of a code that may lie on a counter. Raises ForOnePayment or SampleCode."""
    number = code.jpqr
    assert number is not None  # noqa: S101 - it was read by JPQR's rules
    if code.initiation == "dynamic":
        raise ForOnePayment
    if production and number.level_1 == NOBODY:
        raise SampleCode
    return number


def judge(
    checked: Checked, *, expected: StaticCode | None, known: Sequence[StaticCode], theirs: Callable[[str], bool]
) -> Judged:
    """Tell what a scanned code is.

    `expected`: the counter that it was scanned at, if one was named; `known`: the codes of ours with the same text or
    the same number; `theirs`: whether a facility is the reader's, who is told no other's counter.
    """
    same = [each for each in known if each.text == checked.text]
    in_use = [each for each in same if each.retired_at is None]
    apart = () if expected is None else differences(expected.text, checked)
    if checked.code is None:
        return Judged("faulty", None, apart)
    if expected is not None and expected in in_use:
        return Judged("right", expected, ())
    if in_use:
        (found, *_) = in_use
        if not theirs(found.facility):
            return Judged("another_facility", None, apart)
        return Judged("another_counter" if expected else "right", found, apart)
    namesakes = [each for each in known if each.retired_at is None and theirs(each.facility)]
    if same or not namesakes:
        old = next((each for each in same if theirs(each.facility)), None)
        return Judged("retired" if same else "stranger", old, apart)
    (nearest, *_) = [each for each in namesakes if expected and each.id == expected.id] or namesakes
    return Judged("changed", nearest, differences(nearest.text, checked))


def differences(expected: str, found: Checked) -> tuple[Difference, ...]:
    """Return the fields in which a scanned code is not the expected one, in the order of their numbers."""
    wanted = {row.tag: row for row in check(expected, rules="jpqr").rows}
    there = {row.tag: row for row in found.rows}
    said = []
    for tag in sorted(wanted.keys() | there.keys()):
        left, right = wanted.get(tag), there.get(tag)
        one = left or right
        assert one is not None  # noqa: S101 - the tag is of one of them
        before, now = left.value if left else "", right.value if right else ""
        if before != now:
            said.append(Difference(tag, one.name, before, now))
    return tuple(said)


def retire(code: StaticCode, *, actor: str, at: datetime) -> StaticCode:
    """Return a code that is not used any more. Raises StaticCodeRetired."""
    if code.retired_at is not None:
        raise StaticCodeRetired
    return replace(code, retired_at=at, retired_by=actor)
