"""Can this body be warned today? And what is known of an address: alerts notes here what it learnt by sending."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from departments.models import Body, Membership, Person

# A person (alias `p`) at a current membership (alias `m`) who can be told. One wording for every query that asks.
CAN_BE_TOLD = "m.until IS NULL AND p.left_at IS NULL AND p.bounced_at IS NULL"

# The same of memberships, for the ORM.
can_be_told = Q(until=None, person__left_at=None, person__bounced_at=None)

# Ordered by key: two unordered updates of many rows deadlock. Rows that say so already stay as they are.
NOTE_BOUNCE = """
    WITH chosen AS (
        SELECT id FROM departments_person WHERE id = ANY(%s) AND bounced_at IS NULL ORDER BY id FOR NO KEY UPDATE
    )
    UPDATE departments_person p SET bounced_at = %s FROM chosen WHERE p.id = chosen.id
"""
NOTE_REACHED = """
    WITH chosen AS (
        SELECT id FROM departments_person WHERE id = ANY(%s) AND bounced_at IS NOT NULL ORDER BY id FOR NO KEY UPDATE
    )
    UPDATE departments_person p SET bounced_at = NULL FROM chosen WHERE p.id = chosen.id
"""


@dataclass(frozen=True)
class Readiness:
    """How much of the directory can be warned: open bodies, those of them that are dark, people, addresses that bounce."""

    bodies: int
    dark: int
    people: int
    bouncing: int


def dark_bodies(within: Collection[int] | None = None) -> QuerySet[Body]:
    """Open bodies with nobody who can be told, by name; of these ids only, where given."""
    told = Membership.objects.filter(can_be_told, body=OuterRef("pk"))
    found = Body.objects.filter(~Exists(told), closed=None)
    return found if within is None else found.filter(pk__in=within)


def readiness() -> Readiness:
    """The whole directory in four numbers."""
    people = Person.objects.filter(left_at=None).aggregate(all=Count("id"), bouncing=Count("bounced_at"))
    return Readiness(
        bodies=Body.objects.filter(closed=None).count(),
        dark=dark_bodies().count(),
        people=people["all"],
        bouncing=people["bouncing"],
    )


def note_bounce(person_ids: Collection[int], at: datetime) -> int:
    """These people's addresses were refused for good at this moment. The first refusal stays; how many were new."""
    return _note(NOTE_BOUNCE, person_ids, at)


def note_reached(person_ids: Collection[int]) -> int:
    """Mail arrived at these people's addresses: whatever bounced before is over. How many had bounced."""
    return _note(NOTE_REACHED, person_ids)


def _note(sql: str, person_ids: Collection[int], *values: datetime) -> int:
    if not person_ids:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(sql, [sorted(person_ids), *values])
        return int(cursor.rowcount)
