"""Fees by the terms of a contract: to the yen, each rounded as it says."""

import json
from datetime import UTC, date, datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from kernel.money import Yen
from reconciliation.provider_contracts.actions import EXAMPLE, ContractSaid
from reconciliation.provider_contracts.fees import kept_of, kept_of_payout, rounded, term_for, transfer_fee_of
from reconciliation.provider_contracts.model import Contract, Definition, Fees, Terms

EXAMPLES = {each["name"]: ContractSaid.model_validate(each) for each in json.loads(EXAMPLE.read_text())}
KOMOJU = EXAMPLES["komoju"].definition
WAYS = {"down": ROUND_FLOOR, "half_up": ROUND_HALF_UP, "up": ROUND_CEILING}


def test_komoju_s_published_example_is_right_to_the_yen():
    kept = kept_of(KOMOJU.fees, KOMOJU.fees.terms[0], "charge", Yen(5000))
    assert (kept.fee, kept.tax) == (Yen(138), Yen(14))


@pytest.mark.parametrize(("amount", "fee"), [(-5, 0), (0, 0), (1, 220), (29_999, 220), (30_000, 410)])
def test_a_transfer_costs_by_its_amount_and_nothing_is_not_transferred(amount, fee):
    assert transfer_fee_of(KOMOJU, Yen(amount)) == Yen(fee)


@given(st.integers(0, 10**12), st.integers(0, 10_000), st.sampled_from(sorted(WAYS)))
def test_rounding_is_what_decimal_arithmetic_says(number, parts, way):
    parts += 1
    assert rounded(number, parts, way) == int((Decimal(number) / parts).to_integral_value(WAYS[way]))


@pytest.mark.parametrize(
    ("refunds", "kind", "gross", "fee"),
    [
        ("kept", "refund", -5000, 0),
        ("returned", "refund", -5000, -138),
        ("returned", "charge", 5000, 138),
        ("returned", "dispute", -5000, 0),
    ],
)
def test_a_refund_gives_the_fee_back_only_where_the_contract_says_so(refunds, kind, gross, fee):
    fees = KOMOJU.fees.model_copy(update={"refunds": refunds})
    assert kept_of(fees, fees.terms[0], kind, Yen(gross)).fee == Yen(fee)


def test_the_nearest_term_counts():
    terms = [
        {"basis_points": 1},
        {"basis_points": 2, "brand": "jcb"},
        {"basis_points": 3, "method": "stripe_card"},
        {"basis_points": 4, "method": "stripe_card", "brand": "jcb"},
    ]
    fees = Fees.model_validate({"known_by": "lines", "terms": terms})
    asked = [("paypay", "visa"), ("paypay", "jcb"), ("stripe_card", "visa"), ("stripe_card", "jcb")]
    assert [term_for(fees, *each).basis_points for each in asked] == [1, 2, 3, 4]
    without = fees.model_copy(update={"terms": fees.terms[2:]})
    assert term_for(without, "paypay", "jcb") is None


def test_a_whole_payout_is_rounded_once_where_the_contract_says_so():
    term = KOMOJU.fees.terms[0]
    assert kept_of_payout(term, 3 * 5000 * 275).fee == Yen(413)  # and not three times 138
    assert kept_of_payout(term, -3 * 5000 * 275).fee == Yen(-413)


AT = datetime(2026, 11, 25, tzinfo=UTC)


def test_the_version_that_began_last_counts_and_of_two_of_one_day_the_newer():
    def version(number, since):
        return Contract("komoju", number, since, KOMOJU, "ana", AT)

    april, october = date(2026, 4, 1), date(2026, 10, 1)
    terms = Terms((version(1, april), version(2, october), version(3, april)))
    days = [date(2026, 3, 31), april, date(2026, 9, 30), october, date(2027, 1, 1)]
    assert [terms.on(day).version for day in days] == [3, 3, 3, 2, 2]


@pytest.mark.parametrize(
    "wrong",
    [
        {"fees": {"known_by": "lines", "terms": []}},
        {"fees": {"known_by": "lines", "terms": [{"basis_points": 1}, {"basis_points": 2}]}},
        {"fees": {"known_by": "lines", "rounded": "payout", "terms": [{"basis_points": 1}]}},
        {"fees": {"known_by": "terms", "terms": [{"basis_points": 1, "method": "payeasy_komoju"}]}},
        {"fees": {"known_by": "lines", "terms": [{"basis_points": 1, "method": "paypay"}]}},
        {"fees": {"known_by": "lines", "terms": [{"basis_points": -1}]}},
        {"transfer_fees": [{"fee": 1}, {"fee": 2}]},
        {"transfer_fees": [{"below": 5, "fee": 1}]},
        {"transfer_fees": [{"below": 5, "fee": 1}, {"below": 3, "fee": 1}, {"fee": 2}]},
        {"methods": []},
        {"surprise": 1},
    ],
)
def test_terms_that_cannot_be_are_refused(wrong):
    with pytest.raises(ValidationError):
        Definition.model_validate(KOMOJU.model_dump() | wrong)


def test_what_is_made_up_in_the_examples_says_so():
    assert all(each.definition.illustrative and each.definition.note for each in EXAMPLES.values())
