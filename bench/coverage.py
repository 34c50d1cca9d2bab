"""`coverage_page`: the administrator's page, and its icicle of 2,000 bodies, while a hundred answers a second come in.

Large is 1,000,000 people in 20,000 bodies; small is the same page of 10,000 people in 2,000 bodies: either draws as many.
"""

import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path

from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from alerts import counting
from alerts.models import Advisory, Recipient
from bench.acknowledge import answer
from bench.clients import AGENT, Request
from bench.harness import ROUNDS, Row
from bench.large import told
from bench.server import Server, served
from departments.models import Person

LARGE, SMALL = (20_000, 1_000_000), (2_000, 10_000)  # bodies, people
PAGES = 40  # in a round
EVERY = 0.5  # seconds between two pages: administrators look, they don't hammer
ANSWERS = 100  # a second
ANSWERERS = 4
FOLDED_EVERY = 10  # seconds, as the beat does


def coverage_page(folder: Path) -> Row:
    """The 95th percentile of the page, with as many queries for both."""
    small, large = told("small", *SMALL), told("large", *LARGE)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    viewer = Person.objects.create(email="looks@bench.example", written="looks", name="Looks", is_administrator=True)
    client = Client(SERVER_NAME="127.0.0.1")
    client.force_login(viewer, settings.AUTHENTICATION_BACKENDS[-1])
    cookie = client.cookies[settings.SESSION_COOKIE_NAME].value
    queries = {of.pk: _queries(client, of) for of in (small, large)}
    times: dict[int, list[float]] = {small.pk: [], large.pk: []}
    with served(folder) as server:
        for _ in range(ROUNDS):
            for of in (small, large):
                with _answering(server, of):
                    times[of.pk] += _looks(server, of, cookie)
    mine, theirs = (_p95(times[of.pk]) for of in (large, small))
    ratio = mine / theirs
    middle = statistics.median(times[large.pk])
    return Row(
        "coverage_page",
        round(mine, 4),
        "s",
        f"the same page of {SMALL[1]:,} people in {SMALL[0]:,} bodies, in as many queries; median {middle * 1000:.0f} ms",
        round(theirs, 4),
        round(ratio, 3),
        "<= 3",
        ratio <= 3 and len(set(queries.values())) == 1,
    )


def _queries(client: Client, of: Advisory) -> int:
    with CaptureQueriesContext(connection) as asked:
        page = client.get(reverse("alerts:coverage", args=[of.reference]))
    if page.status_code != 200:
        raise RuntimeError(f"the page answered {page.status_code}")
    return len(asked)


def _looks(server: Server, of: Advisory, cookie: str) -> list[float]:
    """Seconds of each look: the page, and then its picture."""
    page = reverse("alerts:coverage", args=[of.reference])
    picture = reverse("alerts:coverage_picture", args=[of.reference, "icicle", "svg"])
    asked = HTTPConnection("127.0.0.1", server.port)
    took = []
    for number in range(PAGES + 2):
        began = time.perf_counter()
        for path in (page, picture):
            asked.request(
                "GET", path, headers={"User-Agent": AGENT, "Cookie": f"{settings.SESSION_COOKIE_NAME}={cookie}"}
            )
            found = asked.getresponse()
            found.read()
            if found.status != 200:
                raise RuntimeError(f"{path} answered {found.status}")
        seconds = time.perf_counter() - began
        if number >= 2:  # each worker's first picture starts the engine
            took.append(seconds)
        time.sleep(max(EVERY - seconds, 0))
    return took


@contextmanager
def _answering(server: Server, of: Advisory) -> Iterator[None]:
    """A hundred people a second answer by their links, and what they answered is folded as the beat does."""
    over = threading.Event()
    people = Recipient.objects.filter(advisory=of, answered_revision=0).order_by("pk")
    most = int(ANSWERS * (PAGES + 2) * EVERY * 4)
    forms = [answer(of, *one) for one in people.values_list("pk", "token_issue")[:most]]

    def run(mine: list[Request]) -> None:
        asked = HTTPConnection("127.0.0.1", server.port)
        begun = time.perf_counter()
        for turn, (method, path, body) in enumerate(mine):
            if over.wait(max(begun + turn * ANSWERERS / ANSWERS - time.perf_counter(), 0)):
                break
            headers = {"User-Agent": AGENT, "Content-Type": "application/x-www-form-urlencoded"}
            asked.request(method, path, body, headers)
            asked.getresponse().read()

    def fold() -> None:
        while not over.wait(FOLDED_EVERY):
            with suppress(Exception):
                counting.fold(of.pk)
        connection.close()

    threads = [threading.Thread(target=run, args=(forms[n::ANSWERERS],)) for n in range(ANSWERERS)]
    threads.append(threading.Thread(target=fold))
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()
        counting.fold(of.pk)


def _p95(times: list[float]) -> float:
    return sorted(times)[int(len(times) * 0.95)]
