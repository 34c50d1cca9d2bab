"""`cascade_write`, `cascade_first_mail`, `cascade_idle`: what the wave costs, when its first mail leaves, what rest costs."""

import re
import time
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

from django.conf import settings
from django.db import connection

from alerts.cascading import cascade as cascading
from alerts.cascading.cascade import cascade, forget_changes, wanting
from alerts.delivery.deliver import deliver
from alerts.models import Advisory, Batch, Message
from alerts.tasks import cascade_all
from bench.harness import Row, compare
from bench.warnings import advisory, government
from departments.models import Change
from tests.smtp import Server

WRITTEN = (5_000, 100_000)  # bodies, people
MANY, FEW = (20_000, 200_000), (20, 200)
IDLE, EACH = 100, 10_000
WITHIN = 2.0  # seconds, for the first mail
PASSES = 20

TABLES = ("relay", "recipient", "seat", "batch", "message")
_SAME_ROWS = {
    "relay": "advisory_id = %(advisory)s",
    "recipient": "advisory_id = %(advisory)s",
    "seat": "relay_id IN (SELECT id FROM alerts_relay WHERE advisory_id = %(advisory)s)",
    "batch": "advisory_id = %(advisory)s",
    "message": "advisory_id = %(advisory)s",
}
_FOREIGN_KEYS = """
SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'f' AND conrelid = %s::regclass
"""


def cascade_write(_: Path) -> Row:
    """A whole pass over 100,000 people in 5,000 bodies, against the bare copying of the rows that it wrote."""
    bodies, people = WRITTEN
    root = government("written", bodies, people)
    _bare_tables()
    written: list[Advisory] = []

    def ours() -> float:
        published = advisory(root)
        seconds = _timed(lambda: _whole(published))
        written.append(published)
        return seconds

    def bare() -> float:
        if not written:
            ours()
        return _timed(lambda: _copy(written.pop()))

    row = compare(
        "cascade_write",
        ours,
        bare,
        against="bare INSERT ... SELECT of the same rows, with the same indexes and foreign keys",
        bound=">= 0.6",
        things=2 * people,
        also=lambda: Message.objects.filter(advisory=written[-1]).count() == people,
    )
    _drop_bare_tables()
    return row


def cascade_first_mail(_: Path) -> Row:
    """From publication to the first mail in the mail server's hands: 200,000 people in 20,000 bodies, and 200 in 20."""
    roots = {size: government(f"first-{size[1]}", *size) for size in (MANY, FEW)}
    slowest: list[float] = []
    with Server() as server:
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port

        def first(size: tuple[int, int]) -> float:
            seconds = _first_mail(advisory(roots[size], severity="critical"), server)
            slowest.append(seconds)
            return seconds

        return compare(
            "cascade_first_mail",
            lambda: first(MANY),
            lambda: first(FEW),
            against="the same with 200 people",
            bound="<= 3",
            also=lambda: max(slowest) < WITHIN,
        )


def cascade_idle(_: Path) -> Row:
    """The minute's pass over 100 live advisories of 10,000 recipients each, of which none changed."""
    bodies = EACH // 20
    root = government("idle", bodies, EACH)
    for _round in range(IDLE):
        _whole(advisory(root))
    while wanting():
        cascade_all()
    forget_changes()
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    before = Batch.objects.count(), Change.objects.count()

    def touch_each() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT id, current_id FROM alerts_advisory WHERE state = 'live' AND current_id IS NOT NULL")
            assert len(cursor.fetchall()) >= IDLE  # noqa: S101  # else something else was measured

    def minute() -> None:
        """What the beat rings for within a minute."""
        cascade_all()

    return compare(
        "cascade_idle",
        lambda: _timed(minute, PASSES),
        lambda: _timed(touch_each, PASSES),
        against="the cheapest query that touches each advisory once",
        bound="<= 5",
        rounds=9,
        also=lambda: (Batch.objects.count(), Change.objects.count()) == before,
    )


def _whole(published: Advisory) -> None:
    """Pass after pass until nothing is left."""
    while not cascade(published.pk):
        pass


def _first_mail(published: Advisory, server: Server) -> float:
    """Seconds until the mail server has the first one. The worker that is rung for is ours, and sends at once."""
    began, had = time.perf_counter(), len(server.mails)
    arrived: list[float] = []
    server.on_mail = lambda: arrived.append(time.perf_counter())

    def send(name: str, *args: int, **kwargs: int) -> None:
        if name == "deliver" and not arrived:
            deliver()

    with patch.object(cascading, "wake", send):
        while not arrived and not cascade(published.pk):
            pass
    server.on_mail = None
    assert len(server.mails) > had  # noqa: S101  # else nothing was measured
    Message.objects.filter(state="waiting").update(state="superseded")
    Batch.objects.filter(done_at=None).update(done_at=published.created_at)
    return arrived[0] - began


def _bare_tables() -> None:
    """Tables as the real ones are, but for triggers: indexes, checks, and foreign keys among themselves."""
    with connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(f"CREATE TABLE bare_{table} (LIKE alerts_{table} INCLUDING ALL)")
        for table in TABLES:
            cursor.execute(_FOREIGN_KEYS, [f"alerts_{table}"])
            for (definition,) in cursor.fetchall():
                among_them = re.sub(rf"REFERENCES alerts_({'|'.join(TABLES)})\(", r"REFERENCES bare_\1(", definition)
                cursor.execute(f"ALTER TABLE bare_{table} ADD {among_them}")


def _drop_bare_tables() -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE {', '.join(f'bare_{table}' for table in TABLES)}")


def _copy(published: Advisory) -> None:
    with connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(
                f"INSERT INTO bare_{table} OVERRIDING SYSTEM VALUE SELECT * FROM alerts_{table}"
                f" WHERE {_SAME_ROWS[table]}",
                {"advisory": published.pk},
            )


def _timed(call: Callable[[], object], times: int = 1) -> float:
    started = time.perf_counter()
    for _ in range(times):
        call()
    return (time.perf_counter() - started) / times
