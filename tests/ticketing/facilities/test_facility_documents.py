"""The example data says what the facts say, and a wrong document is refused with the place and the remedy."""

import copy
import json
from datetime import date, timedelta

import pytest

from ticketing.facilities.document import (
    FacilityDocument,
    FacilityDocumentWrong,
    check_together,
    read_book,
    read_facility,
    same_document,
)
from ticketing.facilities.model import Visit, offers

TODAY = date(2026, 11, 23)
CODES = [
    *("hpam", "shukkeien", "rekihaku", "raisanyo", "rekimin", "greenarena", "bingo", "miyoshi"),
    *("chuo", "mominoki", "kenminnomori", "kenminnohama", "sera", "bunka"),
]


def test_the_fourteen_facilities_are_there_in_order(facilities):
    assert list(facilities) == CODES
    assert [each.number for each in facilities.values()] == list(range(1, 15))


@pytest.mark.parametrize(
    ("facility", "product", "category", "party", "yen"),
    [
        ("hpam", "collection", "adult", 1, 510),
        ("hpam", "collection", "adult", 20, 410),
        ("hpam", "collection", "university", 20, 250),
        ("hpam", "collection", "high_and_below", 1, 0),
        ("hpam", "combo-shukkeien", "adult", 1, 610),
        ("hpam", "combo-shukkeien", "university", 1, 350),
        ("shukkeien", "garden", "adult", 19, 260),
        ("shukkeien", "garden", "adult", 20, 200),
        ("shukkeien", "garden", "univ_hs", 1, 150),
        ("shukkeien", "garden", "child", 20, 80),
        ("rekihaku", "permanent", "adult", 1, 290),
        ("rekihaku", "permanent", "university", 20, 160),
        ("raisanyo", "permanent", "adult", 20, 160),
        ("raisanyo", "planned", "adult", 1, 300),
        ("rekimin", "permanent", "university", 1, 150),
        ("greenarena", "pool", "adult", 1, 490),
        ("chuo", "sankeien", "child", 1, 130),
        ("mominoki", "day-use", "visitor", 1, 330),
        ("mominoki", "auto-site-power", "visitor", 1, 5700),
        ("sera", "entry", "visitor", 1, 0),
        ("hpam", "collection", "handbook", 1, 0),
        ("hpam", "collection", "companion", 1, 0),
    ],
)
def test_fees_are_those_of_the_facts(facilities, facility, product, category, party, yen):
    found = facilities[facility].product(product).price(category, Visit(date(2026, 12, 3)), party=party)
    assert found.amount.amount == yen


@pytest.mark.parametrize("code", CODES)
def test_every_facility_sells_something_on_most_days(facilities, holidays, code):
    days = [TODAY + timedelta(days=each) for each in range(365)]
    selling = [day for day in days if offers(facilities[code], day, holidays=holidays, facilities=facilities)]
    assert len(selling) > 290
    assert date(2026, 11, 26) in selling
    assert date(2027, 2, 11) in selling


@pytest.mark.parametrize("code", CODES)
def test_every_facility_has_its_first_gate_and_says_what_is_illustrative(facilities, code):
    facility = facilities[code]
    assert facility.gates[0].code == f"{code}-1"
    assert facility.illustrative.ja
    assert facility.illustrative.en
    assert all(price.source or price.illustrative for product in facility.products for price in product.prices)


@pytest.fixture
def garden(documents):
    return json.loads(next(each for each in documents.facilities if each.code == "shukkeien").model_dump_json())


def changed(document, path, value):
    *way, last = path
    at = copy.deepcopy(document)
    whole = at
    for step in way:
        at = at[step]
    at[last] = value
    return whole


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (["number"], 0, "number"),
        (["kind"], "castle", "kind"),
        (["name", "en"], "", "name.en"),
        (["opening", "closed_yearly"], [["13-01", "01-01"]], "opening.closed_yearly.0.0"),
        (["products", 0, "prices", 0, "amount"], -1, "products.0.prices.0.amount"),
        (["products", 0, "prices", 0, "category"], "dog", "shukkeien.products.garden.prices"),
        (["products", 0, "capacity"], 0, "shukkeien.products.garden"),
        (["products", 0, "admits"], ["hpam"], "shukkeien.products.garden.admits"),
        (["categories", 1, "number"], 1, "shukkeien.categories"),
        (["products", 0, "prices", 1, "quantity_min"], 1, "shukkeien.products.garden.prices"),
        (["surprise"], 1, "surprise"),
    ],
)
def test_a_wrong_document_is_refused_with_its_place(garden, path, value, said):
    with pytest.raises(FacilityDocumentWrong) as refused:
        read_facility(changed(garden, path, value))
    assert refused.value.fields["at"] == said
    assert "Correct it" in refused.value.detail


def test_a_file_that_is_not_json_is_refused(tmp_path):
    file = tmp_path / "book.json"
    file.write_text("{")
    with pytest.raises(FacilityDocumentWrong):
        read_book(file)


def test_documents_that_contradict_each_other_are_refused(documents):
    with pytest.raises(FacilityDocumentWrong, match="castle"):
        check_together(
            [documents.facilities[0].model_copy(update={"authority": "castle"}), *documents.facilities[1:]],
            authorities={"hiroshima"},
        )
    with pytest.raises(FacilityDocumentWrong, match="there is no facility shukkeien"):
        check_together([documents.facilities[0]], authorities={"hiroshima"})
    with pytest.raises(FacilityDocumentWrong, match="twice"):
        check_together([*documents.facilities, documents.facilities[0]], authorities={"hiroshima"})


def test_a_document_is_the_same_after_a_field_with_a_default_was_added(garden):
    older = {key: value for key, value in garden.items() if key != "sources"} | {"opening": dict(garden["opening"])}
    del older["opening"]["on_holiday"]
    document = FacilityDocument.model_validate(garden | {"sources": []})
    assert same_document(older, document)
    assert not same_document(garden | {"address": "elsewhere"}, document)
