"""The contract of an advisory's words: the keys of its file, their limits, and what is wrong with what somebody wrote.

A draft is kept in these keys as it is typed (`Draft.content`), and read here before it is submitted and published, so that
a page and a file keep the same rules.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import MAXYEAR, MINYEAR, datetime, timedelta
from typing import Any

from django.utils import timezone
from django.utils.dateparse import parse_datetime, parse_duration
from django.utils.formats import date_format

from alerts.models import Advisory, Marking, Office, Rule, Severity
from departments import working_time
from departments.refusal import Refused

# Answer within (a day is a working day, but where it is critical: `calendar_of`), and look at the advice again within (plain
# days), unless the advisory says otherwise.
DEFAULT_TIMES: dict[str, tuple[timedelta, timedelta]] = {
    Severity.CRITICAL: (timedelta(hours=4), timedelta(days=7)),
    Severity.HIGH: (timedelta(days=1), timedelta(days=30)),
    Severity.MEDIUM: (timedelta(days=3), timedelta(days=90)),
    Severity.LOW: (timedelta(days=7), timedelta(days=180)),
}
KEYS = {
    "title", "open_title", "severity", "marking", "summary", "guidance", "do_not_use_for", "still_fine_for",
    "use_instead", "actions", "topics", "audience", "rule", "office", "acknowledge_within", "review_by", "supersedes",
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
LONGEST_KEY = 40
LONGEST_REFERENCE = 40
LONGEST_REASON = 2_000
LONGEST_TIME = timedelta(days=3_660)
# So much is said to be wrong at once; the rest shows when this is mended.
MOST_WRONG = 100
# What PostgreSQL keeps in no text: NUL, and halves of characters.
NOT_KEPT = re.compile(r"[\x00\ud800-\udfff]")
# What a title must not hold, since it becomes a header of every mail: controls, line breaks, halves of characters.
NOT_IN_A_LINE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
# What no text may hold: a terminal would obey it.
NOT_IN_A_TEXT = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff]")
A_TIME = "an ISO 8601 duration such as PT4H or P7D"


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
    """An action as it was written: `due` is an ISO 8601 duration after publishing (`moment_of`), or a moment."""

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
    """In working time, unless it is critical (`answer_by`)."""


@dataclass(frozen=True)
class Head:
    """What is said of an advisory once, before its first revision."""

    severity: str
    marking: str
    open_title: str
    rule: str
    office: str
    review_by: datetime
    supersedes: str
    exercise: bool


class Reader:
    """Takes values out of an advisory's keys and collects what is wrong with them."""

    def __init__(self, data: object, now: datetime | None = None) -> None:
        self.wrong: list[Wrong] = []
        self.data: Mapping[str, Any] = data if isinstance(data, dict) else {}
        self.now = now or timezone.now()
        # Of what is no advisory nothing more can be said.
        self._most = MOST_WRONG if isinstance(data, dict) else 1
        if not isinstance(data, dict):
            self.say("", "the file must hold one JSON object with the advisory's keys.")
        self.unknown("", self.data, KEYS)

    def say(self, where: str, what: str) -> None:
        """Note what is wrong; of very much, the beginning."""
        if len(self.wrong) < self._most:
            self.wrong.append(Wrong(where, what))

    def done(self) -> None:
        """Raise `NotUnderstood` if anything was wrong."""
        if self.wrong:
            raise NotUnderstood(self.wrong)

    def unknown(self, where: str, data: Mapping[str, Any], known: set[str]) -> None:
        """Keys that are none of an advisory's."""
        for key in sorted(set(data) - known, key=str):
            shown = "".join(character if character.isprintable() else "?" for character in str(key)[:60])
            self.say(f"{where}{shown}", "not a key of an advisory.")

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
        if one_line and NOT_IN_A_LINE.search(value):
            self.say(key, "has a line break or another control character in it; take it out.")
        elif NOT_IN_A_TEXT.search(value):
            self.say(key, "has a control character in it; take it out.")
        return value

    def texts(self, data: Mapping[str, Any], key: str, where: str = "") -> list[str]:
        """A list of texts, none of them empty."""
        value, name = data.get(key, []), f"{where}{key}"
        if not isinstance(value, list):
            self.say(name, "must be a list of texts.")
            return []
        if len(value) > MOST_ITEMS:
            self.say(name, f"has {len(value):,} entries; {MOST_ITEMS:,} is the most.")
            return []
        return [text for number, item in enumerate(value, start=1) if (text := self.item(item, f"{name}[{number}]"))]

    def item(self, value: object, where: str, longest: int = LONGEST_ITEM) -> str:
        """One text of a list or an object, not empty; "" where it is none."""
        if not isinstance(value, str) or not value.strip():
            self.say(where, "must be text, and not empty.")
            return ""
        text = value.strip()
        if len(text) > longest:
            self.say(where, f"has {len(text):,} characters; {longest:,} is the most.")
        elif NOT_IN_A_TEXT.search(text):
            self.say(where, "has a control character in it; take it out.")
        else:
            return text
        return ""

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
            self.say(key, f"must be {A_TIME}, and at most ten years.")
        return length or default

    def moment(self, value: object, where: str) -> datetime | None:
        """A moment to come: a duration from now, or a date and time with its zone."""
        if value is None or value == "":
            self.say(where, f"is missing: {A_TIME}, or a date and time with its zone.")
            return None
        at = moment_of(value, self.now)
        if at is None:
            self.say(where, f"must be {A_TIME}, or a date and time with its zone; at most ten years ahead.")
        elif at <= self.now:
            local = timezone.localtime(at)
            past = f"{date_format(local, 'j F Y, H:i')} {local.tzname()}"
            self.say(where, f"is in the past ({past}). Choose a later time.")
        elif at > self.now + LONGEST_TIME:
            self.say(where, "is more than ten years ahead.")
        else:
            return at
        return None


def duration_of(value: object) -> timedelta | None:
    """An ISO 8601 duration of more than nothing and at most ten years; None where it is none."""
    if not isinstance(value, str) or not value.startswith("P"):
        return None
    weeks = re.fullmatch(r"P([0-9]{1,4})W", value)
    try:
        length = timedelta(weeks=int(weeks[1])) if weeks else parse_duration(value)
    except (OverflowError, ValueError):
        return None
    return length if length is not None and timedelta(0) < length <= LONGEST_TIME else None


def calendar_of(advisory: Advisory, severity: str = "") -> str:
    """In whose working hours an advisory's durations are counted: its issuer's; round the clock where it is critical.

    `severity`: the one that it would have, where that is still being typed.
    """
    critical = (severity or advisory.severity) == Severity.CRITICAL
    return working_time.ROUND_THE_CLOCK if critical else advisory.issuer.calendar


def answer_by(advisory: Advisory, within: timedelta, now: datetime, severity: str = "") -> datetime:
    """By when everybody is asked to answer what is published at `now`; `severity` as in `calendar_of`."""
    return working_time.add(now, within, calendar_of(advisory, severity))


def moment_of(value: object, now: datetime, calendar: str = working_time.ROUND_THE_CLOCK) -> datetime | None:
    """When that is: a duration from `now`, or a date and time with its zone; None where it is neither.

    With a calendar (`calendar_of`) a duration is working time: P1D is a working day, PT4H four working hours. What is a
    moment already stays what it is.
    """
    if not isinstance(value, str):
        return None
    if value.startswith("P"):
        length = duration_of(value)
        return working_time.add(now, length, calendar) if length else None
    try:
        at = parse_datetime(value)
    except (OverflowError, ValueError):
        return None
    # At the ends of the calendar there is no saying what time it is elsewhere.
    return at if at is not None and timezone.is_aware(at) and MINYEAR < at.year < MAXYEAR else None


def reason_of(text: str, missing: str) -> str:
    """A reason that somebody gave, without blanks at its ends; raises `Refused`, with `missing` where there is none."""
    reason = text.strip()
    if not reason:
        raise Refused(missing)
    if len(reason) > LONGEST_REASON:
        raise Refused(f"The reason has {len(reason):,} characters; {LONGEST_REASON:,} is the most. Shorten it.")
    if NOT_IN_A_TEXT.search(reason):
        raise Refused("The reason has a control character in it; take it out.")
    return reason


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
    if reader.data.get("earlier") not in (None, ""):
        words["earlier"] = reader.one_of("earlier", list(EARLIER))
    default, _ = DEFAULT_TIMES.get(severity, DEFAULT_TIMES[Severity.LOW])
    return Content(words, _actions(reader), reader.duration("acknowledge_within", default))


def read_open_title(reader: Reader, marking: str) -> str:
    """The open title of an update, which may mend the one before; "" where the marking wants none."""
    if marking not in NEEDS_OPEN_TITLE:
        return ""
    open_title = reader.text("open_title", one_line=True)
    if not open_title:
        reader.say("open_title", f"is missing; at TLP:{marking} it is all that a mail may show.")
    return open_title


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
    supersedes, review = reader.data.get("supersedes"), reader.data.get("review_by")
    if supersedes is None:
        supersedes = ""
    if not isinstance(supersedes, str) or len(supersedes) > LONGEST_REFERENCE or NOT_IN_A_LINE.search(supersedes):
        reader.say("supersedes", "must be the reference of an advisory.")
        supersedes = ""
    default = reader.now + DEFAULT_TIMES[severity][1]
    return Head(
        severity=severity,
        marking=marking,
        open_title=open_title,
        rule=reader.one_of("rule", Rule.values, Rule.ALL),
        office=reader.one_of("office", Office.values, Office.APART),
        review_by=default if review is None or review == "" else reader.moment(review, "review_by") or default,
        supersedes=supersedes.strip(),
        exercise=exercise is True,
    )


def _actions(reader: Reader) -> list[Asked]:
    given = reader.data.get("actions", [])
    if not isinstance(given, list) or len(given) > MOST_ACTIONS:
        reader.say("actions", f"must be a list of at most {MOST_ACTIONS}.")
        return []
    actions = [asked for number, action in enumerate(given, start=1) if (asked := _action(reader, action, number))]
    taken = {action.key for action in actions if action.key}
    if len(taken) < sum(1 for action in actions if action.key):
        reader.say("actions", "two of them have the same key.")
    for place, action in enumerate(actions, start=1):
        if not action.key:
            free = next(key for n in (place, *range(1, 2 * MOST_ACTIONS)) if (key := f"action-{n}") not in taken)
            taken.add(free)
            actions[place - 1] = replace(action, key=free)
    return actions


def _action(reader: Reader, action: object, number: int) -> Asked | None:
    """What is asked; without a key of its own yet where none was given."""
    where = f"actions[{number}]."
    if not isinstance(action, dict):
        reader.say(where[:-1], "must be an object with a text and a due time.")
        return None
    reader.unknown(where, action, {"text", "due", "of", "key"})
    text = reader.item(action.get("text"), f"{where}text")
    key, of = action.get("key"), action.get("of", "person")
    if of not in ("person", "body"):
        reader.say(f"{where}of", "must be person or body.")
    if key is None or key == "":
        key = ""
    elif not isinstance(key, str) or len(key.strip()) > LONGEST_KEY or not key.strip() or NOT_IN_A_LINE.search(key):
        reader.say(f"{where}key", f"must be text of at most {LONGEST_KEY} characters, in one line.")
        key = ""
    reader.moment(action.get("due"), f"{where}due")
    return Asked(str(key).strip(), text, str(action.get("due")), str(of))
