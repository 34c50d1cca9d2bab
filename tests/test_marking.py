"""Marking: what each label lets a mail and a page say, and that no label is forgotten."""

import pytest
from pytest_django.fixtures import Settings as SettingsWrapper

from alerts import marking
from alerts.models import Marking


def test_every_label_has_its_line_in_the_table() -> None:
    assert set(marking.TABLE) == set(Marking.values)


@pytest.mark.parametrize(
    ("label", "in_mail", "needs_code"),
    [
        ("CLEAR", True, False),
        ("GREEN", True, False),
        ("AMBER", False, False),
        ("AMBER+STRICT", False, False),
        ("RED", False, True),
    ],
)
def test_a_label_lets_its_words_stand_where_it_says(label: str, in_mail: bool, needs_code: bool) -> None:
    assert marking.text_in_mail(label) is in_mail
    assert marking.needs_code(label) is needs_code


def test_a_setting_asks_for_a_code_at_amber_strict_and_changes_no_other_label(settings: SettingsWrapper) -> None:
    before = {label for label in Marking.values if marking.needs_code(label)}
    settings.AMBER_STRICT_NEEDS_CODE = True
    assert {label for label in Marking.values if marking.needs_code(label)} - before == {"AMBER+STRICT"}


def test_what_may_stand_in_a_mail_needs_no_code_on_the_page() -> None:
    assert all(allowed.code is marking.Code.NEVER for allowed in marking.TABLE.values() if allowed.in_mail)


@pytest.mark.parametrize("label", ["", "green", "TLP:GREEN", "WHITE", "CLEAR "])
def test_a_label_that_there_is_not_lets_nothing_through(label: str) -> None:
    with pytest.raises(KeyError):
        marking.text_in_mail(label)
    with pytest.raises(KeyError):
        marking.needs_code(label)
