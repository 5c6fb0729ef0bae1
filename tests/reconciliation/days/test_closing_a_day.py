"""A day closes only when everything is explained; what is explained stays so only for its amount."""

import random
from datetime import UTC, datetime

import pytest

from kernel.access import Role
from support.ledger_data import order_story

AT = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
DAY = "/v1/days/2026-11-24"


async def close(web, headers, key="k-1", day=DAY):
    return await web.post(f"{day}/close", headers=headers | {"Idempotency-Key": key})


async def test_a_day_that_agrees_closes_once_and_tells_the_others(books, web):
    await books.take(order_story(random.Random(1), AT, end="admitted").events)
    token = books.token(Role.ACCOUNTING)
    first, again, other = [await close(web, token, key) for key in ("k-1", "k-1", "k-2")]
    assert first.status_code == again.status_code == 200
    assert first.json() == again.json()
    assert (other.status_code, other.json()["type"].rsplit("/", 1)[-1]) == (409, "day-closed-already")
    async with books.wiring.database.transaction("test") as tx:
        told = (await tx.execute("SELECT type, payload->>'sold' AS sold FROM outbox")).all()
    assert [(row.type, int(row.sold)) for row in told] == [("reconciliation.day.closed.v1", first.json()["sold"])]


async def test_a_day_with_a_disagreement_closes_after_somebody_explains_it(books, web):
    await books.take(order_story(random.Random(1), AT, end="short").events)
    token = books.token(Role.ACCOUNTING)
    refused = await close(web, token)
    assert refused.status_code == 409
    assert "1 thing" in refused.json()["detail"]
    [found] = (await web.get("/v1/discrepancies", headers=token)).json()["items"]
    settled = await web.post(
        f"/v1/discrepancies/{found['id']}/resolve",
        json={"reason": "The coupon was the facility's own."},
        headers=token | {"Idempotency-Key": "r-1"},
    )
    assert settled.status_code == 200, settled.text
    assert (await web.get("/v1/discrepancies", headers=token)).json()["items"] == []
    assert (await close(web, token, "k-2")).status_code == 200


async def test_what_changes_after_closing_shows_on_the_day(books, web):
    await books.take(order_story(random.Random(1), AT, end="admitted").events)
    token = books.token(Role.ACCOUNTING)
    await close(web, token)
    await books.take(order_story(random.Random(2), AT, end="admitted").events)
    seen = (await web.get(DAY, headers=token)).json()
    assert [each["kind"] for each in seen["disagreements"]] == ["changed_after_closing"]


async def test_a_day_that_still_runs_does_not_close(books, web):
    refused = await close(web, books.token(Role.ACCOUNTING), day="/v1/days/2026-11-25")
    assert refused.json()["type"].rsplit("/", 1)[-1] == "day-not-over"


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.FACILITY, Role.GATE])
async def test_who_may_not_close(books, web, role):
    assert (await close(web, books.token(role))).status_code == 403


async def test_a_closing_without_a_key_is_refused(books, web):
    assert (await web.post(f"{DAY}/close", headers=books.token(Role.ACCOUNTING))).status_code == 400
