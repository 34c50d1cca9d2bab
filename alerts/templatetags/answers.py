"""What the answer form needs: what was typed, and what is wrong with it, by a field's name."""

from collections.abc import Mapping

from django import template

register = template.Library()


@register.filter
def of(values: Mapping[str, str], name: str) -> str:
    """The value under this name, or nothing."""
    return values.get(name, "")


@register.filter
def named(name: str, part: str) -> str:
    """The name of a follow-up field: `<name>-<part>`."""
    return f"{name}-{part}"
