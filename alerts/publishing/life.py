"""An advisory's life, as the record has it: each step, by whom and when. Reads only."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format

from alerts.hold_words import lasted
from alerts.models import Advisory, Clock, Record, Relay
from departments.models import Body

MOST = 200
MOST_OF_CHASE = 200
NAMED = 5


@dataclass(frozen=True, slots=True)
class Step:
    """One step: what happened, by whom ("" for the clock), when, and why where somebody said so."""

    at: datetime
    who: str
    what: str
    why: str = ""
    alone: bool = False
    """Published without a second officer."""


def life_of(advisory: Advisory) -> list[Step]:
    """The steps of its life, the latest first; how its mails travel is not among them."""
    entries = Record.objects.filter(subject=advisory.reference).select_related("actor").order_by("-id")
    # However long somebody is chased, the steps of its own life are all there.
    shown = [*entries.filter(kind__in=_SAYS.keys() - _CHASE.keys())[:MOST], *_chased(entries.filter(kind__in=_CHASE))]
    shown.sort(key=lambda entry: -entry.pk)
    slugs = {slug for entry in shown for slug in _slugs(entry.details)}
    names = dict(Body.objects.filter(slug__in=slugs).values_list("slug", "name")) if slugs else {}
    names |= _clock_names(entry.details for entry in shown if entry.kind in _CHASE)
    names |= _held_names({relay for entry in shown for relay in _relays(entry.details)})
    return [
        Step(
            at=entry.at,
            who=entry.actor.name if entry.actor else "",
            what=_SAYS[entry.kind](entry.details, names),
            why=str(entry.details.get("reason") or entry.details.get("alone_reason") or ""),
            alone=bool(entry.details.get("alone_reason")) and entry.kind == "published",
        )
        for entry in shown
    ]


def _relays(details: Mapping[str, Any]) -> list[int]:
    """The ids of the relays that an entry names; of many, the first."""
    if "relay" in details:
        return [int(details["relay"])]
    # Other kinds keep under the same key how many there were.
    many = details.get("relays")
    return many[:NAMED] if isinstance(many, list) else []


def _held_names(ids: set[int]) -> dict[str, str]:
    """By a relay's key here: its body, and for how long it was held."""
    relays = Relay.objects.filter(pk__in=ids).select_related("body") if ids else ()
    return {
        _key(relay.pk): f"{relay.body.name} after {lasted(relay.released_at - relay.reached_at)}"
        for relay in relays
        if relay.released_at and relay.reached_at
    }


def _key(relay_id: int) -> str:
    return f"relay {relay_id}"  # no slug has a blank


def _released(details: Mapping[str, Any], names: Mapping[str, str]) -> str:
    through = ", through the link in their mail" if details.get("how") == "link" else ""
    return f"released {names.get(_key(details.get('relay', 0)), _named(details, names))}{through}"


def _released_over(details: Mapping[str, Any], names: Mapping[str, str]) -> str:
    number = len(details["relays"])
    named = [names[_key(relay)] for relay in _relays(details) if _key(relay) in names]
    if not named:
        return f"released by the clock over {number:,} holding it"
    more = number - len(named)
    return f"released over them by the clock: {', '.join([*named, *([f'and {more:,} more'] if more else [])])}"


def _slugs(details: Mapping[str, Any]) -> list[str]:
    given = details.get("bodies", [])
    # Other kinds keep under the same key how many there were.
    given = given if isinstance(given, list) else []
    return [*given, details["body"]] if "body" in details else list(given)


def _named(details: Mapping[str, Any], names: Mapping[str, str]) -> str:
    slugs = _slugs(details)
    shown = [names.get(slug, slug) for slug in slugs[:NAMED]]
    return ", ".join([*shown, f"and {len(slugs) - NAMED:,} more"] if len(slugs) > NAMED else shown)


def _for(details: Mapping[str, Any], names: Mapping[str, str]) -> str:
    return f" for {_named(details, names)}" if _slugs(details) else ""


def _mailed(details: Mapping[str, Any]) -> str:
    return ", and had it mailed to those told before" if details.get("mail") else ""


def _day(details: Mapping[str, Any]) -> str:
    at = parse_datetime(str(details.get("until", "")))
    return f", until {date_format(timezone.localtime(at), 'j F Y')}" if at else ""


def _published(details: Mapping[str, Any], _: Mapping[str, str]) -> str:
    alone = ", alone" if details.get("alone_reason") else ""
    return f"published revision {details['revision']}, {details['kind']}{alone}"


def _chased(entries: QuerySet[Record]) -> list[Record]:
    """The last entries of the chase; the pieces in which one step was gone over are one entry, with their sum."""
    shown: list[Record] = []
    steps: dict[tuple[str, int], Record] = {}
    for entry in entries[:MOST_OF_CHASE]:
        step = entry.details.get("step")
        whole = steps.get((entry.kind, step)) if step and entry.kind in _IN_PIECES else None
        if whole is not None:
            for name in ("people", "bodies"):
                if name in entry.details:
                    whole.details[name] = whole.details.get(name, 0) + entry.details[name]
            continue
        if step:
            steps[entry.kind, step] = entry
        shown.append(entry)
    return shown


def _count(details: Mapping[str, Any], name: str, one: str, many: str) -> str:
    number = int(details.get(name, 0))
    return f"{number:,} {one if number == 1 else many}"


def _people(details: Mapping[str, Any]) -> str:
    return _count(details, "people", "person", "people")


def _clock_started(details: Mapping[str, Any], _: Mapping[str, str]) -> str:
    by = parse_datetime(str(details.get("by", "")))
    local = timezone.localtime(by) if by else None
    until = f", until {date_format(local, 'H:i')} {local.tzname()} on {date_format(local, 'j F Y')}" if local else ""
    what = {"act": "to act", "hold": "until what is held goes on by itself"}.get(str(details.get("of")), "to answer")
    return f"the time {what} began{until}"


def _clock_names(entries: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """By "clock 5", what a step of that clock is about, where it is not just the time to answer."""
    ids = {int(details["clock"]) for details in entries if "clock" in details}
    clocks = list(Clock.objects.filter(pk__in=ids)) if ids else []
    several = len({one.calendar for one in clocks if one.kind == Clock.Kind.ANSWER}) > 1
    said = {}
    for one in clocks:
        if one.kind != Clock.Kind.ANSWER:
            said[f"clock {one.pk}"] = f" {one.get_kind_display()}"
        elif several:
            said[f"clock {one.pk}"] = f" to answer ({one.get_calendar_display() or 'round the clock'})"
    return said


def _of_clock(details: Mapping[str, Any], names: Mapping[str, str]) -> str:
    return names.get(f"clock {details.get('clock')}", "")


def _reminder(details: Mapping[str, Any], names: Mapping[str, str]) -> str:
    return f"reminder {details.get('n')}{_of_clock(details, names)}"


def _rung(details: Mapping[str, Any], names: Mapping[str, str]) -> str:
    first = ", the bodies' contacts first" if details.get("n") == 1 else ""
    return f"rung {details.get('n')} of the ladder{_of_clock(details, names)}{first}"


def _step(details: Mapping[str, Any], names: Mapping[str, str]) -> str:
    return _rung(details, names) if details.get("what") == "escalate" else _reminder(details, names)


_IN_PIECES = ("to be reminded", "escalated")
_CHASE: dict[str, Callable[[Mapping[str, Any], Mapping[str, str]], str]] = {
    "clock started": _clock_started,
    "to be reminded": lambda details, names: f"{_reminder(details, names)}: {_people(details)} to be reminded",
    "escalated": lambda details, names: (
        f"escalated, {_rung(details, names)}: {_people(details)} to be told about "
        f"{_count(details, 'bodies', 'body', 'bodies')}"
    ),
    "chased": lambda details, names: f"{_count(details, 'messages', 'reminder', 'reminders')} put in the outbox",
    "escalation mailed": lambda details, names: (
        f"{_count(details, 'messages', 'mail', 'mails')} of whoever is silent put in the outbox"
    ),
    "reminders held back": lambda details, names: (
        f"{_count(details, 'people', 'reminder was', 'reminders were')} held back: as many mails as a day bears"
    ),
    "chase step skipped": lambda details, names: f"skipped {_step(details, names)} of the chase",
    "chase step hastened": lambda details, names: f"brought forward {_step(details, names)} of the chase",
    "chase ended": lambda details, names: "ended the chase",
    "chase goes on": lambda details, names: "let the chase go on",
}
# By the record's kind: the step in words, after the name of whoever did it.
_SAYS: dict[str, Callable[[Mapping[str, Any], Mapping[str, str]], str]] = {
    "drafted": lambda details, names: "began a draft",
    "submitted": lambda details, names: f"submitted it, and {details.get('asked', 0)} were asked to approve it",
    "approved": lambda details, names: "approved it",
    "returned": lambda details, names: "sent it back",
    "taken back": lambda details, names: "changed it, which took it back to being written",
    "set aside": lambda details, names: "published it while somebody's other words waited; the record has them",
    "dropped": lambda details, names: "threw the draft away",
    "published": _published,
    "stopped": lambda details, names: f"stopped it: {details['sent']:,} sent, {details['unsent']:,} not",
    "went on": lambda details, names: "let it go on",
    "stood down": lambda details, names: f"stood it down, with revision {details['revision']}",
    "left out": lambda details, names: f"left out {_named(details, names)}{_day(details)}",
    "put in": lambda details, names: f"put in {_named(details, names)}",
    "passed on": lambda details, names: f"passed it on{_for(details, names)}, on a reader's word",
    "lapsed": lambda details, names: f"put in by the clock, since nobody signed anew: {_named(details, names)}",
    "reviewed": lambda details, names: f"said that it still holds{_day(details)}",
    "expired": lambda details, names: "expired: nobody looked at it in time",
    "handed over": lambda details, names: f"went from {details['from']} to {details['to']}, which took over",
    "released": _released,
    "released over them": _released_over,
    "noted": lambda details, names: f"added a note for {_named(details, names)}{_mailed(details)}",
    "note taken back": lambda details, names: f"took back the note for {_named(details, names)}",
    **_CHASE,
    "note to be mailed": lambda details, names: (
        f"had the note for {_named(details, names)} mailed to those told before"
    ),
}
