"""Telephone numbers on a page: one press rings them."""

import re

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()

_NUMBER = re.compile(r"\+?[\d\s()./\u00a0-]{3,}")


@register.filter
def rings(telephone: str) -> SafeString:
    """The number as it was written, and as a link where it is nothing but a number; "+44 (0)20 …" is rung without its (0)."""
    if not _NUMBER.fullmatch(telephone):
        return format_html("{}", telephone)
    digits = re.sub(r"[^\d]", "", telephone.replace("(0)", "") if telephone.startswith("+") else telephone)
    return format_html('<a href="tel:{}{}">{}</a>', "+" if telephone.startswith("+") else "", digits, telephone)
