"""Steering: what an operator does to the routes, and to what failed.

Before: a route, or mails that failed. After: paused, going on, taken first, tried at once; or people whose mail the next pass
of the cascade writes anew. All of it stands in the tables, with a line in the record that says who: each worker asks before it
claims, and between two notes, so that what is paused stops within 250 ms. Twice: the second finds it so and changes nothing;
nobody is mailed twice. Raises `Refused` with a sentence; then nothing was changed.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from django.db import transaction

from alerts import hold_words, record
from alerts.models import Advisory
from alerts.routing import leaving, route_state, routes
from alerts.routing.route_state import Standing, standings
from alerts.routing.routes_sql import ENSURE
from alerts.routing.steering_sql import (
    ADVISORIES,
    CHOSEN,
    EVERYBODY,
    ONE_PERSON,
    ONE_REASON,
    PAUSE,
    RAW,
    RESUME,
    RETRY,
    SWITCH,
    TELL_AGAIN,
    TRY_NOW,
)
from alerts.statements import run
from alerts.wake import wake, wake_cascade
from departments.models import Person
from departments.refusal import Refused

AT_ONCE = 5_000  # mails whose people are mended in one transaction
MOST = 50_000  # mails in one press
WORDS_AT_ONCE = 10_000  # of what servers said, differing in addresses


class Selection(Protocol):
    """Some of one advisory's people, as a list of coverage chose them (`alerts.coverage.selection`)."""

    def sql(self) -> tuple[str, Mapping[str, Any]]:
        """A statement that yields the recipients (`id`), and its values; `advisory` is one."""
        ...


class Done(NamedTuple):
    """What a press did."""

    changed: bool
    says: str


def pause(name: str, by: Person, now: datetime) -> Done:
    """Nothing more leaves by this route."""
    stand = _asked(name, by, now)
    with transaction.atomic():
        run(ENSURE, name=name)
        changed = bool(run(PAUSE, name=name, by=by.pk, now=now))
        if changed:
            record.write("route paused", name[:60], by)
    if not changed:
        return Done(False, f"{name} {stand.says}; nothing changed.")
    # What is taken second has nothing but what left by it, which leaves by no other one.
    others = [one.name for one in standings(now) if one.name != name and not one.shut and stand.first]
    then = f" Switch to {others[0]} if mail is not to wait." if others else ""
    return Done(True, f"{name} is paused: nothing more leaves by it, and its mail waits until it is resumed.{then}")


def resume(name: str, by: Person, now: datetime) -> Done:
    """Mail leaves by this route again."""
    _asked(name, by, now)
    with transaction.atomic():
        was = run(RESUME, name=name)
        if was:
            record.write("route resumed", name[:60], by)
    if not was:
        return Done(False, f"{name} was not paused any more; nothing changed.")
    wake("deliver")
    after = f"It was paused for {hold_words.lasted(now - was[0][0])}."
    stand = _stand(name, now)
    if stand.shut:
        return Done(True, f"{name} is not paused any more, but it {stand.says}. {after}")
    return Done(True, f"{name} takes mail again. {after}")


def switch(name: str, by: Person, now: datetime) -> Done:
    """From now on this route is taken first."""
    stand = _asked(name, by, now)
    if stand.first:
        return Done(False, f"{name} is taken first already; nothing changed.")
    with transaction.atomic():
        run(ENSURE, name=name)
        run(SWITCH, name=name, now=now)
        record.write("route switched", name[:60], by)
    wake("deliver")
    says = f"{name} is taken first from now on."
    if stand.shut:
        says += f" But it {stand.says}."
    left = {other: mails for other, mails in leaving.bound(now).items() if other != name}
    if left:
        mails = sum(left.values())
        says += (
            f" Up to {mails:,} {'mail' if mails == 1 else 'mails'} may have left by {route_state.in_words(sorted(left))} "
            "already, and wait for it alone: nobody is mailed twice."
        )
    return Done(True, says)


def try_now(name: str, by: Person, now: datetime) -> Done:
    """A route that rests is tried at once; a condemned one with a single mail, and one that takes it is well."""
    stand = _asked(name, by, now)
    if stand.state == "paused":
        raise Refused(f"{name} {stand.says}: resume it first. Nothing was changed.")
    if stand.state == "spent":
        return Done(
            False,
            f"{name} {stand.says}, and takes mail again after midnight (UTC): raise its quota if it may be given more, or "
            "switch to another route. Nothing was changed.",
        )
    with transaction.atomic():
        changed = bool(run(TRY_NOW, name=name, now=now))
        if changed:
            record.write("route tried", name[:60], by)
    if not changed:
        return Done(False, f"{name} {stand.says}, and is tried as soon as there is mail; nothing changed.")
    wake("deliver")
    if stand.state == "condemned":
        return Done(True, f"One mail is tried by {name} now; if it is taken, all the others follow.")
    return Done(True, f"{name} is tried now.")


# --- what failed ---


def retry_all(by: Person, now: datetime) -> Done:
    """Everybody whom the current text of a live advisory did not reach, whatever was said."""
    _check(by)
    tried = _Tried()
    _retry(by, EVERYBODY, {}, "everything that failed", tried)
    return tried.done("Nothing that failed can be tried again.")


def retry_reason(key: str, by: Person, now: datetime) -> Done:
    """Those of one reason (`leaving.reasons`, and as far back as that), however their addresses differ in it."""
    _check(by)
    reason = next((one for one in leaving.reasons(now) if one.key == key), None)
    tried = _Tried()
    if reason is not None:
        alike = {"what": reason.what, "route": reason.route, "since": now - leaving.RECENTLY}
        what = f"{reason.what} by {reason.route}: {reason.words}"
        after = None
        while tried.mails < MOST and (page := run(RAW, after=after, limit=WORDS_AT_ONCE, **alike)):
            after = page[-1][0]
            if raw := [words for (words,) in page if routes.said(words) == reason.words]:
                _retry(by, ONE_REASON, {**alike, "raw": raw}, what, tried)
    return tried.done("Nothing of that reason can be tried again: it was tried meanwhile, or its warning is over.")


def retry_person(address: str, by: Person, now: datetime) -> Done:
    """One person's mail."""
    _check(by)
    try:
        person = Person.objects.get_by_natural_key(address)
    except Person.DoesNotExist:
        raise Refused(f"Nobody in the directory has the address {address[:100]!r}. Nothing was changed.") from None
    tried = _Tried()
    _retry(by, ONE_PERSON, {"person": person.pk}, "one person's", tried)
    return tried.done(
        f"Nothing of {person.name} can be tried again: no current text of a live advisory failed for them, it is on its way "
        "anew already, or they sit nowhere any more where they could be told."
    )


def retry_selection(selection: Selection, by: Person, now: datetime) -> Done:
    """Those of one advisory whom somebody chose from a list; of them, whoever its current text did not reach."""
    _check(by)
    query, values = selection.sql()
    which = CHOSEN.format(selection=query)
    tried = _Tried()
    _retry(by, f"{which} AND a.id = %(advisory)s", dict(values), "chosen from a list", tried)
    return tried.done(
        "Nobody of these can be tried again: it was tried meanwhile, their warning is over, they left, or they reported it as "
        "spam. Nothing was changed."
    )


class _Tried:
    """Who is mailed again by one press."""

    def __init__(self) -> None:
        self.people, self.mails, self.references, self.more = set[int](), 0, list[str](), False

    def done(self, none: str) -> Done:
        """In words; `none` where it is nobody."""
        if not self.people:
            return Done(False, none)
        whose = route_state.in_words(self.references[:5])
        more = f" and {len(self.references) - 5} more" if len(self.references) > 5 else ""
        one = len(self.people) == 1
        who, again = (
            ("person is", "If it is refused again, they are") if one else ("people are", "Whoever is refused again is")
        )
        says = (
            f"{len(self.people):,} {who} mailed again, of {whose}{more}: their mail is written anew and leaves in turn, the "
            f"most severe warnings first. {again} shown here again."
        )
        return Done(True, f"{says} There are more: press once more for these." if self.more else says)


def _retry(by: Person, which: str, values: dict[str, Any], what: str, tried: _Tried) -> None:
    """Mend whoever is named, an advisory at a time and the most severe first, and ring for its cascade."""
    for advisory, reference, _, people in run(ADVISORIES.format(which=which), **values):
        mended = _mend(advisory, reference, by, which, values, what, MOST - tried.mails)
        if mended and reference not in tried.references:
            tried.references.append(reference)
        tried.people.update(mended)
        tried.mails += len(mended)
        tried.more = tried.more or (len(mended) < people and tried.mails >= MOST)


def _mend(
    advisory: int, reference: str, by: Person, which: str, values: dict[str, Any], what: str, most: int
) -> list[int]:
    """Those of one advisory, so many at once; who."""
    done: list[int] = []
    while len(done) < most:
        limit = min(AT_ONCE, most - len(done))
        with transaction.atomic():
            found = run(RETRY.format(which=which), **{**values, "advisory": advisory, "limit": limit, "by": by.pk})
            recipients = [row[0] for row in found]
            if recipients:
                record.write("tried again", reference, by, people=len(recipients), what=what[:400])
        if recipients:
            run(TELL_AGAIN, recipients=recipients)
            wake_cascade(Advisory.objects.only("severity").get(pk=advisory))
        done += [row[1] for row in found]
        if len(recipients) < limit:
            return done
    return done


# --- what these verbs share ---


def _check(by: Person) -> None:
    if by.left_at is not None or not by.is_administrator:
        raise Refused("Only administrators steer mail. Nothing was changed.")


def _asked(name: str, by: Person, now: datetime) -> Standing:
    """The configured route of this name, asked for by somebody who may."""
    _check(by)
    return _stand(name, now)


def _stand(name: str, now: datetime) -> Standing:
    found = standings(now)
    for stand in found:
        if stand.name == name:
            return stand
    known = route_state.in_words([stand.name for stand in found]) or "none"
    raise Refused(f"There is no route {name[:100]!r}; configured: {known}. Nothing was changed.")


VERBS: dict[str, Callable[[str, Person, datetime], Done]] = {
    "pause": pause,
    "resume": resume,
    "switch": switch,
    "try": try_now,
}
