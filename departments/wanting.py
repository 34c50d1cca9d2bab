"""Which bodies can't be warned for sure, and why: the list that an administrator works off. As of the last refresh."""

from collections.abc import Collection
from dataclasses import dataclass

from django.db import connection
from django.db.models import F, QuerySet

from departments.lacks import Lack
from departments.models import Standing

WANTING = [Standing.State.DARK, Standing.State.WEAK]

# Index: standing_wanting.
COUNTS = """
    SELECT lack, count(*) FROM departments_standing s CROSS JOIN LATERAL unnest(s.lacks) AS t(lack)
    WHERE s.state IN ('dark', 'weak') AND (%(within)s::bigint[] IS NULL OR s.body_id = ANY(%(within)s))
    GROUP BY lack
"""
STATES = """
    SELECT count(*) FILTER (WHERE state = 'dark'), count(*) FILTER (WHERE state = 'weak'),
        count(*) FILTER (WHERE state = 'ready')
    FROM departments_standing WHERE %(within)s::bigint[] IS NULL OR body_id = ANY(%(within)s)
"""


@dataclass(frozen=True)
class Reason:
    """A lack and how many bodies have it."""

    lack: Lack
    bodies: int


def wanting(lack: Lack | None = None, within: Collection[int] | None = None) -> QuerySet[Standing]:
    """Bodies that lack something (or this one thing), the dark ones first, then those that lack most; of these ids only."""
    found = Standing.objects.filter(state__in=WANTING).select_related("body__parent")
    if lack is not None:
        found = found.filter(lacks__contains=[lack])
    if within is not None:
        found = found.filter(body__in=within)
    return found.order_by("state", F("lacks__len").desc(), "body__name", "body")


def reasons(within: Collection[int] | None = None) -> list[Reason]:
    """Each lack that there is, the gravest first."""
    with connection.cursor() as cursor:
        cursor.execute(COUNTS, {"within": None if within is None else list(within)})
        counts = dict(cursor.fetchall())
    return [Reason(lack, counts[lack.value]) for lack in Lack if lack.value in counts]


def states(within: Collection[int] | None = None) -> tuple[int, int, int]:
    """How many bodies are dark, weak and ready."""
    with connection.cursor() as cursor:
        cursor.execute(STATES, {"within": None if within is None else list(within)})
        dark, weak, ready = cursor.fetchone() or (0, 0, 0)
    return dark, weak, ready
