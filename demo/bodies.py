"""The tree of the demo, read from `bodies.csv` (the contract's columns: slug, name, kind, parent, topics)."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

BODIES_CSV = Path(__file__).with_name("bodies.csv")


@dataclass(frozen=True)
class Body:
    """One line of the file; `parent` is a slug, empty at a root."""

    slug: str
    name: str
    kind: str
    parent: str
    topics: tuple[str, ...]


@cache
def tree() -> dict[str, Body]:
    """Every body by its slug, in the file's order: a parent always stands before its children."""
    with BODIES_CSV.open(encoding="utf-8", newline="") as file:
        return {
            line["slug"]: Body(
                line["slug"], line["name"], line["kind"], line["parent"], tuple(line["topics"].split(";"))
            )
            for line in csv.DictReader(file)
        }


def ancestry(slug: str) -> Iterator[str]:
    """The body itself, then each body above it, up to its root."""
    while slug:
        yield slug
        slug = tree()[slug].parent


def children(slug: str) -> list[str]:
    """The slugs directly below a body."""
    return [body.slug for body in tree().values() if body.parent == slug]
