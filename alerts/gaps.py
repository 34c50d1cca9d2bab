"""Who will not hear, and what is decided about it: put in with a press, or left out with a reason, a name and a day.

Before: gaps that the preview found. After: each that an officer may choose is decided or stands as undecided; the
directory's own (nobody to tell, bouncing) are tasks for the administrators. What was left out is put in when its day
comes, unless somebody signed anew. Twice, late or beside itself: nothing further happens.
"""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.formats import date_format

from alerts import desk, record
from alerts.models import Advisory, Branch, Exclusion, Gap, Marking, Message, Severity, State
from alerts.officers import approvers, check_may
from alerts.reach import GapFound, Reach, reach
from alerts.targeting import check_reason
from alerts.wake import wake
from departments.models import Body, Person
from departments.refusal import Refused

# Here one may publish before everything is decided: a warning that waits warns nobody.
URGENT = (Severity.CRITICAL, Severity.HIGH)
ASKED_AGAIN_AFTER = timedelta(hours=1)
WARNED_BEFORE = timedelta(days=1)
LONGEST_OUT = timedelta(days=366)
OPEN = (State.DRAFT, State.LIVE)


@transaction.atomic
def sign(advisory: Advisory, bodies: Collection[int], by: Person, reason: str, until: datetime) -> int:
    """Leave these bodies (ids) out, by name, until then; how many. Raises `Refused`."""
    held = _hold(advisory, by)
    reason = check_reason(reason)
    now = timezone.now()
    if not now < until <= now + LONGEST_OUT:
        raise Refused("Choose a day on which this is looked at again: after today, and within a year.")
    chosen = [gap for gap in reach(held).choices() if gap.body.pk in set(bodies)]
    signed = {"decision": Gap.Decision.SIGNED, "reason": reason, "by": by, "at": now, "look_again_at": until}
    for gap in chosen:
        Gap.objects.update_or_create(advisory=held, kind=gap.kind, body=gap.body, defaults=signed)
    again = Exclusion.objects.filter(advisory=held, body__in=bodies, lapsed_at=None)
    renewed = again.update(reason=reason, by=by, at=now, look_again_at=until)
    if not chosen and not renewed:
        raise Refused("None of them is left out by choice any more. Look at the page again.")
    slugs = Body.objects.filter(pk__in=bodies).values_list("slug", flat=True)
    record.write("left out", held.reference, by, bodies=sorted(slugs), reason=reason, until=until)
    return len(chosen) + renewed


@transaction.atomic
def put_in(advisory: Advisory, bodies: Collection[int], by: Person) -> int:
    """Put these bodies (ids) and all below them into the audience; how many. A live advisory reaches them now.

    Raises `Refused`.
    """
    held = _hold(advisory, by)
    if held.marking == Marking.RED:
        raise Refused("TLP:RED is for named people: add them one by one, by their addresses.")
    found = list(Body.objects.filter(pk__in=bodies, closed=None).order_by("pk"))
    if not found:
        raise Refused("Choose who is to be put in.")
    _widen(held, found, by)
    return len(found)


def freeze(advisory: Advisory, found: Reach, by: Person, reason: str, now: datetime) -> None:
    """Keep the gaps as they are published: `reason` signs for every choice that nobody decided. Raises `Refused`.

    The administrators hear of what only they can mend.
    """
    if found.people == 0:
        raise Refused("Nobody would hear this: the audience holds no one who can be told. Mend the audience first.")
    kept = {(gap.kind, gap.body_id) for gap in advisory.gaps.filter(decision=Gap.Decision.SIGNED)}
    open_still = [gap for gap in found.gaps if gap.kind == Gap.Kind.OUTSIDE and (gap.kind, gap.body.pk) not in kept]
    if open_still and not reason and advisory.severity not in URGENT:
        names = ", ".join(gap.body.name for gap in open_still[:5])
        raise Refused(
            f"{len(open_still):,} {'body that may concern it' if len(open_still) == 1 else 'bodies that it may concern'} "
            f"would not hear this ({names}{' ...' if len(open_still) > 5 else ''}). "
            "Put them into the audience, or leave them out with a reason."
        )
    standing = {(gap.kind, gap.body.pk) for gap in found.gaps}
    advisory.gaps.filter(
        pk__in=[gap.pk for gap in advisory.gaps.all() if (gap.kind, gap.body_id) not in standing]
    ).delete()
    advisory.gaps.exclude(decision=Gap.Decision.SIGNED).delete()
    Gap.objects.bulk_create(
        _frozen(advisory, gap, by, reason, now) for gap in found.gaps if (gap.kind, gap.body.pk) not in kept
    )
    if any(gap.kind not in Gap.CHOICES for gap in found.gaps) and not advisory.exercise:
        keepers = Person.objects.filter(is_administrator=True, left_at=None).values_list("pk", flat=True)
        desk.put(Message.Kind.GAPS, advisory, keepers, "1", now)


def tend(now: datetime) -> None:
    """Put in what was left out until now; ask again about what nobody decided; warn of what is put in soon."""
    for advisory in Advisory.objects.filter(pk__in=_due(now)).order_by("pk"):
        lapse(advisory, now)
    undecided = Gap.objects.filter(decision=Gap.Decision.UNDECIDED).values("advisory")
    for advisory in _live().filter(pk__in=undecided, published_at__lte=now - ASKED_AGAIN_AFTER):
        with transaction.atomic():
            desk.put(Message.Kind.UNDECIDED, advisory, _desk_of(advisory), "1", now)
    soon = {"look_again_at__gt": now, "look_again_at__lte": now + WARNED_BEFORE}
    leaving = [
        *Gap.objects.filter(decision=Gap.Decision.SIGNED, **soon).values_list("advisory", "look_again_at", "at"),
        *Exclusion.objects.filter(lapsed_at=None, **soon).values_list("advisory", "look_again_at", "at"),
    ]
    warned = {(pk, at.date()) for pk, at, signed in leaving if at is not None and at - signed > WARNED_BEFORE}
    for advisory in _live().filter(pk__in=[pk for pk, _ in warned]):
        for day in sorted(day for pk, day in warned if pk == advisory.pk):
            with transaction.atomic():
                desk.put(Message.Kind.LAPSING, advisory, _desk_of(advisory), day.isoformat(), now)


@transaction.atomic
def lapse(advisory: Advisory, now: datetime) -> int:
    """Put in whoever was left out until now; how many bodies."""
    held = Advisory.objects.select_for_update(no_key=True).get(pk=advisory.pk)
    if held.state != State.LIVE:
        return 0
    gaps = held.gaps.filter(decision=Gap.Decision.SIGNED, look_again_at__lte=now).select_related("body")
    exclusions = held.exclusions.filter(lapsed_at=None, look_again_at__lte=now).select_related("body")
    bodies = list({body.pk: body for body in [*(one.body for one in gaps), *(one.body for one in exclusions)]}.values())
    if bodies:
        exclusions.update(lapsed_at=now)
        _widen(held, [body for body in bodies if body.closed is None], None)
        record.write("lapsed", held.reference, bodies=sorted(body.slug for body in bodies))
    return len(bodies)


def day_said(at: datetime) -> str:
    """The day on which something is looked at again, in words."""
    return date_format(timezone.localtime(at), "j F Y")


def _widen(advisory: Advisory, bodies: Iterable[Body], by: Person | None) -> None:
    bodies = list(bodies)
    now = timezone.now()
    Branch.objects.bulk_create([Branch(advisory=advisory, body=body) for body in bodies], ignore_conflicts=True)
    Exclusion.objects.filter(advisory=advisory, body__in=bodies, lapsed_at=None).update(lapsed_at=now)
    advisory.gaps.filter(body__in=bodies, kind__in=Gap.CHOICES).update(
        decision=Gap.Decision.WIDENED, by=by, at=now, look_again_at=None
    )
    if by is not None:
        record.write("put in", advisory.reference, by, bodies=sorted(body.slug for body in bodies))
    if advisory.state == State.LIVE:
        # The next pass compares the whole audience, and not only what changed in the directory.
        advisory.seen = None
        advisory.save(update_fields=["seen"])
        wake("cascade", advisory.pk)


def _frozen(advisory: Advisory, gap: GapFound, by: Person, reason: str, now: datetime) -> Gap:
    if gap.kind not in Gap.CHOICES:
        return Gap(advisory=advisory, kind=gap.kind, body=gap.body, decision=Gap.Decision.TASK)
    if not reason:
        return Gap(advisory=advisory, kind=gap.kind, body=gap.body)
    return Gap(
        advisory=advisory,
        kind=gap.kind,
        body=gap.body,
        decision=Gap.Decision.SIGNED,
        reason=reason,
        by=by,
        look_again_at=advisory.review_by if advisory.review_by and advisory.review_by > now else None,
    )


def _hold(advisory: Advisory, by: Person) -> Advisory:
    held = Advisory.objects.select_for_update(no_key=True).select_related("issuer").get(pk=advisory.pk)
    check_may(by, held)
    if held.state not in OPEN:
        raise Refused(f"{held.reference} is over: nobody is put in or left out any more.")
    return held


def _live() -> QuerySet[Advisory]:
    return Advisory.objects.filter(state=State.LIVE).select_related("issuer", "current").order_by("pk")


def _due(now: datetime) -> set[int]:
    gaps = Gap.objects.filter(decision=Gap.Decision.SIGNED, look_again_at__lte=now, advisory__state=State.LIVE)
    exclusions = Exclusion.objects.filter(lapsed_at=None, look_again_at__lte=now, advisory__state=State.LIVE)
    return {*gaps.values_list("advisory", flat=True), *exclusions.values_list("advisory", flat=True)}


def _desk_of(advisory: Advisory) -> list[int]:
    """Those who wrote and approved it, as far as they still may; otherwise every officer who may."""
    may = list(approvers(advisory).values_list("pk", flat=True))
    revision = advisory.current
    theirs = {advisory.owner_id, *((revision.by_id, revision.approved_by_id) if revision else ())}
    return [pk for pk in may if pk in theirs] or may
