"""How time is spoken on a page."""

from datetime import datetime, timedelta

from django import template
from django.utils import timezone
from django.utils.formats import date_format

from alerts.hold_words import lasted

register = template.Library()


@register.filter
def spoken(moment: datetime | None) -> str:
    """ "2 h 14 min ago", "in 41 min", "just now"; the exact time belongs beside it, in a title."""
    if moment is None:
        return ""
    away = moment - timezone.now()
    length = _length(abs(away))
    if not length:
        return "just now"
    return f"in {length}" if away > timedelta(0) else f"{length} ago"


def _length(span: timedelta) -> str:
    days = span.days
    if span < timedelta(minutes=1):
        return ""
    if days < 1:
        return lasted(span)
    if days < 14:
        return f"{days} {'day' if days == 1 else 'days'}"
    return f"{days // 7} weeks"


@register.filter
def exact(moment: datetime | None) -> str:
    """ "Tuesday 28 April 2026, 17:00 BST": with the zone, always."""
    if moment is None:
        return ""
    local = timezone.localtime(moment)
    return f"{date_format(local, 'l j F Y, H:i')} {local.tzname()}"
