"""What looks like a card number, however it is typed."""

import pytest

from kernel.cards import holds_card_number


@pytest.mark.parametrize(
    "text",
    [
        "4242424242424242",
        "4242 4242 4242 4242",
        "my card is 4242-4242-4242-4242, thank you",
        "４２４２　４２４２　４２４２　４２４２",
        "４２４２－４２４２－４２４２－４２４２",
        "3782 822463 10005",
        "4242424242424242@example.jp",
    ],
)
def test_a_card_number_is_seen(text):
    assert holds_card_number(text)


@pytest.mark.parametrize(
    "text",
    [
        "4242424242424241",
        "082-555-0123",
        "〒730-8511 広島市中区基町10-52",
        "2026-11-24 1020",
        "ABCD-1234",
        "",
        "1" * 40,
    ],
)
def test_what_is_none_is_let_through(text):
    assert not holds_card_number(text)
