"""The chase: steps that are due and not done, mails that could be written and are not."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from alerts.statements import run
from alerts.watching.chase_sql import CHASE_LATE, CHASE_WAITS
from alerts.watching.view import Finding, Sign, View, once
from departments import working_time
from departments.models import Calendar

# Of working time, where the step keeps to it.
CHASED = timedelta(minutes=10)


def late(view: View) -> Iterator[Finding]:
    """Steps that are due for too long, or else mails that nobody writes."""
    late: dict[str, tuple[int, datetime]] = {}
    for reference, calendar, steps, since in run(CHASE_LATE, late=view.now - CHASED):
        # At night and on holidays a step waits for its hours.
        if working_time.is_open(view.now, calendar) and working_time.between(since, view.now, calendar) >= CHASED:
            number, first = late.get(reference, (0, since))
            late[reference] = number + steps, min(first, since)
    for reference, (steps, since) in late.items():
        are = "1 step of its chase is" if steps == 1 else f"{steps:,} steps of its chase are"
        says = f"{reference}: {are} due for longer than 10 minutes and not done, so that nobody is reminded: {_TEND}"
        yield Finding("chase", reference, since, says)
    # Whoever is not reminded has no mail that could wait.
    yield from (found for found in view.still("chase", signs(view)) if found.subject not in late)


@once
def signs(view: View) -> list[Sign]:
    """Mails that could be written."""
    at_work = [calendar.value for calendar in Calendar if working_time.is_open(view.now, calendar)]
    found = []
    for reference, mails, first, last in run(CHASE_WAITS, open=at_work):
        are = "1 mail of the chase is" if mails == 1 else f"{mails:,} mails of the chase are"
        found.append(Sign("chase", reference, f"{mails} {first} {last}", f"{reference}: {are} not written: {_TEND}"))
    return found


_TEND = "restart the workers, and look for chase in their logs if that does not help."
