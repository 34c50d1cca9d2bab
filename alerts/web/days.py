"""Days, as a form's calendar gives them."""

from datetime import datetime, time

from django.utils import timezone
from django.utils.dateparse import parse_date

from departments.refusal import Refused

CLOSE = time(17)


def end_of_day(text: str) -> datetime:
    """The close of business on this day; raises `Refused`."""
    try:
        day = parse_date(text.strip())
    except ValueError:
        day = None
    if day is None:
        raise Refused("Give a day on which this is looked at again, such as 2027-01-31.")
    return timezone.make_aware(datetime.combine(day, CLOSE))
