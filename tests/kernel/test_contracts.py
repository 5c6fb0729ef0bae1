"""Wire contracts only grow: each event's schema equals its committed snapshot, or the build says so."""

import json
from datetime import UTC, date, datetime
from pathlib import Path
from uuid import UUID

import pytest

from kernel.clock import new_id
from kernel.contracts import Envelope, registry, ticketing
from kernel.contracts.envelope import UnknownEventError, open_envelope, schema_of
from kernel.money import Yen

SNAPSHOTS = Path(__file__).parents[2] / "docs" / "contracts"
NOW = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)


@pytest.mark.parametrize("wire_type", sorted(registry))
def test_an_event_is_as_its_snapshot_says(wire_type):
    snapshot = SNAPSHOTS / f"{wire_type}.json"
    assert snapshot.exists(), (
        f"Commit the snapshot: .venv/bin/python -m kernel.contracts > see docs/contracts ({wire_type})"
    )
    assert schema_of(registry[wire_type]) == snapshot.read_text(encoding="utf-8"), (
        "The wire contract changed. A new optional field: write the snapshot again "
        "(.venv/bin/python -m kernel.contracts). Anything else is a new version."
    )


def test_no_snapshot_is_without_its_event():
    assert {file.stem for file in SNAPSHOTS.glob("*.json")} == set(registry)


@pytest.mark.parametrize("wire_type", sorted(registry))
def test_names_follow_the_rule(wire_type):
    service, noun, verb, version = wire_type.split(".")
    assert service in {"ticketing", "payments", "reconciliation"}
    assert noun.isidentifier()
    assert verb.isidentifier()
    assert version.startswith("v")


def an_event():
    fact = ticketing.TicketIssued(
        ticket_id=UUID(int=1),
        order_id=UUID(int=2),
        facility="hpam",
        product="collection",
        category="adult",
        visit_date=date(2026, 11, 23),
        price=Yen(510),
        issued_at=NOW,
    )
    return Envelope(new_id(), fact.TYPE, "momiji/ticketing", str(fact.ticket_id), 1, NOW, "corr-0001", fact)


def test_an_event_survives_the_wire():
    event = an_event()
    assert open_envelope(event.headers(), event.fact.model_dump_json().encode()) == event


def test_an_unknown_version_is_said_to_be_unknown():
    event = an_event()
    headers = event.headers() | {"ce_type": "ticketing.ticket.issued.v9"}
    with pytest.raises(UnknownEventError, match="update this consumer"):
        open_envelope(headers, b"{}")


def test_an_old_consumer_reads_a_newer_event():
    event = an_event()
    body = json.loads(event.fact.model_dump_json()) | {"a_field_of_tomorrow": 1}
    assert open_envelope(event.headers(), json.dumps(body).encode()) == event


@pytest.mark.parametrize("amount", [510.0, "510", True, None])
def test_an_amount_on_the_wire_is_a_whole_number(amount):
    event = an_event()
    body = json.loads(event.fact.model_dump_json()) | {"price": amount}
    with pytest.raises(ValueError, match="price"):
        open_envelope(event.headers(), json.dumps(body).encode())


def test_a_missing_header_is_named():
    headers = an_event().headers()
    del headers["ce_subject"]
    with pytest.raises(ValueError, match="ce_subject"):
        open_envelope(headers, b"{}")
