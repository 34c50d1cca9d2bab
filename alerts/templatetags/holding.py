"""Holds, as the pages say them; the words are `alerts.hold_words`."""

from datetime import datetime

from django import template

from alerts import hold_words
from alerts.cascading.holds import Held
from alerts.models import Relay

register = template.Library()


@register.filter
def waits(held: Held) -> str:
    """ "1,240 people wait for you"."""
    return hold_words.waits(held.people, held.looking)


@register.filter
def goes_on(until: datetime, now: datetime) -> str:
    """ "at 14:05 BST (in 3 h 12 min)"."""
    return hold_words.goes_on(until, now)


@register.filter
def at_which(relay: Relay) -> str:
    """When it was let go on, and how long it had been held: "at 14:05 BST, after 12 min"."""
    if relay.released_at is None or relay.reached_at is None:
        return ""
    return f"{hold_words.at(relay.released_at)}, after {hold_words.lasted(relay.released_at - relay.reached_at)}"
