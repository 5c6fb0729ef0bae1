"""JSON about deposits: what came, what is suggested, and what people decide about it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from datetime import date
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from kernel import idempotency
from kernel.clock import new_id
from kernel.refusals import Forbidden, Invalid
from kernel.rows import Transaction
from kernel.telemetry import correlation_id
from reconciliation.deposits import actions, store
from reconciliation.deposits.model import Deposit, Match, Suggestion, UnknownDepositMatch
from reconciliation.payouts import store as payouts
from reconciliation.payouts.routes import PayoutOut, for_all_facilities
from reconciliation.payouts.routes import shown as shown_payout
from reconciliation.wiring import scope_of, wiring_of

router = APIRouter(tags=["matching"])

DEPOSITS = "/v1/deposits"
SUGGESTIONS = "/v1/deposit-suggestions"
MATCHES = "/v1/deposit-matches"
PAGE_SIZE_MAX = 200
IdempotencyKey = Annotated[str | None, Header(alias="Idempotency-Key")]
From = Annotated[date, Query(alias="from")]
To = Annotated[date, Query(alias="to")]
Cursor = Annotated[str | None, Query(max_length=100)]
Limit = Annotated[int, Query(ge=1, le=PAGE_SIZE_MAX)]


class DepositOut(BaseModel):
    """One booking of our bank; in is positive. `match_id`: the match that explains it; null: none."""

    id: UUID
    account: str
    booked_on: date
    amount: int
    payer: str
    summary: str
    match_id: UUID | None


class DepositsOut(BaseModel):
    """A page of bookings, by day."""

    items: list[DepositOut]
    next_cursor: str | None


class ReasonOut(BaseModel):
    """One reason for or against; `number`: yen, bank days, percent or parts, as its word says."""

    word: str
    number: int


class SuggestionOut(BaseModel):
    """What may belong together. `score`: 0 to 100; `difference`: of what came over what was due."""

    id: UUID
    score: int
    difference: int
    reasons: list[ReasonOut]
    bank_lines: list[DepositOut]
    payouts: list[PayoutOut]


class SuggestionsOut(BaseModel):
    """A page of suggestions, the likeliest first."""

    items: list[SuggestionOut]
    next_cursor: str | None


class MatchOut(BaseModel):
    """A match of deposits, and which rule or person made it."""

    id: UUID
    bank_lines: list[UUID]
    payouts: list[UUID]
    rule: str
    rule_version: int
    difference: int
    accepted_by: str
    accepted_at: AwareDatetime
    reason: str


class Reason(BaseModel):
    """Why, for whoever asks later."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(min_length=1, max_length=1000)


class ByHand(BaseModel):
    """What a person puts together, and why."""

    model_config = ConfigDict(extra="forbid")

    bank_lines: list[UUID] = Field(min_length=1, max_length=50)
    payouts: list[UUID] = Field(min_length=1, max_length=50)
    reason: str = Field(min_length=1, max_length=1000)


def _deposit(deposit: Deposit) -> DepositOut:
    return DepositOut(
        id=deposit.id,
        account=deposit.account,
        booked_on=deposit.booked_on,
        amount=deposit.amount.amount,
        payer=deposit.payer,
        summary=deposit.summary,
        match_id=deposit.match_id,
    )


def _match(match: Match) -> MatchOut:
    return MatchOut(
        id=match.id,
        bank_lines=list(match.bank_lines),
        payouts=list(match.payouts),
        rule=match.rule,
        rule_version=match.rule_version,
        difference=match.difference.amount,
        accepted_by=match.accepted_by,
        accepted_at=match.accepted_at,
        reason=match.reason,
    )


async def _suggested(tx: Transaction, found: Iterable[Suggestion]) -> list[SuggestionOut]:
    """Return suggestions with what they put together."""
    some = list(found)
    lines = await store.deposits_of(tx, {line for each in some for line in each.bank_lines})
    due = await payouts.some(tx, {payout for each in some for payout in each.payouts})
    line_of, due_of = {each.id: each for each in lines}, {each.id: each for each in due}
    return [
        SuggestionOut(
            id=each.id,
            score=each.score,
            difference=each.difference.amount,
            reasons=[ReasonOut(word=reason.word, number=reason.number) for reason in each.reasons],
            bank_lines=[_deposit(line_of[line]) for line in each.bank_lines],
            payouts=[shown_payout(due_of[payout]) for payout in each.payouts],
        )
        for each in some
    ]


@router.get(DEPOSITS)
async def get_deposits(
    request: Request, first: From, last: To, *, matched: bool | None = None, cursor: Cursor = None, limit: Limit = 50
) -> DepositsOut:
    """Return what the bank booked on days, the ends included; `matched`: only what is, or what is not."""
    wiring = for_all_facilities(request)
    try:
        day, _, line_id = (cursor or "").partition("_")
        after = (date.fromisoformat(day), UUID(line_id)) if cursor else None
    except ValueError:
        raise _strange_cursor() from None
    async with wiring.database.transaction(correlation_id.get()) as tx:
        found = await store.deposits(tx, first=first, last=last, matched=matched, after=after, limit=limit + 1)
    page = found[:limit]
    more = f"{page[-1].booked_on.isoformat()}_{page[-1].id}" if len(found) > limit else None
    return DepositsOut(items=[_deposit(each) for each in page], next_cursor=more)


@router.get(SUGGESTIONS)
async def get_suggestions(request: Request, cursor: Cursor = None, limit: Limit = 50) -> SuggestionsOut:
    """Return what may belong together, the likeliest first."""
    wiring = for_all_facilities(request)
    try:
        score, day, suggestion_id = (cursor or "__").split("_")
        after = (int(score), date.fromisoformat(day), UUID(suggestion_id)) if cursor else None
    except ValueError:
        raise _strange_cursor() from None
    async with wiring.database.transaction(correlation_id.get()) as tx:
        found = await store.suggestions(tx, after=after, limit=limit + 1)
        items = await _suggested(tx, found[:limit])
    last = found[limit - 1] if len(found) > limit else None
    more = f"{last.score}_{last.day.isoformat()}_{last.id}" if last else None
    return SuggestionsOut(items=items, next_cursor=more)


def _strange_cursor() -> Invalid:
    return Invalid(problem="The cursor is none of ours. Begin again without it")


@router.post(SUGGESTIONS + "/{suggestion_id}/accept", status_code=201)
async def accept(request: Request, suggestion_id: UUID, idempotency_key: IdempotencyKey = None) -> dict[str, Any]:
    """Accept a suggestion."""

    async def decide(tx: Transaction, by: str, at: AwareDatetime) -> BaseModel:
        return _match(await actions.accept(tx, suggestion_id, decision_id=new_id(), by=by, at=at))

    return await _once(request, idempotency_key, f"accept {suggestion_id}", decide)


@router.post(SUGGESTIONS + "/{suggestion_id}/dismiss", status_code=201)
async def dismiss(
    request: Request, suggestion_id: UUID, given: Reason, idempotency_key: IdempotencyKey = None
) -> dict[str, Any]:
    """Say that something does not belong together; it is not suggested again."""

    async def decide(tx: Transaction, by: str, at: AwareDatetime) -> BaseModel:
        found = await actions.dismiss(tx, suggestion_id, by=by, reason=given.reason, at=at)
        return Dismissed(id=found.id, dismissed_by=by, dismissed_at=at)

    return await _once(request, idempotency_key, f"dismiss {suggestion_id}\n{given.reason}", decide)


class Dismissed(BaseModel):
    """What does not belong together, and who said so."""

    id: UUID
    dismissed_by: str
    dismissed_at: AwareDatetime


@router.post(MATCHES, status_code=201)
async def match_by_hand(request: Request, given: ByHand, idempotency_key: IdempotencyKey = None) -> dict[str, Any]:
    """Match bookings with payouts, whatever the difference; the reason is kept."""

    async def decide(tx: Transaction, by: str, at: AwareDatetime) -> BaseModel:
        made = await actions.match_by_hand(
            tx,
            bank_lines=given.bank_lines,
            payouts=given.payouts,
            decision_id=new_id(),
            by=by,
            reason=given.reason,
            at=at,
        )
        return _match(made)

    return await _once(request, idempotency_key, f"match {given.model_dump_json()}", decide)


@router.get(MATCHES + "/{match_id}")
async def get_match(request: Request, match_id: UUID) -> MatchOut:
    """Return a match that stands."""
    wiring = for_all_facilities(request)
    async with wiring.database.transaction(correlation_id.get()) as tx:
        found = await store.find_match(tx, match_id)
    if found is None:
        raise UnknownDepositMatch(id=str(match_id))
    return _match(found)


@router.post(MATCHES + "/{match_id}/take-back", status_code=201)
async def take_back(
    request: Request, match_id: UUID, given: Reason, idempotency_key: IdempotencyKey = None
) -> dict[str, Any]:
    """Take a match back; no rule makes it again."""

    async def decide(tx: Transaction, by: str, at: AwareDatetime) -> BaseModel:
        return _match(await actions.take_back(tx, match_id, reversal_id=new_id(), by=by, reason=given.reason, at=at))

    return await _once(request, idempotency_key, f"take back {match_id}\n{given.reason}", decide)


async def _once(
    request: Request,
    idempotency_key: str | None,
    body: str,
    decide: Callable[[Transaction, str, AwareDatetime], Awaitable[BaseModel]],
) -> dict[str, Any]:
    """Carry out what somebody of accounting decides, once for each Idempotency-Key, and return its answer."""
    wiring = wiring_of(request)
    principal = wiring.bookkeeper(request)
    if scope_of(principal) is not None:
        raise Forbidden  # A transfer is about all facilities.
    key, scope, at = idempotency.require_key(idempotency_key), f"deposits:{principal.name}", wiring.clock.now()
    async with wiring.database.transaction(correlation_id.get()) as tx:
        kept = await idempotency.claim(tx, scope=scope, key=key, body=body.encode(), at=at)
        if kept is not None:
            return dict(kept.answer)
        answer = await decide(tx, principal.name, at)
        await idempotency.keep(tx, scope=scope, key=key, status=201, answer_json=answer.model_dump_json(), at=at)
    return answer.model_dump(mode="json")
