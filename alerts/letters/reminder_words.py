"""What the chase says to whoever owes something: a reminder of one advisory, a digest of several."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from django.utils import timezone

from alerts import hold_words, marking
from alerts.letters.chased_parts import Chased, Read, count, moment, promised_for
from alerts.letters.deliver_reminders_sql import MOST_ITEMS
from alerts.letters.letter_blocks import Entry, Line
from alerts.letters.letter_words import short
from alerts.models import Severity
from alerts.spelling import one_line
from departments import working_time


def reminder(read: Read, now: datetime) -> Chased:
    """Of one advisory: for what it was written and is still owed."""
    nudges = read["nudges"] or [{"kind": "answer"}]
    kinds = {one["kind"] for one in nudges}
    by = moment(read["by"])
    late = by is not None and by < now
    said = [f"Reminder: {_answer(read, by, now)}"] if "answer" in kinds else []
    said += [_promise(one) for one in nudges if one["kind"] == "promise"]
    if "act" in kinds:
        said.append("Reminder: this is still to be done.")
        said += [f"- {label}: {words}" for label, words in _actions(read, now)]
    if "hold" in kinds:
        said.append("Reminder: it waits for you to let it go on.")
    asks = "This is what it asks"
    if "answer" in kinds:
        asks = f"We ask this of you{' now' if late else f', by {short(by)}' if by else ''}"
    return Chased(_head(nudges, now), _tail(kinds, by, late=late), "\n".join(said), asks)


def _head(nudges: Sequence[Read], now: datetime) -> str:
    if any(one["kind"] != "promise" for one in nudges):
        return "Reminder:"
    days = {one["by_date"] for one in nudges if one["choice"] == "by"}
    today = timezone.localdate(now).isoformat()
    said = "It was to be done" if any(one["body"] for one in nudges) else "You said it would be done"
    return f"{said} today:" if days == {today} else f"{said}:"


def _tail(kinds: set[str], by: datetime | None, *, late: bool) -> str:
    if "answer" in kinds:
        return ": answer now" if late else f": answer by {short(by)}" if by else ""
    if "act" in kinds:
        return ": still to be done"
    return ": it waits for you" if "hold" in kinds else ""


def _answer(read: Read, by: datetime | None, now: datetime) -> str:
    """Since when they have been told, and by when they are to answer, in sentences."""
    when = _told(read, now)
    said = f"you were told of this{when}, and have not answered."
    if read.get("before"):
        told = f"You were told what it says now{when}, and have not answered that."
        said = f"you answered an earlier text of this. {told}"
    return f"{said}{_asked_for(by, now)}"


def _told(read: Read, now: datetime) -> str:
    at = moment(read["at"])
    return f" on {short(at)}, {ago(at, now, read['calendar'])}" if at else ""


def _asked_for(by: datetime | None, now: datetime) -> str:
    if by is None:
        return ""
    if by < now:
        return f" Your answer was asked for by {short(by)}, and is late."
    return f" Your answer is asked for by {short(by)}."


def _promise(one: Read) -> str:
    what = f"“{one_line(one['text'])}”" if one["text"] else f"action {one['place']}"
    if one["choice"] == "by" and one["by_date"]:
        day = f"by {promised_for(one['by_date'])}"
    else:
        day = f"in time, by {short(datetime.fromisoformat(one['due']))}"
    # What was said for a body may come to whoever answers for it since.
    who = f"It was said for {one_line(one['body'])}" if one["body"] else "You said"
    return f"{who} that {what} would be done {day}. Is it done?"


def _actions(read: Read, now: datetime) -> list[Line]:
    """What is still to be done, and by when; by its number where the marking keeps its words out of mails."""
    lines = []
    for one in read["actions"] or ():
        what = one_line(one["text"]).rstrip(".") if one["text"] else f"Action {one['place']}"
        body = f", for {one_line(one['body'])}" if one["body"] else ""
        due = datetime.fromisoformat(one["due"])
        said = f"was due by {short(due)}, {ago(due, now, read['calendar'])}" if due < now else f"is due by {short(due)}"
        promised = f", and was promised for {promised_for(one['promised'])}" if one.get("promised") else ""
        lines.append(Line(f"{what}{body}", f"it {said}{promised}."))
    return lines


def ago(then: datetime, now: datetime, calendar: str) -> str:
    """ "3 working hours ago", "2 working days ago"; round the clock, and where no working time has passed: "3 h 20 min ago"."""
    worked = working_time.between(then, now, calendar)
    if calendar == working_time.ROUND_THE_CLOCK or not worked:
        return f"{hold_words.lasted(now - then)} ago"
    days, hours = worked // working_time.DAY, worked // timedelta(hours=1)
    if days:
        return f"{days} working {'day' if days == 1 else 'days'} ago"
    return f"{hours} working {'hour' if hours == 1 else 'hours'} ago" if hours else "less than a working hour ago"


# --- a digest of several ---


def digest(read: Read, now: datetime, link: Callable[[int, int], str]) -> Chased:
    """Of everything that is open for somebody; with `link` their own link to each, of a recipient's id and issue."""
    many, critical, drills, items = read["many"], read["critical"], read["drills"], read["items"] or []
    drill = many and drills == many
    what = f"{count(many, 'warning')} {'waits' if many == 1 else 'wait'}"
    what += " for your answer" if read["answers"] == many else " for you"
    # Of real ones alone it is said that they are critical.
    some = f", {drills:,} of them {'an exercise' if drills == 1 else 'exercises'}" if drills and not drill else ""
    more = many - len(items)
    said = ["THIS IS AN EXERCISE. Nothing here is real."] if drill else []
    each = "Here is its link." if many == 1 else "The most severe comes first, and each has a link of its own."
    said.append(f"{what}{some}. {each} A reply to this mail is no answer.")
    return Chased(
        head=f"{_marks(read)}{what}{some}{f' ({critical:,} critical)' if critical else ''}",
        reminded="\n".join(said),
        entries=tuple(_item(one, now, link) for one in items[:MOST_ITEMS]),
        more=f"And {more:,} more, all behind any of these links." if more > 0 else "",
        advisories=tuple(one["advisory"] for one in items),
    )


def _marks(read: Read) -> str:
    """What the subject begins with, as that of a mail of one: that all are exercises, and that one of them is critical."""
    drill = read["many"] and read["drills"] == read["many"]
    # Of a drill it is said where nothing real is beside it.
    critical = read["critical"] or (drill and any(one["severity"] == Severity.CRITICAL for one in read["items"] or ()))
    return f"{'[EXERCISE] ' if drill else ''}{f'[{Severity.CRITICAL.label}] ' if critical else ''}"


def _item(one: Read, now: datetime, link: Callable[[int, int], str]) -> Entry:
    nudges = one["nudges"] or []
    drill = "[EXERCISE] " if one["drill"] else ""
    said = [f"{one['reference']}, from {one_line(one['issuer'])}. TLP:{one['marking']}."]
    if one["owes"]:
        said.append(f"You were told of it{_told(one, now)}.{_asked_for(moment(one['by']), now)}")
    said += [_promise(nudge) for nudge in nudges if nudge["kind"] == "promise"]
    said += [
        f"You hold it until {short(datetime.fromisoformat(nudge['until']))}. Let it go on, or add a note first."
        for nudge in nudges
        if nudge["kind"] == "hold"
    ]
    acts = any(nudge["kind"] == "act" for nudge in nudges)
    if acts:
        said.append("This is still to be done:")
    if marking.needs_code(one["marking"]):
        said.insert(1, "The page sends a code to this address before it shows its text.")
    return Entry(
        heading=f"{drill}{Severity(one['severity']).label}: {one_line(one['title'])}",
        said=tuple(said),
        listed=tuple(_actions(one, now)) if acts else (),
        links=(Line("Read and answer, without signing in", link(one["recipient"], one["issue"])),),
    )
