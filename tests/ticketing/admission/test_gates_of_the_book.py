"""The gate's words come from the facility book, and an unknown code stays readable."""

from importlib.resources import files

import pytest

from kernel.access import Principal, Role
from ticketing.admission.desk import Gates
from ticketing.admission.gates import BookGates
from ticketing.admission.model import Gate
from ticketing.facilities.actions import FacilityBook
from ticketing.facilities.document import read_book

GARDENER = Principal("gardener", Role.GATE, frozenset({"shukkeien"}))
EVERYWHERE = Principal("admin", Role.ADMIN, frozenset({"*"}))


@pytest.fixture(scope="module")
def gates() -> Gates:
    documents = read_book(files("ticketing.facilities") / "data" / "hiroshima.json").facilities
    book = FacilityBook({each.code: each.read() for each in documents}, {})
    return BookGates(lambda: book)


def test_every_facility_has_its_first_gate(gates):
    codes = {each.facility for each in gates.gates_of(EVERYWHERE)}
    assert len(codes) == 14
    assert all(gates.gate(f"{code}-1") == Gate(f"{code}-1", code) for code in codes)


def test_staff_see_the_gates_of_their_own_facilities_only(gates):
    assert {each.facility for each in gates.gates_of(GARDENER)} == {"shukkeien"}


def test_names_are_in_both_languages(gates):
    assert gates.gate_name("shukkeien-1", "ja") == "縮景園 正門"
    assert gates.gate_name("shukkeien-1", "en").endswith("Main gate")
    number = gates.facility_number("shukkeien")
    assert number > 0


def test_what_the_book_does_not_know_is_said_by_its_code(gates):
    assert gates.gate("castle-1") is None
    assert gates.category_name("castle", "knight", "ja") == "knight"
    assert gates.product_name("shukkeien", "moat", "en") == "moat"
