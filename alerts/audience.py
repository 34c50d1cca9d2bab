"""Who should hear an advisory; who will not, and why.

One rule in SQL, `AUDIENCE`, says which bodies an advisory reaches and how. The preview counts with it and the cascade
plans with it, so that what was shown before publishing is what then happens. Nothing here writes.
"""

from dataclasses import dataclass

from django.db import connection

from alerts.models import Advisory, Gap
from departments.models import Body

# From the branches of the audience down along accountability and sponsorship, from a closed body to whoever took over,
# and not through an excluded one; then the bodies between, up from each target, but for the issuer's own line. UNION
# ends the cycles that sponsors and successors can make.
AUDIENCE = """
WITH RECURSIVE excluded(body_id) AS (
    SELECT body_id FROM alerts_exclusion WHERE advisory_id = %(advisory)s
), reached(body_id) AS (
    SELECT body_id FROM alerts_branch
    WHERE advisory_id = %(advisory)s AND body_id NOT IN (SELECT body_id FROM excluded)
    UNION
    SELECT c.body_id
    FROM reached r
    CROSS JOIN LATERAL (
        SELECT b.id AS body_id FROM departments_body b WHERE b.parent_id = r.body_id
        UNION ALL
        SELECT s.body_id FROM departments_sponsor s WHERE s.sponsor_id = r.body_id
        UNION ALL
        SELECT o.successor_id FROM departments_body o
        WHERE o.id = r.body_id AND o.closed IS NOT NULL AND o.successor_id IS NOT NULL
    ) c
    WHERE c.body_id NOT IN (SELECT body_id FROM excluded)
), target(body_id) AS (
    SELECT r.body_id
    FROM reached r
    JOIN departments_body b ON b.id = r.body_id AND b.closed IS NULL
    WHERE NOT EXISTS (SELECT FROM alerts_audiencetopic WHERE advisory_id = %(advisory)s)
       OR EXISTS (
            SELECT FROM alerts_audiencetopic t
            JOIN departments_remit m ON m.topic_id = t.topic_id
            WHERE t.advisory_id = %(advisory)s AND m.body_id = r.body_id
       )
), named(body_id) AS (
    SELECT DISTINCT m.body_id
    FROM alerts_named n
    JOIN departments_membership m ON m.person_id = n.person_id AND m.until IS NULL
    JOIN departments_body b ON b.id = m.body_id AND b.closed IS NULL
    WHERE n.advisory_id = %(advisory)s
      AND m.body_id NOT IN (SELECT body_id FROM target)
), issuing(body_id) AS (
    SELECT issuer_id FROM alerts_advisory WHERE id = %(advisory)s
    UNION
    SELECT b.parent_id FROM issuing i JOIN departments_body b ON b.id = i.body_id WHERE b.parent_id IS NOT NULL
), above(body_id) AS (
    SELECT b.parent_id
    FROM (SELECT body_id FROM target UNION SELECT body_id FROM named) t
    JOIN departments_body b ON b.id = t.body_id
    WHERE b.parent_id IS NOT NULL
    UNION
    SELECT b.parent_id FROM above a JOIN departments_body b ON b.id = a.body_id WHERE b.parent_id IS NOT NULL
), audience(body_id, purpose) AS (
    SELECT body_id, 'target' FROM target
    UNION ALL
    SELECT body_id, 'named' FROM named
    UNION ALL
    SELECT a.body_id, 'between'
    FROM above a
    JOIN departments_body b ON b.id = a.body_id AND b.closed IS NULL
    WHERE a.body_id NOT IN (SELECT body_id FROM target UNION ALL SELECT body_id FROM named)
      AND a.body_id NOT IN (SELECT body_id FROM issuing)
      AND a.body_id NOT IN (SELECT body_id FROM excluded)
)
"""

# Who sits at a place (a row with body_id and purpose) of the audience, whether it counts, and whether as its contact.
SEATS = """
    SELECT p.place, m.person_id,
           bool_or(
               (p.purpose = 'target'
                AND (NOT EXISTS (SELECT FROM alerts_audiencerole WHERE advisory_id = %(advisory)s)
                     OR m.role IN (SELECT role FROM alerts_audiencerole WHERE advisory_id = %(advisory)s)))
               OR m.person_id IN (SELECT person_id FROM alerts_named WHERE advisory_id = %(advisory)s)
           ) AS counts,
           bool_or(m.role = 'contact') AS contact
    FROM {places} p
    JOIN departments_membership m ON m.body_id = p.body_id AND m.until IS NULL
    JOIN departments_person who ON who.id = m.person_id AND who.left_at IS NULL
    WHERE m.role = 'contact'
       OR (p.purpose = 'target'
           AND (NOT EXISTS (SELECT FROM alerts_audiencerole WHERE advisory_id = %(advisory)s)
                OR m.role IN (SELECT role FROM alerts_audiencerole WHERE advisory_id = %(advisory)s)))
       OR m.person_id IN (SELECT person_id FROM alerts_named WHERE advisory_id = %(advisory)s)
    GROUP BY p.place, m.person_id
"""

REACH = (
    AUDIENCE
    + f""", seat AS ({SEATS.format(places="(SELECT body_id AS place, body_id, purpose FROM audience)")})
SELECT
    (SELECT count(DISTINCT person_id) FROM seat WHERE counts),
    (SELECT count(*) FROM audience WHERE purpose = 'target'),
    (SELECT count(*) FROM alerts_branch WHERE advisory_id = %(advisory)s)
"""
)

GAPS = (
    AUDIENCE
    + f""", seat AS ({SEATS.format(places="(SELECT body_id AS place, body_id, purpose FROM audience)")}),
told AS (
    SELECT s.place AS body_id, bool_and(p.bounced_at IS NOT NULL) AS bouncing
    FROM seat s JOIN departments_person p ON p.id = s.person_id
    WHERE s.counts
    GROUP BY s.place
)
SELECT 'nobody' AS kind, a.body_id, 'nobody to tell' AS why, 0 AS strength
FROM audience a LEFT JOIN told t USING (body_id)
WHERE a.purpose = 'target' AND t.body_id IS NULL
UNION ALL
SELECT 'bouncing', t.body_id, 'every address bounces', 0
FROM told t JOIN audience a USING (body_id)
WHERE a.purpose = 'target' AND t.bouncing
UNION ALL
SELECT 'outside', m.body_id, 'remit: ' || string_agg(t.slug, ', ' ORDER BY t.slug), count(*)
FROM departments_remit m
JOIN departments_topic t ON t.id = m.topic_id
JOIN departments_body b ON b.id = m.body_id AND b.closed IS NULL
WHERE t.slug = ANY(%(topics)s)
  AND m.body_id NOT IN (SELECT body_id FROM audience WHERE purpose = 'target')
  AND m.body_id NOT IN (SELECT body_id FROM excluded)
GROUP BY m.body_id
ORDER BY kind, strength DESC, body_id
"""
)


@dataclass(frozen=True)
class GapFound:
    """A body that will not hear, and why; `kind` is one of `Gap.Kind`."""

    kind: str
    body: Body
    why: str


@dataclass(frozen=True)
class Reach:
    """How far an advisory would go if it were published now. `people` counts each person once."""

    people: int
    bodies: int
    branches: int
    gaps: list[GapFound]

    def choices(self) -> list[GapFound]:
        """The gaps that are the officer's own choice, and want a reason."""
        return [gap for gap in self.gaps if gap.kind == Gap.Kind.OUTSIDE]


def reach(advisory: Advisory, topics: list[str] | None = None) -> Reach:
    """Who would hear it and who would not, by the very rule of the cascade.

    `topics` are the advisory's subject; by default those of its draft, otherwise of its current revision.
    """
    if topics is None:
        topics = subject_of(advisory)
    with connection.cursor() as cursor:
        cursor.execute(REACH, {"advisory": advisory.pk})
        people, bodies, branches = cursor.fetchone() or (0, 0, 0)
        cursor.execute(GAPS, {"advisory": advisory.pk, "topics": topics})
        rows = cursor.fetchall()
    found = Body.objects.in_bulk([body_id for _, body_id, _, _ in rows])
    gaps = [GapFound(kind, found[body_id], why) for kind, body_id, why, _ in rows]
    return Reach(people=people, bodies=bodies, branches=branches, gaps=gaps)


def subject_of(advisory: Advisory) -> list[str]:
    """The topics that an advisory is about."""
    draft = getattr(advisory, "draft", None)
    content = draft.content if draft is not None else advisory.current.content if advisory.current else {}
    return list(content.get("topics", []))
