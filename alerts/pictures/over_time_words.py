"""What the picture of answers over time says in words: its times, its shares, and all of it for those who don't see it."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import NamedTuple

from django.utils import timezone
from django.utils.formats import date_format

from alerts.coverage.tide import OverTime
from alerts.hold_words import clock, lasted

# Minutes between two times below the picture.
_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 10080, 20160, 43200)
_DAY = 1440


class Tick(NamedTuple):
    """A time below the picture."""

    at: datetime
    words: str
    first: bool
    """The moment of publication."""


def percent(part: int, whole: int) -> str:
    """ "61%"; what is not nobody is more than 0%, and what is not everybody less than 100%."""
    if not whole:
        return "0%"
    share = 100 * part / whole
    if 0 < share < 1:
        return "under 1%"
    return f"{min(round(share), 99) if part < whole else 100}%"


def answer_by(deadline: datetime, now: datetime) -> str:
    """ "answer by 18:10 BST", with its day where that is not today."""
    return f"answer by {clock(deadline, now).removesuffix(f' {timezone.localtime(deadline).year}')}"


def ticks(start: datetime, end: datetime, most: int) -> list[Tick]:
    """When it was published, and at most so many times after it that one says: full hours, midnights."""
    span = (end - start) / timedelta(minutes=1)
    step = next((n for n in _STEPS if span / n <= most), _STEPS[-1] * -(-int(span) // (_STEPS[-1] * most)))
    local = timezone.localtime(start.replace(second=0, microsecond=0))
    found = [Tick(local, date_format(local, "H:i" if step < _DAY else "j M"), True)]
    clear = timedelta(minutes=span / most * 0.7)
    for n in range(1, int((span + _DAY) // step) + 2):
        at = _local(local.date(), n * step)
        if start + clear <= at <= end:
            here = timezone.localtime(at)
            midnight = step >= _DAY or (here.hour, here.minute) == (0, 0)
            found.append(Tick(at, date_format(here, "j M" if midnight else "H:i"), False))
    return found


def described(found: OverTime) -> str:
    """The picture for those who don't see it."""
    whole = found.whole
    gone = lasted(found.now - found.published)
    said = [
        f"{whole.name}: {whole.acknowledged:,} of {whole.targeted:,} have answered revision {found.revision}, "
        f"{percent(whole.acknowledged, whole.targeted)}, {gone} after it was published."
    ]
    if found.time_to_answer:
        said.append(found.time_to_answer)
    if found.deadline:
        said.append(f"To be answered by {clock(found.deadline, found.now)}.")
    said += [f"{mark.words.capitalize()} at {clock(mark.at, found.now)}." for mark in found.marks]
    said += [f"{line.name}: {percent(line.acknowledged, line.targeted)}." for line in found.branches]
    return " ".join(said)


def _local(day: date, minutes: int) -> datetime:
    """So many minutes into a day here, by the clock on the wall."""
    moment = datetime.combine(day, time()) + timedelta(minutes=minutes)
    return timezone.make_aware(moment)
