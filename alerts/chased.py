"""What the mails of the chase say to one person: a reminder, a digest of several, a list of who is silent.

From what delivery read (`alerts.deliver_chase_sql`), within the marking: where that keeps the text or names out of mails, they
were not read.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.utils import timezone
from django.utils.formats import date_format

from alerts import hold_words, marking
from alerts.deliver_chase_sql import MOST_ITEMS, MOST_NAMES
from alerts.letter_blocks import Entry, Line
from alerts.letter_words import short
from alerts.models import Message, Severity
from alerts.spelling import one_line
from departments import working_time
from departments.models import Role

LONGEST_WHY = 120  # characters of what a mail server said

Read = Mapping[str, Any]


@dataclass(frozen=True)
class Chased:
    """One person's own parts of a mail of the chase, as `alerts.letters.Personal` has them."""

    head: str = ""
    tail: str = ""
    reminded: str = ""
    asks: str = ""
    entries: tuple[Entry, ...] = ()
    more: str = ""
    advisories: tuple[int, ...] = ()
    """Those to which it has links."""


def chased_of(kind: str, found: str | None, now: datetime, link: Callable[[int, int], str]) -> Chased:
    """What delivery read of a mail of this kind; nothing of one that is not of the chase.

    `link` makes somebody's own link, of a recipient's id and issue.
    """
    if not found:
        return Chased()
    read = json.loads(found)
    if kind == Message.Kind.DIGEST:
        return _digest(read, now, link)
    if kind == Message.Kind.ESCALATION:
        return _escalation(read, now)
    return _reminder(read, now)


# --- a reminder of one advisory ---


def _reminder(read: Read, now: datetime) -> Chased:
    nudges = read["nudges"] or [{"kind": "answer"}]
    kinds = {one["kind"] for one in nudges}
    by = _moment(read["by"])
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
    at = _moment(read["at"])
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
        day = f"by {date_format(date.fromisoformat(one['by_date']), 'l j F')}"
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
        lines.append(Line(f"{what}{body}", f"it {said}."))
    return lines


def ago(then: datetime, now: datetime, calendar: str) -> str:
    """ "3 working hours ago", "2 working days ago"; round the clock: "3 h 20 min ago"."""
    if calendar == working_time.ROUND_THE_CLOCK:
        return f"{hold_words.lasted(now - then)} ago"
    worked = working_time.between(then, now, calendar)
    days, hours = worked // working_time.DAY, worked // timedelta(hours=1)
    if days:
        return f"{days} working {'day' if days == 1 else 'days'} ago"
    return f"{hours} working {'hour' if hours == 1 else 'hours'} ago" if hours else "less than a working hour ago"


# --- a digest of several ---


def _digest(read: Read, now: datetime, link: Callable[[int, int], str]) -> Chased:
    many, critical, drills, items = read["many"], read["critical"], read["drills"], read["items"] or []
    drill = many and drills == many
    what = f"{_count(many, 'warning')} {'waits' if many == 1 else 'wait'}"
    what += " for your answer" if read["answers"] == many else " for you"
    # Of real ones alone it is said that they are critical.
    some = f", {drills:,} of them {'an exercise' if drills == 1 else 'exercises'}" if drills and not drill else ""
    more = many - len(items)
    said = ["THIS IS AN EXERCISE. Nothing here is real."] if drill else []
    each = "Here is its link." if many == 1 else "The most severe comes first, and each has a link of its own."
    said.append(f"{what}{some}. {each} A reply to this mail is no answer.")
    return Chased(
        head=f"{'[EXERCISE] ' if drill else ''}{what}{some}{f' ({critical:,} critical)' if critical else ''}",
        reminded="\n".join(said),
        entries=tuple(_item(one, now, link) for one in items[:MOST_ITEMS]),
        more=f"And {more:,} more, all behind any of these links." if more > 0 else "",
        advisories=tuple(one["advisory"] for one in items),
    )


def _item(one: Read, now: datetime, link: Callable[[int, int], str]) -> Entry:
    nudges = one["nudges"] or []
    drill = "[EXERCISE] " if one["drill"] else ""
    said = [f"{one['reference']}, from {one_line(one['issuer'])}. TLP:{one['marking']}."]
    if one["owes"]:
        said.append(f"You were told of it{_told(one, now)}.{_asked_for(_moment(one['by']), now)}")
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


# --- who is silent, to whoever answers for them ---

_DUTY: dict[str, str] = {
    Role.CONTACT: "a contact of",
    Role.DEPUTY: "a deputy of the contact of",
    Role.HEAD: "the head of",
    Role.OFFICER: "an officer of",
}


def _escalation(read: Read, now: datetime) -> Chased:
    """From the bodies that were looked at (`rows`), and how many more there were, for each thing that they are (`rest`)."""
    rows, rest = read["rows"] or [], read["rest"] or []
    if not rows and not rest:
        return Chased()
    own = [row for row in rows if row["own"]]
    own_rest = [one for one in rest if one["own"]]
    below: defaultdict[tuple[int, str], tuple[list[Read], list[Read]]] = defaultdict(lambda: ([], []))
    for n, found in enumerate((rows, rest)):
        for one in found:
            if not one["own"]:
                below[one["at"], one["role"]][n].append(one)
    entries, left = [], MOST_NAMES
    for row in own:
        entries.append(_own(row, now, left))
        left = max(left - len(row["names"] or ()), 0)
    if own_rest:
        entries.append(_own_rest(own_rest, also=bool(own)))
    entries += [_below(looked_at, others) for looked_at, others in below.values()]
    why = [_why_own(row) for row in own] or [_why_own_rest(one) for one in own_rest]
    why += [_why_below([*looked_at, *others][0]) for looked_at, others in below.values()]
    return Chased(_silent(rows, rest), "", "\n".join(dict.fromkeys(why)), "", tuple(entries), _next([*rows, *rest]))


def _silent(rows: Sequence[Read], rest: Sequence[Read]) -> str:
    """ "12 people have not answered", "3 bodies have not answered", or both; for the subject, so without a name.

    Of very many it is said when that was so.
    """
    people = sum(row["silent"] for row in rows if row["own"] and row["silent"])
    bodies = sum(1 for row in rows if not row["own"] or not row["silent"]) + sum(one["bodies"] for one in rest)
    who = " and ".join(
        said
        for number, said in ((people, _count(people, "person", "people")), (bodies, _count(bodies, "body", "bodies")))
        if number
    )
    has = "had" if rest else "has" if people + bodies == 1 else "have"
    return f"{who} {has} not {_not_yet([*rows, *rest])}{_since(rest)}"


def _not_yet(rows: Sequence[Read]) -> str:
    return "done what was asked" if all(row["kind"] == "act" for row in rows) else "answered"


def _since(rest: Sequence[Read]) -> str:
    """When it was written down of bodies that were not looked at again."""
    return f" on {short(min(datetime.fromisoformat(one['since']) for one in rest))}" if rest else ""


def _others(rest: Sequence[Read], one: str, many: str) -> str:
    """Bodies that were not looked at again, as they were: a sentence, which may follow "And"."""
    bodies, people, dark = (sum(found[what] for found in rest) for what in ("bodies", "silent", "dark"))
    which = f", in which {_count(people, 'person', 'people')}" if people else ""
    said = f"{_count(bodies, one, many)}{which} had not {_not_yet(rest)}{_since(rest)}"
    return f"{said}; {dark:,} of these bodies {'was' if dark == 1 else 'were'} dark." if dark else f"{said}."


def _own_rest(rest: Sequence[Read], *, also: bool) -> Entry:
    """Of somebody's very many own bodies those that were not looked at again; `also`: beside some that were."""
    page = f"{settings.SITE_URL}/advisories/{rest[0]['reference']}/coverage/"
    return Entry(
        heading="More of your bodies" if also else "Your bodies",
        said=(f"And {_others(rest, 'more body', 'more bodies')}" if also else _others(rest, "body", "bodies"),),
        links=(Line("See them body by body, with what can be done", page),),
    )


def _own(row: Read, now: datetime, left: int) -> Entry:
    """The silent people of a body for which its own contact, deputy or head is told."""
    names = row["names"] or []
    shown = names[:left]
    said = [_owed(row, now)]
    if row["dark"]:
        said.append("It has nobody who can be told. Name somebody there, and they get it within two minutes.")
    elif row["silent"]:
        said.append(
            "What you can do: ring them, have them reminded, correct an address, or put down what they tell you by telephone."
        )
    more = row["silent"] - len(shown)
    if row["open"] and more > 0 and names:
        said.append(f"{'The first of them' if shown else 'They'} stand here; and {more:,} more on the page.")
    return Entry(
        heading=one_line(row["body"]) if row["body"] else "Your body",
        said=tuple(said),
        listed=tuple(_person(one) for one in shown),
        links=tuple(_remedies(row)),
    )


def _owed(row: Read, now: datetime) -> str:
    by = datetime.fromisoformat(row["by"])
    was = "was asked for by" if by < now else "is asked for by"
    if row["kind"] != "act":
        if not row["silent"]:
            return f"Nobody there could be told. An answer {was} {short(by)}."
        return f"{_count(row['silent'], 'person has', 'people have')} not answered. An answer {was} {short(by)}."
    texts = [f"“{one_line(one['text'])}”" if one["text"] else f"action {one['place']}" for one in row["actions"] or ()]
    what = ", ".join(texts) or "what was asked"
    who = (
        f"{_count(row['silent'], 'person', 'people')} {'has' if row['silent'] == 1 else 'have'} not said that it is done"
        if row["silent"]
        else "it was not said for the body that it is done"
    )
    return f"{what[0].upper()}{what[1:]}: {who}. It {was} {short(by)}."


def _person(one: Read) -> Line:
    number = f" Telephone {one_line(one['telephone'])}." if one["telephone"] else ""
    return Line(f"{one_line(one['name'])}{' (you)' if one['you'] else ''}", f"{_how(one)}.{number}")


def _how(one: Read) -> str:
    at = _moment(one["at"])
    since = f" since {short(at)}" if at else ""
    why = one_line(one["why"] or "")
    said = f" ({why if len(why) <= LONGEST_WHY else why[:LONGEST_WHY] + '…'})" if why else ""
    match one["how"]:
        case "unreachable":
            return f"never reached, the address was refused{said}"
        case "bounced":
            return f"never reached, the mail came back{said}"
        case "suppressed":
            return f"never reached, the provider sends nothing there{said}"
        case "untold":
            return "not told yet"
        case "suspect":
            return f"silent{since}; an answer came that looks like a machine\N{RIGHT SINGLE QUOTATION MARK}s"
        case "office":
            return f"told through their office{f', silent{since}' if since else ''}"
        case "former":
            return f"answered an earlier text, silent{since}"
        case "act":
            return "has not said that it is done"
    return f"silent{since}"


def _remedies(row: Read) -> Iterable[Line]:
    """The pages that put it right, behind the sign-in; from AMBER up their addresses name no body either."""
    page = f"{settings.SITE_URL}/advisories/{row['reference']}"
    where = {"in": row["slug"], "own": "1"} if row["slug"] else {}
    if row["dark"]:
        yield Line(
            "Name somebody who can be told", f"{page}/coverage/bodies/?{urlencode({'is': 'dark'} | _in(row['slug']))}"
        )
        return
    if row["kind"] == "answer":
        for number, figure, label in (
            (row["told"], "silent", "Remind those who are silent"),
            (row["unsure"], "unsure", "Remind those of whom there is no word"),
            (row["unreachable"], "unreachable", "Correct the addresses of those never reached"),
        ):
            if number:
                yield Line(label, f"{page}/coverage/people/?{urlencode({'is': figure} | where)}")
    yield Line("See them all, and put down an answer given by telephone", f"{page}/people/{row['relay']}/")


def _in(slug: str | None) -> dict[str, str]:
    return {"in": slug} if slug else {}


def _below(rows: Sequence[Read], rest: Sequence[Read]) -> Entry:
    """The bodies below one for which somebody answers, the dark ones first; and how many more there were."""
    first = [*rows, *rest][0]
    dark = sum(1 for row in rows if row["dark"])
    people = sum(row["silent"] for row in rows)
    said = []
    if rows:
        who = _count(len(rows), "body has", "bodies have")
        in_all = f": {_count(people, 'person', 'people')} in all" if people else ""
        said.append(f"{who} not {_not_yet(rows)}{in_all}.")
    if dark:
        said.append(f"{dark:,} of them {'is' if dark == 1 else 'are'} dark: nobody there can be told.")
    if rest:
        said.append(f"And {_others(rest, 'more body', 'more bodies')}" if rows else _others(rest, "body", "bodies"))
    shown = [row for row in rows if row["open"]][:MOST_NAMES]
    more = len(rows) - len(shown) + sum(one["bodies"] for one in rest)
    if shown and more:
        said.append(f"The first {len(shown)} stand here; and {more:,} more on the page.")
    page = f"{settings.SITE_URL}/advisories/{first['reference']}/coverage/"
    scope = {} if first["role"] == Role.OFFICER else _in(first["above_slug"])
    links = [Line("See them body by body, with what can be done", f"{page}?{urlencode(scope)}" if scope else page)]
    if dark or any(one["dark"] for one in rest):
        links.append(Line("Name somebody in those that are dark", f"{page}bodies/?{urlencode({'is': 'dark'} | scope)}"))
    return Entry(
        heading=_heading_below(first),
        said=tuple(said),
        listed=tuple(Line(one_line(row["body"]), _body(row)) for row in shown),
        links=tuple(links),
    )


def _heading_below(row: Read) -> str:
    if row["role"] == Role.OFFICER:
        return "Bodies that have not answered"
    return f"Bodies below {one_line(row['above'])}" if row["above"] else "Bodies below yours"


def _body(row: Read) -> str:
    if row["dark"]:
        return "DARK: it has nobody who can be told."
    if row["kind"] == "act":
        return (
            f"{_count(row['silent'], 'person', 'people')} to act." if row["silent"] else "Its own action is not done."
        )
    return f"{_count(row['silent'], 'person has', 'people have')} not answered."


def _why_own(row: Read) -> str:
    """Why this person gets it, and whom the steps before told."""
    where = one_line(row["body"]) if row["body"] else "a body that was warned"
    said = f"You get this because you are {_DUTY[row['role']]} {where}."
    before = [_earlier(one) for one in row["before"] or ()]
    return f"{said} Before you we told {'; '.join(before)}." if before else said


def _why_own_rest(one: Read) -> str:
    return f"You get this because you are {_DUTY[one['role']]} bodies that were warned."


def _earlier(one: Read) -> str:
    name = f", {one_line(one['name'])}," if one["name"] else ""
    return f"its {one['role']}{name} on {short(datetime.fromisoformat(one['at']))}"


def _why_below(row: Read) -> str:
    if row["role"] == Role.OFFICER:
        return "You get this because you are an officer of its issuer, to whom all of them lead up."
    where = one_line(row["above"]) if row["above"] else "a body that was warned"
    return f"You get this because you are {_DUTY[row['role']]} {where}, to which these bodies answer."


def _next(rows: Sequence[Read]) -> str:
    """When whoever is next in line is told."""
    due = [datetime.fromisoformat(row["next"]) for row in rows if row["next"]]
    if due:
        return f"If nothing changes, whoever is next in line is told on {short(min(due))}."
    return "Nobody further up is told of it after you." if all(row["last"] for row in rows) else ""


def _moment(iso: str | None) -> datetime | None:
    return datetime.fromisoformat(iso) if iso else None


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"
