"""The CSV of people: read and checked in one pass."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from departments.addresses import canonical
from departments.loading.files import Row, csv_rows, read_text
from departments.loading.report import Remark
from departments.models import Role

COLUMNS = ("email", "name", "body", "role")
LONGEST_NAME = 500
ROLES = frozenset(Role.values)

# Most addresses are plain ASCII, and for those the library takes 20 times as long as this to say the same; over 200,000
# rows that is most of the load. Whatever does not fit goes to the library, which also writes the error.
PLAIN = re.compile(
    r"(?=.{3,254}\Z)(?=[^@]{1,64}@)[a-z0-9_+-]+(?:\.[a-z0-9_+-]+)*"
    r"@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9]{0,61}[a-z0-9])"
)
# Names with a meaning of their own (RFC 2606, RFC 6761): the library knows which are refused. Labels with hyphens in the
# third and fourth place are IDNA's, and the library's too.
ODD = re.compile(r"(?:\.|@)(?:test|local|localhost|invalid|onion|arpa)\Z|[@.]..--")


@dataclass(frozen=True)
class Place:
    """A row that is understood: a person in a body."""

    email: str
    written: str
    name: str
    body_id: int
    role: str


@dataclass
class PeopleFile:
    """Each place once, what is to be said about the file, and what could not be understood."""

    places: list[Place] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)
    trouble: list[Remark] = field(default_factory=list)


def quick_canonical(address: str) -> str:
    """As `departments.addresses.canonical`, and quick for plain addresses. Raises `ValueError` with a sentence."""
    lowered = address.lower()
    if lowered.isascii() and PLAIN.fullmatch(lowered) and not ODD.search(lowered):
        return lowered
    return canonical(address)


def read_people(path: Path, bodies: Mapping[str, tuple[int, date | None]]) -> PeopleFile:
    """The people in this file; `bodies` are the directory's ids and closing days by slug."""
    file = PeopleFile()
    names: dict[str, tuple[str, int]] = {}
    seen: dict[tuple[str, int, str], int] = {}
    for row in csv_rows(read_text(path), COLUMNS, file.trouble):
        try:
            place = _place(row, bodies)
        except ValueError as error:
            file.trouble.append(Remark(f"line {row.line}", str(error)))
            continue
        name, line = names.setdefault(place.email, (place.name, row.line))
        if name != place.name:
            reason = f"{place.email} is {place.name} here and {name} at line {line}: one address is one person"
            file.trouble.append(Remark(f"line {row.line}", reason))
            continue
        first = seen.setdefault((place.email, place.body_id, place.role), row.line)
        if first != row.line:
            file.remarks.append(Remark(f"line {row.line}", f"stands at line {first} already"))
            continue
        file.places.append(place)
    return file


def _place(row: Row, bodies: Mapping[str, tuple[int, date | None]]) -> Place:
    """What this row says; raises `ValueError` with what is wrong with it, all of it."""
    reasons = []
    email = ""
    try:
        email = quick_canonical(row["email"])
    except ValueError as error:
        reasons.append(str(error))
    name = row["name"]
    if not name or len(name) > LONGEST_NAME:
        reasons.append("no name" if not name else f"a name of {len(name)} characters: at most {LONGEST_NAME}")
    role = row["role"].lower()
    if role not in ROLES:
        reasons.append(f"the role {row['role'][:40]!r}: one of {', '.join(Role.values)}")
    body_id, closed = bodies.get(row["body"], (0, None))
    if not body_id:
        reasons.append(f"no body {row['body'][:80]!r} in the directory: load it first, or correct the slug")
    if closed is not None:
        reasons.append(f"the body {row['body']} was closed on {closed}: name its successor")
    if reasons:
        raise ValueError("; ".join(reasons))
    return Place(email, row["email"], name, body_id, role)
