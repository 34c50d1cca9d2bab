"""Bodies from a file into the directory.

Before: any directory. After: each body of the file is there with its name, kind, place, and (where the file speaks of
them) remit and sponsors; other bodies are as they were. Twice: nothing is written.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

from django.db import connection, transaction
from django.utils import timezone

from departments.closing import LONGEST_WHY, close_all
from departments.loading.body_files import BodyFile, BodyRow, read_bodies
from departments.loading.body_sql import COPY, CREATE, DIFFERENCES, KNOW, MISSING, NEW_TOPICS, NOTE_REGISTER, NUMBER
from departments.loading.report import NotUnderstood, Progress, Remark, Report, silent
from departments.loading.settle import settle
from departments.models import Body, Person


@transaction.atomic
def load_bodies(
    path: Path,
    *,
    dry_run: bool = False,
    close_missing: bool = False,
    by: Person | None = None,
    progress: Progress = silent,
) -> Report:
    """Load the bodies in this file (CSV, or GOV.UK's JSON), or with `dry_run` only list what would change.

    Open bodies that an earlier file of this kind named and this one does not are proposed for closing; `close_missing`
    closes them. Raises `NotUnderstood`, with the directory as it was, where any row cannot be understood.
    """
    progress("reading the file")
    file = read_bodies(path)
    _lock(dry_run)
    directory = dict(Body.objects.values_list("slug", "parent__slug"))
    if close_missing and file.paged:
        file.trouble.append(
            Remark("the file", "is a part only: load the whole register, or do without closing what is missing")
        )
    rows = _checked(file, directory)
    report = Report(rows=len(rows), what="bodies", dry_run=dry_run, left_out=_left_out(file, directory))
    _remark_closed(file)
    report.remarks = file.remarks
    with connection.cursor() as cursor:
        progress(f"comparing {len(rows):,} bodies")
        cursor.execute(CREATE)
        with cursor.copy(COPY) as copy:
            for row, parent_said in rows:
                copy.write_row(_columns(row, parent_said, directory, file))
        cursor.execute(KNOW)
        if not dry_run:
            cursor.execute(NUMBER)
            cursor.execute(NEW_TOPICS)
        for difference in DIFFERENCES:
            progress(f"bodies: {difference.kind}")
            settle(difference, report, by)
        if not dry_run:
            cursor.execute(NOTE_REGISTER)
        cursor.execute(MISSING, {"register": file.register, "closed": file.closed})
        missing = cursor.fetchall()
        cursor.execute("DROP TABLE loading_bodies")
    _settle_missing(missing, report, path.name, by, close=close_missing)
    if report.changed and not dry_run:
        progress("checking the tree")
        _check_now()
    return report


def _settle_missing(
    missing: list[tuple[int, str, str]], report: Report, file: str, by: Person | None, *, close: bool
) -> None:
    """Close them, or say that they may be closed."""
    if close:
        report.counts["closed"] = len(missing)
        report.differences += [f"closed: {slug} ({name}), which is not in the file" for _, slug, name in missing]
        if not report.dry_run:
            close_all([pk for pk, _, _ in missing], by, timezone.localdate(), f"not in {file} any more"[:LONGEST_WHY])
        return
    report.missing = [slug for _, slug, _ in missing]
    report.differences += [f"proposed for closing: {slug} ({name}), not in the file" for _, slug, name in missing]


def _lock(dry_run: bool) -> None:
    """Nobody else writes bodies meanwhile; reading goes on."""
    if not dry_run:
        with connection.cursor() as cursor:
            cursor.execute("LOCK TABLE departments_body IN SHARE ROW EXCLUSIVE MODE")


def _check_now() -> None:
    """What the database refuses, it refuses here and not at somebody else's commit."""
    with connection.cursor() as cursor:
        # A table just filled has no statistics, and without them each body's check reads all of it.
        cursor.execute("ANALYZE departments_body")
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")


def _columns(
    row: BodyRow, parent_said: bool, directory: Mapping[str, str | None], file: BodyFile
) -> tuple[object, ...]:
    topics = None if row.topics is None else list(row.topics)
    sponsors = None if row.sponsors is None else [s for s in row.sponsors if s in file.rows or s in directory]
    parent = row.parent if parent_said else ""
    return (row.slug, row.name, row.kind, parent, parent_said, topics, sponsors, row.alias, file.register)


def _checked(file: BodyFile, directory: Mapping[str, str | None]) -> list[tuple[BodyRow, bool]]:
    """Each row, and whether it says its place; raises `NotUnderstood` for what only the whole shows."""
    known = directory.keys() | file.rows.keys()
    rows: list[tuple[BodyRow, bool]] = []
    parents = dict(directory)
    for row in file.rows.values():
        parent_said = not row.parent or row.parent in known
        if not parent_said and file.complete:
            reason = (
                f"{row.slug} is under {row.parent}, which neither the file nor the directory has: add it, or correct it"
            )
            file.trouble.append(Remark(row.where, reason))
        if parent_said or row.slug not in directory:
            parents[row.slug] = (row.parent or None) if parent_said else None
        rows.append((row, parent_said))
        if file.complete:
            file.trouble += [
                Remark(row.where, f"{row.slug} is sponsored by {slug}, which neither the file nor the directory has")
                for slug in row.sponsors or ()
                if slug not in known
            ]
    for circle in _circles(parents):
        where = next((file.rows[slug].where for slug in circle if slug in file.rows), "the directory")
        way = " -> ".join([*circle, circle[0]])
        file.trouble.append(Remark(where, f"a circle, each under the next: {way}"))
    if file.trouble:
        raise NotUnderstood(file.trouble)
    return rows


def _circles(parents: Mapping[str, str | None]) -> Iterable[list[str]]:
    """Every circle in full, once; each body is visited once."""
    finished: set[str] = set()
    for start in parents:
        line: dict[str, None] = {}
        at: str | None = start
        while at is not None and at not in finished and at not in line:
            line[at] = None
            at = parents.get(at)
        if at is not None and at in line:
            walked = list(line)
            yield walked[walked.index(at) :]
        finished.update(line)


def _left_out(file: BodyFile, directory: Mapping[str, str | None]) -> int:
    """Remark on each edge to a body that nobody has; how many there are."""
    known = directory.keys() | file.rows.keys()
    left_out = 0
    for row in file.rows.values():
        above = [slug for slug in (row.parent, *(row.sponsors or ())) if slug and slug not in known]
        below = [slug for slug in row.children if slug not in known]
        for slug in above:
            file.remarks.append(
                Remark(row.where, f"edge left out: {row.slug} is under {slug}, which is neither here nor in the file")
            )
        for slug in below:
            file.remarks.append(
                Remark(row.where, f"edge left out: {row.slug} is above {slug}, which is neither here nor in the file")
            )
        left_out += len(above) + len(below)
    return left_out


def _remark_closed(file: BodyFile) -> None:
    closed = Body.objects.exclude(closed=None).filter(slug__in=list(file.rows)).values_list("slug", "closed")
    for slug, day in closed:
        file.remarks.append(Remark(file.rows[slug].where, f"{slug} was closed on {day} and stays closed"))
