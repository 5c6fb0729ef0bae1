"""Versions in time, pure: each day is of one span, and of the one whose version counts."""

from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from kernel.money import Yen
from reconciliation.provider_contracts.fees import kept_of
from reconciliation.provider_contracts.model import Contract, Definition, Fees, FeeTerm, Terms
from reconciliation.provider_contracts.outlook import outlook, percent_of
from reconciliation.provider_contracts.timeline import bars, spans

FIRST = date(2026, 4, 1)
days = st.integers(0, 400).map(lambda number: FIRST + timedelta(days=number))


def version(number, since, **changed):
    said = {"title": "A", "provider": "agency", "methods": ["agency_pay"], "pays": MONTHLY} | changed
    return Contract("agency", number, since, Definition.model_validate(said), "x", datetime(2026, 4, 1, tzinfo=UTC))


MONTHLY = {"by": "periods", "closings": [{"day": 31, "months_later": 1, "pays_on": 31}]}


@given(st.lists(days, min_size=1, max_size=6), days)
def test_each_day_is_of_the_span_of_the_version_that_counts(begins, day):
    terms = Terms(tuple(version(number + 1, since) for number, since in enumerate(begins)))
    assert [each.contract for each in spans(terms) if each.holds(day)] == [terms.on(day)]


@given(st.lists(days, min_size=1, max_size=6), days)
def test_the_line_is_drawn_whole_without_gaps(begins, today):
    drawn, now = bars(spans(Terms(tuple(version(n + 1, since) for n, since in enumerate(begins)))), today)
    ends = [0, *(each.start + each.width for each in drawn)]
    assert [each.start for each in drawn] == ends[:-1]
    assert ends[-1] == 1_000
    assert 0 < now < 1_000


@given(days, st.integers(1, 10**9), st.integers(0, 10_000), st.sampled_from(["line", "payout"]))
def test_what_is_shown_of_a_payment_alone_closes(day, amount, points, rounded):
    fees = {"known_by": "terms", "terms": [{"basis_points": points, "tax_percent": 10}], "rounded": rounded}
    made = version(1, FIRST, fees=fees, transfer_fees=[{"below": 30_000, "fee": 220}, {"fee": 410}])
    seen = outlook(Terms((made,)), day, Yen(amount))
    kept = kept_of(made.definition.fees, made.definition.fees.terms[0], "charge", Yen(amount))
    assert seen.arrives == Yen(amount) - kept.total - seen.transfer_fee
    assert seen.dues[0].first <= day <= seen.dues[0].last < seen.dues[0].arrives_on <= seen.dues[0].late_after


def test_a_brand_with_a_fee_of_its_own_is_shown_beside_the_others():
    fees = Fees(known_by="lines", terms=(FeeTerm(basis_points=300), FeeTerm(brand="jcb", basis_points=400)))
    seen = outlook(Terms((version(1, FIRST, fees=fees.model_dump()),)), FIRST, Yen(10_000))
    assert [(each.brand, each.kept.fee) for each in seen.examples] == [("", Yen(300)), ("jcb", Yen(400))]


@given(st.integers(0, 10_000))
def test_a_rate_is_written_without_loss(points):
    assert round(float(percent_of(FeeTerm(basis_points=points))) * 100) == points
