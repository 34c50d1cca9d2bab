"""A made-up directory of any size, as files in the contract's columns."""

import csv
import random
from collections.abc import Iterator
from pathlib import Path

from django.db import connection

ROOTS = 20
CHILDREN = 8  # of each body: 1,000 bodies are three levels deep, 20,000 five
KINDS = ("department", "executive agency", "public body", "committee", "team")
TOPICS = ("cyber", "foreign-affairs", "health", "transport", "treasury")
DOMAINS = 500  # the UK has about as many; they are checked once each
ROLES = ("member", "member", "member", "member", "member", "contact", "deputy", "head")


def write_bodies(path: Path, count: int) -> Path:
    """`count` bodies under as many roots, whatever the count."""
    _write(path, ("slug", "name", "kind", "parent", "topics"), _bodies(count))
    return path


def write_people(path: Path, count: int, bodies: int) -> Path:
    """`count` people, one in ten of them in two bodies."""
    _write(path, ("email", "name", "body", "role"), _people(count, bodies))
    return path


def add_sponsors() -> int:
    """Give one body in twenty a sponsor, as in the GOV.UK register; how many. Files in CSV have no column for them."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO departments_sponsor (body_id, sponsor_id)
            SELECT body.id, sponsor.id
            FROM (SELECT id, row_number() OVER (ORDER BY id) AS place FROM departments_body) body
            JOIN (SELECT id, row_number() OVER (ORDER BY id DESC) AS place FROM departments_body) sponsor USING (place)
            WHERE place % 20 = 7 AND body.id <> sponsor.id
            ON CONFLICT DO NOTHING
            """
        )
        return int(cursor.rowcount)


def slug(number: int) -> str:
    """A body's slug, of a usual length."""
    return f"office-for-the-regulation-of-subject-{number}"


def _bodies(count: int) -> Iterator[tuple[str, ...]]:
    for number in range(count):
        parent = "" if number < ROOTS else slug((number - ROOTS) // CHILDREN)
        name = f"Office for the Regulation of Subject {number}"
        yield slug(number), name, KINDS[number % len(KINDS)], parent, TOPICS[number % len(TOPICS)]


def _people(count: int, bodies: int) -> Iterator[tuple[str, ...]]:
    chance = random.Random(2020)
    for number in range(count):
        email, name = f"given.family.{number}@office{number % DOMAINS}.example.gov.uk", f"Given Family {number}"
        yield email, name, slug(number % bodies), chance.choice(ROLES)
        if number % 10 == 0:
            yield email, name, slug((number * 7 + 1) % bodies), "member"


def _write(path: Path, header: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
