"""What fields are called is there in Japanese."""

from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from payments.static_codes.fields import ACCOUNT, ADDITIONAL, CODE, GUID, JPQR_LEVELS, LANGUAGE, OTHER

WORDS = Path(__file__).parents[3] / "services" / "payments" / "words" / "ja.po"
SPECS = [*CODE.values(), *ADDITIONAL.values(), *LANGUAGE.values(), *JPQR_LEVELS.values(), GUID, ACCOUNT, OTHER]


@pytest.mark.parametrize("name", sorted({spec.name for spec in SPECS}))
def test_a_field_has_a_japanese_name(name):
    with WORDS.open("rb") as file:
        known = {message.id: message.string for message in read_po(file, locale="ja")}
    assert known.get(name)
