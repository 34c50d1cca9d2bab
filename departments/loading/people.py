"""People and their places from a file into the directory.

Before: a directory with its bodies. After: each person of the file is there, under the name that the file gives, with
each place that it names; other people and places are as they were. Twice: nothing is written. Whoever left stays away.
"""

from pathlib import Path

from django.db import connection, transaction

from departments.loading.people_file import read_people
from departments.loading.people_sql import COPY_PEOPLE, COPY_PLACES, CREATE, DIFFERENCES, DROP, GATHER, LEFT, LOCK
from departments.loading.report import NotUnderstood, Progress, Remark, Report, silent
from departments.loading.settle import settle
from departments.models import Body, Person


@transaction.atomic
def load_people(path: Path, *, dry_run: bool = False, by: Person | None = None, progress: Progress = silent) -> Report:
    """Load the people in this CSV (`email,name,body,role`), or with `dry_run` only list what would change.

    Raises `NotUnderstood`, with the directory as it was, where any row cannot be understood.
    """
    progress("reading and checking the file")
    bodies = {slug: (pk, closed) for slug, pk, closed in Body.objects.values_list("slug", "pk", "closed")}
    file = read_people(path, bodies, progress)
    if file.trouble:
        raise NotUnderstood(file.trouble)
    report = Report(rows=len(file.places), what="places", dry_run=dry_run, remarks=file.remarks)
    with connection.cursor() as cursor:
        cursor.execute(LOCK)
        progress(f"comparing {len(file.people):,} people and {len(file.places):,} places")
        cursor.execute(CREATE)
        for statement, rows in ((COPY_PEOPLE, file.people), (COPY_PLACES, file.places)):
            with cursor.copy(statement) as copy:
                for row in rows:
                    copy.write_row(row)
        cursor.execute(GATHER)
        cursor.execute(LEFT)
        for email, day in cursor.fetchall():
            report.remarks.append(
                Remark(email, f"left on {day} and was not brought back: an administrator may do that")
            )
        for difference in DIFFERENCES:
            progress(f"people: {difference.kind}")
            settle(difference, report, by)
        cursor.execute(DROP)
    return report
