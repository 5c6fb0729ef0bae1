from datetime import UTC, datetime, timedelta

import pytest

from ticketing.tickets.keys import KeyRegistry, VerificationKey

APRIL = datetime(2026, 4, 1, tzinfo=UTC)
OCTOBER = datetime(2026, 10, 1, tzinfo=UTC)
LATER = datetime(2027, 10, 1, tzinfo=UTC)


def key(number, valid_from=APRIL, valid_until=None, scope="all"):
    return VerificationKey(number, bytes([number]) * 32, valid_from, valid_until, scope)


def test_the_newest_key_that_has_begun_signs():
    registry = KeyRegistry((key(1), key(2, OCTOBER)))
    assert registry.signing_key(facility=1, at=OCTOBER - timedelta(seconds=1)) == key(1)
    assert registry.signing_key(facility=1, at=OCTOBER) == key(2, OCTOBER)


def test_a_key_signs_only_for_its_facilities():
    own = key(2, OCTOBER, scope=frozenset({4}))
    registry = KeyRegistry((key(1), own))
    assert registry.signing_key(facility=4, at=OCTOBER) == own
    assert registry.signing_key(facility=5, at=OCTOBER) == key(1)


def test_a_facilitys_own_key_goes_before_one_for_all():
    own = key(1, scope=frozenset({4}))
    assert KeyRegistry((own, key(2))).signing_key(facility=4, at=APRIL) == own


def test_without_a_key_nothing_signs():
    assert KeyRegistry((key(1, APRIL, OCTOBER),)).signing_key(facility=1, at=OCTOBER) is None


def test_gates_learn_a_key_before_it_signs():
    registry = KeyRegistry((key(1), key(2, OCTOBER)))
    assert set(registry.verifying(at=APRIL)) == {1, 2}


def test_after_a_rotation_the_old_tickets_are_still_believed_until_their_key_ends():
    registry = KeyRegistry((key(1),)).rotated(key(2, OCTOBER), predecessors_end=LATER)
    assert registry.signing_key(facility=1, at=OCTOBER) == key(2, OCTOBER)
    assert set(registry.verifying(at=LATER - timedelta(seconds=1))) == {1, 2}
    assert set(registry.verifying(at=LATER)) == {2}


def test_a_rotation_leaves_no_time_without_a_key():
    with pytest.raises(ValueError, match="no key would sign"):
        KeyRegistry((key(1),)).rotated(key(2, LATER), predecessors_end=OCTOBER)


def test_a_rotation_for_one_facility_leaves_the_key_for_all_alone():
    registry = KeyRegistry((key(1),)).rotated(key(2, OCTOBER, scope=frozenset({4})), predecessors_end=LATER)
    assert registry.keys[0] == key(1)


def test_an_id_is_never_given_twice():
    assert KeyRegistry((key(3),)).next_id() == 4
    assert KeyRegistry().next_id() == 1
    with pytest.raises(ValueError, match="share an id"):
        KeyRegistry((key(1),)).rotated(key(1, OCTOBER), predecessors_end=LATER)
    with pytest.raises(ValueError, match="255"):
        KeyRegistry((key(255),)).next_id()


@pytest.mark.parametrize(
    ("number", "changes"),
    [
        (0, {}),
        (256, {}),
        (1, {"public_key": b"short"}),
        (1, {"valid_from": datetime(2026, 4, 1)}),  # noqa: DTZ001 - that is the mistake
        (1, {"valid_until": APRIL}),
    ],
    ids=str,
)
def test_an_impossible_key_is_never_made(number, changes):
    values = {"public_key": bytes(32), "valid_from": APRIL, "valid_until": None, **changes}
    with pytest.raises(ValueError, match=r"."):
        VerificationKey(number, **values)
