"""Whether the whole estate is in the band's links, for whoever is signed in."""

from django import template

from departments.models import Person
from departments.rules import is_administrator, is_auditor, is_officer

register = template.Library()


@register.simple_tag
def sees_estate(user: object) -> bool:
    """Administrators, auditors and officers; of anybody else one look-up by key, on each page."""
    if not isinstance(user, Person):
        return False
    return bool(is_administrator(user) or is_auditor(user) or is_officer(user, None))
