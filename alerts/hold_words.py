"""The words of a hold: who held a warning on its way, for how long, and who let it go on. One place for every page."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db.models import F
from django.utils import timezone
from django.utils.formats import date_format

from alerts.models import Relay, Seat


def held_for(relay: Relay, contact: str = "", telephone: str = "") -> str:
    """ "held by A Department (Ada Contact, 020 7946 0000) for 3 h 58 min, then released over them by the clock".

    Of a relay that is still held, since when and until when; "" of one that nobody ever held. `relay` comes with its `body`
    and `released_by`; `contact` and `telephone` where they are to be named.
    """
    if relay.held_until is None or relay.reached_at is None:
        return ""
    whom = ", ".join(part for part in (contact, telephone) if part)
    by = f"held by {relay.body.name}{f' ({whom})' if whom else ''}"
    if relay.state == Relay.State.HELD or relay.released_at is None:
        return f"{by} since {clock(relay.reached_at)}; it goes on by itself {at(relay.held_until)}"
    return f"{by} for {lasted(relay.released_at - relay.reached_at)}, then {_released(relay)}"


def holders(relays: Iterable[int]) -> dict[int, tuple[str, str]]:
    """By a held relay's id: name and telephone of the contact who held it; of several, who is it still, first. One query."""
    seats = Seat.objects.filter(relay__in=list(relays), contact=True).select_related("recipient__person")
    first = seats.order_by("relay_id", F("ended_at").desc(nulls_first=True), "pk").distinct("relay_id")
    return {seat.relay_id: (seat.recipient.person.name, seat.recipient.person.telephone) for seat in first}


def _released(relay: Relay) -> str:
    return f"released by {relay.released_by.name}" if relay.released_by else "released over them by the clock"


def goes_on(until: datetime, now: datetime) -> str:
    """When the clock lets it go on: "at 14:05 BST (in 3 h 12 min)", "at 09:00 GMT tomorrow (in 20 h)", "now, by the clock"."""
    if until <= now:
        return "now, by the clock"
    return f"{at(until, now)} (in {lasted(until - now)})"


def at(moment: datetime, now: datetime | None = None) -> str:
    """ "at 14:05 BST" of today; "at 14:05 BST tomorrow"; otherwise with its date."""
    return f"at {clock(moment, now)}"


def clock(moment: datetime, now: datetime | None = None) -> str:
    """ "14:05 BST" of today, "14:05 BST tomorrow", "14:05 BST on 28 April 2020"."""
    local, today = timezone.localtime(moment), timezone.localdate(now)
    hours = f"{date_format(local, 'H:i')} {local.tzname()}"
    if local.date() == today:
        return hours
    if local.date() == today + timedelta(days=1):
        return f"{hours} tomorrow"
    return f"{hours} on {date_format(local, 'j F Y')}"


def until_exact(moment: datetime, now: datetime) -> str:
    """For a mail, which is read later: "14:05 today (GMT)", "09:00 tomorrow, 25 November (GMT)", with the day further off."""
    local, today = timezone.localtime(moment), timezone.localdate(now)
    hours, zone, day = date_format(local, "H:i"), local.tzname(), date_format(local, "j F")
    if local.date() == today:
        return f"{hours} today ({zone})"
    if local.date() == today + timedelta(days=1):
        return f"{hours} tomorrow, {day} ({zone})"
    return f"{hours} on {date_format(local, 'j F Y')} ({zone})"


def waits(people: int, looking: bool) -> str:
    """ "1,240 people wait for you"; `looking`: more of them may still be found."""
    if not people:
        return "its people are still being looked up" if looking else "nobody waits for you yet"
    least = "at least " if looking else ""
    return f"{least}{people:,} {'person waits' if people == 1 else 'people wait'} for you"


def lasted(span: timedelta) -> str:
    """ "3 h 58 min", "2 days 4 h", "less than a minute"."""
    minutes = int(span.total_seconds() // 60)
    hours, days = minutes // 60, minutes // (60 * 24)
    if minutes < 1:
        return "less than a minute"
    if hours < 1:
        return f"{minutes} min"
    if days < 1:
        return f"{hours} h {minutes % 60} min" if minutes % 60 else f"{hours} h"
    return f"{days} {'day' if days == 1 else 'days'}{f' {hours % 24} h' if hours % 24 else ''}"
