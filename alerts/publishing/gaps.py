"""Who will not hear, and what is decided about it: put in with a press, or left out with a reason, a name and a day.

Before: gaps that the preview found. After: each that an officer may choose is decided or stands as undecided; the
directory's own (nobody to tell, bouncing) are tasks for the administrators. What was left out is put in when its day
comes, unless somebody signed anew; what can't be put in (TLP:RED, beyond the issuer's branch, without the remit to which
the audience is narrowed) is undecided again. Twice, late or beside itself: nothing further happens.
"""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Max, QuerySet
from django.utils import timezone
from django.utils.formats import date_format

from alerts import record
from alerts.models import Advisory, Branch, Draft, Exclusion, Gap, Marking, Message, Severity, State
from alerts.officers import approvers, check_may, hold, own_branch, refuse_beyond_branch
from alerts.publishing import desk
from alerts.publishing.contract import DEFAULT_TIMES
from alerts.publishing.reach import GapFound, Reach, reach, targets
from alerts.publishing.targeting import LONGEST_OUT, RED, back_to_writing, check_reason, check_until, heir_of
from alerts.wake import wake_cascade
from departments.models import Body, Person
from departments.refusal import Refused

# Here one may publish before everything is decided: a warning that waits warns nobody.
URGENT = (Severity.CRITICAL, Severity.HIGH)
ASKED_AGAIN_AFTER = timedelta(hours=1)
WARNED_BEFORE = timedelta(days=1)
OPEN = (State.DRAFT, State.LIVE)
LAPSED = "was left out until a day that has come"


@transaction.atomic
def sign(advisory: Advisory, bodies: Collection[int], by: Person, reason: str, until: datetime) -> int:
    """Leave these bodies (ids) out, by name, until then; how many. Raises `Refused`.

    Whom it reaches stays as it is, so what was submitted or approved stays so: whoever reads it signs as they read.
    """
    held = _hold(advisory, by)
    reason = check_reason(reason)
    check_until(until)
    now = timezone.now()
    chosen = [gap for gap in asked(held, reach(held)) if gap.body.pk in set(bodies)]
    signed = {"decision": Gap.Decision.SIGNED, "reason": reason, "by": by, "at": now, "look_again_at": until}
    for gap in chosen:
        # Found for another reason than before, it is the same body: one decision stands.
        held.gaps.filter(body=gap.body, kind__in=Gap.CHOICES).exclude(kind=gap.kind).delete()
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
        raise Refused(RED)
    found = list(Body.objects.filter(pk__in=bodies, closed=None).order_by("pk"))
    if not found:
        raise Refused("Choose who is to be put in.")
    _widen(held, found, by, timezone.now())
    heard = targets(held)
    deaf = [body.name for body in found if body.pk not in heard]
    if deaf:
        raise Refused(
            f"The audience is narrowed to bodies with one of its remits, which {_list(deaf)} "
            f"{'has' if len(deaf) == 1 else 'have'} not: putting {'it' if len(deaf) == 1 else 'them'} in changes nothing. "
            "Take the narrowing away, or leave it out with a reason."
        )
    refuse_beyond_branch(held)
    return len(found)


def asked(advisory: Advisory, found: Reach) -> list[GapFound]:
    """What an officer decides about: the choices that were found; and who was left out until a day, and can't be put in."""
    choices = found.choices()
    if advisory.current_id is None:
        return choices
    lapsed = advisory.exclusions.exclude(lapsed_at=None).values("body")
    kept = advisory.gaps.filter(body__in=lapsed, body__closed=None, kind__in=Gap.CHOICES).select_related("body")
    kept = kept.exclude(body__in=[gap.body.pk for gap in choices]).exclude(decision=Gap.Decision.WIDENED)
    heard = targets(advisory) if kept else set()
    return [*choices, *(GapFound(one.kind, one.body, LAPSED, one.body, 0) for one in kept if one.body_id not in heard)]


def undecided(advisory: Advisory, found: Reach, now: datetime | None = None) -> list[GapFound]:
    """The choices that nobody decided: not signed for by name, or only until a day that has come.

    A body that is found for another reason than the one it was signed for is asked about anew.
    """
    signed = _signed(advisory, now or timezone.now())
    return [gap for gap in asked(advisory, found) if (gap.kind, gap.body.pk) not in signed]


def freeze(advisory: Advisory, found: Reach, by: Person, reason: str, now: datetime) -> None:
    """Keep the gaps as they are published: `reason` signs for every choice that nobody decided. Raises `Refused`.

    A first revision at medium or low waits until everything is decided; an update never waits, since it is for those who
    were told. The administrators hear of what only they can mend.
    """
    first = advisory.current_id is None
    if first and found.people == 0:
        raise Refused("Nobody would hear this: the audience holds no one who can be told. Mend the audience first.")
    reason = check_reason(reason) if reason.strip() else ""
    open_still = undecided(advisory, found, now)
    if first and open_still and not reason and advisory.severity not in URGENT:
        raise Refused(
            f"{len(open_still):,} {'body that may concern it' if len(open_still) == 1 else 'bodies that it may concern'} "
            f"would not hear this ({_list([gap.body.name for gap in open_still])}). "
            "Put them into the audience, or leave them out with a reason."
        )
    signed, kept, before = _signed(advisory, now), [], {}
    choices = asked(advisory, found)
    standing = {(gap.kind, gap.body.pk) for gap in choices}
    for gap in advisory.gaps.all():
        which = (gap.kind, gap.body_id)
        before[which] = gap
        if gap.decision == Gap.Decision.SIGNED:
            stays = which in signed and (which in standing or not first)
        else:
            stays = gap.decision == Gap.Decision.WIDENED and not first
        if stays:
            kept.append(gap.pk)
    advisory.gaps.exclude(pk__in=kept).delete()
    new = [gap for gap in [*choices, *found.tasks()] if (gap.kind, gap.body.pk) not in signed]
    Gap.objects.bulk_create(
        [_frozen(advisory, gap, by, reason, now, before.get((gap.kind, gap.body.pk))) for gap in new],
        ignore_conflicts=True,
    )
    tasks = [gap for gap in new if not gap.chosen and (gap.kind, gap.body.pk) not in before]
    if tasks and not advisory.exercise:
        keepers = Person.objects.filter(is_administrator=True, left_at=None).values_list("pk", flat=True)
        desk.put(Message.Kind.GAPS, advisory, keepers, str(advisory.revisions.count() + 1), now)


def refuse_overdue(advisory: Advisory, now: datetime) -> None:
    """Raise `Refused` where somebody was left out until a day that came before this is published."""
    names = list(_lapsing(now).filter(advisory=advisory).order_by("body__name").values_list("body__name", flat=True))
    if names:
        raise Refused(f"{_list(names)}: left out until a day that has come. Sign for that anew, or take it back.")


def tend(now: datetime) -> None:
    """Put in what was left out until now; ask again about what nobody decided; warn of what is put in soon."""
    for advisory in Advisory.objects.filter(pk__in=_due(now)).order_by("pk"):
        lapse(advisory, now)
    asking = Gap.objects.filter(decision=Gap.Decision.UNDECIDED, at__lte=now - ASKED_AGAIN_AFTER)
    since = dict(asking.values_list("advisory").annotate(Max("at")))
    for advisory in _live().filter(pk__in=since):
        with transaction.atomic():
            desk.put(Message.Kind.UNDECIDED, advisory, _desk_of(advisory), since[advisory.pk].isoformat(), now)
    soon = {"look_again_at__gt": now, "look_again_at__lte": now + WARNED_BEFORE}
    leaving = [
        *Gap.objects.filter(decision=Gap.Decision.SIGNED, **soon).values_list("advisory", "look_again_at", "at"),
        *Exclusion.objects.filter(lapsed_at=None, **soon).values_list("advisory", "look_again_at", "at"),
    ]
    warned = {(pk, at.date()) for pk, at, signed in leaving if at is not None and at - signed > WARNED_BEFORE}
    # At TLP:RED nobody is put in by the clock, so nobody is warned of it.
    for advisory in _live().filter(pk__in=[pk for pk, _ in warned]).exclude(marking=Marking.RED):
        for day in sorted(day for pk, day in warned if pk == advisory.pk):
            with transaction.atomic():
                desk.put(Message.Kind.LAPSING, advisory, _desk_of(advisory), day.isoformat(), now)


@transaction.atomic
def lapse(advisory: Advisory, now: datetime) -> int:
    """Put in whoever was left out until now; how many bodies. What can't be put in is undecided again."""
    held = hold(advisory.pk)
    if held.state != State.LIVE:
        return 0
    gaps = held.gaps.filter(decision=Gap.Decision.SIGNED, look_again_at__lte=now)
    exclusions = _lapsing(now).filter(advisory=held)
    ids = {*gaps.values_list("body", flat=True), *exclusions.values_list("body", flat=True)}
    if not ids:
        return 0
    excluded = set(exclusions.values_list("body", flat=True))
    exclusions.update(lapsed_at=now)
    own = own_branch(held.issuer)
    may = [pk for pk in ids if (own is None or pk in own) and held.marking != Marking.RED]
    bodies = list(Body.objects.filter(pk__in=may).order_by("pk"))
    already = set(held.branches.filter(body__in=may).values_list("body", flat=True))
    _widen(held, bodies, None, now)
    heard = targets(held)
    put = {body.pk for body in bodies if (heir := heir_of(body)) is not None and heir.pk in heard}
    held.branches.filter(body__in=[pk for pk in may if pk not in put and pk not in already]).delete()
    left = held.gaps.filter(body__in=ids - put, kind__in=Gap.CHOICES)
    left.filter(body__closed__isnull=False).delete()
    left.update(decision=Gap.Decision.UNDECIDED, reason="", by=None, at=now, look_again_at=None)
    known = set(left.values_list("body", flat=True))
    open_still = Body.objects.filter(pk__in=excluded - put - known, closed=None)
    Gap.objects.bulk_create([Gap(advisory=held, kind=Gap.Kind.OUTSIDE, body=body, at=now) for body in open_still])
    if put:
        slugs = Body.objects.filter(pk__in=put).values_list("slug", flat=True)
        record.write("lapsed", held.reference, bodies=sorted(slugs))
    return len(put)


def day_said(at: datetime) -> str:
    """The day on which something is looked at again, in words."""
    return date_format(timezone.localtime(at), "j F Y")


def _widen(advisory: Advisory, bodies: Iterable[Body], by: Person | None, now: datetime) -> None:
    bodies = list(bodies)
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
        wake_cascade(advisory)
    elif by is not None and (draft := Draft.objects.select_for_update().filter(advisory=advisory).first()):
        draft.advisory = advisory
        back_to_writing(draft, by)


def _signed(advisory: Advisory, now: datetime) -> set[tuple[str, int]]:
    """For which absences (kind, body) somebody signed, until a day to come."""
    signed = advisory.gaps.filter(decision=Gap.Decision.SIGNED)
    return set(signed.exclude(look_again_at__lte=now).values_list("kind", "body"))


def _lapsing(now: datetime) -> QuerySet[Exclusion]:
    return Exclusion.objects.filter(lapsed_at=None, look_again_at__lte=now)


def _list(names: list[str]) -> str:
    return ", ".join(names[:5]) + (" ..." if len(names) > 5 else "")


def _frozen(advisory: Advisory, gap: GapFound, by: Person, reason: str, now: datetime, before: Gap | None) -> Gap:
    if not gap.chosen:
        return Gap(advisory=advisory, kind=gap.kind, body=gap.body, decision=Gap.Decision.TASK, at=now)
    if not reason:
        # Asked again an hour after it was first left so, whatever is published meanwhile.
        since = before.at if before is not None and before.decision == Gap.Decision.UNDECIDED else now
        return Gap(advisory=advisory, kind=gap.kind, body=gap.body, at=since)
    again = advisory.review_by or now
    if again <= now:
        again = now + DEFAULT_TIMES[advisory.severity][1]
    return Gap(
        advisory=advisory,
        kind=gap.kind,
        body=gap.body,
        decision=Gap.Decision.SIGNED,
        reason=reason,
        by=by,
        at=now,
        look_again_at=min(again, now + LONGEST_OUT),
    )


def _hold(advisory: Advisory, by: Person) -> Advisory:
    held = hold(advisory.pk)
    check_may(by, held)
    if held.state not in OPEN:
        raise Refused(f"{held.reference} is over: nobody is put in or left out any more.")
    return held


def _live() -> QuerySet[Advisory]:
    return Advisory.objects.filter(state=State.LIVE).select_related("issuer", "current").order_by("pk")


def _due(now: datetime) -> set[int]:
    gaps = Gap.objects.filter(decision=Gap.Decision.SIGNED, look_again_at__lte=now, advisory__state=State.LIVE)
    exclusions = _lapsing(now).filter(advisory__state=State.LIVE)
    return {*gaps.values_list("advisory", flat=True), *exclusions.values_list("advisory", flat=True)}


def _desk_of(advisory: Advisory) -> list[int]:
    """Those who wrote and approved it, as far as they still may; otherwise every officer who may."""
    may = list(approvers(advisory).values_list("pk", flat=True))
    revision = advisory.current
    theirs = {advisory.owner_id, *((revision.by_id, revision.approved_by_id) if revision else ())}
    return [pk for pk in may if pk in theirs] or may
