"""What changed between two texts of an advisory, field by field and word by word. Reads only."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format

from alerts.contract import EARLIER, moment_of
from alerts.models import Draft, Revision

FIELDS = {
    "title": "Title",
    "what_changed": "What changed",
    "earlier": "Whether the earlier advice still holds",
    "summary": "Summary",
    "do_not_use_for": "Do not use for",
    "still_fine_for": "Still fine for",
    "use_instead": "Use instead",
    "actions": "What is asked",
    "guidance": "Guidance",
    "topics": "Subject",
}
# Beyond so many words only whole lines are compared: word by word takes time that grows with the square.
MOST_WORDS = 20_000
# So few words between two changes belong to the change: a text of single words crossed out can't be read.
CARRIED = 2
PIECES = re.compile(r"\s+|[^\s]+")

Text = dict[str, list[str]]
"""The lines of each field that there is, under the keys of `FIELDS`."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Words that stayed (`same`), went (`gone`) or came (`new`)."""

    how: str
    text: str


@dataclass(frozen=True, slots=True)
class Difference:
    """A field that is not the same in both; its pieces in the order of reading."""

    label: str
    pieces: list[Piece]


def text_of(revision: Revision) -> Text:
    """A published text."""
    asked = [(one.text, _moment(one.due), one.of == "body") for one in revision.actions.all()]
    return _text(revision.content, asked)


def text_of_draft(draft: Draft) -> Text:
    """A draft, as it would read if it were published now; whatever in it can't be read stays as it was typed."""
    given = draft.content.get("actions")
    now = timezone.now()
    rows = [row for row in given if isinstance(row, dict)] if isinstance(given, list) else []
    asked = [
        (
            str(row.get("text", "")),
            _moment(at) if (at := moment_of(row.get("due"), now)) else str(row.get("due", "")),
            row.get("of") == "body",
        )
        for row in rows
    ]
    return _text(draft.content, asked)


def differences(older: Text, newer: Text) -> list[Difference]:
    """The fields that are not the same, in the order in which they are read."""
    return [
        Difference(label, _pieces("\n".join(older.get(key, ())), "\n".join(newer.get(key, ()))))
        for key, label in FIELDS.items()
        if older.get(key, []) != newer.get(key, [])
    ]


def _text(content: Mapping[str, Any], asked: Iterable[tuple[str, str, bool]]) -> Text:
    said: Text = {}
    for key in FIELDS:
        value = content.get(key)
        if isinstance(value, list):
            said[key] = [str(one) for one in value if str(one).strip()]
        elif isinstance(value, str) and value.strip():
            said[key] = value.strip().splitlines()
    said["actions"] = [
        f"{text}, by {due}{' (answered once for each body)' if of_body else ''}" for text, due, of_body in asked
    ]
    if "earlier" in said:
        said["earlier"] = [EARLIER.get(one, one) for one in said["earlier"]]
    return {key: lines for key, lines in said.items() if lines}


def _moment(at: Any) -> str:
    local = timezone.localtime(at)
    return f"{date_format(local, 'j F Y, H:i')} {local.tzname()}"


def _pieces(before: str, after: str) -> list[Piece]:
    ours, theirs = PIECES.findall(before), PIECES.findall(after)
    if len(ours) + len(theirs) > MOST_WORDS:
        ours, theirs = before.splitlines(keepends=True), after.splitlines(keepends=True)
    pieces: list[Piece] = []
    for how, i1, i2, j1, j2 in SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes():
        if how == "equal":
            pieces.append(Piece("same", "".join(ours[i1:i2])))
            continue
        if i2 > i1:
            pieces.append(Piece("gone", "".join(ours[i1:i2])))
        if j2 > j1:
            pieces.append(Piece("new", "".join(theirs[j1:j2])))
    return _joined(pieces)


def _joined(pieces: list[Piece]) -> list[Piece]:
    """A change that only a word or two interrupt reads as one change, not as one for each word."""
    joined: list[Piece] = []
    gone, new = "", ""
    for number, piece in enumerate(pieces):
        between = 0 < number < len(pieces) - 1 and len(piece.text.split()) <= CARRIED and "\n" not in piece.text
        if piece.how == "same" and not between:
            joined += [Piece(how, text) for how, text in (("gone", gone), ("new", new)) if text]
            joined.append(piece)
            gone = new = ""
        else:
            gone += piece.text if piece.how != "new" else ""
            new += piece.text if piece.how != "gone" else ""
    return joined + [Piece(how, text) for how, text in (("gone", gone), ("new", new)) if text]
