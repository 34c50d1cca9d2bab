"""Changing a body by hand: adding, moving, correcting.

Before: a directory. After: the body is as asked, with a step in its history for each thing that changed, in the same
transaction. Twice: the second time nothing differs and nothing is written. Raises `Refused` with nothing changed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date

from django.db import IntegrityError, connection, transaction
from django.utils.text import slugify

from departments.addresses import canonical
from departments.loading import kinds
from departments.models import Body, BodyAlias, BodyEvent, Calendar, Person, Remit, Sponsor, Topic
from departments.refusal import Refused
from departments.slugs import LONGEST_NAME, LONGEST_SLUG, LONGEST_TOPIC, wrong_with
from departments.tree import branch, hold_tree

MOST_OF_EACH = 50  # aliases, topics, sponsors

# Every open body below one that keeps other bank holidays, with a step in the history of each.
# Index: departments_body(parent_id).
SAME_BELOW = """
    WITH RECURSIVE below (id) AS (
        SELECT id FROM departments_body WHERE parent_id = %(body)s
        UNION
        SELECT b.id FROM departments_body b JOIN below ON b.parent_id = below.id
    ), other AS MATERIALIZED (
        SELECT id, calendar FROM departments_body
        WHERE id IN (SELECT id FROM below) AND closed IS NULL AND calendar <> %(calendar)s
        ORDER BY id FOR NO KEY UPDATE
    ), changed AS (
        UPDATE departments_body b SET calendar = %(calendar)s FROM other WHERE b.id = other.id
    )
    INSERT INTO departments_bodyevent (body_id, what, before, after, by_id)
    SELECT id, 'bank holidays', jsonb_build_object('calendar', calendar),
        jsonb_build_object('calendar', %(calendar)s::text, 'with', %(slug)s::text), %(by)s
    FROM other
"""


@dataclass(frozen=True)
class Particulars:
    """What can be said of a body besides its place and people. Lists are sets: their order says nothing."""

    name: str
    kind: str
    domain: str = ""
    opened: date | None = None
    may_issue: bool = False
    aliases: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    sponsors: tuple[str, ...] = ()
    """By their slugs."""
    calendar: str = ""
    """Whose bank holidays it keeps; "" for those that it keeps now, or of a new body those of the one above it."""


def particulars_of(body: Body) -> Particulars:
    """As the directory has it."""
    return Particulars(
        name=body.name,
        kind=body.kind,
        domain=body.domain,
        opened=body.opened,
        may_issue=body.may_issue,
        aliases=tuple(body.aliases.order_by("text").values_list("text", flat=True)),
        topics=tuple(body.remit.order_by("topic__slug").values_list("topic__slug", flat=True)),
        sponsors=tuple(body.sponsors.order_by("sponsor__slug").values_list("sponsor__slug", flat=True)),
        calendar=body.calendar,
    )


@transaction.atomic
def add(under: Body | None, *, slug: str, by: Person, particulars: Particulars) -> Body:
    """A new body under this one, or at the top. Where there is one of this slug already, `Refused`.

    It keeps the bank holidays of the one above it, unless others are said.
    """
    hold_tree()
    if under is not None:
        under = _open(under, "A body is added under one that is open")
    keeps = under.calendar if under else Calendar.ENGLAND_AND_WALES
    new = _checked(slug, replace(particulars, calendar=particulars.calendar or keeps))
    try:
        with transaction.atomic():
            made = Body.objects.create(slug=slug, name=new.name, kind=new.kind, parent=under, calendar=keeps)
    except IntegrityError:
        raise Refused(f"There is a body called {slug} already. Give another slug, or change that one.") from None
    after = {"name": made.name, "kind": made.kind, "parent": under.slug if under else None}
    _note(made, "created", by, {}, after)
    _settle(made, Particulars(name=new.name, kind=new.kind, calendar=keeps), new, by)
    return made


@transaction.atomic
def change(
    body: Body, *, by: Person, particulars: Particulars, seen: Particulars | None = None, below: bool = False
) -> list[str]:
    """Make these its particulars; what changed, in words. `seen` is what the person saw when they began.

    `below`: every open body below it keeps the same bank holidays from now on. Where somebody else changed the same thing
    meanwhile, `Refused`: nobody's words are lost unseen.
    """
    if below:
        hold_tree()
    row = Body.objects.select_for_update(no_key=True).get(pk=body.pk)
    now = particulars_of(row)
    particulars = replace(particulars, calendar=particulars.calendar or now.calendar)
    if seen is not None and now not in (replace(seen, calendar=seen.calendar or now.calendar), particulars):
        raise Refused(
            f"Somebody changed {row.name} while you were writing. Nothing of yours was kept: look at it again, and send "
            "what is still to be changed."
        )
    new = _checked(row.slug, particulars, now)
    said = _settle(row, now, new, by)
    if below and (number := _same_below(row, new.calendar, by)):
        said.append(f"the bank holidays of {number:,} {'body' if number == 1 else 'bodies'} below it")
    return said


def _same_below(body: Body, calendar: str, by: Person) -> int:
    """Everything below it keeps these bank holidays too; how many bodies kept others."""
    with connection.cursor() as cursor:
        cursor.execute(SAME_BELOW, {"body": body.pk, "calendar": calendar, "slug": body.slug, "by": by.pk})
        number = int(cursor.rowcount)
    if number:
        _note(body, "bank holidays below", by, {}, {"calendar": calendar, "bodies": number})
    return number


@transaction.atomic
def move(body: Body, *, under: Body | None, by: Person, why: str = "", seen: str | None = None) -> bool:
    """Hang this body, with all below it, under that one (or at the top). False where it hangs there already.

    `seen` is the slug of the parent that the person saw when they began ("" for the top): `Refused` where somebody else
    moved it meanwhile.
    """
    hold_tree()
    row = Body.objects.select_for_update(of=("self",), no_key=True).select_related("parent").get(pk=body.pk)
    if row.closed is not None:
        raise Refused(f"{row.name} is closed and stays where it was.")
    if seen is not None and seen != (row.parent.slug if row.parent else ""):
        raise Refused(
            f"Somebody moved {row.name} while you were choosing: it hangs under {row.parent or 'the top'} now. Nothing "
            "was changed. Open this page again, and move it if it still should be."
        )
    if under is not None:
        under = _open(under, "A body is moved under one that is open")
        if under.pk == row.pk:
            raise Refused(f"{row.name} can't hang under itself.")
        if under.pk in branch(row.pk):
            raise Refused(f"{under.name} hangs below {row.name}: move it out of there first.")
    if row.parent_id == (under.pk if under else None):
        return False
    before, after = _parent(row.parent), {**_parent(under), **({"why": why.strip()[:500]} if why.strip() else {})}
    Body.objects.filter(pk=row.pk).update(parent=under)
    # A parent that is also a sponsor would be the same edge twice.
    Sponsor.objects.filter(body=row, sponsor=under).delete()
    _note(row, "moved", by, before, after)
    _check_circles(row)
    return True


def _check_circles(body: Body) -> None:
    """The database's own check, now instead of at the commit, so that its refusal is a sentence too."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("SET CONSTRAINTS ALL DEFERRED")
    except IntegrityError:
        raise Refused(f"{body.name} would hang below itself: somebody else moved a body meanwhile.") from None


def _open(body: Body, otherwise: str) -> Body:
    """The body as it is now; `Refused` where it is closed."""
    row = Body.objects.get(pk=body.pk)
    if row.closed is not None:
        raise Refused(f"{row.name} is closed. {otherwise}: choose another.")
    return row


def _parent(body: Body | None) -> dict[str, str | None]:
    return {"parent": body.slug if body else None}


def _checked(slug: str, given: Particulars, now: Particulars | None = None) -> Particulars:
    """In the directory's own spelling; `Refused` with everything that is wrong at once.

    A list that is `now` longer than may be typed, as after many mergers, may stay as long.
    """
    clean = Particulars(
        name=_line(given.name),
        kind=kinds.recognise(_line(given.kind)),
        domain=given.domain.strip(),
        opened=given.opened,
        may_issue=given.may_issue,
        aliases=_set(map(_line, given.aliases)),
        topics=_set(map(slugify, given.topics)),
        sponsors=_set(one.strip() for one in given.sponsors),
        calendar=given.calendar,
    )
    wrong = [*wrong_with(slug, clean.name, clean.kind), *_wrong_lists(slug, clean, now)]
    domain = ""
    if clean.domain:
        try:
            domain = canonical(f"a@{clean.domain.removeprefix('@')}").partition("@")[2]
        except ValueError:
            wrong.append(f"{clean.domain[:80]!r} is not a mail domain, such as example.gov.uk")
    if wrong:
        raise Refused(f"Nothing was changed: {'; '.join(wrong)}.")
    return Particulars(**{**clean.__dict__, "domain": domain})


def _wrong_lists(slug: str, given: Particulars, now: Particulars | None) -> Iterable[str]:
    for what, entries, there, longest in (
        ("another name", given.aliases, now.aliases if now else (), LONGEST_NAME),
        ("a topic", given.topics, now.topics if now else (), LONGEST_TOPIC),
        ("a sponsor", given.sponsors, now.sponsors if now else (), LONGEST_SLUG),
    ):
        if len(entries) > max(MOST_OF_EACH, len(there)):
            yield f"at most {MOST_OF_EACH} of each list, and {len(entries)} are given"
        yield from (
            f"{what} of {len(entry)} characters: at most {longest}" for entry in entries if len(entry) > longest
        )
    if slug in given.sponsors:
        yield "a body can't be its own sponsor"
    if given.calendar not in Calendar:
        yield f"{given.calendar[:40]!r} are nobody's bank holidays: {', '.join(Calendar.values)} are known"


def _line(text: str) -> str:
    return " ".join(text.replace("\0", " ").split())


def _set(entries: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({entry for entry in entries if entry}))


def _settle(body: Body, old: Particulars, new: Particulars, by: Person) -> list[str]:
    """Write each thing that differs, with its step in the history; what changed, in words."""
    said = []
    columns: dict[str, object] = {}
    for column, what in (("name", "renamed"), ("kind", "became"), ("domain", "mail domain")):
        if getattr(old, column) != getattr(new, column):
            columns[column] = getattr(new, column)
            _note(body, what, by, {column: getattr(old, column)}, {column: getattr(new, column)})
            said.append({"renamed": "the name", "became": "the kind"}.get(what, "the mail domain"))
    if old.opened != new.opened:
        columns["opened"] = new.opened
        _note(body, "opened on", by, {"on": _iso(old.opened)}, {"on": _iso(new.opened)})
        said.append("the day it was opened")
    if old.calendar != new.calendar:
        columns["calendar"] = new.calendar
        _note(body, "bank holidays", by, {"calendar": old.calendar}, {"calendar": new.calendar})
        said.append("its bank holidays")
    if old.may_issue != new.may_issue:
        columns["may_issue"] = new.may_issue
        _note(body, "may issue" if new.may_issue else "may issue no more", by, {}, {})
        said.append("whether it may warn beyond its own branch")
    if columns:
        Body.objects.filter(pk=body.pk).update(**columns)
    said += _settle_aliases(body, old, new, by)
    said += _settle_topics(body, old, new, by)
    said += _settle_sponsors(body, old, new, by)
    return said


def _settle_aliases(body: Body, old: Particulars, new: Particulars, by: Person) -> list[str]:
    if set(old.aliases) == set(new.aliases):
        return []
    body.aliases.exclude(text__in=new.aliases).delete()
    BodyAlias.objects.bulk_create([BodyAlias(body=body, text=text) for text in new.aliases], ignore_conflicts=True)
    _note(body, "other names", by, {"names": list(old.aliases)}, {"names": list(new.aliases)})
    return ["its other names"]


def _settle_topics(body: Body, old: Particulars, new: Particulars, by: Person) -> list[str]:
    if set(old.topics) == set(new.topics):
        return []
    Topic.objects.bulk_create([Topic(slug=slug) for slug in new.topics], ignore_conflicts=True)
    body.remit.exclude(topic__slug__in=new.topics).delete()
    topics = Topic.objects.filter(slug__in=new.topics)
    Remit.objects.bulk_create([Remit(body=body, topic=topic) for topic in topics], ignore_conflicts=True)
    _note(body, "remit", by, {"topics": list(old.topics)}, {"topics": list(new.topics)})
    return ["its remit"]


def _settle_sponsors(body: Body, old: Particulars, new: Particulars, by: Person) -> list[str]:
    gone, come = set(old.sponsors) - set(new.sponsors), set(new.sponsors) - set(old.sponsors)
    if not gone and not come:
        return []
    found = {one.slug: one for one in Body.objects.filter(slug__in=come, closed=None)}
    if missing := sorted(come - found.keys()):
        raise Refused(
            f"Nothing was changed: no open body {missing[0][:80]!r} in the directory. Correct the sponsor's slug."
        )
    if any(one.pk == body.parent_id for one in found.values()):
        raise Refused("Nothing was changed: the body it hangs under is not its sponsor as well.")
    body.sponsors.filter(sponsor__slug__in=gone).delete()
    Sponsor.objects.bulk_create([Sponsor(body=body, sponsor=one) for one in found.values()], ignore_conflicts=True)
    for slug in sorted(come):
        _note(body, "sponsored", by, {}, {"sponsor": slug})
    for slug in sorted(gone):
        _note(body, "no longer sponsored", by, {"sponsor": slug}, {})
    return ["its sponsors"]


def day_of(text: str | None) -> date | None:
    """The reverse of how a day is kept in the history."""
    return date.fromisoformat(text) if text else None


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _note(body: Body, what: str, by: Person, before: Mapping[str, object], after: Mapping[str, object]) -> None:
    BodyEvent.objects.create(body=body, what=what, before=before, after=after, by=by)
