"""Order numbers: what a visitor reads out and types, such as `7K3MW-9QD2X`, with a character that finds typing errors.

Nine random characters of Crockford's Base32 (0-9 and A-Z without I, L, O and U) and one check character from
the same 32. Crockford's own check is a remainder by 37, whose five further signs (* ~ $ = U) are not on a phone's
number pad and not for reading aloud. So the characters are elements of the field of 32 elements instead, and the
check character makes their sum, each multiplied by a weight of its own, zero. The ten weights are different and
not zero; hence *every* wrong character, *every* swap of two characters wherever they stand, and *every* pair that
was typed as another pair (77 as 88) is found; other errors pass with a chance of 1 in 32. (The same construction
as a Reed-Solomon code with one check symbol.) islands/number.ts is the twin in TypeScript.
"""

from __future__ import annotations

from typing import Final

from ticketing.tickets.typed import capitals

ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
RANDOM_BITS: Final = 45
_RANDOM_CHARACTERS: Final = 9
_CHARACTERS: Final = 10
_GROUP: Final = 5
INPUT_CHARACTERS_MAX: Final = 64

_FIELD_POLYNOMIAL: Final = 0b100101  # x^5 + x^2 + 1, primitive: 2 generates all 31 elements but zero
_FIELD_SIZE: Final = 32

# A Japanese keyboard writes a long vowel mark where its user wants a hyphen.
_HYPHENS: Final = "-\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u30fc\uff70\ufe63_."
_FORGIVEN: Final = str.maketrans({"O": "0", "I": "1", "L": "1"} | dict.fromkeys(_HYPHENS, ""))


def number_from(random_bits: int) -> str:
    """Return the order number of 45 random bits, such as `7K3MW-9QD2X`.

    Raises:
        ValueError: more than 45 bits, or a negative number.
    """
    if not 0 <= random_bits < 1 << RANDOM_BITS:
        raise ValueError(f"An order number is made of {RANDOM_BITS} random bits.")
    values = [random_bits >> 5 * (_RANDOM_CHARACTERS - 1 - place) & 31 for place in range(_RANDOM_CHARACTERS)]
    return _written([*values, check_value(values)])


def read_number(text: str) -> str | None:
    """Return an order number in its written form, or None if it is none or was mistyped; never raises.

    Forgiven: lower case, full-width characters, spaces, hyphens of any kind, and O, I, L for 0, 1, 1.
    """
    if len(text) > INPUT_CHARACTERS_MAX:
        return None
    plain = capitals(text).translate(_FORGIVEN)
    if len(plain) != _CHARACTERS or any(character not in ALPHABET for character in plain):
        return None
    values = [ALPHABET.index(character) for character in plain]
    return _written(values) if check_value(values[:-1]) == values[-1] else None


def check_value(values: list[int]) -> int:
    """Return the check value (0 to 31) of nine values: their sum in the field, the last place weighted 2, then 4, …."""
    total = 0
    for value in values:  # Horner: each step moves all places so far up by one weight
        total = times(total ^ value, 2)
    return total


def times(left: int, right: int) -> int:
    """Multiply two elements of the field of 32 elements."""
    product = 0
    while right:
        if right & 1:
            product ^= left
        left <<= 1
        if left & _FIELD_SIZE:
            left ^= _FIELD_POLYNOMIAL
        right >>= 1
    return product


def _written(values: list[int]) -> str:
    text = "".join(ALPHABET[value] for value in values)
    return f"{text[:_GROUP]}-{text[_GROUP:]}"
