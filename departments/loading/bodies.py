"""Bodies from a file into the directory.

Before: any directory. After: each body of the file is there with its name, kind, place, and (where the file speaks of
them) remit and sponsors; other bodies are as they were. Twice: nothing is written.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path

from django.db import connection, transaction
from django.utils import timezone

from departments.closing import LONGEST_WHY, close_all
from departments.loading.body_files import BodyFile, BodyRow, read_bodies
from departments.loading.body_sql import (
    COPY,
    CREATE,
    DIFFERENCES,
    INHERIT,
    KNOW,
    MISSING,
    NEW_TOPICS,
    NOTE_REGISTER,
    NUMBER,
)
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
    file = read_bodies(path, progress)
    _lock(dry_run)
    directory = _Directory()
    if close_missing and file.paged:
        file.trouble.append(
            Remark("the file", "is a part only: load the whole register, or do without closing what is missing")
        )
    if close_missing and not (file.rows or file.closed):
        file.trouble.append(Remark("the file", "names no body at all: closing what is missing from it would close all"))
    rows = _checked(file, directory)
    report = Report(rows=len(rows), what="bodies", dry_run=dry_run, left_out=_left_out(file, directory))
    _remark_closed(file, directory)
    report.remarks = file.remarks
    with connection.cursor() as cursor:
        progress(f"comparing {len(rows):,} bodies")
        cursor.execute(CREATE)
        with cursor.copy(COPY) as copy:
            for row, parent_said in rows:
                copy.write_row(_columns(row, parent_said, directory, file))
        cursor.execute(KNOW)
        if not dry_run:
            cursor.execute(INHERIT)
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
        report.closed = [slug for _, slug, _ in missing]
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


class _Directory:
    """As it is before the load: who hangs where, and what is closed. Nothing new hangs below what is closed."""

    def __init__(self) -> None:
        self.parents: dict[str, str | None] = {}
        self.closed: dict[str, date] = {}
        for slug, parent, closed in Body.objects.values_list("slug", "parent__slug", "closed"):
            self.parents[slug] = parent
            if closed is not None:
                self.closed[slug] = closed

    def takes(self, above: str, file: BodyFile) -> bool:
        """Whether a body may hang below this one, or have it for a sponsor."""
        return above not in self.closed and (above in self.parents or above in file.rows)

    def places(self, row: BodyRow, file: BodyFile) -> bool:
        """Whether the row's place is one that the directory has or can give it."""
        return not row.parent or self.parents.get(row.slug) == row.parent or self.takes(row.parent, file)


def _columns(row: BodyRow, parent_said: bool, directory: _Directory, file: BodyFile) -> tuple[object, ...]:
    topics = None if row.topics is None else list(row.topics)
    sponsors = None if row.sponsors is None else [slug for slug in row.sponsors if directory.takes(slug, file)]
    parent = row.parent if parent_said else ""
    return (row.slug, row.name, row.kind, parent, parent_said, topics, sponsors, *row.further(), file.register)


def _checked(file: BodyFile, directory: _Directory) -> list[tuple[BodyRow, bool]]:
    """Each row, and whether it says its place; raises `NotUnderstood` for what only the whole shows."""
    known = directory.parents.keys() | file.rows.keys()
    rows: list[tuple[BodyRow, bool]] = []
    parents = dict(directory.parents)
    for row in file.rows.values():
        parent_said = directory.places(row, file)
        is_new = row.slug not in directory.parents
        if parent_said or is_new:
            parents[row.slug] = (row.parent or None) if parent_said else None
        rows.append((row, parent_said))
        if file.complete:
            if row.parent and row.parent not in known:
                reason = "which neither the file nor the directory has: add it, or correct it"
                file.trouble.append(Remark(row.where, f"{row.slug} is under {row.parent}, {reason}"))
            elif not parent_said and is_new:
                reason = f"which was closed on {directory.closed[row.parent]}: name its successor"
                file.trouble.append(Remark(row.where, f"{row.slug} is under {row.parent}, {reason}"))
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


def _left_out(file: BodyFile, directory: _Directory) -> int:
    """Remark on each edge to a body that nobody has, or that is closed; how many there are."""
    known = directory.parents.keys() | file.rows.keys()
    left_out = 0
    for row in file.rows.values():
        above = [] if directory.places(row, file) else [row.parent]
        above += [slug for slug in row.sponsors or () if not directory.takes(slug, file)]
        below = [slug for slug in row.children if slug not in known]
        for slug in above:
            closed = directory.closed.get(slug)
            why = f"was closed on {closed} and stays closed" if closed else "is neither here nor in the file"
            file.remarks.append(Remark(row.where, f"edge left out: {row.slug} is under {slug}, which {why}"))
        for slug in below:
            file.remarks.append(
                Remark(row.where, f"edge left out: {row.slug} is above {slug}, which is neither here nor in the file")
            )
        left_out += len(above) + len(below)
    return left_out


def _remark_closed(file: BodyFile, directory: _Directory) -> None:
    for slug in sorted(file.rows.keys() & directory.closed.keys()):
        reason = f"{slug} was closed on {directory.closed[slug]} and stays closed"
        file.remarks.append(Remark(file.rows[slug].where, reason))
