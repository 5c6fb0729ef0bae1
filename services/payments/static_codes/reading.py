"""Reading merchant-presented codes: `check` finds everything that is wrong, `parse` gives the code. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from kernel.money import Yen
from payments.static_codes import problems as wrong
from payments.static_codes import tlv
from payments.static_codes.fields import (
    ADDITIONAL,
    CODE,
    GUID,
    JPQR_GUID,
    JPQR_LEVELS,
    JPQR_TAG,
    LANGUAGE,
    YEN,
    is_account,
    is_template,
    problem_of,
    spec_of,
)
from payments.static_codes.merchant_code import (
    ADDITIONAL_TAGS,
    INITIATIONS,
    Account,
    AdditionalData,
    FixedFee,
    ForeignAmount,
    LocalName,
    MerchantCode,
    PercentFee,
    Rules,
    Template,
    TipAsked,
)
from payments.static_codes.problems import CodeProblem
from payments.static_codes.tlv import CHECK_HEADER, CHECK_LENGTH, Field, path, shown

CODE_MAX: Final = 512  # characters, as the standard bounds it
OPENING: Final = "000201"
WIDE_DIGITS: Final = frozenset("０１２３４５６７８９")


@dataclass(frozen=True, slots=True)
class Row:
    """One field as a person reads it: its number, its name (a msgid), its value. `depth` 1 lies within a template."""

    tag: str
    name: str
    value: str
    depth: int = 0


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check found: the text as it was taken, its fields, what is wrong, and the code if nothing is."""

    text: str
    rows: tuple[Row, ...]
    problems: tuple[CodeProblem, ...]
    code: MerchantCode | None


def check(text: str, *, rules: Rules = "emv") -> Checked:
    """Return what a text says and everything that is wrong with it. White space around it is let go: readers add it."""
    text = text.strip()
    refused = _as_a_whole(text)
    if refused is not None:
        return Checked(text[:CODE_MAX], (), (refused,), None)
    fields, problems = tlv.read(text)
    whole = not problems
    problems += _check_characters(text, fields)
    inner: dict[str, tuple[Field, ...]] = {}
    currency = next((each.value for each in fields if each.tag == "53"), YEN)
    for each in fields:
        found = problem_of(each, currency=currency)
        problems += [found] if found else []
        if is_template(each.tag) or each.tag in {"62", "64"}:
            inner[each.tag], within = _inside(each)
            problems += within
    if whole:
        problems += _missing(fields)
        problems += _fee(fields)
        problems += _jpqr(fields, inner) if rules == "jpqr" else []
    rows = tuple(_rows(fields, inner))
    return Checked(text, rows, tuple(problems), None if problems else _code(fields, inner))


def parse(text: str, *, rules: Rules = "emv") -> MerchantCode:
    """Return what a code says. Raises CodeProblem: the first thing that is wrong with it."""
    checked = check(text, rules=rules)
    if checked.code is None:
        raise checked.problems[0]
    return checked.code


def _as_a_whole(text: str) -> CodeProblem | None:
    if not text:
        return wrong.NothingToRead()
    if len(text) > CODE_MAX:
        return wrong.CodeTooLong(count=len(text), most=CODE_MAX)
    if text[0] in WIDE_DIGITS:
        return wrong.WideCharacters()
    if not text.startswith(OPENING):
        return wrong.NotAPaymentCode()
    return None


def _check_characters(text: str, fields: tuple[Field, ...]) -> list[CodeProblem]:
    """Return what is wrong with the end of a code."""
    covered, found = text[:-CHECK_LENGTH], text[-CHECK_LENGTH:]
    if not covered.endswith(CHECK_HEADER) or any(each.tag == "63" for each in fields[:-1]):
        return [wrong.ChecksumMissing()]
    expected = tlv.check_characters(covered)
    if found != expected:
        position = len(covered) + 1
        return [wrong.ChecksumWrong(position=position, found=shown(found), expected=expected)]
    return []


def _inside(field: Field) -> tuple[tuple[Field, ...], list[CodeProblem]]:
    """Return the fields within a template and what is wrong with them."""
    fields, problems = tlv.read(field.value, position=field.inside, within=field.tag)
    problems += [found for each in fields if (found := problem_of(each, field.tag)) is not None]
    if problems:
        return fields, problems
    needed = {"00": GUID} if is_template(field.tag) else {"62": ADDITIONAL, "64": LANGUAGE}[field.tag]
    there = {each.tag for each in fields}
    for tag, spec in needed.items():
        if spec.needed and tag not in there:
            problems.append(wrong.FieldMissing(tag=path(field.tag, tag), name=spec.name))
    return fields, problems


def _missing(fields: tuple[Field, ...]) -> Iterator[CodeProblem]:
    there = {each.tag for each in fields}
    if not any(is_account(tag) for tag in there):
        yield wrong.FieldMissing(tag="02 - 51", name=spec_of("02").name)
    for tag, spec in CODE.items():
        if spec.needed and tag not in there and tag != "63":  # its absence was told as that of the check characters
            yield wrong.FieldMissing(tag=tag, name=spec.name)


def _fee(fields: tuple[Field, ...]) -> Iterator[CodeProblem]:
    """A fixed fee is there where it is announced, and nowhere else; so is one in percent."""
    by_tag = {each.tag: each for each in fields}
    announced = by_tag["55"].value if "55" in by_tag else ""
    for tag, value in (("56", "02"), ("57", "03")):
        if announced == value and tag not in by_tag:
            yield wrong.FieldMissing(tag=tag, name=spec_of(tag).name)
        if announced != value and tag in by_tag:
            yield wrong.FieldNotAllowed(tag=tag, name=spec_of(tag).name, position=by_tag[tag].position)


def _jpqr(fields: tuple[Field, ...], inner: Mapping[str, tuple[Field, ...]]) -> Iterator[CodeProblem]:
    """What JPQR asks for besides: its own template, yen, Japan, a postal code, a Japanese name without a town."""
    by_tag = {each.tag: each for each in fields}
    levels = {each.tag: each for each in inner.get(JPQR_TAG, ())}
    if "00" not in levels or levels["00"].value != JPQR_GUID:
        yield wrong.JpqrMissing()
    else:
        yield from _levels(levels, by_tag[JPQR_TAG])
    for tag, value in (("53", YEN), ("58", "JP")):
        if tag in by_tag and by_tag[tag].value != value:
            yield _one_of(by_tag[tag], value)
    yield from (wrong.FieldMissing(tag=tag, name=spec_of(tag).name) for tag in ("61", "64") if tag not in by_tag)
    for each in inner.get("64", ()):
        if each.tag == "00" and each.value != "JA":
            yield _one_of(each, "JA", "64")
        if each.tag == "02":
            yield wrong.FieldNotAllowed(tag="64-02", name=spec_of("02", "64").name, position=each.position)


def _levels(levels: Mapping[str, Field], template: Field) -> Iterator[CodeProblem]:
    for name, spec in JPQR_LEVELS.items():
        found = levels.get(name[-2:])
        value = found.value if found else ""
        if len(value) != spec.most or not (value.isascii() and value.isalnum()):
            position = (found or template).position
            yield wrong.JpqrLevelWrong(tag=name, name=spec.name, position=position, most=spec.most, found=shown(value))
    for tag, field in levels.items():
        if tag != "00" and path(JPQR_TAG, tag) not in JPQR_LEVELS:
            name = spec_of(tag, JPQR_TAG).name
            yield wrong.FieldNotAllowed(tag=path(JPQR_TAG, tag), name=name, position=field.position)


def _one_of(field: Field, choice: str, within: str = "") -> CodeProblem:
    return wrong.OneOfExpected(
        tag=path(within, field.tag),
        name=spec_of(field.tag, within).name,
        position=field.position,
        choices=choice,
        found=shown(field.value),
    )


def _rows(fields: tuple[Field, ...], inner: Mapping[str, tuple[Field, ...]]) -> Iterator[Row]:
    for each in fields:
        yield Row(each.tag, spec_of(each.tag).name, "" if inner.get(each.tag) else each.value)
        for one in inner.get(each.tag, ()):
            yield Row(path(each.tag, one.tag), spec_of(one.tag, each.tag).name, one.value, depth=1)


def _amount(value: str, currency: str) -> Yen | ForeignAmount:
    return Yen(int(value)) if currency == YEN else ForeignAmount(value)


def _template(tag: str, fields: tuple[Field, ...]) -> Template:
    guid = next(each.value for each in fields if each.tag == "00")
    return Template(tag, guid, tuple(each for each in fields if each.tag != "00"))


def _code(fields: tuple[Field, ...], inner: Mapping[str, tuple[Field, ...]]) -> MerchantCode:
    """Return the code that fields without a fault say."""
    said = {each.tag: each.value for each in fields}
    currency = said["53"]
    fee: TipAsked | FixedFee | PercentFee | None = None
    if said.get("55") == "01":
        fee = TipAsked()
    elif said.get("55") == "02":
        fee = FixedFee(_amount(said["56"], currency))
    elif said.get("55") == "03":
        fee = PercentFee(said["57"])
    return MerchantCode(
        accounts=tuple(
            _template(each.tag, inner[each.tag]) if is_template(each.tag) else Account(each.tag, each.value)
            for each in fields
            if is_account(each.tag)
        ),
        category=said["52"],
        currency=currency,
        country=said["58"],
        name=said["59"],
        city=said["60"],
        initiation=INITIATIONS.get(said.get("01", "")),
        amount=_amount(said["54"], currency) if "54" in said else None,
        fee=fee,
        postal_code=said.get("61"),
        additional=_additional(inner["62"]) if "62" in inner else None,
        local_name=_local_name(inner["64"]) if "64" in inner else None,
        further=tuple(each for each in fields if "65" <= each.tag <= "79"),
        unreserved=tuple(_template(each.tag, inner[each.tag]) for each in fields if each.tag >= "80"),
    )


def _additional(fields: tuple[Field, ...]) -> AdditionalData:
    said = {each.tag: each.value for each in fields}
    known = {name: said.get(tag) for name, tag in ADDITIONAL_TAGS.items()}
    return AdditionalData(**known, further=tuple(each for each in fields if each.tag not in ADDITIONAL))


def _local_name(fields: tuple[Field, ...]) -> LocalName:
    said = {each.tag: each.value for each in fields}
    further = tuple(each for each in fields if each.tag not in LANGUAGE)
    return LocalName(said["00"], said["01"], said.get("02"), further)
