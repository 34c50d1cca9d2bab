"""Puts the demo's bodies and people into the directory, with what the CSV contracts cannot say of them.

Before: any directory. After: the demo's. Twice: nothing changes.
"""

import csv
import tempfile
from datetime import timedelta
from pathlib import Path

from django.contrib.auth.hashers import make_password
from django.core.management import call_command
from django.db import connection, transaction
from django.utils import timezone

from demo import cast, particulars, people
from departments.models import Body, Delegation, Person, Sponsor
from departments.readiness import refresh
from departments.tree import branches

HERE = Path(__file__).resolve().parent
# Security desks are read at night as well. Of the contacts three in four have confirmed in the last weeks that they still
# are; the rest nobody has asked yet. By the address, so that every start gives the same.
READY = """
    UPDATE departments_membership m SET
        hours = CASE WHEN p.email LIKE 'security@%%' THEN 'out' ELSE 'in' END,
        verified_at = CASE WHEN m.role = 'contact' AND hashtext(p.email) %% 4 <> 0
            THEN %(now)s - abs(hashtext(p.email) %% 60) * interval '1 day' END
    FROM departments_person p
    WHERE p.id = m.person_id AND m.until IS NULL AND m.role <> 'member' AND m.verified_at IS NULL
"""
DELEGATES_FOR = timedelta(days=180)
# Printed on the terminal of the machine that runs the demo, and good for nothing else.
PASSWORD = "a demo on this machine"  # noqa: S105


def is_furnished() -> bool:
    """Whether the demo's directory is there already."""
    return Person.objects.filter(email=cast.OFFICER.email).exclude(password="!").exists()  # noqa: S106


@transaction.atomic
def furnish() -> None:
    """Load bodies and people through the same doors as any other directory, then their particulars."""
    call_command("load_bodies", str(HERE / "bodies.csv"), verbosity=0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "people.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["email", "name", "body", "role"])
            writer.writerows(people.rows())
        call_command("load_people", str(path), verbosity=0)
    _bodies()
    _people()
    with connection.cursor() as cursor:
        cursor.execute(READY, {"now": timezone.now()})
    refresh()


def _bodies() -> None:
    ids = dict(Body.objects.values_list("slug", "pk"))
    Sponsor.objects.bulk_create(
        [Sponsor(body_id=ids[body], sponsor_id=ids[sponsor]) for body, sponsor in particulars.SPONSORS],
        ignore_conflicts=True,
    )
    for slug, hours in particulars.HOLDS:
        Body.objects.filter(slug=slug).update(policy=Body.Policy.HOLD, hold_hours=hours)
    Body.objects.filter(slug__in=particulars.MAY_ISSUE).update(may_issue=True)
    for calendar, tops in particulars.CALENDARS.items():
        below = branches([ids[slug] for slug in tops])
        Body.objects.filter(pk__in=below).exclude(calendar=calendar).update(calendar=calendar)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE departments_body b SET domain = d.domain"
            " FROM unnest(%s::text[], %s::text[]) AS d(slug, domain) WHERE b.slug = d.slug AND b.domain <> d.domain",
            [list(particulars.DOMAINS), list(particulars.DOMAINS.values())],
        )


def _people() -> None:
    Person.objects.filter(email__in=particulars.SHARED).update(shared=True)
    Person.objects.filter(email__in=particulars.LEAVERS, left_at=None).update(left_at=timezone.now())
    Person.objects.filter(email__in=particulars.ADMINISTRATORS).update(is_administrator=True)
    Person.objects.filter(email__in=particulars.AUDITORS).update(is_auditor=True)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE departments_person p SET telephone = t.number"
            " FROM unnest(%s::text[], %s::text[]) AS t(email, number) WHERE p.email = t.email",
            [list(particulars.TELEPHONES), list(particulars.TELEPHONES.values())],
        )
    ids = dict(Person.objects.values_list("email", "pk"))
    known = set(Delegation.objects.values_list("person_id", "delegate_id"))
    Delegation.objects.bulk_create(
        Delegation(
            person_id=ids[person],
            delegate_id=ids[delegate],
            named_by_id=ids[person],
            until=timezone.now() + DELEGATES_FOR,
        )
        for person, delegate in particulars.DELEGATES
        if (ids[person], ids[delegate]) not in known
    )
    Person.objects.filter(email__in=[player.email for player in cast.CAST]).update(password=make_password(PASSWORD))
