"""`tree_branch` and `tree_page`: moving about in a large tree, and showing it."""

import time
from collections.abc import Callable
from pathlib import Path

from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from bench.directory import add_sponsors, slug, write_bodies, write_people
from bench.harness import Row, compare
from departments import tree
from departments.loading import load_bodies, load_people
from departments.models import Body, Person

LARGE, SMALL = 20_000, 1_000
PEOPLE_EACH = 10
CALLS = 100
ROUNDS = 9  # of a millisecond each: more turns, so that a noisy moment falls on both
PAGES = 20
# Written for this purpose: what the question costs where nothing is in between.
BARE = (
    """
    WITH RECURSIVE above AS (
        SELECT id, parent_id FROM departments_body WHERE id = %(body)s
        UNION SELECT b.id, b.parent_id FROM departments_body b JOIN above a ON b.id = a.parent_id
    ) SELECT id FROM above
    """,
    """
    WITH RECURSIVE below AS (
        SELECT id FROM departments_body WHERE id = %(body)s
        UNION SELECT b.id FROM departments_body b JOIN below a ON b.parent_id = a.id
    ) SELECT id FROM below
    """,
)


def tree_branch(folder: Path) -> Row:
    """A body's branch and its line of ancestors, against the bare recursive queries."""
    fill(folder, LARGE)
    # In the middle of the tree: a parent's parent above it, and two levels below.
    body = Body.objects.get(slug=slug(200)).pk

    def ours() -> None:
        tree.ancestors(body)
        tree.branch(body)

    def bare() -> None:
        with connection.cursor() as cursor:
            for query in BARE:
                cursor.execute(query, {"body": body})
                cursor.fetchall()

    return compare(
        "tree_branch",
        lambda: _timed(ours, CALLS),
        lambda: _timed(bare, CALLS),
        against="the two bare recursive queries",
        bound="<= 1.5",
        rounds=ROUNDS,
    )


def tree_page(folder: Path) -> Row:
    """The first level of the tree with its readiness, at 20,000 bodies against 1,000; as many queries for both."""
    queries: dict[int, int] = {}

    def at(count: int) -> Callable[[], float]:
        def timed() -> float:
            fill(folder, count)
            client = Client(SERVER_NAME="127.0.0.1")
            administrator = Person.objects.create(email="a@bench.example", written="a", name="A", is_administrator=True)
            client.force_login(administrator, settings.AUTHENTICATION_BACKENDS[-1])
            client.get("/bodies/")
            with CaptureQueriesContext(connection) as captured:
                page = client.get("/bodies/")
            if page.status_code != 200:
                raise RuntimeError(f"the tree page answered {page.status_code}")
            queries[count] = len(captured)
            return _timed(lambda: client.get("/bodies/"), PAGES)

        return timed

    return compare(
        "tree_page",
        at(LARGE),
        at(SMALL),
        against="the same page at 1,000 bodies, in as many queries",
        bound="<= 2",
        also=lambda: queries[LARGE] == queries[SMALL],
    )


def fill(folder: Path, bodies: int) -> None:
    """A directory of so many bodies, ten people in each, and nothing else."""
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE departments_body, departments_person, departments_topic CASCADE")
        cursor.execute("TRUNCATE departments_change, departments_standingmark")
    load_bodies(write_bodies(folder / f"bodies-{bodies}.csv", bodies))
    load_people(write_people(folder / f"people-{bodies}.csv", bodies * PEOPLE_EACH, bodies))
    add_sponsors()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def _timed(call: Callable[[], object], times: int) -> float:
    """Seconds of one call, over so many in a row."""
    started = time.perf_counter()
    for _ in range(times):
        call()
    return (time.perf_counter() - started) / times
