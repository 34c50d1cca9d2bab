"""Writing or listing one difference between a file and the directory."""

from django.db import connection

from departments.loading.body_sql import Difference
from departments.loading.report import Report
from departments.models import Person


def settle(difference: Difference, report: Report, by: Person | None) -> None:
    """Make the directory say what the file says in this respect, or in a dry run list what would change."""
    with connection.cursor() as cursor:
        if report.dry_run:
            cursor.execute(difference.listed, [])
            found = [row[0] for row in cursor.fetchall()]
            report.differences += found
            report.counts[difference.kind] = len(found)
            return
        note = {"by": by.pk if by else None}
        # A new body is there before its event, which refers to it; any other event is read off the old state.
        if difference.event and difference.kind != "new":
            cursor.execute(difference.noted, note)
        cursor.execute(difference.written)
        report.counts[difference.kind] = cursor.rowcount
        if difference.event and difference.kind == "new":
            cursor.execute(difference.noted, note)
