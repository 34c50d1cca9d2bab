"""`deliver_smtp`, `deliver_peers`, `deliver_flat`: what leaves a second, through Celery, PostgreSQL and Redis, to a mail server.

The mail server is a sink (`bench.sink`) that is proved faster than whoever sends to it.
"""

import json
import os
import resource
import smtplib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from django.conf import settings
from django.db import connection
from redis import Redis

from alerts import cascade as cascading
from alerts import letters, tokens
from alerts.cascade import cascade
from alerts.deliver import addressed
from alerts.models import Advisory, Batch, Message
from alerts.wake import wake
from bench.harness import Row, compare
from bench.sink import sink
from bench.warnings import advisory, government
from departments.models import Body

ROOT = Path(__file__).resolve().parent.parent
WORKERS = 2
MAILS, BODIES = 12_000, 600
WARNING = json.loads((ROOT / "demo" / "zoom.json").read_text())
WORDS = {key: WARNING[key] for key in WARNING if key not in ("audience", "severity", "marking", "topics")}


def deliver_smtp(_: Path) -> Row:
    """The real path with two Celery workers, against one smtplib connection with the same mails, made ready."""
    root = government("delivered", BODIES, MAILS)
    with sink() as port, workers(port):
        ready = _ready(queued(root))
        return compare(
            "deliver_smtp",
            lambda: delivered(queued(root), port),
            lambda: by_smtplib(ready, port),
            against="one smtplib connection, ready-made bytes",
            bound=">= 2",
            things=MAILS,
        )


def queued(root: Body) -> Advisory:
    """A warning with a message for each person, none of which has left."""
    with patch.object(cascading, "wake"):
        published = advisory(root, content=WORDS)
        while not cascade(published.pk):
            pass
    return published


def delivered(published: Advisory, port: int) -> float:
    """Seconds from the ring until all its batches are done, and every mail has arrived."""
    had, mails = arrived(port), MAILS
    with connection.cursor() as cursor:
        cursor.execute("CHECKPOINT")
    began = time.perf_counter()
    for _ in range(WORKERS):
        wake("deliver")
    while Batch.objects.filter(advisory=published, done_at=None).exists():
        time.sleep(0.02)
    seconds = time.perf_counter() - began
    assert arrived(port) - had == mails  # noqa: S101
    return seconds


def arrived(port: int) -> int:
    """How many mails the sink has had."""
    with smtplib.SMTP("127.0.0.1", port) as server:
        return int(server.noop()[1])


def _ready(published: Advisory) -> list[tuple[str, str, bytes]]:
    from alerts.deliver import _Part  # noqa
    from alerts.deliver_sql import PERSONAL
    from alerts import deliver as d

    skeleton = letters.skeleton(published.current, "notice")
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM alerts_message WHERE advisory_id = %s", [published.pk])
        ids = [row[0] for row in cursor.fetchall()]
    ready = []
    for n in range(0, len(ids), 500):
        for row in d._execute(PERSONAL, ids=ids[n:n+500]):
            id_, key, given_back, number, issue, person, name, address, bodies, contact, telephone, held, notes, noted_by = row
            personal = letters.Personal(message_key=key, name=name, address=address, bodies=tuple(bodies or ()), link=d._link("notice", number, issue), contact=contact or "", telephone=telephone or "",
               reply=addressed(tokens.make_32(number, issue, tokens.REPLY)))
            ready.append((addressed(tokens.make_32(id_, 0, tokens.RETURN)), address, skeleton.fill(personal)))
    Message.objects.filter(advisory=published).update(state="superseded")
    Batch.objects.filter(advisory=published).update(done_at=published.created_at)
    print("a mail has", len(ready[0][2]), file=sys.stderr)
    return ready


def by_smtplib(ready: list[tuple[str, str, bytes]], port: int) -> float:
    began = time.perf_counter()
    with smtplib.SMTP("127.0.0.1", port) as server:
        for sender, address, content in ready:
            server.sendmail(sender, [address], content)
    return time.perf_counter() - began


@contextmanager
def workers(port: int) -> Iterator[int]:
    """Two Celery workers on the benchmark's database, which send to this sink; the main process' id."""
    name = connection.settings_dict["NAME"]
    environment = {
        **os.environ,
        "DEBUG": "0",
        "SECRET_KEY": settings.SECRET_KEY,
        "SITE_URL": settings.SITE_URL,
        "ALERTS_FROM": settings.ALERTS_FROM,
        "DATABASE_URL": f"{os.environ['DATABASE_URL'].rpartition('/')[0]}/{name}",
        "EMAIL_URL": f"smtp://127.0.0.1:{port}",
    }
    command = [sys.executable, "-m", "celery", "-A", "config", "worker", "--concurrency", str(WORKERS), "--loglevel", "ERROR"]
    process = subprocess.Popen(command, cwd=ROOT, env=environment)
    try:
        with Redis.from_url(os.environ["REDIS_URL"]) as redis:
            while not redis.hlen("tocsin:workers"):
                time.sleep(0.1)
            while redis.llen("celery"):
                time.sleep(0.1)
        time.sleep(1)
        yield process.pid
    finally:
        process.terminate()
        process.wait()
