"""What a contact says of themselves by link: still the contact, or not.

Before: a current place as contact. After: it is confirmed, or has ended, with a step in the person's history. Twice: a
place that ended is not ended again, and a confirmation within the same minute is one. Raises `Refused` with nothing changed.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import TextChoices

from departments.models import Membership, Person, Role
from departments.noting import locked, note
from departments.refusal import Refused

LONGEST_HINT = 500  # characters
SAME_PRESS = timedelta(minutes=1)


class Still(TextChoices):
    """What one can answer for a body."""

    YES = "yes", "Yes, I am"
    ELSE = "no", "No, but I still work there"
    LEFT = "left", "No, I have left it"


@transaction.atomic
def confirm(person: Person, answers: Mapping[int, str], hint: str, now: datetime) -> dict[str, list[str]]:
    """Take a contact's answers by the place's id; the names of bodies by what was said of them.

    `hint` is who the contact is now, in their words. Answers about places that are not theirs, or ended, are passed over.
    """
    hint = " ".join(hint.replace("\0", " ").split())
    if len(hint) > LONGEST_HINT:
        raise Refused(f"That has {len(hint):,} characters; {LONGEST_HINT} is the most. Shorten it.")
    if wrong := set(answers.values()) - set(Still.values):
        raise Refused(f"{sorted(wrong)[0][:40]!r} is none of the answers.")
    person = locked(person)
    said: dict[str, list[str]] = {}
    places = Membership.objects.select_for_update(of=("self",), no_key=True).select_related("body")
    for place in places.filter(pk__in=answers, person=person, until=None, role=Role.CONTACT).order_by("pk"):
        _settle(person, place, Still(answers[place.pk]), hint, now)
        said.setdefault(answers[place.pk], []).append(place.body.name)
    return said


def _settle(person: Person, place: Membership, still: Still, hint: str, now: datetime) -> None:
    if still is Still.YES:
        if place.verified_at is None or now - place.verified_at > SAME_PRESS:
            Membership.objects.filter(pk=place.pk).update(verified_at=now)
            note(person, "confirmed by link", person, body=place.body)
        return
    Membership.objects.filter(pk=place.pk).update(until=now)
    if still is Still.ELSE:
        Membership.objects.get_or_create(person=person, body=place.body, role=Role.MEMBER, until=None)
    after = {"still there": still is Still.ELSE, **({"hint": hint} if hint else {})}
    note(person, "no longer the contact", person, body=place.body, after=after)
