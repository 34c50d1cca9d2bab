"""Tokens: short, unguessable, for one recipient, and refused without a query."""

import pytest
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st

from alerts import tokens

ids = st.integers(min_value=1, max_value=2**62)
issues = st.integers(min_value=0, max_value=tokens.ISSUES - 1)


@given(ids, issues)
def test_a_token_says_whose_it_is(recipient: int, issue: int) -> None:
    assert tokens.read(tokens.make(recipient, issue)) == (recipient, issue)


@given(ids, issues, st.data())
def test_any_change_of_any_character_is_refused(recipient: int, issue: int, data: st.DataObject) -> None:
    token = tokens.make(recipient, issue)
    place = data.draw(st.integers(min_value=0, max_value=len(token) - 1))
    other = data.draw(st.sampled_from([character for character in tokens.DIGITS if character != token[place]]))
    assert tokens.read(token[:place] + other + token[place + 1 :]) is None


@given(st.text(max_size=60))
def test_garbage_is_nobodys(garbage: str) -> None:
    assert tokens.read(garbage) is None


@given(ids, issues)
def test_a_token_cut_or_lengthened_is_refused(recipient: int, issue: int) -> None:
    token = tokens.make(recipient, issue)
    for wrong in (token[:-1], token[1:], token + "0", "0" + token, token + "\n", f" {token}", token * 100):
        assert tokens.read(wrong) is None


def test_letters_and_digits_only_and_short_enough_for_a_line() -> None:
    token = tokens.make(10**9, 3)
    assert token.isascii()
    assert token.isalnum()
    assert len(f"https://alerts.department.gov.uk/a/{token}") < 80


def test_a_link_outlives_a_change_of_key() -> None:
    with override_settings(SECRET_KEY="the old key"):
        token = tokens.make(7, 0)
    with override_settings(SECRET_KEY="the new key", SECRET_KEY_FALLBACKS=["the old key"]):
        assert tokens.read(token) == (7, 0)
    with override_settings(SECRET_KEY="the new key", SECRET_KEY_FALLBACKS=[]):
        assert tokens.read(token) is None


@pytest.mark.parametrize(("recipient", "issue"), [(0, 0), (1, tokens.ISSUES), (1, -1)])
def test_there_is_no_token_for_nobody(recipient: int, issue: int) -> None:
    with pytest.raises(ValueError, match="no token"):
        tokens.make(recipient, issue)
