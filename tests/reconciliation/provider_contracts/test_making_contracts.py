"""Accounting writes down what is agreed with a provider; a change is a new version, and what follows is made anew."""

import psycopg
import pytest

from kernel.access import Role

AGENCY = {
    "title": "Agency",
    "provider": "agency",
    "methods": ["agency_pay"],
    "pays": {"by": "periods", "closings": [{"day": 31, "months_later": 1, "pays_on": 31}]},
}


@pytest.fixture
def put(books, web):
    async def make(name="agency", role=Role.ACCOUNTING, scope=("*",), since="2026-04-01", **changed):
        wanted = {"since": since, "definition": AGENCY | changed}
        return await web.put(f"/v1/provider-contracts/{name}", json=wanted, headers=books.token(role, *scope))

    return make


@pytest.fixture
def get(books, web):
    async def read(name="", role=Role.AUDITOR):
        return await web.get(f"/v1/provider-contracts{name and '/' + name}", headers=books.token(role))

    return read


async def test_a_fresh_installation_has_examples_that_say_what_is_made_up(get):
    found = (await get()).json()
    assert [each["name"] for each in found] == ["komoju", "paypay", "stripe"]
    assert all(each["definition"]["illustrative"] for each in found)


async def test_a_change_is_a_new_version_and_the_same_again_changes_nothing(put, get):
    first, same, newer = await put(), await put(), await put(days_late=5, since="2026-10-01")
    assert [each.status_code for each in (first, same, newer)] == [201, 200, 201]
    assert [each.json()["version"] for each in (first, same, newer)] == [1, 1, 2]
    history = (await get("agency")).json()
    assert [(each["version"], each["since"]) for each in history] == [(2, "2026-10-01"), (1, "2026-04-01")]
    assert history[0]["made_by"] == "test-accounting"


@pytest.mark.parametrize(
    ("wanted", "problem"),
    [
        ({"provider": "stripe"}, "contract-provider-taken"),
        ({"methods": ["agency_pay", "paypay"]}, "contract-payments-taken"),
        ({"name": "komoju"}, "contract-provider-fixed"),
    ],
)
async def test_a_line_and_a_payment_belong_to_one_contract(put, wanted, problem):
    answer = await put(**wanted)
    assert (answer.status_code, answer.json()["type"]) == (409, f"/problems/{problem}")


async def test_two_contracts_may_carry_a_method_for_different_facilities(put):
    answers = [
        await put(name, provider=name, methods=["ferry"], facilities=[facility])
        for name, facility in (("north", "hpam"), ("south", "shukkeien"), ("east", "hpam"))
    ]
    assert [each.status_code for each in answers] == [201, 201, 409]


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.FACILITY])
async def test_only_accounting_makes_contracts(put, role):
    assert (await put(role=role)).status_code == 403


async def test_accounting_of_one_facility_makes_none(put):
    assert (await put(scope=("hpam",))).status_code == 403


async def test_what_cannot_be_is_refused_with_the_place(put):
    answer = await put(transfer_fees=[{"below": 5, "fee": 1}])
    assert (answer.status_code, "transfer fees are written by rising" in answer.text) == (422, True)


async def test_what_is_not_there_is_said_with_what_is(get):
    answer = await get("nothing")
    assert (answer.status_code, "komoju, paypay, stripe" in answer.json()["detail"]) == (404, True)


@pytest.mark.parametrize("statement", ["DELETE FROM provider_contracts", "UPDATE provider_contracts SET version = 9"])
async def test_the_database_itself_keeps_versions(books, statement):
    address = books.wiring.database.url.replace("+psycopg", "", 1)
    with psycopg.connect(address) as connection, pytest.raises(psycopg.errors.DatabaseError):
        connection.execute(statement)
