"""People assign, comment and resolve; above an amount it takes two of them; and all of it is on record."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from kernel.access import Principal, Role

AT = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
URL = "/v1/discrepancies"


@pytest.fixture
def call(books, web):
    async def post(path, body=None, *, by="one", key="", role=Role.ACCOUNTING, facilities=("*",)):
        principal = Principal(by, role, frozenset(facilities))
        token = books.issuer.token(principal, audience="staff", at=books.clock.at, lifetime=timedelta(hours=1))
        headers = {"Authorization": f"Bearer {token}"} | ({"Idempotency-Key": key} if key else {})
        answer = await web.post(f"{URL}{path}", json=body, headers=headers)
        return answer.status_code, answer.json()

    return post


@pytest.fixture
def story(books, web):
    async def get(found):
        return (await web.get(f"{URL}/{found}", headers=books.token(Role.AUDITOR))).json()

    return get


async def raised(desk, *amounts, **given):
    await desk.items(*({"subject": f"line:{place}", "amount": each} | given for place, each in enumerate(amounts)))
    await desk.examine()
    rows = await desk.rows("SELECT id FROM discrepancies ORDER BY subject")
    return [str(row.id) for row in rows]


def slug(answer):
    return answer[0], answer[1]["type"].rsplit("/", 1)[-1]


REASON = {"reason": "The rate changed in November.", "cause": "provider"}


async def test_a_small_one_is_resolved_by_one_person_once(desk, call, story):
    [found] = await raised(desk, 50_000)
    first, again = [await call(f"/{found}/resolve", REASON, key="k-1") for _ in range(2)]
    assert first == again
    assert (first[0], first[1]["state"], first[1]["resolved_by"]) == (200, "resolved", "one")
    seen = await story(found)
    assert seen["state"] == "resolved"
    assert [(each["step"], each["by"], each["cause"]) for each in seen["steps"]] == [
        ("raised", "momiji", ""),
        ("resolved", "one", "provider"),
    ]


async def test_a_large_one_is_proposed_by_one_and_approved_by_another(desk, call, story):
    [found] = await raised(desk, -50_001)
    proposed = await call(f"/{found}/resolve", REASON, key="k-1")
    assert (proposed[0], proposed[1]["state"], proposed[1]["resolved_by"]) == (202, "proposed", None)
    assert slug(await call(f"/{found}/approve", key="k-2")) == (409, "own-proposal")
    status, done = await call(f"/{found}/approve", key="k-3", by="two")
    assert (status, done["state"], done["resolved_by"], done["approved_by"]) == (200, "resolved", "one", "two")
    assert [each["step"] for each in (await story(found))["steps"]] == ["raised", "proposed", "approved", "resolved"]
    [told] = await desk.rows("SELECT payload FROM outbox WHERE type = 'reconciliation.discrepancy.resolved.v1'")
    said = told.payload
    assert (said["reason"], said["resolved_by"], said["approved_by"]) == (REASON["reason"], "one", "two")


async def test_what_is_declined_is_open_again(desk, call, story):
    [found] = await raised(desk, 90_000)
    await call(f"/{found}/resolve", REASON, key="k-1")
    assert slug(await call(f"/{found}/decline", {"words": "No."}, key="k-2")) == (409, "own-proposal")
    status, done = await call(f"/{found}/decline", {"words": "Which rate?"}, key="k-3", by="two")
    assert (status, done["state"]) == (200, "open")
    assert (await story(found))["steps"][-1]["words"] == "Which rate?"


async def test_what_somebody_proposed_is_theirs_alone_to_change(desk, call):
    [found] = await raised(desk, 90_000)
    await call(f"/{found}/resolve", REASON, key="k-1")
    assert slug(await call(f"/{found}/resolve", REASON, key="k-2", by="two")) == (
        409,
        "discrepancy-waits-for-approval",
    )
    assert (await call(f"/{found}/resolve", REASON, key="k-3"))[1]["state"] == "proposed"


async def test_the_table_itself_refuses_one_person_for_two(desk):
    [found] = await raised(desk, 90_000)
    with pytest.raises(Exception, match="violates check constraint"):
        await desk.rows(
            "UPDATE discrepancies SET state = 'resolved', resolved_amount = 1, proposed_by = 'one', "
            "approved_by = 'one' WHERE id = :id RETURNING 1",
            id=found,
        )


async def test_assigning_and_commenting_are_on_record(desk, call, story):
    [found] = await raised(desk, 30)
    assert (await call(f"/{found}/assign", {"assignee": "two"}))[1]["assignee"] == "two"
    await call(f"/{found}/assign", {"assignee": "two"})
    assert (await call(f"/{found}/comment", {"words": "Asked the\0 provider."}, by="two"))[0] == 200
    assert [(each["step"], each["by"], each["words"]) for each in (await story(found))["steps"]][1:] == [
        ("assigned", "one", "two"),
        ("commented", "two", "Asked the provider."),
    ]


async def test_many_are_resolved_together_and_the_large_ones_wait(desk, call):
    found = await raised(desk, 30, 40, 90_000)
    body = {"ids": found, "action": "resolve", "words": "One letter explains all.", "cause": "late"}
    first, again = [await call("/bulk", body, key="b-1") for _ in range(2)]
    assert first == again == (200, {"changed": 3, "resolved": 2, "proposed": 1})


async def test_one_that_may_not_be_changed_keeps_all_from_it(desk, call, story):
    found = await raised(desk, 30, 40)
    await call(f"/{found[1]}/resolve", REASON, key="k-1")
    body = {"ids": found, "action": "resolve", "words": "Both."}
    assert slug(await call("/bulk", body, key="b-1")) == (409, "discrepancy-not-open")
    assert (await story(found[0]))["state"] == "open"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"action": "assign", "assignee": "two"}, 200),
        ({"action": "comment", "words": "Seen."}, 200),
        ({"action": "comment", "words": " "}, 422),
        ({"action": "resolve", "words": ""}, 422),
        ({"action": "shred"}, 422),
    ],
)
async def test_what_can_be_done_with_many(desk, call, body, status):
    found = await raised(desk, 30, 40)
    assert (await call("/bulk", {"ids": found} | body, key="b-1"))[0] == status


async def test_more_than_five_hundred_at_once_are_refused(desk, call):
    body = {"ids": ["00000000-0000-0000-0000-000000000001"] * 501, "action": "comment", "words": "All."}
    assert (await call("/bulk", body, key="b-1"))[0] == 422


async def test_an_unknown_one_is_said_to_be_unknown(desk, call):
    unknown = "00000000-0000-0000-0000-000000000001"
    assert slug(await call(f"/{unknown}/resolve", REASON, key="k-1")) == (404, "unknown-discrepancy")


async def test_what_is_still_arriving_is_not_resolved_yet(desk, call, books, web):
    books.clock.at = AT + timedelta(minutes=6)
    await desk.take(random.Random(1), AT, "not_sold")
    day = (await web.get("/v1/days/2026-11-24", headers=books.token(Role.ACCOUNTING))).json()
    [waiting] = day["pending"]
    assert slug(await call(f"/{waiting['id']}/resolve", REASON, key="k-1")) == (409, "discrepancy-pending")


@pytest.mark.parametrize("path", ["resolve", "approve", "decline"])
async def test_money_is_decided_with_a_key_only(desk, call, path):
    [found] = await raised(desk, 30)
    body = {"resolve": REASON, "approve": None, "decline": {"words": "No."}}[path]
    assert slug(await call(f"/{found}/{path}", body)) == (400, "idempotency-key-missing")


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.FACILITY, Role.GATE])
async def test_who_may_not_resolve(desk, call, role):
    [found] = await raised(desk, 30)
    assert (await call(f"/{found}/resolve", REASON, key="k-1", role=role))[0] == 403


async def test_staff_of_a_facility_see_and_comment_their_own_orders_only(desk, call, books, web):
    await desk.take(random.Random(1), AT, "short", place="shukkeien")
    await desk.take(random.Random(2), AT, "short", place="hpam")
    await raised(desk, 30, facility="shukkeien")
    token = books.token(Role.FACILITY, "shukkeien")
    [mine] = (await web.get(URL, headers=token)).json()["items"]
    assert (mine["kind"], mine["facility"]) == ("amounts_differ", "shukkeien")
    assert sum(each["count"] for each in (await web.get(f"{URL}/counts", headers=token)).json()) == 1
    rows = await desk.rows("SELECT id FROM discrepancies")
    for each in rows:
        known = (await web.get(f"{URL}/{each.id}", headers=token)).status_code
        written = (
            await call(f"/{each.id}/comment", {"words": "Ours."}, role=Role.FACILITY, facilities=("shukkeien",))
        )[0]
        assert known == written == (200 if str(each.id) == mine["id"] else 404)
