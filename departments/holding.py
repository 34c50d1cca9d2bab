"""Whether a body holds warnings back for its contacts to look at, which its parent body has to consent to.

Going back to passing warnings on at once needs nobody's consent. Each step is in the body's history. Twice: the second
says that it is so already. Raises `Refused` with nothing changed.
"""

from django.db import IntegrityError, transaction
from django.utils import timezone

from departments.models import Body, BodyEvent, HoldRequest, Person
from departments.refusal import Refused

LONGEST_HOLD = 24  # hours
LONGEST_REASON = 500  # characters


@transaction.atomic
def ask(body: Body, *, hours: int, reason: str, by: Person) -> HoldRequest | None:
    """Ask the parent body's consent to hold warnings for so many hours, or for more than now.

    Fewer hours than now need no consent: they hold at once, and there is no request (None).
    """
    row = Body.objects.select_for_update(no_key=True).get(pk=body.pk)
    if row.closed is not None:
        raise Refused(f"{row.name} is closed.")
    if not 1 <= hours <= LONGEST_HOLD:
        raise Refused(f"Between 1 and {LONGEST_HOLD} hours, please: {hours} were given.")
    reason = reason.replace("\0", " ").strip()
    if not reason or len(reason) > LONGEST_REASON:
        raise Refused(f"Say why, in at most {LONGEST_REASON} characters: the parent body decides by it.")
    if row.policy == Body.Policy.HOLD and hours == row.hold_hours:
        raise Refused(f"{row.name} holds warnings for up to {row.hold_hours} h already.")
    if row.policy == Body.Policy.HOLD and hours < row.hold_hours:
        Body.objects.filter(pk=row.pk).update(hold_hours=hours)
        _note(row, "holds for less", by, {"hours": hours, "why": reason})
        return None
    try:
        with transaction.atomic():
            made = HoldRequest.objects.create(body=row, hours=hours, reason=reason, asked_by=by)
    except IntegrityError:
        raise Refused("A request is open already. It is to be decided first.") from None
    _note(row, "asked to hold", by, {"hours": hours, "why": reason})
    return made


@transaction.atomic
def decide(request: HoldRequest, *, granted: bool, by: Person) -> None:
    """Consent, or don't. Never by whoever asked (the database refuses as well)."""
    body = Body.objects.select_for_update(no_key=True).get(pk=request.body_id)
    open_one = HoldRequest.objects.select_for_update().filter(pk=request.pk, granted=None).first()
    if open_one is None:
        raise Refused("This request was decided already.")
    if open_one.asked_by_id == by.pk:
        raise Refused("Somebody else decides: you asked for it yourself.")
    open_one.granted, open_one.decided_by, open_one.decided_at = granted, by, timezone.now()
    open_one.save(update_fields=["granted", "decided_by", "decided_at"])
    if granted:
        Body.objects.filter(pk=body.pk).update(policy=Body.Policy.HOLD, hold_hours=open_one.hours)
    _note(body, "may hold" if granted else "may not hold", by, {"hours": open_one.hours})


@transaction.atomic
def stop(body: Body, *, by: Person) -> None:
    """Pass warnings on at once from now on; an open request is withdrawn."""
    row = Body.objects.select_for_update(no_key=True).get(pk=body.pk)
    withdrawn, _ = HoldRequest.objects.filter(body=row, granted=None).delete()
    if row.policy == Body.Policy.AUTOMATIC and not withdrawn:
        raise Refused(f"{row.name} passes warnings on at once already.")
    Body.objects.filter(pk=row.pk).update(policy=Body.Policy.AUTOMATIC, hold_hours=0)
    _note(row, "holds no more", by, {})


def _note(body: Body, what: str, by: Person, after: dict[str, object]) -> None:
    BodyEvent.objects.create(body=body, what=what, after=after, by=by)
