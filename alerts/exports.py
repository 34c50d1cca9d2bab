"""Tables as files: CSV for spreadsheets, JSON for programs, written row by row, so that a million rows take no more memory.

A file is opened by programs that take some words for formulas and run them, and there are names and reasons in it that
anybody may have written: no cell of words begins like one. Numbers stay numbers, and dates are ISO 8601 with their zone.
"""

import csv
import json
import math
import re
import string
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime

from django.utils import timezone

from alerts.models import Marking

TYPES = {"csv": "text/csv; charset=utf-8", "json": "application/json"}

# A spreadsheet takes a file for UTF-8 only if it says so first (RFC 3629, section 6).
BOM = "\ufeff"

# What a cell begins with that a spreadsheet would reckon. NFKC makes the wide and the small ones the same; the minus of print
# is a sign of its own.
_FORMULAS = frozenset("=+-@\u2212")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ufffe\uffff\ud800-\udfff]")
_BREAKS = re.compile(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]")
# Where other programs, or the same one in another country, end a cell; and what they leave out before its words.
_SPLIT = re.compile(r"([;|\r\n])")
_QUOTED = f'"{string.whitespace}'

# Rows written together: one write each costs more than the words.
_AT_ONCE = 500


class _Line:
    """What `csv` writes to: gives back what it was given."""

    def write(self, text: str, /) -> str:
        return text


def clean(text: str) -> str:
    """The words without NUL and other control characters; a line's end is a line feed, a tab a blank."""
    return _CONTROLS.sub("", _BREAKS.sub("\n", text).replace("\t", " "))


def defused(text: str) -> str:
    """The words, behind an apostrophe where a spreadsheet would take them for a formula, with or without blanks before.

    So is each part of them that is a cell of its own where a file is split at semicolons, as where a comma is the sign of
    decimals, at bars, or at the ends of lines whatever stands in quotation marks.
    """
    first, *others = _SPLIT.split(text)
    inside = "".join(f"'{one}" if _is_formula(one, blank=_QUOTED) else one for one in others)
    return f"'{first}{inside}" if _is_formula(text) else f"{first}{inside}"


def _is_formula(text: str, blank: str | None = None) -> bool:
    """Whether it begins like one, behind what is `blank` (None: white space) or not seen."""
    seen = text.lstrip(blank)
    while seen and unicodedata.category(seen[0]) in ("Cf", "Zs", "Zl", "Zp", "Cc", "Mn"):
        seen = seen[1:].lstrip(blank)
    # An accent set upon a sign makes another one of both, which is none of these.
    return bool(seen) and unicodedata.normalize("NFKC", seen[0])[:1] in _FORMULAS


def as_csv(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[bytes]:
    """The file, in parts: RFC 4180 (CRLF, quotation marks doubled), UTF-8 with its mark. Its first line names the columns."""
    writer = csv.writer(_Line(), lineterminator="\r\n")
    waiting = [f"{BOM}{writer.writerow([_cell(name) for name in columns])}"]
    for row in rows:
        waiting.append(writer.writerow([_cell(value) for value in row]))
        if len(waiting) == _AT_ONCE:
            yield "".join(waiting).encode()
            waiting = []
    yield "".join(waiting).encode()


def as_json(head: Mapping[str, object], columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[bytes]:
    """The file, in parts: one object with `head`'s keys, then `columns` and `rows`, each row an object with the columns' names.

    Only whole it is JSON: a file that was cut off is seen to be.
    """
    first = json.dumps({**{key: _value(value) for key, value in head.items()}, "columns": columns}, ensure_ascii=False)
    waiting = [f'{first[:-1]}, "rows": [']
    between = "\n"
    for row in rows:
        named = dict(zip(columns, map(_value, row), strict=True))
        waiting.append(between + json.dumps(named, ensure_ascii=False))
        between = ",\n"
        if len(waiting) >= _AT_ONCE:
            yield "".join(waiting).encode()
            waiting = []
    waiting.append("\n]}\n")
    yield "".join(waiting).encode()


def name_of(subject: str, table: str, marking: str, kind: str, *, exercise: bool = False) -> str:
    """What the file is called: it says whose it is and how far it may go, as in "ADV-2020-0017-tree-TLP-AMBER.csv".

    Of a drill that comes first: "EXERCISE-ADV-2020-0017-tree-TLP-AMBER.csv".
    """
    said = f"{'EXERCISE-' if exercise else ''}{subject}-{table}-TLP-{marking}".replace("+", "-")
    return f"{re.sub(r'[^A-Za-z0-9._-]', '-', said)}.{kind}"


def strictest(markings: Iterable[str]) -> str:
    """Of several markings the one that lets the least out; "CLEAR" of none."""
    order = list(Marking.values)
    return max(markings, key=order.index, default=Marking.CLEAR.value)


def _cell(value: object) -> object:
    """As it stands in a spreadsheet: a number, or words that nothing reckons."""
    plain = _value(value)
    if plain is None:
        return ""
    if isinstance(plain, bool):
        return "yes" if plain else "no"
    return defused(plain) if isinstance(plain, str) else plain


def _value(value: object) -> bool | int | float | str | None:
    """As it stands in JSON."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None  # JSON knows no other
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, datetime):
        return (timezone.localtime(value) if timezone.is_aware(value) else value).isoformat(timespec="seconds")
    if isinstance(value, date):
        return value.isoformat()
    return clean(str(value))
