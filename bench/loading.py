"""`load_directory` and `load_unchanged`: a whole directory from two files."""

import statistics
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from django.db import connection, transaction

from bench.directory import write_bodies, write_people
from bench.harness import ROUNDS, Row, compare
from departments.loading import load_bodies, load_people

BODIES = 20_000
PEOPLE = 200_000
TABLES = ("topic", "body", "remit", "bodyevent", "person", "membership")
# What refers to what, as in the tables themselves.
REFERENCES = (
    ("body", "parent_id", "body"),
    ("remit", "body_id", "body"),
    ("remit", "topic_id", "topic"),
    ("bodyevent", "body_id", "body"),
    ("membership", "body_id", "body"),
    ("membership", "person_id", "person"),
)


def load_directory(folder: Path) -> Row:
    """Loading against a bare COPY of the finished rows into empty tables of the same definition."""
    files = _files(folder)
    _first(files)
    rows = {table: _copied_out(table) for table in TABLES}
    _make_bare()
    yardstick = "COPY of the finished rows into empty tables with the same indexes and references"
    row = compare("load_directory", partial(_first, files), partial(_copied_in, rows), against=yardstick, bound="<= 4")
    plain = statistics.median(_copied_in(rows, "plain") for _ in range(ROUNDS))
    print(
        f"load_directory: {row.value / plain:.1f} times a COPY into plain tables ({plain:.2f} s), which have no index, "
        "no reference and no constraint: for comparison only",
        file=sys.stderr,
    )
    return row


def load_unchanged(folder: Path) -> Row:
    """The same files loaded again, against loading them into an empty directory."""
    files = _files(folder)
    return compare(
        "load_unchanged",
        partial(_load, files),
        partial(_first, files),
        against="the first load of the same files",
        bound="<= 0.5",
    )


def _files(folder: Path) -> tuple[Path, Path]:
    return (
        write_bodies(folder / "bodies.csv", BODIES),
        write_people(folder / "people.csv", PEOPLE, BODIES),
    )


def _first(files: tuple[Path, Path]) -> float:
    """Into an empty directory."""
    _empty([f"departments_{table}" for table in TABLES])
    return _load(files)


def _load(files: tuple[Path, Path]) -> float:
    started = time.perf_counter()
    load_bodies(files[0])
    load_people(files[1])
    return time.perf_counter() - started


def _empty(tables: Sequence[str]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {', '.join(tables)} CASCADE")
        cursor.execute("TRUNCATE departments_change")
        cursor.execute("CHECKPOINT")


def _copied_out(table: str) -> bytes:
    with connection.cursor() as cursor, cursor.copy(f"COPY departments_{table} TO STDOUT") as copy:
        return b"".join(copy)


def _make_bare() -> None:
    with connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(f"DROP TABLE IF EXISTS bare_{table}, plain_{table} CASCADE")
            cursor.execute(f"CREATE TABLE bare_{table} (LIKE departments_{table} INCLUDING ALL)")
            cursor.execute(f"CREATE TABLE plain_{table} (LIKE departments_{table})")
        for table, column, other in REFERENCES:
            cursor.execute(
                f"ALTER TABLE bare_{table} ADD FOREIGN KEY ({column}) REFERENCES bare_{other} DEFERRABLE INITIALLY DEFERRED"
            )


def _copied_in(rows: dict[str, bytes], kind: str = "bare") -> float:
    _empty([f"{kind}_{table}" for table in TABLES])
    started = time.perf_counter()
    with transaction.atomic(), connection.cursor() as cursor:
        for table in TABLES:
            with cursor.copy(f"COPY {kind}_{table} FROM STDIN") as copy:
                copy.write(rows[table])
    return time.perf_counter() - started
