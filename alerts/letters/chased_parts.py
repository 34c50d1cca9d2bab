"""The parts of a mail of the chase, and what its words share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.utils.formats import date_format

from alerts.letters.letter_blocks import Entry

# Something that delivery read.
Read = Mapping[str, Any]


@dataclass(frozen=True)
class Chased:
    """One person's own parts of a mail of the chase, as `alerts.letters.letters.Personal` has them."""

    head: str = ""
    tail: str = ""
    reminded: str = ""
    asks: str = ""
    entries: tuple[Entry, ...] = ()
    more: str = ""
    advisories: tuple[int, ...] = ()
    """Those to which it has links."""


def moment(iso: str | None) -> datetime | None:
    """A moment as delivery reads it."""
    return datetime.fromisoformat(iso) if iso else None


def promised_for(iso: str) -> str:
    """The day for which something was promised: "Friday 4 December"."""
    return date_format(date.fromisoformat(iso), "l j F")


def count(number: int, one: str, many: str = "") -> str:
    """ "1 person", "1,200 people"; `many` where it is not made with an s."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"
