"""Of whoever is signed in: whether the whole estate is in the band's links, and in which of its bodies they name somebody."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from django import template

from alerts.web.coverage.lists import WHO_CAN, may_name_in
from departments.models import Body, Person
from departments.rules import is_administrator, is_auditor, is_officer

if TYPE_CHECKING:
    from alerts.web.coverage.estate import OftenDark

register = template.Library()


@register.simple_tag
def sees_estate(user: object) -> bool:
    """Administrators, auditors and officers; of anybody else one look-up by key, on each page."""
    if not isinstance(user, Person):
        return False
    return bool(is_administrator(user) or is_auditor(user) or is_officer(user, None))


@register.simple_tag
def may_name_of(user: object, often: Collection[OftenDark]) -> set[str]:
    """The slugs of those of these bodies in which they may name somebody, as on an advisory's own list; a few look-ups."""
    slugs = {one.body.body for one in often}
    named = may_name_in(user) if isinstance(user, Person) else set()
    if named is None or not named:
        return slugs if named is None else set()
    return set(Body.objects.filter(slug__in=slugs, pk__in=named).values_list("slug", flat=True))


@register.simple_tag
def who_can_name() -> str:
    """Who names somebody, for whoever may not."""
    return WHO_CAN["dark"]
