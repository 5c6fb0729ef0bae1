"""JSON about column mappings: which there are, and a new version."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from kernel.refusals import Forbidden
from kernel.telemetry import correlation_id
from reconciliation.mappings import actions, store
from reconciliation.mappings.model import NAME, Definition, Mapping, UnknownMapping
from reconciliation.wiring import scope_of, wiring_of

router = APIRouter(tags=["statements"])

PATH = "/v1/column-mappings"


class MappingWanted(BaseModel):
    """A mapping as somebody wants it."""

    model_config = ConfigDict(extra="forbid")

    title: str = Field(min_length=1, max_length=100)
    definition: Definition


class MappingOut(BaseModel):
    """One version of a mapping."""

    name: str
    version: int
    title: str
    definition: Definition
    made_by: str
    made_at: AwareDatetime


def _shown(made: Mapping) -> MappingOut:
    return MappingOut(
        name=made.name,
        version=made.version,
        title=made.title,
        definition=made.definition,
        made_by=made.made_by,
        made_at=made.made_at,
    )


@router.get(PATH)
async def get_mappings(request: Request) -> list[MappingOut]:
    """Return the newest version of every mapping."""
    wiring = wiring_of(request)
    wiring.reader(request)
    async with wiring.database.transaction(correlation_id.get()) as tx:
        return [_shown(each) for each in await store.newest(tx)]


@router.get(PATH + "/{name}")
async def get_mapping(request: Request, name: Annotated[str, Path(pattern=NAME)]) -> list[MappingOut]:
    """Return all versions of a mapping, the newest first."""
    wiring = wiring_of(request)
    wiring.reader(request)
    async with wiring.database.transaction(correlation_id.get()) as tx:
        found = await store.versions(tx, name)
        if not found:
            raise UnknownMapping(name=name, known=", ".join(each.name for each in await store.newest(tx)) or "–")
    return [_shown(each) for each in found]


@router.put(PATH + "/{name}", status_code=201)
async def put_mapping(
    request: Request, response: Response, name: Annotated[str, Path(pattern=NAME)], wanted: MappingWanted
) -> MappingOut:
    """Make a mapping, or a new version of it; the same as before changes nothing and is answered with 200."""
    wiring = wiring_of(request)
    principal = wiring.bookkeeper(request)
    if scope_of(principal) is not None:
        raise Forbidden
    async with wiring.database.transaction(correlation_id.get()) as tx:
        made, new = await actions.define(
            tx, name, wanted.title, wanted.definition, by=principal.name, at=wiring.clock.now()
        )
    if not new:
        response.status_code = 200
    return _shown(made)
