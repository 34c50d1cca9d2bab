"""The two forms of a file of bodies: CSV, and the GOV.UK organisations API's JSON."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from django.utils.text import slugify

from departments.addresses import canonical
from departments.loading import kinds
from departments.loading.files import Table, read_text
from departments.loading.report import NotUnderstood, Progress, Remark, silent, stop_at_many
from departments.models import Calendar
from departments.slugs import LONGEST_NAME, LONGEST_TOPIC, wrong_with

COLUMNS = ("slug", "name", "kind", "parent", "topics")
FURTHER = ("sponsors", "domain", "opened", "aliases", "calendar")
LARGEST_JSON = 40_000_000  # characters; as objects it takes many times as much
SAY_EVERY = 20_000  # rows


@dataclass(frozen=True)
class BodyRow:
    """A body as a file gives it. None: the file says nothing of it, so that the directory's stays."""

    where: str
    slug: str
    name: str
    kind: str
    parent: str = ""
    topics: tuple[str, ...] | None = None
    sponsors: tuple[str, ...] | None = None
    aliases: tuple[str, ...] = ()
    """Added to those that it has."""
    domain: str | None = None
    opened: date | None = None
    calendar: str | None = None
    """None, and a new body keeps the bank holidays of the one above it."""
    children: tuple[str, ...] = ()

    def says(self) -> tuple[object, ...]:
        """All but where it stands: two rows that say the same are one."""
        return (self.name, self.kind, self.parent, self.topics, self.sponsors, self.children, *self.further())

    def further(self) -> tuple[object, ...]:
        """What only some files speak of."""
        return (list(self.aliases), self.domain, self.opened, self.calendar)


@dataclass
class BodyFile:
    """The bodies of a file by slug, what is to be said about it, and what could not be understood."""

    register: str
    """Which kind of file it is: bodies missing from a newer one of the same kind may be closed."""
    complete: bool
    """Whether an edge to a body that nobody has is an error, and not a remark."""
    closed: list[str] = field(default_factory=list)
    """Slugs of bodies that the file itself calls closed."""
    paged: bool = False
    """It says that it is a part only."""
    rows: dict[str, BodyRow] = field(default_factory=dict)
    remarks: list[Remark] = field(default_factory=list)
    trouble: list[Remark] = field(default_factory=list)

    def add(self, row: BodyRow) -> None:
        """Take this row in, unless it stands there already or is not understood."""
        reasons = [*_reasons(row)]
        if reasons:
            self.trouble += [Remark(row.where, reason) for reason in reasons]
            return
        first = self.rows.setdefault(row.slug, row)
        if first is row:
            return
        if first.says() == row.says():
            self.remarks.append(Remark(row.where, f"{row.slug} stands at {first.where} already, in the same words"))
        else:
            self.trouble.append(Remark(row.where, f"{row.slug} stands at {first.where} already, in other words"))


def read_bodies(path: Path, progress: Progress = silent) -> BodyFile:
    """The bodies in this file, whichever of the two forms it has. Raises `NotUnderstood` where it has neither."""
    text = read_text(path)
    return _read_json(text) if text[:1000].lstrip()[:1] in ("{", "[") else _read_csv(text, progress)


def _reasons(row: BodyRow) -> Iterator[str]:
    """Why this row cannot be taken, each with what to do."""
    yield from wrong_with(row.slug, row.name, row.kind)
    if row.slug in (row.sponsors or ()):
        yield f"{row.slug} would be its own sponsor"
    if row.parent and row.parent in (row.sponsors or ()):
        yield f"{row.parent} is the parent of {row.slug}, and its sponsor as well: leave it out of the sponsors"
    for alias in row.aliases:
        if len(alias) > LONGEST_NAME:
            yield f"another name of {len(alias)} characters: at most {LONGEST_NAME}"
    for topic in row.topics or ():
        if not topic:
            yield "a topic without letters or digits"
        elif len(topic) > LONGEST_TOPIC:
            yield f"a topic of {len(topic)} characters: at most {LONGEST_TOPIC}"


def _read_csv(text: str, progress: Progress) -> BodyFile:
    file = BodyFile(register="csv", complete=True)
    table = Table(text, COLUMNS, file.trouble, optional=FURTHER)
    for number, (line, (slug, name, kind, parent, topics, *rest)) in enumerate(table, start=1):
        if number % SAY_EVERY == 0:
            progress(f"read {number:,} rows")
        said = dict(zip(table.header[len(COLUMNS) :], rest, strict=True))
        try:
            domain, opened = _domain(said.get("domain", "")), _day(said.get("opened", ""))
            calendar = _calendar(said.get("calendar", ""))
        except ValueError as error:
            file.trouble.append(Remark(f"line {line}", str(error)))
            continue
        file.add(
            BodyRow(
                where=f"line {line}",
                slug=slug,
                name=name,
                kind=kinds.recognise(kind),
                parent=parent,
                topics=_entries(topics, slugify),
                sponsors=_entries(said["sponsors"]) if "sponsors" in said else None,
                aliases=_entries(said.get("aliases", "")),
                domain=domain,
                opened=opened,
                calendar=calendar,
            )
        )
    return file


def _entries(cell: str, spelled: Callable[[str], str] = str) -> tuple[str, ...]:
    """The entries of a cell, separated by semicolons."""
    return tuple(sorted({spelled(entry.strip()) for entry in cell.split(";") if entry.strip()}))


def _domain(cell: str) -> str | None:
    """In its one spelling; an empty cell says nothing. Raises `ValueError` with a sentence."""
    if not cell:
        return None
    try:
        return canonical(f"a@{cell.removeprefix('@')}").rpartition("@")[2]
    except ValueError:
        raise ValueError(f"{cell[:80]!r} is not a mail domain, such as example.gov.uk") from None


def _day(cell: str) -> date | None:
    """A day; an empty cell says nothing. Raises `ValueError` with a sentence."""
    try:
        return date.fromisoformat(cell) if cell else None
    except ValueError:
        raise ValueError(f"opened on {cell[:40]!r}: a day such as 2020-01-31") from None


def _calendar(cell: str) -> str | None:
    """Whose bank holidays, by GOV.UK's word or its name; an empty cell says nothing. Raises `ValueError` with a sentence."""
    found = slugify(cell)
    if cell and found not in Calendar:
        raise ValueError(f"the bank holidays of {cell[:40]!r}: {', '.join(Calendar.values)} are known")
    return found or None


def _read_json(text: str) -> BodyFile:
    """The register of GOV.UK is openly incomplete: what it refers to and does not contain is a remark, not an error."""
    if len(text) > LARGEST_JSON:
        reason = f"{len(text):,} characters of JSON: at most {LARGEST_JSON:,}. Load a CSV instead"
        raise NotUnderstood([Remark("the file", reason)])
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        where = f"line {error.lineno}" if isinstance(error, json.JSONDecodeError) else "the file"
        raise NotUnderstood([Remark(where, f"not JSON ({error})")]) from None
    results = document.get("results") if isinstance(document, dict) else None
    if not isinstance(results, list):
        raise NotUnderstood([Remark("the file", "no list of results: GOV.UK's organisations API has one")])
    file = BodyFile(register="gov.uk", complete=False)
    total = document.get("total")
    if isinstance(total, int) and total != len(results):
        file.paged = True
        file.remarks.append(
            Remark("the file", f"says {total:,} organisations and has {len(results):,}: one page of many?")
        )
    for number, entry in enumerate(results, start=1):
        _add_entry(file, f"entry {number}", entry)
        stop_at_many(file.trouble)
    return file


def _add_entry(file: BodyFile, where: str, entry: Any) -> None:
    try:
        slug = _words(entry["details"].get("slug") or _slug_of(entry))
        if entry["details"].get("govuk_status") == "closed":
            file.closed.append(slug)
            file.remarks.append(Remark(where, f"{slug} is closed in the register: left out"))
            return
        parents = list(dict.fromkeys(_slug_of(parent) for parent in entry.get("parent_organisations") or []))
        row = BodyRow(
            where=where,
            slug=slug,
            name=_words(entry["title"]),
            kind=kinds.recognise(_words(entry["format"])),
            parent=parents[0] if parents else "",
            sponsors=tuple(parents[1:]),
            aliases=tuple(filter(None, [_words(entry["details"].get("abbreviation") or "")])),
            children=tuple(_slug_of(child) for child in entry.get("child_organisations") or []),
        )
    except (KeyError, TypeError, AttributeError) as error:
        file.trouble.append(Remark(where, f"not an organisation of GOV.UK's API ({type(error).__name__}: {error})"))
        return
    file.add(row)


def _slug_of(reference: dict[str, str]) -> str:
    return _words(reference["id"]).rstrip("/").rsplit("/", 1)[-1]


def _words(text: str) -> str:
    """White space as single spaces, and nothing that PostgreSQL cannot keep."""
    return " ".join(text.replace("\0", " ").encode("utf-8", "replace").decode().split())
