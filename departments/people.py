"""People: coming into the directory, corrected, leaving it, coming back.

Before: a directory. After: one row an address, as asked, with a step in the person's history in the same transaction.
Twice, or by two people at once: the second finds it so, says so and writes nothing. Raises `Refused` with a sentence;
then nothing was written. Two rows that turn out to be one human being are not merged here.
"""

from datetime import date, datetime, time

from allauth.account.models import EmailAddress
from django.db import IntegrityError, connection, transaction
from django.db.models import Q, Value
from django.db.models.functions import Greatest
from django.utils import timezone

from departments.addresses import canonical
from departments.models import Body, Delegation, Membership, Person, Role
from departments.models.membership import DUTIES
from departments.noting import (
    Done,
    address_of,
    check_answers_for,
    day,
    locked,
    name_of,
    nobody_left,
    note,
    telephone_of,
    written_of,
)
from departments.refusal import Refused
from departments.rules import bodies_of
from departments.seating import open_body, seat, spoken

# As the loader writes it: nobody signs in with it, and a new one is set by mail.
NO_PASSWORD = "!"  # noqa: S105  # the sign of having none


@transaction.atomic
def add(
    body: Body,
    by: Person,
    email: str,
    name: str,
    role: str,
    order: int = 0,
    hours: str = "in",
    telephone: str = "",
    shared: bool = False,
) -> Done:
    """Give whoever has this address a place in this body; an address that nobody has is somebody new.

    Whoever is known keeps their name, telephone and kind of mailbox, unless they sit nowhere. A leaver stays away.
    """
    address, written = address_of(email), written_of(email)
    name, telephone = name_of(name), telephone_of(telephone)
    body = open_body(body)
    person, known = find_or_add(address, written, name, by, telephone=telephone, shared=shared)
    if person.left_at is not None:
        raise Refused(
            f"{address} is {person.name}, who left on {day(person.left_at)} and is not brought back by this. Nothing was "
            "changed; an administrator may bring them back on their page."
        )
    if known and _sits_nowhere(person):
        _write(person, by, {"name": name, "telephone": telephone or person.telephone, "shared": shared})
    made = seat(person, body, by, role, order, hours)
    return Done(_added(person, body, role, name, known=known, made=made), person, made, _outside(address, body))


def find_or_add(
    address: str, written: str, name: str, by: Person, *, telephone: str = "", shared: bool = False
) -> tuple[Person, bool]:
    """Whoever has this canonical address, their row held, and whether they were there already."""
    here = Person.objects.select_for_update(no_key=True).filter(email=address)
    person = here.first()
    if person is not None:
        return person, True
    try:
        with transaction.atomic():
            made = Person.objects.create(email=address, written=written, name=name, telephone=telephone, shared=shared)
    except IntegrityError:
        # Somebody else added them between the two statements.
        return here.get(), True
    after = {"name": name, "email": written, "telephone": telephone, "shared": shared}
    note(made, "added", by, after=after)
    return made, False


def _sits_nowhere(person: Person) -> bool:
    """Nobody else counts on what is written of them: no place, no duty, nobody's delegate."""
    if person.is_administrator or person.is_auditor:
        return False
    return not person.memberships.filter(until=None).exists() and not person.delegated.filter(_current()).exists()


def _added(person: Person, body: Body, role: str, name: str, *, known: bool, made: bool) -> str:
    place = f"{spoken(role)} of {body.name}"
    if not made:
        return f"{person.email} is already in the directory as {person.name}, and {place}; nothing was changed."
    if not known:
        return f"{person.name} is in the directory now, as {place}."
    kept = "" if person.name == name else f" Their name stays as it was, not {name}."
    return f"{person.email} is already in the directory as {person.name}, who is now {place}.{kept}"


def _outside(address: str, body: Body) -> str:
    """A hint where the address is not under the body's own mail domain."""
    if not body.domain:
        return ""
    try:
        own = canonical(f"a@{body.domain.strip().lstrip('@')}").partition("@")[2]
    except ValueError:
        return ""
    domain = address.rpartition("@")[2]
    if domain == own or domain.endswith(f".{own}"):
        return ""
    return f"The address is at {domain}, not at {own}, where {body.name} has its mail. Make sure that it is right."


@transaction.atomic
def correct(person: Person, by: Person, email: str, name: str, telephone: str, shared: bool) -> Done:
    """What is written of this person is now this.

    A new address takes back what hung on the old one: that it refused mail, and the password, since whoever holds the
    old mailbox must not sign in.
    """
    address, written = address_of(email), written_of(email)
    new: dict[str, object] = {"name": name_of(name), "telephone": telephone_of(telephone), "shared": shared}
    person = locked(person)
    moved = address != person.email
    if moved:
        duties = bodies_of(person, DUTIES)
        check_answers_for(
            person, by, duties, "for which you don't answer. Ask an administrator to correct the address."
        )
        _check_free(person, address)
        new |= {"email": address, **REACHED, "password": NO_PASSWORD}
    try:
        with transaction.atomic():
            changed = _write(person, by, {**new, "written": written})
    except IntegrityError:
        _check_free(person, address)
        raise
    if not changed:
        return Done(f"Nothing was different: {person.name} is as they were.", person, False)
    if not moved:
        return Done(f"{person.name} is corrected.", person)
    EmailAddress.objects.filter(user=person).delete()
    signs_in = " They set a new password by mail before they sign in again." if bodies_of(person, DUTIES) else ""
    return Done(f"{person.name} is corrected; mail goes to {person.written} from now on.{signs_in}", person)


def _check_free(person: Person, address: str) -> None:
    other = Person.objects.filter(email=address).exclude(pk=person.pk).first()
    if other is None:
        return
    where = other.memberships.filter(until=None).select_related("body").order_by("body__name", "pk").first()
    place = f" of {where.body.name}" if where else ""
    left = ", who left" if other.left_at else ""
    raise Refused(
        f"{address} is the address of {other.name}{place}{left}. Nothing was changed. If it is wrong there, ask who "
        f"answers for {where.body.name if where else 'the directory'}; if both are one person, note that this one left."
    )


# Nothing is known against the address.
REACHED = {"bounced_at": None, "bounced_how": "", "deferred_at": None}

# What the history never repeats.
KEPT_QUIET = {"password", *REACHED}


def _write(person: Person, by: Person, new: dict[str, object]) -> bool:
    """Set what differs on the held row, and note it. False where nothing does."""
    before = {field: getattr(person, field) for field in new if field not in KEPT_QUIET}
    different = {field for field, old in before.items() if old != new[field]}
    if not different:
        return False
    for field, value in new.items():
        setattr(person, field, value)
    person.save(update_fields=list(new))
    note(
        person,
        "corrected",
        by,
        before={field: before[field] for field in sorted(different)},
        after={field: new[field] for field in sorted(different)},
    )
    return True


@transaction.atomic
def leave(person: Person, by: Person, on: date) -> Done:
    """This person left on that day: no warning is sent to them, every place and delegation of theirs ends.

    Whoever ran or audited the directory does so no more, and none of it comes back by itself.
    """
    person = locked(person)
    if person.left_at is not None:
        return Done(f"{person.name} had left already.", person, False)
    now = timezone.now()
    if on > timezone.localdate(now):
        raise Refused("That day is still to come. Nothing was changed; note it when they have left.")
    if on.year < 1900:
        raise Refused("That is too long ago. Nothing was changed; correct the year.")
    bodies = bodies_of(person)
    check_answers_for(person, by, bodies, "for which you don't answer. End their place in your body instead.")
    _check_not_last(person)
    left = now if on == timezone.localdate(now) else timezone.make_aware(datetime.combine(on, time.min))
    before = {"administrator": person.is_administrator, "auditor": person.is_auditor, "places": len(bodies)}
    Membership.objects.filter(person=person, until=None).update(until=Greatest("since", Value(left)))
    Delegation.objects.filter(Q(person=person) | Q(delegate=person), _current()).update(until=now)
    person.left_at, person.password = left, NO_PASSWORD
    person.is_administrator = person.is_auditor = False
    person.save(update_fields=["left_at", "password", "is_administrator", "is_auditor"])
    note(person, "left", by, before=before, after={"on": on.isoformat()})
    said = f"{person.name} has left: no new warning is sent to them."
    still = "Of those that they were told of, they still hear what changes."
    return Done(f"{said} {still}", person, hint=nobody_left(bodies))


def _check_not_last(person: Person) -> None:
    if not person.is_administrator:
        return
    # Two administrators who leave at once meet here, one after the other.
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('departments.administrators'))")
    if not Person.objects.filter(is_administrator=True, left_at=None).exclude(pk=person.pk).exists():
        raise Refused(f"{person.name} is the only administrator. Nothing was changed; name another one first.")


@transaction.atomic
def come_back(person: Person, by: Person) -> Done:
    """Somebody who left is in the directory again. They sit nowhere until they are given a place."""
    person = locked(person)
    if person.left_at is None:
        return Done(f"{person.name} is here already.", person, False)
    before = {"left_at": person.left_at.isoformat()}
    person.left_at = None
    person.save(update_fields=["left_at"])
    note(person, "came back", by, before=before)
    return Done(f"{person.name} is back, and sits nowhere yet: give them a place.", person)


@transaction.atomic
def reached_again(person: Person, by: Person) -> Done:
    """Somebody made sure that mail reaches this address again: what was known against it is over, and they are told anew.

    An event of before says nothing of it any more (`alerts.delivery.tracking`); a mail that comes back after it does.
    """
    person = locked(person)
    if person.left_at is not None:
        raise Refused(f"{person.name} left the directory. Nothing was changed; bring them back first.")
    if person.bounced_at is None and person.deferred_at is None:
        return Done(f"Nothing was known against the address of {person.name}.", person, False)
    how, since = person.bounced_how, person.bounced_at or person.deferred_at
    for field, value in REACHED.items():
        setattr(person, field, value)
    person.save(update_fields=list(REACHED))
    before = {"how": how, "since": since.isoformat() if since else ""}
    note(person, "reached again", by, before=before)
    said = f"Mail is sent to {person.name} again; what they missed and still holds is sent within a few minutes."
    return Done(said, person)


@transaction.atomic
def appoint(person: Person, by: Person, *, administrator: bool, auditor: bool) -> Done:
    """Who runs the directory, and who audits it. Whoever may publish does not run it; an auditor changes nothing."""
    person = locked(person)
    if administrator and auditor:
        raise Refused("Nobody both runs the directory and audits it. Nothing was changed; choose one.")
    if person.left_at is not None:
        raise Refused(f"{person.name} left the directory. Nothing was changed; bring them back first.")
    if administrator and bodies_of(person, [Role.OFFICER]):
        raise Refused(
            f"{person.name} is a security officer, and whoever publishes does not run the directory. Nothing was "
            "changed; end that place first."
        )
    before = {"administrator": person.is_administrator, "auditor": person.is_auditor}
    after = {"administrator": administrator, "auditor": auditor}
    if before == after:
        return Done(f"Nothing was different: {person.name} is as they were.", person, False)
    if not administrator:
        _check_not_last(person)
    person.is_administrator, person.is_auditor = administrator, auditor
    person.save(update_fields=["is_administrator", "is_auditor"])
    note(person, "appointed", by, before=before, after=after)
    what = "an administrator" if administrator else "an auditor" if auditor else "neither administrator nor auditor"
    return Done(f"{person.name} is now {what}.", person)


def _current() -> Q:
    """Of delegations: those that hold today."""
    return Q(until=None) | Q(until__gt=timezone.now())
