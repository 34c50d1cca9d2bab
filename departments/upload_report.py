"""What the page shows of a load, as it is kept with the upload: counts whole, each list cut."""

import hashlib
from collections.abc import Sequence
from typing import Any

from departments.loading import NotUnderstood, Remark, Report
from departments.models import Body

# Lines of one list that are kept and shown; of the rest there is the count.
MOST_LINES = 500
LONGEST_LINE = 2_000


def told(report: Report) -> dict[str, Any]:
    """A comparison: its sentence, each kind of difference with its count, the remarks, the bodies that are missing."""
    return {
        "rows": report.rows,
        "what": report.what,
        "left_out": report.left_out,
        "changed": report.changed,
        "lists": _lists(report),
        "remarks": _remarks(report.remarks),
        "missing": _missing(report.missing),
    }


def loaded(report: Report) -> str:
    """What a load did, without what it did not."""
    done = [f"{count:,} {kind}" for kind, count in report.counts.items() if count]
    said = f"{', '.join(done)}." if done else "Nothing differed any more, so nothing was written."
    if report.missing:
        said += f" {len(report.missing):,} missing from the file stayed as they are."
    return said


def not_understood(error: NotUnderstood) -> dict[str, Any]:
    """Each line that could not be understood, with its reason and what to do."""
    return {"wrong": _remarks(error.remarks)}


def _lists(report: Report) -> list[dict[str, Any]]:
    """The differences by their kinds, in the order in which the loader found them. Kinds without any stay out."""
    lists, at = [], 0
    for kind, count in report.counts.items():
        lines = report.differences[at : at + count]
        at += count
        if count:
            lists.append({"kind": kind, **_cut(lines, count)})
    return lists


def _missing(slugs: Sequence[str]) -> dict[str, Any]:
    if not slugs:
        return {}
    first = slugs[:MOST_LINES]
    names = dict(Body.objects.filter(slug__in=first).values_list("slug", "name"))
    lines = [[slug, names.get(slug, slug)] for slug in first]
    return {"count": len(slugs), "lines": lines, "rest": len(slugs) - len(lines), "digest": digest(slugs)}


def digest(slugs: Sequence[str]) -> str:
    """Stands for all of a list, of which only the first lines are kept."""
    return hashlib.sha256("\n".join(sorted(slugs)).encode()).hexdigest()


def _remarks(remarks: Sequence[Remark]) -> dict[str, Any]:
    if not remarks:
        return {}
    lines = [[_short(remark.where), _short(remark.reason)] for remark in remarks[:MOST_LINES]]
    return {"count": len(remarks), "lines": lines, "rest": len(remarks) - len(lines)}


def _cut(lines: Sequence[str], count: int) -> dict[str, Any]:
    kept = [_short(line) for line in lines[:MOST_LINES]]
    return {"count": count, "lines": kept, "rest": count - len(kept)}


def _short(line: str) -> str:
    # PostgreSQL's JSON keeps neither NUL nor half a character.
    clean = line.replace("\0", " ").encode("utf-8", "replace").decode()
    return clean if len(clean) <= LONGEST_LINE else f"{clean[:LONGEST_LINE]} ..."
