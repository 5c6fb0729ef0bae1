"""A name is the same however a bank writes it: in width, size, marks, dashes, spaces, and where カ) stands."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciliation.deposits.names import likeness, plain

SAME = [
    ("ｽﾄﾗｲﾌﾟｼﾞﾔﾊﾟﾝ(ｶ", "ストライプジャパン(カ"),
    ("ｽﾄﾗｲﾌﾟ ｼﾞﾔﾊﾟﾝ(ｶ", "カ)ストライプジヤパン"),
    ("ﾍﾟｲﾍﾟｲ(ｶ", "ペイペイ株式会社"),
    ("ﾍﾟｲﾍﾟｲ (ｶ)", "ペイペイ カブシキガイシャ"),
    ("ｶ)ﾃﾞｼﾞｶ", "デジカ"),
    ("ｶ)ﾃﾞｼﾞｶ", "株式会社デジカ"),
    ("ｺ-ﾋ-(ﾕ", "コーヒー(ユ"),
    ("ｺ-ﾋ-", "こーひー"),
    ("ABC ｶﾌﾞｼｷｶﾞｲｼﾔ", "ａｂｃ"),
    ("ﾖﾂﾄ･ｵｶ", "ヨット ヲカ"),
    ("ﾆﾎﾝ ﾕｳﾋﾞﾝ", "ニホン゛ユウビン".replace("゛", "")),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_these_are_the_same(one, other):
    assert plain(one) == plain(other) != ""


@pytest.mark.parametrize(("one", "other"), [("ﾍﾟｲﾍﾟｲ(ｶ", "ベイベイ(カ"), ("ﾊｲ", "ﾊﾟｲ"), ("ｺﾋ", "ｺ-ﾋ-"), ("ｶｷﾔ", "キヤ")])
def test_these_are_not(one, other):
    assert plain(one) != plain(other)


@pytest.mark.parametrize("nothing", ["", "  ", "(ｶ", "株式会社", "・"])
def test_a_name_without_letters_is_none(nothing):
    assert plain(nothing) == ""


KANA = st.text(st.sampled_from("アイウカガキギサザタダハバパヤユヨンーャュョッァ"), min_size=1, max_size=12)


@given(KANA)
def test_a_plain_name_is_plain_and_width_does_not_matter(name):
    once = plain(name)
    assert plain(once) == once
    assert plain(unicodedata.normalize("NFD", name)) == once
    assert plain(f"カ){name}") == plain(f"{name}(カ") == once or not once


@given(st.text(max_size=300))
def test_whatever_a_bank_writes_is_brought_into_some_form(text):
    assert isinstance(plain(text), str)


@given(KANA, KANA)
def test_likeness_is_the_same_both_ways_and_whole_only_for_the_same(one, other):
    assert likeness(one, other) == likeness(other, one)
    assert 0 <= likeness(one, other) <= 100
    assert (likeness(one, other) == 100) == (one == other)


def test_a_name_that_was_cut_is_much_alike():
    assert likeness("ストライプ", "ストライプジヤパン") == 90
