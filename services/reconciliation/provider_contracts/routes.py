"""JSON about contracts with providers: which there are, and a new version."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict

from kernel.refusals import Forbidden
from kernel.telemetry import correlation_id
from reconciliation.provider_contracts import changing, store
from reconciliation.provider_contracts.model import NAME, Contract, Definition, UnknownContract, by_provider
from reconciliation.wiring import scope_of, wiring_of

router = APIRouter(tags=["matching"])

PATH = "/v1/provider-contracts"


class ContractWanted(BaseModel):
    """A contract as somebody wants it. `since`: the first day of payments that it is about."""

    model_config = ConfigDict(extra="forbid")

    since: date
    definition: Definition


class ContractOut(BaseModel):
    """One version of a contract."""

    name: str
    version: int
    since: date
    definition: Definition
    made_by: str
    made_at: AwareDatetime


def _shown(made: Contract) -> ContractOut:
    return ContractOut(
        name=made.name,
        version=made.version,
        since=made.since,
        definition=made.definition,
        made_by=made.made_by,
        made_at=made.made_at,
    )


@router.get(PATH)
async def get_contracts(request: Request) -> list[ContractOut]:
    """Return, of every contract, the version that counts for payments to come."""
    wiring = wiring_of(request)
    wiring.reader(request)
    async with wiring.database.transaction(correlation_id.get()) as tx:
        found = by_provider(await store.every(tx))
    return [_shown(terms.newest) for terms in sorted(found.values(), key=lambda each: each.name)]


@router.get(PATH + "/{name}")
async def get_contract(request: Request, name: Annotated[str, Path(pattern=NAME)]) -> list[ContractOut]:
    """Return all versions of a contract, the newest first."""
    wiring = wiring_of(request)
    wiring.reader(request)
    async with wiring.database.transaction(correlation_id.get()) as tx:
        found = await store.versions(tx, name)
        if not found:
            known = sorted({each.name for each in await store.every(tx)})
            raise UnknownContract(name=name, known=", ".join(known) or "–")
    return [_shown(each) for each in found]


@router.put(PATH + "/{name}", status_code=201)
async def put_contract(
    request: Request, response: Response, name: Annotated[str, Path(pattern=NAME)], wanted: ContractWanted
) -> ContractOut:
    """Make a contract, or a new version of it; the same as before changes nothing and is answered with 200.

    What follows from it, payouts and what is missed, is made anew at once.
    """
    wiring = wiring_of(request)
    principal = wiring.bookkeeper(request)
    if scope_of(principal) is not None:
        raise Forbidden  # A contract is about all facilities.
    async with wiring.database.transaction(correlation_id.get()) as tx:
        made, remade = await changing.change(
            tx, name, since=wanted.since, definition=wanted.definition, by=principal.name, at=wiring.clock.now()
        )
    if remade is None:
        response.status_code = 200
    return _shown(made)
