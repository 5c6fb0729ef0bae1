import itertools
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketing.tickets.number import ALPHABET, check_value, number_from, read_number, times

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "ticket-code.json").read_text(encoding="utf-8"))
PLACES = range(10)
WEIGHTS = [1]  # of the check character; each place before it weighs twice as much, in the field
for _ in range(9):
    WEIGHTS.insert(0, times(WEIGHTS[0], 2))

bits = st.integers(0, 2**45 - 1)


@pytest.mark.parametrize("vector", VECTORS["order_numbers"], ids=lambda vector: vector["text"][:20])
def test_every_vector_reads_as_written(vector):
    assert read_number(vector["text"]) == vector["number"]
    if vector["random_bits"] is not None:
        assert number_from(int(vector["random_bits"])) == vector["number"]


@given(bits)
def test_a_number_reads_back(random_bits):
    number = number_from(random_bits)
    assert read_number(number) == number
    assert len(number) == 11
    assert number[5] == "-"


def test_the_numbers_of_different_bits_differ():
    assert len({number_from(each) for each in range(2000)}) == 2000


@given(st.lists(st.integers(0, 31), min_size=9, max_size=9))
def test_the_check_makes_the_weighted_sum_zero(values):
    total = 0
    for value, weight in zip([*values, check_value(values)], WEIGHTS, strict=True):
        total ^= times(value, weight)
    assert total == 0


# An error adds a difference to the weighted sum. It goes unseen only if that difference is zero, whatever
# the other characters are, so going through all differences proves it for all 2^45 numbers.


def test_every_single_wrong_character_is_found():
    assert all(times(change, WEIGHTS[place]) != 0 for place in PLACES for change in range(1, 32))


def test_every_swap_of_two_characters_is_found_wherever_they_stand():
    for (one, other), change in itertools.product(itertools.combinations(PLACES, 2), range(1, 32)):
        assert times(change, WEIGHTS[one]) ^ times(change, WEIGHTS[other]) != 0


def test_every_pair_typed_as_another_pair_is_found():
    for one, change in itertools.product(range(9), range(1, 32)):
        assert times(change, WEIGHTS[one] ^ WEIGHTS[one + 1]) != 0


@given(bits, st.sampled_from([0, 1, 2, 3, 4, 6, 7, 8, 9, 10]), st.sampled_from(ALPHABET))
def test_a_wrong_character_is_no_number(random_bits, place, typed):
    number = number_from(random_bits)
    mistyped = number[:place] + typed + number[place + 1 :]
    assert read_number(mistyped) == (number if mistyped == number else None)


@given(bits, st.sampled_from(list(itertools.combinations([0, 1, 2, 3, 4, 6, 7, 8, 9, 10], 2))))
def test_a_swap_is_no_number(random_bits, places):
    number = number_from(random_bits)
    swapped = list(number)
    swapped[places[0]], swapped[places[1]] = swapped[places[1]], swapped[places[0]]
    assert read_number("".join(swapped)) == (number if swapped == list(number) else None)


@given(bits)
def test_what_people_mix_up_is_forgiven(random_bits):
    number = number_from(random_bits)
    assert read_number(number.replace("0", "o").replace("1", "l").lower()) == number
    assert read_number(number.replace("0", "O").replace("1", "I")) == number
    assert read_number("".join(chr(ord(each) + 0xFEE0) for each in number)) == number
    assert read_number(f" {number[:5]} {number[6:]} ") == number


@given(st.text())
def test_no_text_makes_it_raise(text):
    assert read_number(text) is None or len(text) >= 10


@pytest.mark.parametrize("random_bits", [-1, 2**45])
def test_a_number_is_made_of_45_bits(random_bits):
    with pytest.raises(ValueError, match="45 random bits"):
        number_from(random_bits)
