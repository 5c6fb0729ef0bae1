"""Facilities, offers and revisions as other programs see them over HTTP, on a real database."""

import asyncio
import json
from datetime import date, time

import pytest

from kernel.access import Role
from support.selling import EXAMPLE
from ticketing.facilities.actions import import_documents, import_file
from ticketing.facilities.document import FacilityDocument, FacilityDocumentWrong

EXPLAINED = {"type", "title", "status", "detail"}


async def fetch(web, address, status=200, **more):
    answer = await web.get(address, **more)
    assert answer.status_code == status, answer.text
    return answer.json()


async def test_the_list_goes_on_by_its_cursor(web):
    first = await fetch(web, "/v1/facilities?limit=10")
    second = await fetch(web, f"/v1/facilities?limit=10&cursor={first['next_cursor']}")
    codes = [each["code"] for each in first["items"] + second["items"]]
    assert len(codes) == len(set(codes)) == 14
    assert second["next_cursor"] is None
    assert first["items"][0]["illustrative"]["ja"].startswith("例示")
    assert first["items"][0]["next_open_day"] == "2026-11-23"


async def test_a_facility_says_what_the_owners_of_its_money_are_called(web):
    [museum] = [each for each in (await fetch(web, "/v1/facilities"))["items"] if each["code"] == "hpam"]
    assert museum["revenue_owners"] == [
        {
            "code": "manager-hpam",
            "name": {"ja": "県立美術館の指定管理者(例示)", "en": "Manager of the Art Museum (illustrative)"},
        }
    ]
    offers = (await fetch(web, "/v1/facilities/hpam/offers?date=2026-11-26"))["offers"]
    assert {each["revenue_owner"] for each in offers} == {"manager-hpam"}


async def test_a_cursor_that_nobody_gave_is_refused(web):
    assert (await fetch(web, "/v1/facilities?cursor=²", 400))["type"] == "/problems/malformed"


async def test_offers_say_price_places_and_what_is_illustrative(web):
    answer = await fetch(web, "/v1/facilities/hpam/offers?date=2026-11-26")
    adult = answer["offers"][0]
    assert (answer["open"], answer["opens"], adult["product"], adult["category"]) == (
        True,
        "09:00",
        "collection",
        "adult",
    )
    assert (adult["price"], adult["remaining"], adult["illustrative"]) == (510, 3000, False)
    assert adult["group_prices"] == [{"quantity_min": 20, "price": 410}]


async def test_a_slot_has_its_own_places_and_price(web):
    answer = await fetch(web, "/v1/facilities/kenminnohama/offers?date=2026-11-26")
    assert answer["offers"][0]["slots"] == [
        {"starts_at": "11:00", "remaining": 600, "price": 500},
        {"starts_at": "17:00", "remaining": 300, "price": 400},
    ]


async def test_a_closed_day_is_an_answer_with_its_reason_and_the_next_open_day(web):
    answer = await fetch(web, "/v1/facilities/hpam/offers?date=2026-11-30")
    assert (answer["open"], answer["offers"], answer["next_open_day"]) == (False, [], "2026-12-01")
    assert answer["reason"] == {"ja": "定休日", "en": "Closed on this weekday"}


@pytest.mark.parametrize(
    ("address", "status", "slug"),
    [
        ("/v1/facilities/castle", 404, "unknown-facility"),
        ("/v1/facilities/castle/offers?date=2026-11-26", 404, "unknown-facility"),
        ("/v1/facilities/hpam/offers?date=2026-11-22", 422, "past-date"),
        ("/v1/facilities/hpam/offers?date=0001-01-01", 422, "past-date"),
        ("/v1/facilities/hpam/offers?date=9999-12-31", 422, "too-far-ahead"),
        ("/v1/facilities/hpam/offers?date=tomorrow", 422, "invalid"),
        ("/v1/facilities/hpam/offers", 422, "invalid"),
        ("/v1/facilities?limit=0", 422, "invalid"),
    ],
)
async def test_what_cannot_be_answered_says_what_to_do(web, address, status, slug):
    answer = await fetch(web, address, status)
    assert answer["type"] == f"/problems/{slug}"
    assert answer.keys() >= EXPLAINED
    assert answer["detail"].endswith(".")


async def test_an_answer_that_is_known_already_is_not_sent_again(web):
    first = await web.get("/v1/facilities")
    again = await web.get("/v1/facilities", headers={"if-none-match": f'"other", {first.headers["etag"]}'})
    assert (again.status_code, again.content) == (304, b"")
    assert first.headers["cache-control"] == "public, max-age=60"


async def test_what_is_taken_is_no_longer_offered(web, shop):
    shop.query("INSERT INTO slots VALUES ('shukkeien', 'main', '2026-11-26', '00:00', 7000, 6990) RETURNING 1")
    garden = await fetch(web, "/v1/facilities/shukkeien/offers?date=2026-11-26")
    assert {offer["remaining"] for offer in garden["offers"]} == {10}
    museum = await fetch(web, "/v1/facilities/hpam/offers?date=2026-11-26")
    left = {offer["product"]: offer["remaining"] for offer in museum["offers"]}
    assert left == {"collection": 3000, "combo-shukkeien": 10}  # the combined ticket needs a place in the garden too


@pytest.fixture
def garden(documents):
    return json.loads(next(each for each in documents.facilities if each.code == "shukkeien").model_dump_json())


async def put(web, shop, document, *, role=Role.ADMIN, key="put-one-garden", status=200):
    headers = {"authorization": f"Bearer {shop.token(role)}"} | ({"idempotency-key": key} if key else {})
    answer = await web.put("/v1/facilities/shukkeien", json=document, headers=headers)
    assert answer.status_code == status, answer.text
    return answer.json()


async def test_an_admin_changes_a_facility_and_the_old_revision_stays(web, shop, garden):
    garden["products"][0]["prices"][0]["amount"] = 300
    await put(web, shop, garden)
    await put(web, shop, garden)  # the same request again
    assert shop.query("SELECT revision, revised_by FROM facility_revisions WHERE code = 'shukkeien' ORDER BY 1") == [
        (1, "test"),
        (2, "test-admin"),
    ]
    answer = await fetch(web, "/v1/facilities/shukkeien/offers?date=2026-11-26")
    assert answer["offers"][0]["price"] == 300


@pytest.mark.parametrize("role", [Role.FACILITY, Role.GATE, Role.AUDITOR])
async def test_others_may_not_change_a_facility(web, shop, garden, role):
    assert (await put(web, shop, garden, role=role, status=403))["type"] == "/problems/not-allowed"


async def test_a_change_needs_its_key(web, shop, garden):
    await put(web, shop, garden, key=None, status=400)


async def test_a_wrong_document_changes_nothing(web, shop, garden):
    garden["products"][0]["number"] = 2
    answer = await put(web, shop, garden, status=422)
    assert "products.garden.number" in answer["detail"]
    assert shop.query("SELECT count(*) FROM facility_revisions WHERE code = 'shukkeien'") == [(1,)]


async def test_a_number_once_given_is_never_given_again(shop, documents):
    garden, museum = documents.facilities[1], documents.facilities[0]
    without = garden.model_copy(update={"products": [garden.products[0].model_copy(update={"code": "new"})]})
    moved = museum.model_copy(update={"number": 2})
    for document in (without, moved):
        with pytest.raises(FacilityDocumentWrong, match="number"):
            async with shop.wiring.database.transaction("test") as tx:
                await import_documents(tx, [], [document], at=shop.clock.now(), by="test")


async def test_importing_the_same_file_again_changes_nothing(shop):
    assert await import_file(shop.wiring.database, EXAMPLE, at=shop.clock.now(), by="test") == 0


async def test_a_new_capacity_reaches_future_slots_but_never_below_what_is_taken(shop, documents):
    shop.query(
        "INSERT INTO slots VALUES ('shukkeien', 'main', '2026-11-26', '00:00', 7000, 10), "
        "('shukkeien', 'main', '2026-11-27', '00:00', 7000, 900), "
        "('shukkeien', 'main', '2026-11-22', '00:00', 7000, 5) RETURNING 1"
    )
    garden = documents.facilities[1]
    small = garden.model_copy(update={"products": [garden.products[0].model_copy(update={"capacity": 500})]})
    async with shop.wiring.database.transaction("test") as tx:
        await import_documents(tx, [], [FacilityDocument.model_validate(small)], at=shop.clock.now(), by="test")
    found = shop.query("SELECT visit_date, starts_at, capacity FROM slots ORDER BY visit_date")
    assert found == [
        (date(2026, 11, 22), time(0), 7000),
        (date(2026, 11, 26), time(0), 500),
        (date(2026, 11, 27), time(0), 900),
    ]


async def test_another_process_hears_of_a_change(shop, documents):
    books = shop.wiring.books
    await books.start()
    try:
        garden = documents.facilities[1].model_copy(update={"address": "elsewhere"})
        async with shop.wiring.database.transaction("test") as tx:
            await import_documents(tx, [], [garden], at=shop.clock.now(), by="test")
        for _ in range(100):
            if books.current.facilities["shukkeien"].address == "elsewhere":
                break
            await asyncio.sleep(0.05)
        assert books.current.facilities["shukkeien"].address == "elsewhere"
    finally:
        await books.stop()
