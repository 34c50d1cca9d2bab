"""System checks of the directory: whether the bank holidays by which time is counted are known for long enough."""

from datetime import date, timedelta

from django.core.checks import CheckMessage, Warning, register
from django.utils import timezone
from django.utils.formats import date_format

from departments.working_time import known_until

IN_GOOD_TIME = timedelta(days=90)
"""So long before the last of them is known of somebody is told."""


def holidays_end(today: date) -> str:
    """Until when bank holidays are known, and what to do, in a sentence or two; "" while that is long enough."""
    last = known_until()
    if last - today >= IN_GOOD_TIME:
        return ""
    return (
        f"Bank holidays are known until {date_format(last, 'j F Y')}; after that, time to answer leaves out weekends alone. "
        "Install a newer govuk-bank-holidays."
    )


@register(deploy=False)
def check_holidays(**_: object) -> list[CheckMessage]:
    """A warning in good time before they end."""
    said = holidays_end(timezone.localdate())
    return [Warning(said, id="departments.W001")] if said else []
