"""`deliver_smtp`, `deliver_peers`, `deliver_flat`: mails a second, through Celery, PostgreSQL and Redis, to a mail server.

The mail server is a sink (`bench.sink`) that is proved faster than whoever sends to it.
"""

import json
import os
import re
import smtplib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from unittest.mock import patch

import psycopg
from django.conf import settings
from django.db import connection
from psycopg import sql
from redis import Redis

from alerts.cascading import cascade as cascading
from alerts.cascading.cascade import cascade
from alerts.delivery import deliver as delivering
from alerts.letters import letters
from alerts.models import Advisory, Batch, Message
from alerts.wake import wake
from bench.harness import Row, compare
from bench.sink import sink
from bench.warnings import advisory, government
from departments.models import Body

ROOT = Path(__file__).resolve().parent.parent
WORKERS = 2
MAILS, BODIES = 24_000, 1_200
THEIRS = 2_000  # mails that the peer sends in a round
FASTER = 1.5  # times the sender's rate is what the sink must take
WAITING, FEW, AT_A_TIME, ENOUGH = 1_000_000, 1_000, 5_000, 100_000
GROWS = 8.0  # megabytes that a worker may grow by from its first thousand mails to a hundred thousand
_WARNING = json.loads((ROOT / "demo" / "zoom.json").read_text())
WORDS = {key: said for key, said in _WARNING.items() if key not in ("audience", "severity", "marking", "topics")}

Ready = list[tuple[str, str, bytes]]  # return path, address, the whole mail


def deliver_smtp(_: Path) -> Row:
    """The real path with three Celery workers, against one smtplib connection with the same mails, made ready."""
    with _mail_and_workers("delivered") as (root, port):
        ready = _ready(_queued(root))
        fastest = [0.0, 0.0]  # a second: of ours, of the sink

        def ours() -> float:
            seconds = _delivered(_queued(root), port)
            fastest[0] = max(fastest[0], MAILS / seconds)
            fastest[1] = max(fastest[1], MAILS / _streamed(ready, port))
            return seconds

        def sink_is_faster() -> bool:
            print(f"deliver_smtp: the sink takes {fastest[1]:,.0f} mails a second", file=sys.stderr)
            print(f"the sink takes {fastest[1]:,.0f} mails a second", file=sys.stderr)
            return fastest[1] > FASTER * fastest[0]

        return compare(
            "deliver_smtp",
            ours,
            lambda: _by_smtplib(ready, port),
            against="one smtplib connection with the same mails, made ready",
            bound=">= 2",
            things=MAILS,
            also=sink_is_faster,
        )


def deliver_peers(_: Path) -> Row:
    """The same, against django-post_office as its manual begins, which fills in the same letter as a template."""
    with ExitStack() as stack:
        root, port = stack.enter_context(_mail_and_workers("peers"))
        peer = stack.enter_context(_child("bench.post_office", _url(stack.enter_context(_database("peer"))), port))
        peer.told(_as_a_template(_queued(root)))
        return compare(
            "deliver_peers",
            lambda: _delivered(_queued(root), port) / MAILS,
            lambda: peer.asked(THEIRS)["seconds"] / THEIRS,
            against="django-post_office: send() for each, then send_queued_mail, as it comes",
            bound=">= 15",
            things=1,
        )


def deliver_flat(_: Path) -> Row:
    """One worker with 1,000,000 mails before it and an old snapshot open, against 1,000 and none; a database for each."""
    root = government("flat", BODIES, MAILS)
    _vacuum("departments_body", "departments_person", "departments_membership")
    published = _queued(root, severity="low")
    _dispose(published)
    with ExitStack() as stack:
        port = stack.enter_context(sink())
        mine = _url(str(connection.settings_dict["NAME"]))
        connection.close()
        small = _url(stack.enter_context(_database("small", template=str(connection.settings_dict["NAME"]))))
        _more(mine, published.pk, WAITING)
        old = stack.enter_context(psycopg.connect(mine))
        old.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        old.execute("SELECT count(*) FROM alerts_batch")
        many = stack.enter_context(_child("bench.delivering", mine, port))
        few = stack.enter_context(_child("bench.delivering", small, port))
        first = many.asked(FEW)

        def with_few() -> float:
            seconds = 0.0
            for _round in range(AT_A_TIME // FEW):
                _more(small, published.pk, FEW)
                seconds += few.asked(FEW)["seconds"]
            return seconds

        def stays_small() -> bool:
            last = many.asked(ENOUGH - (FEW + 5 * AT_A_TIME))
            print(
                f"deliver_flat: a worker has {first['megabytes']:.0f} MB after {FEW:,} mails"
                f" and {last['megabytes']:.0f} MB after {ENOUGH:,}",
                file=sys.stderr,
            )
            return last["megabytes"] - first["megabytes"] < GROWS

        return compare(
            "deliver_flat",
            lambda: many.asked(AT_A_TIME)["seconds"],
            with_few,
            against="the same with 1,000 waiting and no snapshot open",
            bound=">= 0.8",
            rounds=5,
            things=AT_A_TIME,
            also=stays_small,
        )


# --- mails to be sent ---


def _queued(root: Body, severity: str = "high") -> Advisory:
    """A warning with a message for each person, none of which has left."""
    with patch.object(cascading, "wake"):
        published = advisory(root, severity=severity, content=WORDS)
        while not cascade(published.pk):
            pass
    return published


def _dispose(published: Advisory) -> None:
    """Nothing of it is to be sent."""
    Message.objects.filter(advisory=published).update(state="superseded")
    Batch.objects.filter(advisory=published).update(done_at=published.created_at)


def _ready(published: Advisory) -> Ready:
    """Its mails as they would leave; none of them does."""
    ready: Ready = []
    while (batch := delivering._claim()) is not None:
        skeleton = delivering._skeleton(batch)
        part = delivering._take_part(batch, cascading.BATCH)
        assert part is not None  # noqa: S101  # else there is nothing to be sent
        ready += [(mail.sender, mail.address, mail.content) for mail in delivering._mails(part, skeleton)]
        Batch.objects.filter(pk=batch.id).update(done_at=published.created_at)
    assert len(ready) == MAILS  # noqa: S101
    _dispose(published)
    return ready


def _as_a_template(published: Advisory) -> dict[str, str]:
    """Its letter as Django's templates have it; none of its mails leaves."""
    assert published.current is not None  # noqa: S101
    kept = letters.skeleton(published.current, Message.Kind.NOTICE).kept
    _dispose(published)

    def with_variables(text: str) -> str:
        for place in ("HELD", "NOTES"):
            text = text.replace(f"{kept['place']}{place}{kept['place']}", "")
        return re.sub(f"{kept['place']}([A-Z]+){kept['place']}", lambda found: f"{{{{ {found[1].lower()} }}}}", text)

    return {
        "subject": kept["subject"],
        "content": with_variables(kept["text"]),
        "html_content": with_variables(kept["html"]),
    }


# A million mails to the same few people, and the batches for them. Nothing refers to what is not there: no look for it.
_MORE = """
WITH made AS (
    INSERT INTO alerts_batch (rank, advisory_id, revision_id, kind, size, not_before)
    SELECT 3, a.id, a.current_id, 'notice', 500, now()
    FROM alerts_advisory a, generate_series(1, %(mails)s / 500) WHERE a.id = %(advisory)s
    RETURNING id
), numbered AS MATERIALIZED (
    SELECT id, row_number() OVER (ORDER BY id) - 1 AS n FROM made
), people AS MATERIALIZED (
    SELECT id, person_id, row_number() OVER (ORDER BY id) - 1 AS n
    FROM alerts_recipient WHERE advisory_id = %(advisory)s
)
INSERT INTO alerts_message (key, batch_id, person_id, advisory_id, recipient_id, revision_id, kind)
SELECT 'more:' || b.id || ':' || one, b.id, p.person_id, a.id, p.id, a.current_id, 'notice'
FROM generate_series(0, %(mails)s - 1) one
JOIN numbered b ON b.n = one / 500
JOIN people p ON p.n = one %% %(people)s
JOIN alerts_advisory a ON a.id = %(advisory)s
"""


def _more(url: str, advisory_id: int, mails: int) -> None:
    with psycopg.connect(url) as made:
        made.execute("SET session_replication_role = replica")
        made.execute(_MORE, {"advisory": advisory_id, "mails": mails, "people": MAILS})


# --- sending them ---


def _delivered(published: Advisory, port: int) -> float:
    """Seconds from the ring until all its batches are done; every mail has arrived then."""
    had = _arrived(port)
    began = time.perf_counter()
    for _ in range(WORKERS):
        wake("deliver")
    while Batch.objects.filter(advisory=published, done_at=None).exists():
        time.sleep(0.05)
    seconds = time.perf_counter() - began
    assert _arrived(port) - had == MAILS  # noqa: S101  # else something else was measured
    return seconds


def _by_smtplib(ready: Ready, port: int) -> float:
    began = time.perf_counter()
    with smtplib.SMTP("127.0.0.1", port) as server:
        for sender, address, content in ready:
            server.sendmail(sender, [address], content)
    return time.perf_counter() - began


def _streamed(ready: Ready, port: int) -> float:
    """Seconds in which the sink takes them when nobody waits for an answer."""
    said = [
        f"RSET\r\nMAIL FROM:<{sender}>\r\nRCPT TO:<{address}>\r\nBDAT {len(content)} LAST\r\n".encode() + content
        for sender, address, content in ready
    ]
    begin, had = b"EHLO bench\r\n", _arrived(port)
    began = time.perf_counter()
    with socket.create_connection(("127.0.0.1", port)) as server:
        server.sendall(begin + b"".join(said[:25]))
        for number in range(25, len(said), 25):
            server.sendall(b"".join(said[number : number + 25]))
            server.recv(65_536)
        server.sendall(b"QUIT\r\n")
        while server.recv(65_536):
            pass
    seconds = time.perf_counter() - began
    assert _arrived(port) - had == len(ready)  # noqa: S101
    return seconds


def _arrived(port: int) -> int:
    """How many mails the sink has had."""
    with smtplib.SMTP("127.0.0.1", port) as server:
        return int(server.noop()[1])


# --- what runs meanwhile ---


@contextmanager
def _mail_and_workers(name: str) -> Iterator[tuple[Body, int]]:
    """A government of `MAILS` people, and two Celery workers that send to a sink; its port."""
    root = government(name, BODIES, MAILS)
    _vacuum("departments_body", "departments_person", "departments_membership")
    with sink() as port, _workers(port):
        yield root, port


def _vacuum(*tables: str) -> None:
    """As the database does by itself with what was there before today."""
    with connection.cursor() as cursor:
        cursor.execute(f"VACUUM ANALYZE {', '.join(tables)}")


def _environment(url: str, port: int) -> dict[str, str]:
    return {
        **os.environ,
        "DEBUG": "0",  # with it Django keeps what it ran
        "SECRET_KEY": settings.SECRET_KEY,
        "SITE_URL": settings.SITE_URL,
        "ALERTS_FROM": settings.ALERTS_FROM,
        "DATABASE_URL": url,
        "EMAIL_URL": f"smtp://127.0.0.1:{port}",
    }


@contextmanager
def _workers(port: int) -> Iterator[None]:
    """Celery on the benchmark's database, ready."""
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "celery",
            "-A",
            "config",
            "worker",
            "--concurrency",
            str(WORKERS),
            "--loglevel",
            "ERROR",
        ],
        cwd=ROOT,
        env=_environment(_url(str(connection.settings_dict["NAME"])), port),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        with Redis.from_url(settings.REDIS_URL) as redis:
            # It shows itself, and then looks at all there is to do.
            while not redis.hlen("tocsin:workers") or redis.llen("celery") or redis.hlen("unacked"):
                assert process.poll() is None, "the workers did not start"  # noqa: S101
                time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait()


@dataclass(frozen=True)
class _Child:
    """A process that does a number of something when it is asked."""

    asks: IO[str]
    answers: IO[str]

    def told(self, said: object) -> None:
        """A line of JSON."""
        print(json.dumps(said), file=self.asks, flush=True)

    def asked(self, number: int) -> dict[str, float]:
        """What it answers once it has done so many."""
        self.told(number)
        answer: dict[str, float] = json.loads(self.answers.readline())
        return answer


@contextmanager
def _child(module: str, url: str, port: int) -> Iterator[_Child]:
    process = subprocess.Popen(
        [sys.executable, "-m", module],
        cwd=ROOT,
        env=_environment(url, port),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None and process.stdout is not None  # noqa: PT018, S101
    try:
        yield _Child(process.stdin, process.stdout)
    finally:
        process.stdin.close()
        process.wait()


def _url(name: str) -> str:
    return f"{os.environ['DATABASE_URL'].rpartition('/')[0]}/{name}"


@contextmanager
def _database(name: str, template: str = "template0") -> Iterator[str]:
    """A database of its own on the same server; its name."""
    name = f"tocsin_bench_{name}_{os.getpid()}"
    made = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as server:
        server.execute(made)
    try:
        yield name
    finally:
        with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as server:
            server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
