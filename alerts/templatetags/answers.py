"""What the answer form needs: what was typed, and what is wrong with it, by a field's name."""

from collections.abc import Mapping
from datetime import datetime

from django import template
from django.utils import timezone
from django.utils.formats import date_format

from alerts.answering.answered import given_by
from alerts.answering.questions import BodyAction
from alerts.answering.reader import PARTS
from alerts.models import Acknowledgement

register = template.Library()


@register.filter
def of(values: Mapping[str, str], name: str) -> str:
    """The value under this name, or nothing."""
    return values.get(name, "")


@register.filter
def named(name: str, part: str) -> str:
    """The name of a follow-up field: `<name>-<part>`."""
    return f"{name}-{part}"


@register.filter
def wrong_at(errors: Mapping[str, str], name: str) -> bool:
    """Whether something is wrong with this question, or with what follows from its choice."""
    return any(one in errors for one in (name, f"{name}-date", f"{name}-why"))


@register.simple_tag
def opens(asked: BodyAction, typed: Mapping[str, str], errors: Mapping[str, str]) -> bool:
    """Whether the single bodies are shown: something was typed for one of them, or is wrong there."""
    return any(
        typed.get(f"{one.field}{part}") or f"{one.field}{part}" in errors for one in asked.questions for part in PARTS
    )


@register.filter
def giver(answer: Acknowledgement) -> str:
    """Who gave it for the recipient, if anybody."""
    return given_by(answer)


@register.filter
def exact_second(moment: datetime) -> str:
    """ "Tuesday 28 April 2026, 17:00:05 BST": for a receipt."""
    local = timezone.localtime(moment)
    return f"{date_format(local, 'l j F Y, H:i:s')} {local.tzname()}"
