"""Marking: what each label lets a mail and a page say, and that no label is forgotten."""

import pytest

from alerts import marking
from alerts.models import Marking


def test_every_label_has_its_line_in_the_table() -> None:
    assert set(marking.TABLE) == set(Marking.values)


@pytest.mark.parametrize(
    ("label", "in_mail", "on_page"),
    [
        ("CLEAR", True, True),
        ("GREEN", True, True),
        ("AMBER", False, True),
        ("AMBER+STRICT", False, True),
        ("RED", False, False),
    ],
)
def test_a_label_lets_its_words_stand_where_it_says(label: str, in_mail: bool, on_page: bool) -> None:
    assert marking.text_in_mail(label) is in_mail
    assert marking.text_on_page(label) is on_page


def test_what_may_stand_in_a_mail_may_stand_on_a_page() -> None:
    assert all(allowed.on_page for allowed in marking.TABLE.values() if allowed.in_mail)


@pytest.mark.parametrize("label", ["", "green", "TLP:GREEN", "WHITE", "CLEAR "])
def test_a_label_that_there_is_not_lets_nothing_through(label: str) -> None:
    with pytest.raises(KeyError):
        marking.text_in_mail(label)
    with pytest.raises(KeyError):
        marking.text_on_page(label)
