"""Writing: a file in the advisory contract becomes a draft; nothing is said to anybody yet.

Before: words in a file. After: an advisory with its audience and a draft, or a list of sentences saying what to mend and
nothing written. Reading the same file twice makes two drafts: two warnings may well say the same.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from django.db import connection, transaction
from django.utils import timezone
from django.utils.dateparse import parse_duration

from alerts import record
from alerts.models import (
    Advisory,
    AudienceRole,
    AudienceTopic,
    Branch,
    Draft,
    Exclusion,
    Marking,
    Named,
    Rule,
    Severity,
)
from departments.addresses import canonical
from departments.models import Body, Person, Role, Topic

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
    "exercise", "what_changed",
}  # fmt: skip
AUDIENCE_KEYS = {"branches", "roles", "topics", "people", "exclusions"}
NEEDS_OPEN_TITLE = (Marking.AMBER, Marking.AMBER_STRICT, Marking.RED)
LONGEST = {"title": 200, "open_title": 200, "summary": 2_000, "guidance": 100_000, "what_changed": 2_000}


class NotUnderstood(ValueError):
    """What is wrong with an advisory's file, a sentence each; nothing was written."""

    def __init__(self, sentences: list[str]) -> None:
        self.sentences = sentences
        super().__init__("\n".join(sentences))


class _Reader:
    """Takes values out of a file's JSON and collects what is wrong with them."""

    def __init__(self, data: object) -> None:
        self.wrong: list[str] = []
        self.data: Mapping[str, Any] = {}
        if isinstance(data, dict):
            self.data = data
            self.unknown("", data, KEYS)
        else:
            self.wrong.append("The file must hold one JSON object with the advisory's keys.")

    def unknown(self, where: str, data: Mapping[str, Any], known: set[str]) -> None:
        self.wrong += [f"{where}{key}: not a key of an advisory." for key in sorted(set(data) - known)]

    def text(self, key: str, *, needed: bool = False, one_line: bool = False) -> str:
        given = self.data.get(key, "")
        if not isinstance(given, str):
            self.wrong.append(f"{key}: must be text.")
            return ""
        value = given.strip()
        if needed and not value:
            self.wrong.append(f"{key}: is missing.")
        if len(value) > LONGEST[key]:
            self.wrong.append(f"{key}: has {len(value):,} characters; {LONGEST[key]:,} is the most.")
        if "\0" in value or (one_line and any(ord(character) < 32 for character in value)):
            self.wrong.append(f"{key}: has a line break or another control character in it; take it out.")
        return value

    def texts(self, data: Mapping[str, Any], key: str, where: str = "") -> list[str]:
        value = data.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) and item.strip() for item in value):
            self.wrong.append(f"{where}{key}: must be a list of texts.")
            return []
        if len(value) > 5_000 or any(len(item) > 2_000 or "\0" in item for item in value):
            self.wrong.append(f"{where}{key}: is too long, or holds a NUL character.")
            return []
        return [item.strip() for item in value]

    def one_of(self, key: str, choices: list[str], default: str = "") -> str:
        value = self.data.get(key, default)
        if value not in choices:
            self.wrong.append(f"{key}: must be one of {', '.join(choices)}.")
            return default
        return str(value)

    def duration(self, data: Mapping[str, Any], key: str, default: timedelta | None, where: str = "") -> timedelta:
        value = data.get(key)
        if value is None and default is not None:
            return default
        length = parse_duration(value) if isinstance(value, str) and value.startswith("P") else None
        if length is None or not timedelta(0) < length <= timedelta(days=3_660):
            self.wrong.append(f"{where}{key}: must be an ISO 8601 duration such as PT4H or P7D.")
            return timedelta(days=1)
        return length


def _actions(reader: _Reader) -> list[dict[str, object]]:
    actions = []
    given = reader.data.get("actions", [])
    if not isinstance(given, list) or len(given) > 50:
        reader.wrong.append("actions: must be a list of at most 50.")
        return []
    for number, action in enumerate(given, start=1):
        where = f"actions[{number}]."
        if not isinstance(action, dict) or not isinstance(action.get("text"), str) or not action["text"].strip():
            reader.wrong.append(f"{where}text: is missing.")
            continue
        reader.unknown(where, action, {"text", "due", "of", "key"})
        of = action.get("of", "person")
        if of not in ("person", "body"):
            reader.wrong.append(f"{where}of: must be person or body.")
        due = reader.duration(action, "due", None, where)
        actions.append(
            {
                "key": str(action.get("key") or f"action-{number}")[:40],
                "text": action["text"].strip()[:2_000],
                "due_seconds": int(due.total_seconds()),
                "of": of,
            }
        )
    if len({action["key"] for action in actions}) < len(actions):
        reader.wrong.append("actions: two of them have the same key.")
    return actions


def content_of(data: object) -> dict[str, object]:
    """The words of an advisory's file, checked; raises `NotUnderstood`. What a revision's `content` is made of."""
    reader = _Reader(data)
    content = _content(reader)
    if reader.wrong:
        raise NotUnderstood(reader.wrong)
    return content


def _content(reader: _Reader) -> dict[str, object]:
    severity = str(reader.data.get("severity", ""))
    return {
        "title": reader.text("title", needed=True, one_line=True),
        "summary": reader.text("summary", needed=True),
        "guidance": reader.text("guidance"),
        "do_not_use_for": reader.texts(reader.data, "do_not_use_for"),
        "still_fine_for": reader.texts(reader.data, "still_fine_for"),
        "use_instead": reader.texts(reader.data, "use_instead"),
        "topics": reader.texts(reader.data, "topics"),
        "what_changed": reader.text("what_changed"),
        "actions": _actions(reader),
        "acknowledge_seconds": int(
            reader.duration(
                reader.data, "acknowledge_within", DEFAULT_TIMES.get(severity, DEFAULT_TIMES["low"])[0]
            ).total_seconds()
        ),
    }


def _known(wrong: list[str], what: str, wanted: list[str], found: Mapping[str, Any]) -> None:
    wrong += [f"{what}: {name!r} is not in the directory." for name in wanted if name not in found]


class _Audience:
    """The audience part of a file, looked up in the directory."""

    def __init__(self, reader: _Reader) -> None:
        data = reader.data.get("audience", {})
        if not isinstance(data, dict):
            reader.wrong.append("audience: must be an object with branches, roles, topics, people, exclusions.")
            data = {}
        reader.unknown("audience.", data, AUDIENCE_KEYS)
        slugs = reader.texts(data, "branches", "audience.")
        self.roles = reader.texts(data, "roles", "audience.")
        topics = reader.texts(data, "topics", "audience.")
        people = reader.texts(data, "people", "audience.")
        exclusions = self._exclusions(reader, data)
        bodies = Body.objects.in_bulk([*slugs, *exclusions], field_name="slug")
        _known(reader.wrong, "audience.branches", slugs, bodies)
        _known(reader.wrong, "audience.exclusions", list(exclusions), bodies)
        reader.wrong += [
            f"audience.roles: {role!r} is not a role ({', '.join(Role.values)})."
            for role in self.roles
            if role not in Role.values
        ]
        found_topics = Topic.objects.in_bulk(topics, field_name="slug")
        _known(reader.wrong, "audience.topics", topics, found_topics)
        addresses = [_address(address) for address in people]
        found_people = Person.objects.in_bulk(addresses, field_name="email")
        _known(reader.wrong, "audience.people", addresses, found_people)
        if not slugs and not people:
            reader.wrong.append("audience: names no branch and no person, so nobody would hear this.")
        self.bodies = [bodies[slug] for slug in dict.fromkeys(slugs) if slug in bodies]
        self.topics = list(found_topics.values())
        self.people = list(found_people.values())
        self.exclusions = [(bodies[slug], reason) for slug, reason in exclusions.items() if slug in bodies]

    @staticmethod
    def _exclusions(reader: _Reader, data: Mapping[str, Any]) -> dict[str, str]:
        found: dict[str, str] = {}
        given = data.get("exclusions", [])
        for item in given if isinstance(given, list) else [given]:
            body = item.get("body") if isinstance(item, dict) else None
            reason = item.get("reason") if isinstance(item, dict) else None
            if not isinstance(body, str) or not isinstance(reason, str) or not reason.strip():
                reader.wrong.append("audience.exclusions: each needs a body and a reason.")
            else:
                found[body] = reason.strip()[:2_000]
        return found

    def write(self, advisory: Advisory, by: Person) -> None:
        Branch.objects.bulk_create([Branch(advisory=advisory, body=body) for body in self.bodies])
        AudienceRole.objects.bulk_create([AudienceRole(advisory=advisory, role=r) for r in dict.fromkeys(self.roles)])
        AudienceTopic.objects.bulk_create([AudienceTopic(advisory=advisory, topic=topic) for topic in self.topics])
        Named.objects.bulk_create([Named(advisory=advisory, person=person, by=by) for person in self.people])
        Exclusion.objects.bulk_create(
            [Exclusion(advisory=advisory, body=body, reason=reason, by=by) for body, reason in self.exclusions]
        )


def _address(written: str) -> str:
    try:
        return canonical(written)
    except ValueError:
        return written.lower()


@transaction.atomic
def from_file(data: object, by: Person, issuer: Body) -> Draft:
    """A new advisory of `issuer`, with its audience, as a draft that `by` submits; raises `NotUnderstood`."""
    reader = _Reader(data)
    content = _content(reader)
    severity = reader.one_of("severity", Severity.values, Severity.HIGH)
    marking = reader.one_of("marking", Marking.values, Marking.AMBER)
    open_title = reader.text("open_title", one_line=True)
    if marking in NEEDS_OPEN_TITLE and not open_title:
        reader.wrong.append(f"open_title: is missing; at TLP:{marking} it is all that a mail may show.")
    if marking == Marking.RED and reader.data.get("audience", {}).get("branches"):
        reader.wrong.append("audience.branches: TLP:RED is for named people; list them under audience.people.")
    audience = _Audience(reader)
    review = reader.duration(reader.data, "review_by", DEFAULT_TIMES[severity][1])
    rule = reader.one_of("rule", Rule.values, Rule.ALL)
    exercise = reader.data.get("exercise", False)
    if not isinstance(exercise, bool):
        reader.wrong.append("exercise: must be true or false.")
    supersedes = None
    if reader.data.get("supersedes"):
        supersedes = Advisory.objects.filter(reference=str(reader.data["supersedes"])).first()
        if supersedes is None:
            reader.wrong.append(f"supersedes: there is no advisory {str(reader.data['supersedes'])[:40]!r}.")
    if reader.wrong:
        raise NotUnderstood(reader.wrong)
    advisory = Advisory.objects.create(
        reference=_next_reference(exercise=exercise),
        issuer=issuer,
        severity=severity,
        marking=marking,
        open_title=open_title,
        exercise=exercise,
        rule=rule,
        written_by=by,
        review_by=timezone.now() + review,
        supersedes=supersedes,
    )
    audience.write(advisory, by)
    record.write("drafted", advisory.reference, by)
    return Draft.objects.create(advisory=advisory, content=content, saved_by=by, submitted_by=by)


@transaction.atomic
def update_from_file(advisory: Advisory, data: object, by: Person, *, material: bool) -> Draft:
    """The next revision's words, as a draft. The audience stays as it is; a waiting draft is replaced."""
    content = content_of(data)
    draft, _ = Draft.objects.update_or_create(
        advisory=advisory,
        defaults={"content": content, "material": material, "saved_by": by, "submitted_by": by},
    )
    record.write("drafted", advisory.reference, by, material=material)
    return draft


def _next_reference(*, exercise: bool, clock: Callable[[], Any] = timezone.now) -> str:
    """The next of its series (ADV-2026-0001; drills count apart, as EX-). Serialised: no number twice, none lost."""
    series = f"{'EX' if exercise else 'ADV'}-{clock().year}-"
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [series])
        cursor.execute(
            "SELECT coalesce(max(substr(reference, %s)::int), 0) + 1 FROM alerts_advisory WHERE reference LIKE %s",
            [len(series) + 1, series + "%"],
        )
        row = cursor.fetchone()
    assert row is not None  # noqa: S101  # an aggregate always has its row
    return f"{series}{row[0]:04d}"
