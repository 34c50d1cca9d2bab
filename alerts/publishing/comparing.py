"""What changed between two texts of an advisory, field by field and word by word. Reads only."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import Match, SequenceMatcher
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format

from alerts.models import Draft, Revision
from alerts.publishing.contract import EARLIER, calendar_of, moment_of

FIELDS = {
    "title": "Title",
    "open_title": "Open title",
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
# Pairs of the same word (or line) that are looked at, about half a second's worth: texts made for it take hours.
MOST_WORK = 3_000_000
# So few words between two changes belong to the change: a text of single words crossed out can't be read.
CARRIED = 2
# What a no-break space holds together is one word: a time and its zone.
PIECES = re.compile(r"[^\S\u00a0]+|[\S\u00a0]+")

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

    @property
    def shown(self) -> list[tuple[Piece, bool]]:
        """Each piece, and whether it takes the place of the one before it: a page sets the two apart."""
        before = ["", *(piece.how for piece in self.pieces)]
        return [(piece, (how, piece.how) == ("gone", "new")) for how, piece in zip(before, self.pieces, strict=False)]


def text_of(revision: Revision) -> Text:
    """A published text."""
    asked = [(one.text, _moment(one.due), one.of == "body") for one in revision.actions.all()]
    return _text(revision.content, asked)


def text_of_draft(draft: Draft) -> Text:
    """A draft, as it would read if it were published now; whatever in it can't be read stays as it was typed."""
    given = draft.content.get("actions")
    now, calendar = timezone.now(), calendar_of(draft.advisory)
    rows = [row for row in given if isinstance(row, dict)] if isinstance(given, list) else []
    asked = [
        (
            str(row.get("text", "")),
            _moment(at) if (at := moment_of(row.get("due"), now, calendar)) else str(row.get("due", "")),
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
    return f"{date_format(local, 'j F Y, H:i')}\u00a0{local.tzname()}"


def _pieces(before: str, after: str) -> list[Piece]:
    ours, theirs = PIECES.findall(before), PIECES.findall(after)
    head = _alike(ours, theirs)
    tail = _alike(ours[head:][::-1], theirs[head:][::-1])
    ours_end, theirs_end = len(ours) - tail, len(theirs) - tail
    middle = _changes(ours[head:ours_end], theirs[head:theirs_end])
    ends = [Piece("same", "".join(part)) for part in (ours[:head], ours[ours_end:])]
    return _joined([piece for piece in (ends[0], *middle, ends[1]) if piece.text])


def _alike(ours: list[str], theirs: list[str]) -> int:
    """How many at the beginning are the same."""
    return next(
        (n for n, (one, other) in enumerate(zip(ours, theirs, strict=False)) if one != other),
        min(len(ours), len(theirs)),
    )


def _changes(ours: list[str], theirs: list[str]) -> list[Piece]:
    """Word by word; where that takes too long line by line, and otherwise all that was and all that is."""
    before, after = "".join(ours), "".join(theirs)
    lines = before.splitlines(keepends=True), after.splitlines(keepends=True)
    for old, new in ((ours, theirs), lines):
        try:
            steps = _Matcher(old, new).get_opcodes()
        except _TooMuch:
            continue
        return [
            Piece(how, text)
            for step, i1, i2, j1, j2 in steps
            for how, text in (
                [("same", "".join(old[i1:i2]))]
                if step == "equal"
                else [("gone", "".join(old[i1:i2])), ("new", "".join(new[j1:j2]))]
            )
            if text
        ]
    return [Piece(how, text) for how, text in (("gone", before), ("new", after)) if text]


class _TooMuch(Exception):
    """The comparison would take too long."""


class _Matcher(SequenceMatcher[str]):
    """Blanks only go with the words beside them, and the work is counted: `_TooMuch` is raised beyond `MOST_WORK`."""

    def __init__(self, ours: list[str], theirs: list[str]) -> None:
        self.left = MOST_WORK
        self.ours = ours
        self.often = Counter(word for word in theirs if not word.isspace())
        super().__init__(lambda word: word.isspace(), ours, theirs, autojunk=False)

    def find_longest_match(self, alo: int = 0, ahi: int | None = None, blo: int = 0, bhi: int | None = None) -> Match:
        """As it is, once its work is known to be within what is left."""
        words = self.ours[alo:ahi]
        self.left -= len(words) + sum(self.often[word] for word in words)
        if self.left < 0:
            raise _TooMuch
        return super().find_longest_match(alo, ahi, blo, bhi)


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
