"""The contract of an advisory's words: the keys of its file, their limits, and what is wrong with what somebody wrote.

A draft is kept in these keys as it is typed (`Draft.content`), and read here before it is submitted and published, so that
a page and a file keep the same rules.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from django.utils.dateparse import parse_datetime, parse_duration
from django.utils.formats import date_format

from alerts.models import Marking, Rule, Severity

# Answer within, and look at the advice again within, unless the advisory says otherwise.
DEFAULT_TIMES: dict[str, tuple[timedelta, timedelta]] = {
    Severity.CRITICAL: (timedelta(hours=4), timedelta(days=7)),
    Severity.HIGH: (timedelta(days=1), timedelta(days=30)),
    Severity.MEDIUM: (timedelta(days=3), timedelta(days=90)),
    Severity.LOW: (timedelta(days=7), timedelta(days=180)),
}
KEYS = {
    "title", "open_title", "severity", "marking", "summary", "guidance", "do_not_use_for", "still_fine_for",
    "use_instead", "actions", "topics", "audience", "rule", "acknowledge_within", "review_by", "supersedes",
    "exercise", "what_changed", "earlier",
}  # fmt: skip
LISTS = ("do_not_use_for", "still_fine_for", "use_instead")
# Whether the earlier advice still holds, for whoever reads an update.
EARLIER = {
    "holds": "Yes, it still holds",
    "partly": "In part: this replaces it where they differ",
    "replaced": "No: this replaces it",
}
# The same, as a mail and the page say it.
EARLIER_SAID = {
    "holds": "What we told you before still holds.",
    "partly": "What we told you before holds in part: where they differ, this replaces it.",
    "replaced": "What we told you before no longer holds: this replaces it.",
}
NEEDS_OPEN_TITLE = (Marking.AMBER, Marking.AMBER_STRICT, Marking.RED)
LONGEST = {"title": 200, "open_title": 200, "summary": 2_000, "guidance": 100_000, "what_changed": 2_000}
LONGEST_ITEM = 2_000
MOST_ITEMS = 5_000
MOST_ACTIONS = 50
LONGEST_TIME = timedelta(days=3_660)


@dataclass(frozen=True)
class Wrong:
    """What is wrong with an advisory, and where: a key of the contract, such as `actions[1].due`."""

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" if self.where else self.what[:1].upper() + self.what[1:]


class NotUnderstood(ValueError):
    """What is wrong with an advisory, a sentence each; nothing was written."""

    def __init__(self, wrong: list[Wrong]) -> None:
        self.wrong = wrong
        self.sentences = [str(one) for one in wrong]
        super().__init__("\n".join(self.sentences))


@dataclass(frozen=True)
class Asked:
    """An action as it was written: `due` is an ISO 8601 duration after publishing, or a moment."""

    key: str
    text: str
    due: str
    of: str


@dataclass(frozen=True)
class Content:
    """The words of one revision, checked. `words` is what the revision keeps."""

    words: dict[str, Any]
    actions: list[Asked]
    acknowledge_within: timedelta


@dataclass(frozen=True)
class Head:
    """What is said of an advisory once, before its first revision."""

    severity: str
    marking: str
    open_title: str
    rule: str
    review_by: datetime
    supersedes: str
    exercise: bool


class Reader:
    """Takes values out of an advisory's keys and collects what is wrong with them."""

    def __init__(self, data: object, now: datetime | None = None) -> None:
        self.wrong: list[Wrong] = []
        self.data: Mapping[str, Any] = {}
        self.now = now or timezone.now()
        if isinstance(data, dict):
            self.data = data
            self.unknown("", data, KEYS)
        else:
            self.say("", "the file must hold one JSON object with the advisory's keys.")

    def say(self, where: str, what: str) -> None:
        """Note what is wrong."""
        self.wrong.append(Wrong(where, what))

    def done(self) -> None:
        """Raise `NotUnderstood` if anything was wrong."""
        if self.wrong:
            raise NotUnderstood(self.wrong)

    def unknown(self, where: str, data: Mapping[str, Any], known: set[str]) -> None:
        """Keys that are none of an advisory's."""
        for key in sorted(set(data) - known):
            self.say(f"{where}{key}"[:80], "not a key of an advisory.")

    def text(self, key: str, *, needed: bool = False, one_line: bool = False) -> str:
        """A text without blanks at its ends."""
        given = self.data.get(key, "")
        if not isinstance(given, str):
            self.say(key, "must be text.")
            return ""
        value = given.strip()
        if needed and not value:
            self.say(key, "is missing.")
        if len(value) > LONGEST[key]:
            self.say(key, f"has {len(value):,} characters; {LONGEST[key]:,} is the most.")
        if "\0" in value or (one_line and any(ord(character) < 32 for character in value)):
            self.say(key, "has a line break or another control character in it; take it out.")
        return value

    def texts(self, data: Mapping[str, Any], key: str, where: str = "") -> list[str]:
        """A list of texts, none of them empty."""
        value = data.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) and item.strip() for item in value):
            self.say(f"{where}{key}", "must be a list of texts.")
            return []
        if len(value) > MOST_ITEMS or any(len(item) > LONGEST_ITEM or "\0" in item for item in value):
            self.say(f"{where}{key}", "is too long, or holds a NUL character.")
            return []
        return [item.strip() for item in value]

    def one_of(self, key: str, choices: list[str], default: str = "") -> str:
        """One of these words."""
        value = self.data.get(key, default)
        if value not in choices:
            self.say(key, f"must be one of {', '.join(choices)}.")
            return default
        return str(value)

    def duration(self, key: str, default: timedelta) -> timedelta:
        """A duration; nothing is the default."""
        value = self.data.get(key)
        if value is None or value == "":
            return default
        length = duration_of(value)
        if length is None:
            self.say(key, "must be an ISO 8601 duration such as PT4H or P7D.")
        return length or default

    def moment(self, value: object, where: str) -> datetime | None:
        """A moment to come: a duration from now, or a date and time with its zone."""
        try:
            at = moment_of(value, self.now)
        except OverflowError:
            at = None
        if at is None:
            self.say(where, "must be an ISO 8601 duration such as PT4H or P7D, or a date and time with its zone.")
        elif at <= self.now:
            self.say(
                where, f"is in the past ({date_format(timezone.localtime(at), 'j F Y, H:i')}). Choose a later time."
            )
        elif at > self.now + LONGEST_TIME:
            self.say(where, "is more than ten years ahead.")
        else:
            return at
        return None


def duration_of(value: object) -> timedelta | None:
    """An ISO 8601 duration of more than nothing and at most ten years; None where it is none."""
    try:
        length = parse_duration(value) if isinstance(value, str) and value.startswith("P") else None
    except (OverflowError, ValueError):
        return None
    return length if length is not None and timedelta(0) < length <= LONGEST_TIME else None


def moment_of(value: object, now: datetime) -> datetime | None:
    """When that is: a duration from `now`, or a date and time with its zone; None where it is neither."""
    if not isinstance(value, str):
        return None
    if value.startswith("P"):
        length = duration_of(value)
        return now + length if length else None
    try:
        at = parse_datetime(value)
    except ValueError:
        return None
    return at if at is not None and timezone.is_aware(at) else None


def content_of(data: object, now: datetime | None = None) -> Content:
    """The words of an advisory, checked; raises `NotUnderstood`."""
    reader = Reader(data, now)
    content = read_content(reader)
    reader.done()
    return content


def read_content(reader: Reader) -> Content:
    """The words, with whatever is wrong left in the reader."""
    severity = str(reader.data.get("severity", ""))
    words: dict[str, Any] = {
        "title": reader.text("title", needed=True, one_line=True),
        "summary": reader.text("summary", needed=True),
        **{key: reader.texts(reader.data, key) for key in LISTS},
        "guidance": reader.text("guidance"),
        "topics": reader.texts(reader.data, "topics"),
        "what_changed": reader.text("what_changed"),
    }
    if reader.data.get("earlier"):
        words["earlier"] = reader.one_of("earlier", list(EARLIER))
    default, _ = DEFAULT_TIMES.get(severity, DEFAULT_TIMES[Severity.LOW])
    return Content(words, _actions(reader), reader.duration("acknowledge_within", default))


def read_head(reader: Reader) -> Head:
    """What is said once; with whatever is wrong left in the reader."""
    severity = reader.one_of("severity", Severity.values, Severity.HIGH)
    marking = reader.one_of("marking", Marking.values, Marking.AMBER)
    open_title = reader.text("open_title", one_line=True)
    if marking in NEEDS_OPEN_TITLE and not open_title:
        reader.say("open_title", f"is missing; at TLP:{marking} it is all that a mail may show.")
    exercise = reader.data.get("exercise", False)
    if not isinstance(exercise, bool):
        reader.say("exercise", "must be true or false.")
    supersedes = reader.data.get("supersedes") or ""
    if not isinstance(supersedes, str) or len(supersedes) > 40:
        reader.say("supersedes", "must be the reference of an advisory.")
        supersedes = ""
    review = reader.data.get("review_by")
    default = reader.now + DEFAULT_TIMES[severity][1]
    return Head(
        severity=severity,
        marking=marking,
        open_title=open_title,
        rule=reader.one_of("rule", Rule.values, Rule.ALL),
        review_by=(reader.moment(review, "review_by") or default) if review else default,
        supersedes=supersedes.strip(),
        exercise=exercise is True,
    )


def _actions(reader: Reader) -> list[Asked]:
    given = reader.data.get("actions", [])
    if not isinstance(given, list) or len(given) > MOST_ACTIONS:
        reader.say("actions", f"must be a list of at most {MOST_ACTIONS}.")
        return []
    actions = [asked for number, action in enumerate(given, start=1) if (asked := _action(reader, action, number))]
    if len({action.key for action in actions}) < len(actions):
        reader.say("actions", "two of them have the same key.")
    return actions


def _action(reader: Reader, action: object, number: int) -> Asked | None:
    where = f"actions[{number}]."
    if not isinstance(action, dict) or not isinstance(action.get("text"), str) or not action["text"].strip():
        reader.say(f"{where}text", "is missing.")
        return None
    text = action["text"].strip()
    if len(text) > LONGEST_ITEM or "\0" in text:
        reader.say(f"{where}text", f"has more than {LONGEST_ITEM:,} characters, or a NUL character.")
        return None
    reader.unknown(where, action, {"text", "due", "of", "key"})
    of = action.get("of", "person")
    if of not in ("person", "body"):
        reader.say(f"{where}of", "must be person or body.")
    reader.moment(action.get("due"), f"{where}due")
    return Asked(str(action.get("key") or f"action-{number}")[:40], text, str(action.get("due")), str(of))
