"""The pages of the books are one list; everybody is shown what is there for them, and where they are."""

import re

import pytest

from kernel.access import Role
from reconciliation.staff.places import PLACES


async def links_on(web, path, headers, *, status=200):
    answer = await web.get(path, headers=headers)
    assert answer.status_code == status
    row = re.search(r'<nav class="places".*?<div>(.*?)</div>', answer.text, re.DOTALL)
    return [] if row is None else re.findall(r'<a href="([^"]+)"(?: aria-current="(\w+)")?>', row.group(1))


async def test_the_morning_page_is_marked_as_the_place_where_one_is(web, books):
    assert ("/", "page") in await links_on(web, "/", books.token(Role.ACCOUNTING))


async def test_only_pages_that_answer_are_shown(web, books):
    headers = books.token(Role.AUDITOR)
    addresses = [address for address, _ in await links_on(web, "/", headers)]
    assert "/statements" in addresses
    for address in addresses:
        assert (await web.get(address, headers=headers)).status_code == 200


async def test_a_facility_is_not_shown_what_is_of_all_facilities(web, books):
    shown = {address for address, _ in await links_on(web, "/", books.token(Role.FACILITY, "hpam"))}
    assert shown <= {place.address for place in PLACES if not place.everywhere}
    assert "/" in shown


async def test_nothing_is_shown_before_signing_in(web):
    assert await links_on(web, "/sign-in", {}) == []


async def test_a_page_below_another_marks_the_one_above_even_where_it_refuses(web, books):
    shown = await links_on(web, "/orders/00000-00000", books.token(Role.ACCOUNTING), status=404)
    assert ("/", "true") in shown


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.address)
def test_no_place_lies_under_two(place):
    others = [under for each in PLACES if each is not place for under in (each.address, *each.under)]
    assert not {place.address, *place.under} & set(others)
