"""Delegates: who opens a person's mail and may answer for them, named by that person or their contact, until a date.

Before: a person. After: the delegation is as asked, with a step in the history of the person. Twice: nothing more is
written. A delegate is not the person: what a delegate opens for one is not passed on to the delegate's own delegates.
Raises `Refused` with a sentence; then nothing was written.
"""

from datetime import date, datetime, time, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from departments.models import Delegation, Person
from departments.noting import Done, address_of, day, locked, name_of, note, written_of
from departments.people import find_or_add
from departments.refusal import Refused

# Thirteen months: a yearly round of renewals fits with a month to spare.
LONGEST = timedelta(days=396)


def current_delegations(now: datetime | None = None) -> QuerySet[Delegation]:
    """The delegations that hold today, of people who are here on both sides."""
    now = now or timezone.now()
    holds = Q(until=None) | Q(until__gt=now)
    return Delegation.objects.filter(holds, person__left_at=None, delegate__left_at=None)


def last_day(delegation: Delegation) -> date | None:
    """The last day on which it holds; None where no end was given."""
    return None if delegation.until is None else timezone.localdate(delegation.until - timedelta(microseconds=1))


@transaction.atomic
def name_delegate(person: Person, delegate_email: str, delegate_name: str, until: date, by: Person) -> Done:
    """Whoever has this address opens this person's mail, through that day; somebody new comes into the directory.

    Named again, a delegate goes on until the new day.
    """
    address, name = address_of(delegate_email), name_of(delegate_name)
    ends = _end_of(until)
    # In the order of their ids, so that two who name each other do not wait for one another for ever.
    both = Person.objects.select_for_update(no_key=True).filter(Q(pk=person.pk) | Q(email=address)).order_by("pk")
    person = next(one for one in both if one.pk == person.pk)
    if person.left_at is not None:
        raise Refused(f"{person.name} left the directory, and nobody opens their mail. Nothing was changed.")
    if address == person.email:
        raise Refused(f"{address} is {person.name}'s own address. Nothing was changed; name somebody else.")
    delegate, _ = find_or_add(address, written_of(delegate_email), name, by)
    if delegate.left_at is not None:
        raise Refused(f"{address} is {delegate.name}, who left the directory. Nothing was changed; name somebody else.")
    last = day(until)
    before = current_delegations().filter(person=person, delegate=delegate).order_by("pk").first()
    if before is not None and before.until == ends:
        return Done(f"{delegate.name} opens {person.name}'s mail until {last} already.", person, False)
    after = {"delegate": delegate.name, "until": until.isoformat()}
    if before is not None:
        Delegation.objects.filter(pk=before.pk).update(until=ends)
        earlier = {"until": _noted(before)}
        note(person, "delegate kept", by, before=earlier, after=after)
        return Done(f"{delegate.name} now opens {person.name}'s mail until {last}.", person)
    Delegation.objects.create(person=person, delegate=delegate, until=ends, named_by=by)
    note(person, "delegate named", by, after=after)
    return Done(f"{delegate.name} may open {person.name}'s mail and answer for them until {last}.", person)


@transaction.atomic
def end_delegation(delegation: Delegation, by: Person) -> Done:
    """This delegate opens that person's mail no more, from now on."""
    person = locked(delegation.person)
    held = Delegation.objects.select_related("delegate").get(pk=delegation.pk)
    now = timezone.now()
    if held.until is not None and held.until <= now:
        return Done(f"{held.delegate.name} opened {person.name}'s mail no more already.", person, False)
    Delegation.objects.filter(pk=held.pk).update(until=now)
    before = {"until": _noted(held)}
    note(person, "delegate ended", by, before=before, after={"delegate": held.delegate.name})
    return Done(f"{held.delegate.name} opens {person.name}'s mail no more.", person)


def _noted(delegation: Delegation) -> str | None:
    last = last_day(delegation)
    return last.isoformat() if last else None


def _end_of(until: date) -> datetime:
    """The end of that day. Refused where it is past or too far away."""
    today = timezone.localdate()
    if until <= today:
        raise Refused("The last day is still to come: choose one from tomorrow on. Nothing was changed.")
    if until > today + LONGEST:
        latest = day(today + LONGEST)
        raise Refused(f"A delegate is named for 13 months at most, until {latest}. Nothing was changed.")
    return timezone.make_aware(datetime.combine(until + timedelta(days=1), time.min))
