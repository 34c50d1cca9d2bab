"""Looking at an advisory again: its owner is reminded, confirms it or not; what nobody confirms expires.

Before: a live advisory with a review date. After `remind`: whoever looks after it has a mail a week before, on the day, and
a week after. After `confirm`: it has a new date. After `expire`: 30 days late, it says of itself that it may not hold.
After `hand_over`: an advisory whose issuer was closed belongs to whoever took over. Twice: nothing further happens.
"""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet

from alerts import record
from alerts.models import Advisory, Draft, Message, Record, State
from alerts.officers import approvers, check_may, hold
from alerts.publishing import desk
from alerts.wake import wake_cascade
from departments.models import Body, Person
from departments.refusal import Refused

# When the owner is reminded, counted from the review date.
REMINDED = (timedelta(days=-7), timedelta(0), timedelta(days=7))
EXPIRES_AFTER = timedelta(days=30)
LONGEST_AHEAD = timedelta(days=366)


def tend(now: datetime) -> None:
    """All that time does to an advisory which nobody looks at."""
    hand_over(now)
    remind(now)
    expire(now)


def remind(now: datetime) -> int:
    """Remind whoever looks after an advisory of its review date; how many mails were written."""
    written = 0
    due = _live().filter(review_by__lte=now - REMINDED[0], review_by__gt=now - EXPIRES_AFTER)
    for advisory in due.select_related("issuer", "current"):
        assert advisory.review_by is not None  # noqa: S101  # as the query asks
        # Of a short life the reminder a week before would come with the warning, or with the word that it holds.
        looked = _looked_at(advisory)
        steps = [at for step in REMINDED if (at := advisory.review_by + step) <= now and at > looked]
        if steps:
            with transaction.atomic():
                stem = f"{advisory.review_by.isoformat()}.{len(steps)}"
                written += desk.put(Message.Kind.REVIEW, advisory, owners(advisory), stem, now)
    return written


@transaction.atomic
def confirm(advisory: Advisory, by: Person, until: datetime, now: datetime) -> None:
    """The advice still holds: it is looked at again by then. Raises `Refused`."""
    held = hold(advisory.pk)
    check_may(by, held)
    if held.state not in (State.LIVE, State.EXPIRED):
        raise Refused(f"{held.reference} is {held.get_state_display().lower()}: there is nothing to look at again.")
    if not now < until <= now + LONGEST_AHEAD:
        raise Refused("Choose a day after today and within a year.")
    if held.state == State.EXPIRED:
        look_anew(held)
        wake_cascade(held)
    held.review_by, held.state, held.owner = until, State.LIVE, by
    held.save(update_fields=["review_by", "state", "owner", "seen"])
    record.write("reviewed", held.reference, by, until=until, at=now)


def look_anew(advisory: Advisory) -> None:
    """The next pass compares the whole audience and every seat; the caller holds and saves it.

    While it was expired nobody kept what changed in the directory.
    """
    advisory.seen = None
    advisory.relays.filter(stale=False).update(stale=True)


def expire(now: datetime) -> int:
    """Mark whatever nobody confirmed for 30 days after its review date; how many."""
    done = 0
    for advisory in _live().filter(review_by__lte=now - EXPIRES_AFTER):
        with transaction.atomic():
            # Somebody may have confirmed it at this very moment, or another beat been here first.
            if _live().filter(pk=advisory.pk, review_by=advisory.review_by).update(state=State.EXPIRED):
                record.write("expired", advisory.reference, review_by=advisory.review_by)
                done += 1
    return done


def hand_over(now: datetime) -> int:
    """Give the open advisories of a closed body to its successor, or to the nearest open body above; how many."""
    done = 0
    orphans = Advisory.objects.filter(state__in=(State.DRAFT, State.LIVE, State.EXPIRED), issuer__closed__isnull=False)
    for advisory in orphans.select_related("issuer").order_by("pk"):
        heir = _heir(advisory.issuer)
        if heir is None:
            continue
        with transaction.atomic():
            if Advisory.objects.filter(pk=advisory.pk, issuer=advisory.issuer).update(issuer=heir, seen=None):
                names = {"from": advisory.issuer.name, "to": heir.name}
                record.write("handed over", advisory.reference, None, **names)
                # Who stands between the issuer and its audience is another now.
                wake_cascade(advisory)
                _ask_anew(Advisory.objects.select_related("issuer").get(pk=advisory.pk), now)
                done += 1
    return done


def _ask_anew(advisory: Advisory, now: datetime) -> None:
    """What waited for officers of a closed body waits for its heir's."""
    draft = Draft.objects.filter(advisory=advisory, stage=Draft.Stage.SUBMITTED).first()
    if draft is not None:
        desk.call_off(advisory, Message.Kind.APPROVE)
        others = [person.pk for person in approvers(advisory) if person.pk != draft.submitted_by_id]
        desk.put(Message.Kind.APPROVE, advisory, others, f"{draft.pk}.{draft.version}.{advisory.issuer_id}", now)


def owners(advisory: Advisory) -> list[int]:
    """Who looks after it: its owner, as long as they may; otherwise everybody who may."""
    may = list(approvers(advisory).values_list("pk", flat=True))
    return [advisory.owner_id] if advisory.owner_id in may else may


def _looked_at(advisory: Advisory) -> datetime:
    """When somebody last looked at it: published it, wrote its current revision, or said that it still holds."""
    assert advisory.published_at is not None  # noqa: S101  # live means published
    assert advisory.current is not None  # noqa: S101
    said = Record.objects.filter(subject=advisory.reference, kind="reviewed").order_by("-id").first()
    at = datetime.fromisoformat(said.details["at"]) if said and "at" in said.details else None
    return max(advisory.published_at, advisory.current.at, at or advisory.published_at)


def _live() -> QuerySet[Advisory]:
    return Advisory.objects.filter(state=State.LIVE).order_by("pk")


def _heir(body: Body) -> Body | None:
    """Whoever took over, or the nearest open body above; None where there is neither."""
    seen: set[int] = set()
    at: Body | None = body
    while at is not None and at.closed is not None and at.pk not in seen:
        seen.add(at.pk)
        at = at.successor or at.parent
    return at if at is not None and at.closed is None else None
