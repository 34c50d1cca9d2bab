"""`reach_preview`: who would hear a warning to everybody, and who would not, before it is published."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.db import connection
from django.utils import timezone

from alerts.models import Advisory, Branch, Draft, Gap, Relay, Revision
from alerts.publishing.audience import AUDIENCE
from alerts.publishing.reach import reach
from bench.directory import TOPICS
from bench.harness import Row, compare
from bench.trees import LARGE, fill
from departments.models import Body, Membership, Person, Remit, Sponsor, Topic
from departments.readiness import refresh_whole

ROUNDS = 5
OUTSIDE = 300  # bodies beside the audience: a third has the remit, a third was told before, a third sponsors
DARK = 500  # bodies inside it with nobody to tell
BOUNCING = 200
PAST = 6

# Written for this purpose: how many bodies and people it reaches, by the cascade's own rule, and nothing else.
BARE = (
    AUDIENCE
    + """
SELECT (SELECT count(*) FROM target), count(*)
FROM (
    SELECT DISTINCT m.person_id
    FROM target t
    JOIN departments_membership m ON m.body_id = t.body_id AND m.until IS NULL
    JOIN departments_person p ON p.id = m.person_id AND p.left_at IS NULL
) people
"""
)


def reach_preview(folder: Path) -> Row:
    """The whole preview of an audience of 20,000 bodies and 200,000 people, against counting these."""
    fill(folder, LARGE)
    advisory = _advisory()
    _gaps(advisory)
    refresh_whole()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")

    def bare() -> tuple[Any, ...]:
        with connection.cursor() as cursor:
            cursor.execute(BARE, {"advisory": advisory.pk})
            return tuple(cursor.fetchone() or ())

    def the_same() -> bool:
        """It counts whom the bare query counts, and finds each kind of gap."""
        found = reach(advisory)
        return (found.bodies, found.people) == bare() and {gap.kind for gap in found.gaps} == set(Gap.Kind.values)

    return compare(
        "reach_preview",
        lambda: _timed(lambda: reach(advisory)),
        lambda: _timed(bare),
        against="counting the bodies and people of the same audience",
        bound="<= 3",
        rounds=ROUNDS,
        also=the_same,
    )


def _advisory() -> Advisory:
    """A draft to every root of the tree."""
    issuer = Body.objects.create(slug="centre", name="The Centre", kind="agency", may_issue=True)
    officer = Person.objects.create(email="officer@bench.example", written="officer@bench.example", name="Officer")
    made = Advisory.objects.create(
        reference="ADV-2026-0001", issuer=issuer, severity="high", marking="GREEN", written_by=officer
    )
    roots = Body.objects.filter(parent=None).exclude(pk=issuer.pk)
    Branch.objects.bulk_create([Branch(advisory=made, body=body) for body in roots])
    Draft.objects.create(advisory=made, content={"topics": [TOPICS[0]]}, saved_by=officer)
    return made


def _gaps(advisory: Advisory) -> None:
    """Some of everybody who would not hear it, and earlier warnings on the same subject."""
    inside = list(Body.objects.exclude(pk=advisory.issuer_id).order_by("pk"))
    outside = Body.objects.bulk_create(
        [Body(slug=f"outside-{n}", name=f"Outside {n}", kind="committee") for n in range(OUTSIDE)]
    )
    topic = Topic.objects.get(slug=TOPICS[0])
    Remit.objects.bulk_create([Remit(body=body, topic=topic) for body in outside[::3]])
    Sponsor.objects.bulk_create(
        [Sponsor(body=body, sponsor=sponsor) for body, sponsor in zip(inside[::7], outside[1::3], strict=False)]
    )
    at = timezone.now()
    Membership.objects.filter(body__in=inside[11 :: LARGE // DARK]).update(until=at)
    deaf = Membership.objects.filter(body__in=inside[5 :: LARGE // BOUNCING], until=None)
    Person.objects.filter(pk__in=deaf.values("person")).update(bounced_at=at)
    for number in range(PAST):
        past = Advisory.objects.create(
            reference=f"ADV-2025-{number:04d}",
            issuer=advisory.issuer,
            severity="high",
            marking="GREEN",
            state="live",
            published_at=at,
            written_by=advisory.written_by,
        )
        past.current = Revision.objects.create(
            advisory=past,
            number=1,
            kind="material",
            content={"topics": [TOPICS[0]]},
            by=past.written_by,
            alone_reason="x",
        )
        past.save()
        told = [*inside[number::20], *outside[2::3]]
        Relay.objects.bulk_create(
            [Relay(advisory=past, body=body, purpose="target", state="released", stale=False) for body in told]
        )


def _timed(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started
