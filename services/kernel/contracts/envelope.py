"""What every event has in common: CloudEvents 1.0 in binary mode around one frozen fact."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, ClassVar
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, PlainSerializer
from pydantic import WithJsonSchema as JsonSchema

from kernel.money import Yen


def _to_yen(given: object) -> Yen:
    if isinstance(given, Yen):
        return given
    if type(given) is not int:
        raise ValueError("An amount is a whole number of yen, such as 510.")
    return Yen(given)


YenField = Annotated[
    Yen,
    BeforeValidator(_to_yen),
    PlainSerializer(lambda yen: yen.amount, return_type=int),
    JsonSchema({"type": "integer", "title": "yen"}),
]
Moment = AwareDatetime


class Fact(BaseModel):
    """The data of one event type. A subclass names its wire type and its aggregate.

    A published field is never removed, renamed or given another meaning: that is a new version.
    Unknown fields are ignored, so that an old consumer reads a newer producer.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", arbitrary_types_allowed=True)

    TYPE: ClassVar[str] = ""
    AGGREGATE: ClassVar[str] = ""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Enter the fact into the registry of wire types."""
        super().__init_subclass__(**kwargs)
        if cls.TYPE:
            if cls.TYPE in registry:
                raise TypeError(f"Two facts claim the type {cls.TYPE}; a new meaning needs a new version.")
            registry[cls.TYPE] = cls


registry: dict[str, type[Fact]] = {}


class UnknownEventError(ValueError):
    """The event's type or version is not in the registry: keep it, and tell a person."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """One event as it travels. `subject` is the aggregate's id and the partition key.

    `aggregate_version` counts the events of one aggregate from 1; `correlation_id` is one for
    everything that a visitor's request set in motion.
    """

    id: UUID
    type: str
    source: str
    subject: str
    aggregate_version: int
    time: datetime
    correlation_id: str
    fact: Fact

    def headers(self) -> dict[str, str]:
        """Return the event's headers as they travel."""
        return cloud_event_headers(
            id=self.id,
            type=self.type,
            source=self.source,
            subject=self.subject,
            aggregate_version=self.aggregate_version,
            time=self.time,
            correlation_id=self.correlation_id,
        )


def cloud_event_headers(
    *,
    id: UUID,  # noqa: A002 - CloudEvents' own word
    type: str,  # noqa: A002 - CloudEvents' own word
    source: str,
    subject: str,
    aggregate_version: int,
    time: datetime,
    correlation_id: str,
) -> dict[str, str]:
    """Return the CloudEvents 1.0 headers (Kafka protocol binding, binary content mode)."""
    return {
        "ce_specversion": "1.0",
        "ce_id": str(id),
        "ce_type": type,
        "ce_source": source,
        "ce_subject": subject,
        "ce_time": time.isoformat(),
        "ce_aggregateversion": str(aggregate_version),
        "ce_correlationid": correlation_id,
        "content-type": "application/json",
    }


def open_envelope(headers: Mapping[str, str], body: bytes) -> Envelope:
    """Read an event off the wire.

    Raises UnknownEventError for a type or version not in the registry, ValueError (pydantic's
    ValidationError included) for anything that is not a well-formed event.
    """
    try:
        wire_type = headers["ce_type"]
        fact_class = registry.get(wire_type)
        if fact_class is None:
            raise UnknownEventError(f"Event type {wire_type} is unknown here; update this consumer.")
        time = datetime.fromisoformat(headers["ce_time"])
        if time.tzinfo is None:
            raise ValueError("The event's time lacks its offset from UTC.")
        return Envelope(
            id=UUID(headers["ce_id"]),
            type=wire_type,
            source=headers["ce_source"],
            subject=headers["ce_subject"],
            aggregate_version=int(headers["ce_aggregateversion"]),
            time=time,
            correlation_id=headers["ce_correlationid"],
            fact=fact_class.model_validate_json(body),
        )
    except KeyError as missing:
        raise ValueError(f"The event lacks the header {missing}.") from missing


def schema_of(fact: type[Fact]) -> str:
    """Return the fact's JSON Schema as the committed snapshot holds it."""
    return json.dumps(fact.model_json_schema(), indent=1, ensure_ascii=False, sort_keys=True) + "\n"
