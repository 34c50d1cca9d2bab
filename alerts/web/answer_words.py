"""How an answer came, in words: by whom, for whom, and how they were told."""

from datetime import datetime

from django.utils import timezone
from django.utils.formats import date_format

from alerts.models import Acknowledgement

How = Acknowledgement.How


def way(how: str, by: str | None, name: str, told_how: str, told_at: datetime | None) -> str:
    """ "by their link", "put down by Ann Contact; told by telephone at 10:05 BST on 28 April 2020 by Bob Colleague"."""
    match how:
        case How.LINK:
            return f"by their link, by {name}" if name else "by their link"
        case How.OFFICE:
            who = name or by
            return f"through their office, by {who}" if who else "through their office"
        case How.BEHALF:
            told = Acknowledgement.Told(told_how).label
            when = f" {at(told_at)}" if told_at else ""
            return f"put down by {by}; told {told}{when}{f' by {name}' if name else ''}"
    return How(how).label


def at(moment: datetime) -> str:
    """ "at 17:00 BST on 28 April 2020"."""
    local = timezone.localtime(moment)
    return f"at {date_format(local, 'H:i')} {local.tzname()} on {date_format(local, 'j F Y')}"
