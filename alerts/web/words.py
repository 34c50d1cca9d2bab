"""Figures in words, as the pages say them."""

from __future__ import annotations

from typing import Protocol

from alerts.coverage import Bodies
from alerts.web.numbers import count, people
from alerts.web.record_words import for_the_record as for_the_record
from alerts.web.record_words import listed as listed


class Judged(Protocol):
    """What a verdict is about: people, and the bodies that they are in."""

    @property
    def bodies(self) -> Bodies:
        """How many there are, of each state."""

    @property
    def total(self) -> int:
        """Everybody it is for."""

    @property
    def not_told(self) -> int:
        """Who has not been told."""

    @property
    def silent(self) -> int:
        """Told, and no answer yet."""


def verdict(view: Judged) -> tuple[str, str]:
    """The sentence on top: what is wrong (set in red; "" where nothing is), and the rest of it."""
    dark = view.bodies.dark
    nobody = f"{dark:,} of {count(view.bodies.targeted, 'body has', 'bodies have')} nobody to tell"
    if dark == 1:
        nobody = f"1 of {count(view.bodies.targeted, 'body', 'bodies')} has nobody to tell"
    if view.not_told:
        wrong = (
            f"{view.not_told:,} of {view.total:,} {'person has' if view.total == 1 else 'people have'} not been told"
        )
        return wrong, f", and {nobody}." if dark else "."
    if dark:
        return nobody, "; everybody else has been told." if view.total else "."
    if not view.total:
        return "", "Nobody is to be told here." if view.bodies.targeted == 0 else "Nobody can be told yet."
    if view.silent:
        return (
            "",
            f"Everybody has been told; {view.silent:,} of {people(view.total)} {_have(view.silent)} not answered yet.",
        )
    return "", f"Everybody has been told, and {_all(view.total)} answered."


def _have(number: int) -> str:
    return "has" if number == 1 else "have"


def _all(number: int) -> str:
    return "the one person has" if number == 1 else f"all {number:,} have"
