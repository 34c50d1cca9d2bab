"""Readdressing: a mail domain was written wrong, or renamed, and everybody there has their mail at another one.

Before: people whose address is at one domain. After: each has the same local part at the other one, as if each had been
corrected by `people.correct`: with a step in their history, nothing known against the new address, and no password, since
whoever holds the old mailbox must not sign in. An address that somebody has already is nobody else's: those are left as they
are, and counted. So are those with powers of their own (heads, officers, administrators, auditors): whoever has the mail of
a domain could sign in as them, so that each is corrected by itself. So is whoever presses. Twice, or by two at once: the
second finds nobody left at the old domain. Raises `Refused` with a sentence; then nothing was changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from allauth.account.models import EmailAddress
from django.db import IntegrityError, connection, transaction

from departments.addresses import canonical
from departments.models import Person
from departments.refusal import Refused

LONGEST_LOCAL = 64  # RFC 5321, section 4.5.3.1.1

# Those of some people (`{people}` yields `id`) whose address is at the old domain; where they would have their mail then, and
# whether somebody has that already, or they have powers of their own. Indexes: departments_person(email),
# departments_membership(person_id).
_THEIRS = """
SELECT p.id, p.email, p.written, moved.email AS new_email,
       regexp_replace(p.written, '@[^@]*$', '@' || %(new)s) AS new_written,
       EXISTS (SELECT FROM departments_person other WHERE other.email = moved.email) AS taken,
       p.is_administrator OR p.is_auditor OR EXISTS (
           SELECT FROM departments_membership m
           WHERE m.person_id = p.id AND m.until IS NULL AND m.role IN ('head', 'officer')
       ) AS powers
FROM departments_person p
CROSS JOIN LATERAL (SELECT left(p.email, length(p.email) - length(%(old)s)) || %(new)s AS email) moved
WHERE p.id IN (SELECT id FROM ({people}) people)
  AND right(p.email, length(%(old)s) + 1) = '@' || %(old)s AND p.left_at IS NULL AND p.id <> %(by)s
"""
_COUNT = f"""
SELECT count(*) FILTER (WHERE NOT taken AND NOT powers), count(*) FILTER (WHERE taken AND NOT powers),
       count(*) FILTER (WHERE powers)
FROM ({_THEIRS}) theirs
"""

# Rows are locked in the order of their ids.
_MOVE = f"""
WITH theirs AS MATERIALIZED (
    SELECT * FROM ({_THEIRS}) theirs WHERE NOT taken AND NOT powers ORDER BY id LIMIT %(limit)s
), locked AS MATERIALIZED (
    SELECT theirs.* FROM theirs JOIN departments_person p ON p.id = theirs.id AND p.email = theirs.email
    ORDER BY p.id
    FOR UPDATE OF p
), moved AS (
    UPDATE departments_person p
    SET email = l.new_email, written = l.new_written, password = '!', bounced_at = NULL, bounced_how = '', deferred_at = NULL
    FROM locked l WHERE p.id = l.id
), history AS (
    INSERT INTO departments_personevent (person_id, what, before, after, by_id)
    SELECT id, 'corrected', jsonb_build_object('email', email, 'written', written),
           jsonb_build_object('email', new_email, 'written', new_written), %(by)s
    FROM locked
    ORDER BY id
)
SELECT id FROM locked
"""


@dataclass(frozen=True, slots=True)
class Moving:
    """Whom it would move, in people."""

    old: str
    new: str
    people: int
    taken: int
    """Somebody else has the address that would be theirs."""
    powers: int
    """Have powers of their own: each is corrected by itself."""


def would_move(people: str, values: Mapping[str, Any], old: str, new: str, by: Person) -> Moving:
    """Whom a move would move, of the people whom `people` names (a statement that yields `id`). Changes nothing."""
    _check(by)
    old, new = _domains(old, new)
    with connection.cursor() as cursor:
        cursor.execute(_COUNT.format(people=people), {**values, "old": old, "new": new, "by": by.pk})
        would, taken, powers = cursor.fetchone()
    return Moving(old, new, would, taken, powers)


@transaction.atomic
def move_some(people: str, values: Mapping[str, Any], old: str, new: str, by: Person, limit: int) -> int:
    """Move at most so many of them, in one transaction; how many."""
    _check(by)
    old, new = _domains(old, new)
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_MOVE.format(people=people), {**values, "old": old, "new": new, "by": by.pk, "limit": limit})
            moved = [row[0] for row in cursor.fetchall()]
    except IntegrityError:
        raise Refused(
            "Somebody took one of the new addresses at this moment. Nobody else was changed; press again."
        ) from None
    EmailAddress.objects.filter(user__in=moved).delete()
    return len(moved)


def domain_of(typed: str) -> str:
    """The canonical form of a mail domain that was typed, with or without an at sign before it. Refused where it is none."""
    domain = typed.strip().lstrip("@")[:320]
    try:
        return canonical(f"{'a' * LONGEST_LOCAL}@{domain}").partition("@")[2]
    except ValueError:
        raise Refused(f"{domain[:80]!r} is not a mail domain. Nothing was changed; correct it.") from None


def _domains(old: str, new: str) -> tuple[str, str]:
    if not (old.strip(" @") and new.strip(" @")):
        raise Refused("Say from which domain to which. Nothing was changed.")
    old, new = domain_of(old), domain_of(new)
    if old == new:
        raise Refused("Both are the same mail domain. Nothing was changed.")
    return old, new


def _check(by: Person) -> None:
    if by.left_at is not None or not by.is_administrator:
        raise Refused("Only administrators correct the addresses of many at once. Nothing was changed.")
