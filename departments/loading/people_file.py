"""The CSV of people: read and checked in one pass.

A load of 200,000 people is mostly this pass, so its loop looks up what it has seen before (a body, a role, a domain) and
checks by the library only what is new or odd.
"""

import gc
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from departments.addresses import canonical
from departments.loading.files import Table, read_text
from departments.loading.report import Progress, Remark, silent
from departments.models import Membership, Role
from departments.slugs import LONGEST_NAME

COLUMNS = ("email", "name", "body", "role")
FURTHER = ("telephone", "hours", "order", "shared")
LONGEST_TELEPHONE = 50
LAST_IN_ORDER = 999
ROLES = frozenset(Role.values)
HOURS = frozenset(Membership.Hours.values)
YES_NO = {"yes": True, "no": False}
SAY_EVERY = 20_000  # rows

# Nearly every address has a local part like this one, which the library leaves as it is but for its case. Whatever does
# not fit goes to the library, which also writes the error.
PLAIN_LOCAL = re.compile(r"(?=.{1,64}\Z)[a-z0-9_+-]+(?:\.[a-z0-9_+-]+)*")
LONGEST_ADDRESS = 254


class Named(NamedTuple):
    """A person as the file has them. None: it says nothing of it."""

    number: int
    email: str
    written: str
    name: str
    telephone: str | None = None
    shared: bool | None = None


class Place(NamedTuple):
    """A row that is understood: a person (by number) in a body. None: the file says nothing of it."""

    number: int
    body_id: int
    role: str
    hours: str | None = None
    order: int | None = None


@dataclass
class PeopleFile:
    """Each person and each place once, what is to be said about the file, and what could not be understood."""

    people: list[Named] = field(default_factory=list)
    places: list[Place] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)
    trouble: list[Remark] = field(default_factory=list)


class Addresses:
    """Canonical addresses, each domain checked once. As `departments.addresses.canonical`, and quick."""

    def __init__(self) -> None:
        self._domains: dict[str, str] = {}

    def __call__(self, address: str) -> str:
        """Raises `ValueError` with a sentence for people where it is no address."""
        local, at, written = address.lower().rpartition("@")
        domain = self._domains.get(written)
        if domain is None:
            whole = canonical(address)
            if at and "[" not in written:
                self._domains[written] = whole.rpartition("@")[2]
            return whole
        if PLAIN_LOCAL.fullmatch(local) and len(local) + len(domain) < LONGEST_ADDRESS:
            return f"{local}@{domain}"
        return canonical(address)


class _Rows:
    """Understands rows one after another; `bodies` are the directory's ids and closing days by slug."""

    def __init__(self, file: PeopleFile, table: Table, bodies: Mapping[str, tuple[int, date | None]]) -> None:
        self.file = file
        self.canonical = Addresses()
        self.open = {slug: pk for slug, (pk, closed) in bodies.items() if closed is None}
        self.bodies = bodies
        self.further = [name for name in FURTHER if name in table.header]
        self.people: dict[str, tuple[Named, int]] = {}
        self.places: dict[tuple[int, int, str], tuple[Place, int]] = {}

    def take(self, line: int, cells: list[str]) -> None:
        """Understand a row, cells in the order of `COLUMNS` and then `FURTHER`; what is wrong goes into the trouble."""
        written, name, slug, role, *rest = cells
        body_id = self.open.get(slug)
        try:
            email = self.canonical(written)
        except ValueError:
            email = ""
        further = self._further(rest) if rest else {}
        if not email or not body_id or role not in ROLES or not 0 < len(name) <= LONGEST_NAME or "" in further:
            self._refuse(line, cells)
            return
        person = Named(len(self.people), email, written, name, further.get("telephone"), further.get("shared"))
        known, first = self.people.setdefault(email, (person, line))
        if known is person:
            self.file.people.append(person)
        elif different := _different(person, known):
            reason = f"{email} {different} at line {first}: one address is one person"
            self.file.trouble.append(Remark(f"line {line}", reason))
            return
        place = Place(known.number, body_id, role, further.get("hours"), further.get("order"))
        seen, first = self.places.setdefault(place[:3], (place, line))
        if seen is place:
            self.file.places.append(place)
        elif seen == place:
            self.file.remarks.append(Remark(f"line {line}", f"stands at line {first} already"))
        else:
            reason = f"stands at line {first} already, with other hours or another order: keep one of the two"
            self.file.trouble.append(Remark(f"line {line}", reason))

    def _further(self, cells: Iterable[str]) -> dict[str, Any]:
        """What the further columns say; the key "" where one of them says nothing that can be understood."""
        said: dict[str, Any] = {}
        for name, cell in zip(self.further, cells, strict=True):
            if _wrong_further(name, cell):
                said[""] = None
            elif name == "order":
                said[name] = int(cell) if cell else None
            elif name == "shared":
                said[name] = YES_NO[cell.lower()] if cell else None
            elif name == "hours":
                said[name] = cell.lower() or None
            else:
                said[name] = cell or None
        return said

    def _refuse(self, line: int, cells: list[str]) -> None:
        written, name, slug, role, *rest = cells
        reasons = []
        try:
            self.canonical(written)
        except ValueError as error:
            reasons.append(str(error))
        if not name or len(name) > LONGEST_NAME:
            reasons.append("no name" if not name else f"a name of {len(name)} characters: at most {LONGEST_NAME}")
        if role not in ROLES:
            reasons.append(f"the role {role[:40]!r}: one of {', '.join(Role.values)}")
        body_id, closed = self.bodies.get(slug, (0, None))
        if not body_id:
            reasons.append(f"no body {slug[:80]!r} in the directory: load it first, or correct the slug")
        if closed is not None:
            reasons.append(f"the body {slug} was closed on {closed}: name its successor")
        wrong = (_wrong_further(column, cell) for column, cell in zip(self.further, rest, strict=True))
        reasons += [reason for reason in wrong if reason]
        self.file.trouble.append(Remark(f"line {line}", "; ".join(reasons)))


def read_people(path: Path, bodies: Mapping[str, tuple[int, date | None]], progress: Progress = silent) -> PeopleFile:
    """The people in this file; `bodies` are the directory's ids and closing days by slug."""
    file = PeopleFile()
    table = Table(read_text(path), COLUMNS, file.trouble, optional=FURTHER)
    take = _Rows(file, table, bodies).take
    with _uncollected():
        for number, (line, cells) in enumerate(table, start=1):
            cells[3] = cells[3].lower()  # a role is written in any case
            take(line, cells)
            if number % SAY_EVERY == 0:
                progress(f"read {number:,} rows")
    return file


@contextmanager
def _uncollected() -> Iterator[None]:
    """No search for circular garbage meanwhile: among a million rows that stay it finds none, and takes a third of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _different(person: Named, known: Named) -> str:
    """How two rows of one address contradict each other; "" where they don't."""
    if person.name != known.name:
        return f"is {person.name} here and {known.name}"
    if person.telephone != known.telephone:
        return "has another telephone number here and"
    if person.shared != known.shared:
        return "is a shared mailbox in one row only, here or"
    return ""


def _wrong_further(column: str, cell: str) -> str:
    """Why this cell of a further column can't be taken; "" where it can."""
    match column:
        case "telephone" if len(cell) > LONGEST_TELEPHONE:
            return f"a telephone number of {len(cell)} characters: at most {LONGEST_TELEPHONE}"
        case "hours" if cell and cell.lower() not in HOURS:
            return f"the hours {cell[:40]!r}: in or out"
        case "order" if cell and not (cell.isascii() and cell.isdigit() and len(cell) <= 3):
            return f"the order {cell[:40]!r}: a number from 0 to {LAST_IN_ORDER}"
        case "shared" if cell and cell.lower() not in YES_NO:
            return f"shared is {cell[:40]!r}: yes or no"
    return ""
