"""`chase_minute`: the minute's chase over 1,000,000 people of whom a hundredth is due.

A million people in 20,000 bodies were told and nine in ten are silent. A hundredth of the bodies has a clock of which the first
reminder comes due now; the other clocks are later.

`chase_minute` is `tending.tend` whole: clocks, the step, one mail for each who is due, and what the record says. Its yardstick
is one bare statement that finds them by the indexes under the plain condition (current seats of the clock's bodies; told,
within reach, and not answered), and writes the same batches, mails and nudges into tables with the same indexes, checks,
foreign keys and contents. It looks at nobody's other mails, seats, hours, leaving or other advisories, which ours has to.

The finding alone (`steering.whom`, which is how a step finds them) is printed beside it, as is a minute in which nobody is due.
It takes two to four times the bare SELECT: of each it looks at the person, their other seats and their last reminder as well.
"""

import re
import statistics
import sys
import time
from collections import deque
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from django.db import connection, transaction

from alerts import counting
from alerts.cascading.cascade import wanting
from alerts.chasing import ladder, steering, tending
from alerts.models import Advisory, ChaseStep, Clock, Nudge
from alerts.statements import run
from alerts.tasks import cascade_all
from bench.harness import Row, compare
from bench.large import told
from departments import working_time
from departments.models import Calendar

BODIES, PEOPLE = 20_000, 1_000_000
PARTS = 100  # of the bodies: one comes due in a round
TOLD_AT = datetime(2026, 11, 30, 10, tzinfo=UTC)  # a Monday
WITHIN, MINUTE = timedelta(days=1), timedelta(minutes=1)
CALENDAR = Calendar.ENGLAND_AND_WALES
TURNS, LOOKS, IDLE = 7, 9, 40
BATCH = 500

TABLES = ("batch", "message", "nudge")
_FOREIGN_KEYS = "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'f' AND conrelid = %s::regclass"

# What they were told with, left at once; and one in ten has answered.
_TOLD = (
    """
    INSERT INTO alerts_batch (rank, advisory_id, revision_id, kind, size, not_before, made_at, done_at)
    SELECT 1, %(advisory)s, %(revision)s, 'notice', 500, %(at)s, %(at)s, %(at)s FROM generate_series(1, %(people)s / 500)
    """,
    """
    INSERT INTO alerts_message (key, batch_id, person_id, advisory_id, recipient_id, revision_id, kind, state, sent_at)
    SELECT 'notice:' || r.id, b.first + (row_number() OVER (ORDER BY r.id) - 1) / 500, r.person_id, r.advisory_id, r.id,
           %(revision)s, 'notice', 'sent', %(at)s
    FROM alerts_recipient r
    CROSS JOIN (SELECT min(id) AS first FROM alerts_batch WHERE advisory_id = %(advisory)s AND kind = 'notice') b
    WHERE r.advisory_id = %(advisory)s
    """,
    # Whoever sits in two bodies is due on the clock that ends last: here each sits in one.
    """
    DELETE FROM alerts_seat s USING alerts_seat o
    WHERE o.recipient_id = s.recipient_id AND o.id < s.id
    """,
    "UPDATE alerts_recipient SET answered_revision = 1 WHERE advisory_id = %(advisory)s AND person_id %% 10 = 0",
)
_CLOCKED = """
UPDATE alerts_relay l SET clock_id = c.id
FROM unnest(%(clocks)s::bigint[]) WITH ORDINALITY AS c (id, n)
WHERE l.advisory_id = %(advisory)s AND abs(hashint8(l.id)) %% %(parts)s = c.n - 1
"""

_BARE = """
SELECT DISTINCT r.id, r.person_id
FROM alerts_relay l
JOIN alerts_seat s ON s.relay_id = l.id AND s.counts AND s.ended_at IS NULL
JOIN alerts_recipient r ON r.id = s.recipient_id
WHERE l.clock_id = %(clock)s AND r.told_revision >= 1 AND r.answered_revision = 0
  AND r.outcome NOT IN ('unreachable', 'bounced', 'suppressed')
"""
_BARE_WRITTEN = f"""
WITH due AS MATERIALIZED (
    SELECT d.*, (row_number() OVER (ORDER BY d.id) - 1) / {BATCH} AS part FROM ({_BARE}) d
), made AS (
    INSERT INTO bare_batch (rank, advisory_id, revision_id, kind, size, not_before, made_at)
    SELECT 1, %(advisory)s, %(revision)s, 'reminder', count(*), %(now)s, %(now)s FROM due GROUP BY part ORDER BY part
    RETURNING id
), placed AS MATERIALIZED (
    SELECT id, row_number() OVER (ORDER BY id) - 1 AS part FROM made
), written AS (
    INSERT INTO bare_message (key, batch_id, person_id, advisory_id, recipient_id, revision_id, kind)
    SELECT 'chase:' || %(step)s || ':' || d.id, p.id, d.person_id, %(advisory)s, d.id, %(revision)s, 'reminder'
    FROM due d JOIN placed p USING (part)
    ORDER BY d.id
    RETURNING id, recipient_id, person_id
)
INSERT INTO bare_nudge (step_id, recipient_id, person_id, at, state, message_id)
SELECT %(step)s, recipient_id, person_id, %(now)s, 'mailed', id FROM written
"""


def chase_minute(_: Path) -> Row:
    """The minute in which a hundredth of a million is due, against the bare statement for those due."""
    of = _chased()
    due = _to_come(of)
    _bare_tables()
    wrong: list[str] = []

    def ours() -> float:
        step = due.popleft()
        expected = _owing(step)
        began = time.perf_counter()
        tending.tend(step.due_at)
        seconds = time.perf_counter() - began
        mailed = Nudge.objects.filter(step=step, state="mailed", message__state="waiting").count()
        if not 0 < mailed == expected:
            wrong.append(f"{mailed} mails")
        return seconds

    def bare() -> float:
        step = due.pop()  # one that stays far from being due
        began = time.perf_counter()
        with transaction.atomic():
            run(_BARE_WRITTEN, clock=step.clock_id, step=step.pk, now=step.due_at, **_of(of))
        return time.perf_counter() - began

    row = compare(
        "chase_minute",
        ours,
        bare,
        against="one bare INSERT ... SELECT of the same mails for those due; tables with the same indexes and foreign keys",
        bound="<= 2",
        rounds=TURNS,
        also=lambda: not wrong,
    )
    print(
        f"chase_minute: a minute in which nobody is due takes {_idle(of) * 1000:.1f} ms; finding whom a step would reach takes "
        f"{_look(of):.1f} times the bare SELECT of those due",
        file=sys.stderr,
    )
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE {', '.join(f'bare_{table}' for table in TABLES)}")
    return row


def _look(of: Advisory) -> float:
    """How many times as long as the bare SELECT it takes to find whom a step would reach, as an officer sees it beforehand."""
    step = _to_come(of)[0]
    mine, theirs = [], []
    for _ in range(LOOKS):
        began = time.perf_counter()
        owing = _owing(step)
        theirs.append(time.perf_counter() - began)
        began = time.perf_counter()
        people = steering.whom(step, step.due_at).people
        mine.append(time.perf_counter() - began)
        if people != owing:
            raise RuntimeError(f"{people} people, and not {owing}")
    return statistics.median(mine) / statistics.median(theirs)


@cache
def _chased() -> Advisory:
    """An advisory whose people were all told, with a clock for each hundredth of its bodies."""
    of = told("chased", BODIES, PEOPLE)
    Advisory.objects.filter(pk=of.pk).update(acknowledge_within=WITHIN, published_at=TOLD_AT, clocked=1)
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        for statement in _TOLD:
            run(statement, **_of(of), at=TOLD_AT, people=PEOPLE)
        cursor.execute("SET session_replication_role = origin")
        clocks = [_clock(of, part) for part in range(PARTS)]
        run(_CLOCKED, **_of(of), clocks=[one.pk for one in clocks], parts=PARTS)
    counting.recount(of.pk)
    while wanting():
        cascade_all()
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    return of


def _clock(of: Advisory, part: int) -> Clock:
    """A minute after the one before its people are reminded first."""
    by = working_time.advance(TOLD_AT, working_time.length(WITHIN, CALENDAR) + 2 * part * MINUTE, CALENDAR)
    clock = Clock.objects.create(
        advisory=of, material=1, kind=Clock.Kind.ANSWER, calendar=CALENDAR, starts_at=TOLD_AT, by=by
    )
    ChaseStep.objects.bulk_create(ladder.steps(clock, CALENDAR))
    return clock


def _to_come(of: Advisory) -> deque[ChaseStep]:
    return deque(
        ChaseStep.objects.filter(clock__advisory=of, what="remind", n=ladder.HALF, done_at=None).order_by("due_at")
    )


def _of(of: Advisory) -> dict[str, object]:
    return {"advisory": of.pk, "revision": of.current_id}


def _owing(step: ChaseStep) -> int:
    return int(run(f"SELECT count(*) FROM ({_BARE}) due", clock=step.clock_id)[0][0])


def _idle(of: Advisory) -> float:
    """Seconds of a look at which nothing is due."""
    now = _to_come(of)[0].due_at - MINUTE / 2
    times = []
    for _ in range(IDLE):
        began = time.perf_counter()
        tending.tend(now)
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def _bare_tables() -> None:
    """Tables as the real ones are and with what these hold, with foreign keys to them and among themselves."""
    with connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(f"CREATE TABLE bare_{table} (LIKE alerts_{table} INCLUDING ALL)")
            cursor.execute(f"INSERT INTO bare_{table} OVERRIDING SYSTEM VALUE SELECT * FROM alerts_{table}")
            top = f"(SELECT coalesce(max(id), 0) + 1 FROM bare_{table})"
            cursor.execute(f"SELECT setval(pg_get_serial_sequence('bare_{table}', 'id'), {top})")
        for table in TABLES:
            cursor.execute(_FOREIGN_KEYS, [f"alerts_{table}"])
            for (definition,) in cursor.fetchall():
                among_them = re.sub(rf"REFERENCES alerts_({'|'.join(TABLES)})\(", r"REFERENCES bare_\1(", definition)
                cursor.execute(f"ALTER TABLE bare_{table} ADD {among_them}")
        cursor.execute("VACUUM ANALYZE")
