"""`coverage_counters`: what counting costs an answer, with 16 clients at once and the folder at work beside them."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.db import connection, connections
from django.utils import timezone

from alerts import counting
from alerts.cascading.cascade import cascade
from alerts.models import Action, Advisory, Recipient
from alerts.models.figures import FIGURES, columns
from bench.answering import THREADS
from bench.harness import Row, compare
from bench.warnings import advisory, government

ROOT = Path(__file__).resolve().parent.parent
PROCESSES = 16 // THREADS
BODIES = 2_000
ANSWERS = 2_500  # of each, in a round
ROUNDS = 5  # short ones: what else the machine does comes and goes
FOLDED_EVERY = 2.0  # seconds; the beat does it every 10, and a round does not last that long

_DIFFER = " OR ".join(f"COALESCE(kept.{name}, 0) <> COALESCE(found.{name}, 0)" for name in FIGURES)
_DRIFTED = f"""
SELECT (SELECT count(*) FROM alerts_delta)
     + (SELECT count(*) FROM (SELECT * FROM alerts_counter WHERE advisory_id = %(advisory)s) kept
        FULL JOIN ({counting.OWN_FROM_ROWS}) found(relay_id, {columns()}) USING (relay_id) WHERE {_DIFFER})
     + (SELECT count(*) FROM (SELECT * FROM alerts_whole WHERE advisory_id = %(advisory)s) kept
        FULL JOIN ({counting.WHOLE_FROM_ROWS}) found({columns()}) ON true WHERE {_DIFFER})
     + (SELECT abs(whole.acknowledged - sum(t.acknowledged)) FROM alerts_whole whole JOIN alerts_tide t USING (advisory_id)
        WHERE whole.advisory_id = %(advisory)s AND t.relay_id IS NULL GROUP BY whole.acknowledged)
"""


def coverage_counters(folder: Path) -> Row:
    """Answers kept by `answers.keep` a second, against the same with the triggers that count switched off."""
    of = _published(2 * ROUNDS * ANSWERS)
    people = list(Recipient.objects.filter(advisory=of).order_by("?").values_list("pk", flat=True))
    parts = iter([people[n * ANSWERS : (n + 1) * ANSWERS] for n in range(2 * ROUNDS)])
    drifted = 0
    with _clients() as clients:

        def counted() -> float:
            nonlocal drifted
            seconds = _answer(of, folder, clients, next(parts))
            while counting.fold(of.pk):
                pass
            drifted += _number(_DRIFTED, advisory=of.pk)
            return seconds

        def uncounted() -> float:
            _triggers("DISABLE")
            try:
                return _answer(of, folder, clients, next(parts))
            finally:
                _triggers("ENABLE")
                counting.recount(of.pk)

        return compare(
            "coverage_counters",
            counted,
            uncounted,
            against="the same answers with nothing counted",
            bound=">= 0.8",
            rounds=ROUNDS,
            things=ANSWERS,
            also=lambda: drifted == 0,
        )


def _published(people: int) -> Advisory:
    of = advisory(government("counted", BODIES, people))
    assert of.current is not None  # noqa: S101
    for number in range(2):
        Action.objects.create(
            revision=of.current, key=f"action-{number}", order=number, text="x", due=timezone.now(), of="person"
        )
    while not cascade(of.pk):
        pass
    Recipient.objects.filter(advisory=of).update(told_revision=1)
    counting.recount(of.pk)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    return of


def _answer(of: Advisory, folder: Path, clients: "list[subprocess.Popen[str]]", recipients: list[int]) -> float:
    """Seconds in which all of them answered, while the folder was at work."""
    for number, client in enumerate(clients):
        file = folder / f"recipients-{number}.json"
        file.write_text(json.dumps(recipients[number::PROCESSES]))
        _say(client, str(file))
    for client in clients:
        _heard(client)
    with connection.cursor() as cursor:
        cursor.execute("CHECKPOINT")  # what was written before is not what is measured
    over = threading.Event()
    folding = threading.Thread(target=_fold, args=(of.pk, over))
    folding.start()
    began = time.perf_counter()
    for client in clients:
        _say(client, "go")
    kept = sum(int(_heard(client)) for client in clients)
    seconds = time.perf_counter() - began
    over.set()
    folding.join()
    if kept != len(recipients):
        raise RuntimeError(f"{kept} answers of {len(recipients)} were kept")
    return seconds


def _fold(advisory: int, over: threading.Event) -> None:
    while not over.wait(FOLDED_EVERY):
        counting.fold(advisory)
    connections.close_all()


def _triggers(switch: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tgname FROM pg_trigger WHERE tgrelid = 'alerts_recipient'::regclass AND tgname LIKE 'pgtrigger_count_%'"
        )
        for (name,) in cursor.fetchall():
            cursor.execute(f'ALTER TABLE alerts_recipient {switch} TRIGGER "{name}"')


def _number(statement: str, advisory: int) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement, {"advisory": advisory})
        return int(cursor.fetchone()[0])


def _say(client: "subprocess.Popen[str]", line: str) -> None:
    assert client.stdin is not None  # noqa: S101
    client.stdin.write(f"{line}\n")
    client.stdin.flush()


def _heard(client: "subprocess.Popen[str]") -> str:
    assert client.stdout is not None  # noqa: S101
    return client.stdout.readline()


@contextmanager
def _clients() -> Iterator["list[subprocess.Popen[str]]"]:
    """Processes with several threads each: as many clients as there are threads in all."""
    database = connection.settings_dict
    url = f"postgresql://{database['USER']}:{database['PASSWORD']}@{database['HOST']}:{database['PORT']}/{database['NAME']}"
    environment = {**os.environ, "DATABASE_URL": url, "SECRET_KEY": settings.SECRET_KEY, "PYTHONPATH": str(ROOT)}
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "bench.answering"],
            env=environment,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(PROCESSES)
    ]
    try:
        yield started
    finally:
        for client in started:
            client.terminate()
            client.wait(20)
