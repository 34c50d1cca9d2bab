"""A person's life in the directory in words."""

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from django.utils import timezone
from django.utils.timesince import timesince

from departments.models import Membership, PersonEvent, Role
from departments.noting import day
from departments.seating import spoken

Values = dict[str, Any]


def told(event: PersonEvent, *, with_addresses: bool = False) -> str:
    """What happened, as a sentence without its subject; addresses and telephone numbers only for those who may."""
    place = f" in {event.body.name}" if event.body else ""
    words = _WORDS.get(event.what)
    if event.what == "corrected":
        return _corrected(event.before, event.after, with_addresses)
    # What somebody wrote about somebody else may hold an address.
    after = event.after if with_addresses else {**event.after, "hint": ""}
    return words(event.before, after, place) if words else f"{event.what}{place}"


def confirmed(place: Membership) -> str:
    """ "confirmed 3 months ago", "never confirmed"."""
    if place.verified_at is None:
        return "never confirmed"
    return f"confirmed {ago(place.verified_at)}"


def ago(moment: datetime) -> str:
    """ "3 months ago", "just now"."""
    length = timesince(moment, timezone.now(), depth=1)
    return "just now" if length.startswith("0") else f"{length} ago"


def _role(values: Values) -> str:
    role = values.get("role")
    return spoken(role) if role in Role.values else str(role or "member")


def _day(written: object) -> str:
    try:
        return day(date.fromisoformat(str(written)[:10]))
    except ValueError:
        return str(written or "no end")


def _appointed(before: Values, after: Values, place: str) -> str:
    if after.get("administrator"):
        return "became an administrator"
    return "became an auditor" if after.get("auditor") else "is neither administrator nor auditor any more"


def _verified(before: Values, after: Values, place: str) -> str:
    how = f", {after['how']}" if after.get("how") else ""
    return f"confirmed as {_role(after)}{place}{how}"


_WORDS: dict[str, Callable[[Values, Values, str], str]] = {
    "added": lambda before, after, place: f"came into the directory as {after.get('name') or 'somebody new'}",
    "left": lambda before, after, place: f"left on {_day(after.get('on'))}; places and delegations ended",
    "came back": lambda before, after, place: "came back into the directory",
    "reached again": lambda before, after, place: "is sent mail again: somebody made sure that it reaches them",
    "seated": lambda before, after, place: f"became {_role(after)}{place}",
    "unseated": lambda before, after, place: f"is no longer {_role(before)}{place}",
    "role changed": lambda before, after, place: f"became {_role(after)}{place}; was {_role(before)}",
    "reordered": lambda before, after, place: f"stands at {after.get('order')}{place}; was at {before.get('order')}",
    "hours changed": lambda before, after, place: (
        f"is there {'out of hours' if after.get('hours') == 'out' else 'in hours'}{place}"
    ),
    "verified": _verified,
    "confirmed by link": lambda before, after, place: f"confirmed by link that they are still the contact{place}",
    "no longer the contact": lambda before, after, place: _no_longer(after, place),
    "appointed": _appointed,
    "delegate named": lambda before, after, place: (
        f"{after.get('delegate')} may open their mail until {_day(after.get('until'))}"
    ),
    "delegate kept": lambda before, after, place: (
        f"{after.get('delegate')} opens their mail until {_day(after.get('until'))}; "
        f"was until {_day(before.get('until'))}"
    ),
    "delegate ended": lambda before, after, place: f"{after.get('delegate')} opens their mail no more",
}


def _no_longer(after: Values, place: str) -> str:
    stayed = "" if after.get("still there") else ", and that they have left it"
    hint = f"; of the contact now they say: “{after['hint']}”" if after.get("hint") else ""
    return f"said by link that they are no longer the contact{place}{stayed}{hint}"


def _corrected(before: Values, after: Values, with_addresses: bool) -> str:
    parts = []
    if "name" in after:
        parts.append(f"name from {before.get('name')} to {after['name']}")
    if "email" in after or "written" in after:
        old, new = (values.get("written") or values.get("email") for values in (before, after))
        parts.append(f"address from {old} to {new}" if with_addresses else "address")
    if "telephone" in after:
        old, new = (values.get("telephone") or "none" for values in (before, after))
        parts.append(f"telephone from {old} to {new}" if with_addresses else "telephone")
    if "shared" in after:
        parts.append("now a shared mailbox" if after["shared"] else "no longer a shared mailbox")
    return f"corrected: {'; '.join(parts)}" if parts else "corrected"
