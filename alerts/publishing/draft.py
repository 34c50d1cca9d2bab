"""Writing: words become a draft; nothing is said to anybody yet.

Before: words in a file, or in somebody's head. After: an advisory with its audience and a draft, or a list of sentences
saying what to mend and nothing written. Reading the same file twice makes two drafts: two warnings may well say the same.
Saving what is saved already changes nothing.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from alerts import record
from alerts.models import Advisory, Draft, Marking, Office, Revision, Rule, Severity, State
from alerts.officers import check_may, replaced_by
from alerts.officers import hold as hold_advisory
from alerts.publishing import desk
from alerts.publishing.contract import (
    DEFAULT_TIMES,
    LISTS,
    LONGEST,
    NOT_KEPT,
    Reader,
    content_of,
    read_content,
    read_head,
)
from alerts.publishing.targeting import Audience, back_to_writing
from departments.models import Body, Person
from departments.refusal import Refused

# What is typed is kept however wrong it is, up to so much: a draft is checked when it is submitted.
LARGEST = 1_500_000  # characters of JSON
MOST_SET_ASIDE = 50
# What is said once, with the first revision; an update leaves it as it is.
ONCE = ("severity", "marking", "open_title", "rule", "office", "review_by", "supersedes", "exercise")


@dataclass(frozen=True)
class Saved:
    """What became of a save. `met` are the fields in which it met somebody else's words; these wait beside the draft."""

    draft: Draft
    changed: bool
    met: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)
    """Fields that somebody else changed meanwhile, and this writer did not."""
    who: str = ""
    """Who saved last before this."""


@transaction.atomic
def from_file(data: object, by: Person, issuer: Body) -> Draft:
    """A new advisory of `issuer`, with its audience, as a draft that `by` submits; raises `NotUnderstood`."""
    reader = Reader(data)
    read_content(reader)
    head = read_head(reader)
    given = reader.data.get("audience")
    if head.marking == Marking.RED and isinstance(given, dict) and given.get("branches"):
        reader.say("audience.branches", "TLP:RED is for named people; list them under audience.people.")
    audience_read = Audience(reader)
    supersedes, wrong = replaced_by(by, head.supersedes)
    if wrong:
        reader.say("supersedes", wrong)
    reader.done()
    advisory = Advisory.objects.create(
        reference=_next_reference(exercise=head.exercise),
        issuer=issuer,
        severity=head.severity,
        marking=head.marking,
        open_title=head.open_title,
        exercise=head.exercise,
        rule=head.rule,
        office=head.office,
        written_by=by,
        owner=by,
        review_by=head.review_by,
        supersedes=supersedes,
    )
    audience_read.write(advisory, by, head.review_by)
    record.write("drafted", advisory.reference, by)
    content = {key: value for key, value in reader.data.items() if key != "audience"}
    return _begun(advisory, content, by, submitted_by=by)


@transaction.atomic
def update_from_file(advisory: Advisory, data: object, by: Person, *, material: bool) -> Draft:
    """The next revision's words, as a submitted draft. The audience stays as it is.

    Raises `NotUnderstood`; and `Refused` where somebody else's draft waits, since nobody's words are thrown away unseen.
    """
    content_of(data)
    assert isinstance(data, dict)  # noqa: S101  # content_of has looked
    held = _hold_live(advisory, by)
    waiting = Draft.objects.select_related("saved_by").filter(advisory=held).first()
    if waiting is not None:
        raise Refused(
            f"A draft of the next revision of {held.reference} waits already, last saved by {waiting.saved_by.name}. "
            "Publish it, or throw it away on its page first."
        )
    content = {key: value for key, value in data.items() if key not in ("audience", *ONCE)}
    content |= {"severity": held.severity}
    draft = _begun(held, content, by, material=material, submitted_by=by)
    record.write("drafted", held.reference, by, material=material)
    return draft


@transaction.atomic
def start(issuer: Body, by: Person, content: Mapping[str, Any], *, exercise: bool) -> Draft:
    """A new advisory of `issuer`, to be written. Raises `Refused` where `by` is no officer of it or of a body above it."""
    severity = content.get("severity") or Severity.HIGH
    advisory = Advisory(
        reference=_next_reference(exercise=exercise),
        issuer=issuer,
        severity=severity,
        marking=content.get("marking") or Marking.AMBER,
        exercise=exercise,
        written_by=by,
        owner=by,
        review_by=timezone.now() + DEFAULT_TIMES[severity][1],
    )
    check_may(by, advisory)
    if issuer.closed is not None:
        raise Refused(f"{issuer.name} is closed, and issues nothing any more.")
    advisory.save()
    typed = {**content, "exercise": exercise, "severity": severity, "marking": advisory.marking}
    record.write("drafted", advisory.reference, by)
    return _begun(advisory, typed, by, stage=Draft.Stage.WRITING)


@transaction.atomic
def start_update(advisory: Advisory, by: Person, changes: Mapping[str, Any]) -> Draft:
    """The next revision, to be written: the words as they stand, with these changes. A draft that waits is gone on with.

    An advisory that was never published, and whose draft was thrown away, is begun anew under its old reference, which the
    mails about it name. Raises `Refused`.
    """
    held = _hold_live(advisory, by, State.DRAFT)
    waiting = Draft.objects.filter(advisory=held).first()
    if waiting is not None:
        return waiting
    if held.current is None:
        once = {
            "severity": held.severity,
            "marking": held.marking,
            "open_title": held.open_title,
            "rule": held.rule,
            "office": held.office,
        }
        content = {**empty(), **once, "exercise": held.exercise}
    else:
        once = {"severity": held.severity, "open_title": held.open_title}
        content = {**typed_of(held.current), **once, "what_changed": "", "earlier": "", **changes}
    record.write("drafted", held.reference, by)
    return _begun(held, content, by, stage=Draft.Stage.WRITING)


def _begun(advisory: Advisory, content: dict[str, Any], by: Person, **rest: Any) -> Draft:
    authors = dict.fromkeys(content, by.pk)
    return Draft.objects.create(advisory=advisory, content=content, authors=authors, saved_by=by, **rest)


def _hold_live(advisory: Advisory, by: Person, *also: str) -> Advisory:
    held = hold_advisory(advisory.pk)
    check_may(by, held)
    if held.state not in (State.LIVE, State.EXPIRED, *also):
        raise Refused(f"{held.reference} is not live: write a new advisory instead.")
    return held


def typed_of(revision: Revision) -> dict[str, Any]:
    """A published text as it would be typed; an action that is due already loses its time."""
    now = timezone.now()
    actions = [
        {"key": one.key, "text": one.text, "of": one.of, "due": one.due.isoformat() if one.due > now else ""}
        for one in revision.actions.all()
    ]
    words = {key: value for key, value in revision.content.items() if key != "achieved"}
    return {**words, "actions": actions}


def hold(draft: Draft) -> Draft | None:
    """The draft, locked after its advisory, as everybody locks them who has to do with both; None where it is gone."""
    hold_advisory(draft.advisory_id)
    found = Draft.objects.select_for_update(of=("self",)).filter(pk=draft.pk)
    return found.select_related("advisory__issuer", "saved_by", "submitted_by", "decided_by").first()


@transaction.atomic
def save(
    draft: Draft, by: Person, typed: Mapping[str, Any], base: Mapping[str, str], *, of: int | None = None
) -> Saved:
    """Keep what was typed, field by field; in a window that was opened on the draft `of` this key, if it says so.

    `base` holds the mark (`mark_of`) of each field as this writer first saw it; of a field without one it is not known
    what they saw. A field that somebody else changed meanwhile stays as theirs; where both changed it, this writer's words
    are set aside, and nobody's are lost. Changing what was submitted or approved takes it back to being written; what was
    returned says why until it is submitted again. Raises `Refused`.
    """
    held = hold(draft)
    if held is None or (of is not None and of != held.pk):
        raise Refused("This draft was published or dropped meanwhile. What you typed is still in this page: copy it.")
    check_may(by, held.advisory)
    who = held.saved_by.name
    content, met, elsewhere = dict(held.content), [], []
    for key, mine in _keepable(dict(typed)).items():
        mark, seen = mark_of(content.get(key)), base.get(key)
        if mark_of(mine) == mark:
            continue
        if mark == seen or (seen is None and (not content.get(key) or held.saved_by_id == by.pk)):
            content[key], held.authors[key] = mine, by.pk
        elif mark_of(mine) == seen:
            elsewhere.append(key)
        else:
            met.append(key)
            _set_aside(held, key, mine, by)
    changed = content != held.content
    if changed or met:
        _keep(held, by, content, changed=changed)
    return Saved(held, changed, met, elsewhere, who)


@transaction.atomic
def settle_aside(draft: Draft, by: Person, number: int, *, use: bool) -> None:
    """Use the words that were set aside under this number, or drop them. Raises `Refused`.

    The words that they take the place of stand aside in their turn: nobody's are lost.
    """
    held = hold(draft)
    aside = next((one for one in held.set_aside if one.get("n") == number), None) if held is not None else None
    if held is None or aside is None:
        raise Refused("Those words were used or dropped already.")
    check_may(by, held.advisory)
    held.set_aside = [one for one in held.set_aside if one is not aside]
    content, key = dict(held.content), aside["field"]
    if use and mark_of(content.get(key)) != mark_of(aside["text"]):
        if content.get(key):
            _set_aside(held, key, content[key], _author_of(held, key), displaced=True)
        content[key], held.authors[key] = aside["text"], aside["by"]
    _keep(held, by, content, changed=content != held.content)


@transaction.atomic
def set_material(draft: Draft, by: Person, *, material: bool) -> None:
    """Whether everybody is asked again; another answer takes back what was submitted. Raises `Refused`."""
    held = hold(draft)
    if held is None:
        raise Refused("This draft was published or dropped meanwhile.")
    check_may(by, held.advisory)
    if held.material != material:
        held.material = material
        back_to_writing(held, by)


@transaction.atomic
def drop(draft: Draft, by: Person) -> None:
    """Throw a draft away. Raises `Refused`.

    An advisory that never was more keeps its reference, its audience and its history, stands in no list and reaches nobody;
    `start_update` begins it anew.
    """
    held = hold(draft)
    if held is None:
        raise Refused("This draft was published or dropped already.")
    check_may(by, held.advisory)
    desk.call_off(held.advisory, *desk.OF_A_DRAFT)
    record.write("dropped", held.advisory.reference, by)
    held.delete()


def mark_of(value: object) -> str:
    """Stands for a field's words: so short that a page can carry it for each field."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def marks_of(content: Mapping[str, Any], keys: Mapping[str, Any]) -> dict[str, str]:
    """The mark of each of these fields as the draft holds it."""
    return {key: mark_of(content.get(key)) for key in keys}


def empty() -> dict[str, Any]:
    """A draft in which nothing is written."""
    return {**dict.fromkeys(LONGEST, ""), **{key: [] for key in LISTS}, "actions": [], "topics": []}


def _keepable(value: Any) -> Any:
    """What was typed, without the little that no table keeps."""
    if isinstance(value, str):
        return NOT_KEPT.sub("", value)
    if isinstance(value, list):
        return [_keepable(one) for one in value]
    return {key: _keepable(one) for key, one in value.items()} if isinstance(value, dict) else value


def _author_of(held: Draft, key: str) -> Person:
    """Who wrote the words that stand in this field."""
    return Person.objects.filter(pk=held.authors.get(key)).first() or held.saved_by


def _set_aside(held: Draft, key: str, mine: object, by: Person, *, displaced: bool = False) -> None:
    """One writer's words in one field stand aside once, as they were last typed, under a number of their own.

    What was `displaced` from the draft is nobody's typing under way, and takes the place of nothing.
    """
    others = [
        one for one in held.set_aside if displaced or one.get("displaced") or (one["field"], one["by"]) != (key, by.pk)
    ]
    if len(others) >= MOST_SET_ASIDE:
        raise Refused(
            f"Not saved: {MOST_SET_ASIDE} pieces already wait beside this draft. Use or drop some of them first; what you "
            "typed is still in this page."
        )
    now = timezone.now()
    # Never a number that was there before: a page that is out of date settles nothing else than what it showed.
    number = max([int(now.timestamp() * 1000), *(one["n"] + 1 for one in held.set_aside)])
    aside = {"n": number, "field": key, "text": mine, "by": by.pk, "name": by.name, "at": now.isoformat()}
    held.set_aside = [*others, {**aside, "displaced": True} if displaced else aside]


def _keep(held: Draft, by: Person, content: dict[str, Any], *, changed: bool) -> None:
    if len(json.dumps(content)) > LARGEST or len(json.dumps(held.set_aside)) > 2 * LARGEST:
        raise Refused(f"Not saved: an advisory is at most {LARGEST:,} characters. Shorten it.")
    held.content = content
    if not changed:
        held.save(update_fields=["set_aside"])
        return
    held.saved_by, held.saved_at = by, timezone.now()
    back_to_writing(held, by)
    if held.advisory.state == State.DRAFT:
        _follow(held.advisory, content)


def _follow(advisory: Advisory, content: Mapping[str, Any]) -> None:
    """What the page and the preview ask of the advisory itself follows the draft, as far as it can be understood."""
    if content.get("severity") in Severity.values:
        advisory.severity = content["severity"]
    if content.get("marking") in Marking.values:
        advisory.marking = content["marking"]
    if content.get("rule") in Rule.values:
        advisory.rule = content["rule"]
    if content.get("office") in Office.values:
        advisory.office = content["office"]
    open_title = content.get("open_title")
    if isinstance(open_title, str):
        advisory.open_title = " ".join(open_title.replace("\0", " ").split())[: LONGEST["open_title"]]
    advisory.save(update_fields=["severity", "marking", "rule", "office", "open_title"])


def _next_reference(*, exercise: bool, now: datetime | None = None) -> str:
    """The next of its series (ADV-2026-0001; drills count apart, as EX-). Serialised: no number twice, none lost."""
    series = f"{'EX' if exercise else 'ADV'}-{(now or timezone.now()).year}-"
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s, 'alerts_advisory'::regclass::oid::bigint))", [series]
        )
        cursor.execute(
            "SELECT coalesce(max(substr(reference, %s)::int), 0) + 1 FROM alerts_advisory WHERE reference LIKE %s",
            [len(series) + 1, series + "%"],
        )
        row = cursor.fetchone()
    assert row is not None  # noqa: S101  # an aggregate always has its row
    return f"{series}{row[0]:04d}"
