"""Made-up governments and advisories for the cascade's rows, written by SQL: what is measured is what comes after."""

from itertools import count
from typing import Any

from django.db import connection

from alerts.models import Advisory, Branch, Revision
from departments.models import Body, Person

CHILDREN = 8  # of each body
_numbers = count(1)

_BODIES = """
INSERT INTO departments_body (slug, name, kind, policy, hold_hours, opened, may_issue, domain)
SELECT %(name)s || '-' || n, 'Office ' || n || ' of ' || %(name)s, 'team', 'automatic', 0, current_date, false, ''
FROM generate_series(0, %(bodies)s - 1) n
"""
_PARENTS = """
UPDATE departments_body b SET parent_id = p.id
FROM generate_series(1, %(bodies)s - 1) n, departments_body p
WHERE b.slug = %(name)s || '-' || n AND p.slug = %(name)s || '-' || ((n - 1) / %(children)s)
"""
_PEOPLE = """
INSERT INTO departments_person (email, written, name, shared, telephone, is_administrator, is_auditor, password)
SELECT address, address, 'Given Family ' || n, false, '', false, false, '!'
FROM (SELECT n, 'given.family.' || n || '@' || %(name)s || '.example' AS address
      FROM generate_series(0, %(people)s - 1) n) made
"""
# The people of a body stand together, as a directory is loaded. One in ten sits in two bodies; one in eight is a contact.
_SEATS = """
INSERT INTO departments_membership (person_id, body_id, role, "order", hours, since)
SELECT p.id, b.id, CASE WHEN n %% 8 = 0 THEN 'contact' ELSE 'member' END, 0, 'in', now()
FROM (SELECT n, n * %(bodies)s::bigint / %(people)s AS place FROM generate_series(0, %(people)s - 1) n
      UNION ALL
      SELECT n, (n * 7 + 1) %% %(bodies)s FROM generate_series(0, %(people)s - 1, 10) n) made
JOIN departments_person p ON p.email = 'given.family.' || n || '@' || %(name)s || '.example'
JOIN departments_body b ON b.slug = %(name)s || '-' || place
ON CONFLICT DO NOTHING
"""


def government(name: str, bodies: int, number: int) -> Body:
    """A tree of so many bodies with so many people in it; its root."""
    with connection.cursor() as cursor:
        for statement in (_BODIES, _PARENTS):
            cursor.execute(statement, {"name": name, "bodies": bodies, "children": CHILDREN})
        people(name, bodies, number)
        # Not the tables of alerts, which are empty: the database would plan by that.
        cursor.execute("ANALYZE departments_body, departments_person, departments_membership")
    return Body.objects.get(slug=f"{name}-0")


def people(name: str, bodies: int, number: int) -> None:
    """So many people in its bodies, evenly."""
    with connection.cursor() as cursor:
        for statement in (_PEOPLE, _SEATS):
            cursor.execute(statement, {"name": name, "bodies": bodies, "people": number})


def advisory(*branches: Body, severity: str = "high", content: dict[str, Any] | None = None) -> Advisory:
    """A published advisory for these branches, of which the cascade has seen nothing yet."""
    number = next(_numbers)
    issuer, _ = Body.objects.get_or_create(slug="centre", defaults={"name": "The Centre", "kind": "agency"})
    address = "officer@bench.example"
    officer, _ = Person.objects.get_or_create(email=address, defaults={"written": address, "name": "Officer"})
    made = Advisory.objects.create(
        reference=f"ADV-2026-{number:05d}",
        issuer=issuer,
        severity=severity,
        marking="GREEN",
        state="live",
        written_by=officer,
    )
    Branch.objects.bulk_create([Branch(advisory=made, body=body) for body in branches])
    made.current = made.material = Revision.objects.create(
        advisory=made,
        number=1,
        kind="material",
        content=content or {"title": "Mind the gap"},
        by=officer,
        alone_reason="x",
    )
    made.save()
    return made
