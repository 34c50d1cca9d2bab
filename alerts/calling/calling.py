"""Calling: of a critical advisory the bodies from which nobody was heard are rung, each by one caller at a time.

Before: a body in the audience in which nobody answered. After `take`: this caller has it in hand for twenty minutes, and nobody
else does; after `note_result`: the call is over, what came of it stands in the record, and whoever was told is put down as
having answered (`alerts.answering.behalf`), so that coverage counts them as told by telephone. A body leaves the list as soon
as anybody of it answered or was told in a call; until then it can be rung again. One in which nobody can be told by mail is off
the list then as well, and stays dark in coverage: a call mends no directory. Twice, the same press: the first stands, nothing
is written.

What ran out is anybody's. Until somebody takes it, its caller may still note what came of it; afterwards nothing of theirs is
written, and they are told who has it. What somebody typed is theirs to keep: no verb here asks for it twice.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID, uuid5

from django.db import transaction
from django.utils import timezone
from django.utils.formats import date_format

from alerts import counting, record, rules, spelling
from alerts.answer_form import LONGEST_TEXT, NotAnswered
from alerts.answering import behalf
from alerts.calling.calling_list import RESULTS, calls_of, is_dark, since, stands
from alerts.calling.calling_list import listed as listed
from alerts.calling.calling_sql import NEXT, TAKE
from alerts.coverage.scope import Scope, scope
from alerts.models import Acknowledgement, Advisory, Call, Recipient, Relay, Severity, State
from alerts.statements import run
from departments.models import Membership, Person
from departments.refusal import Refused

IN_HAND = timedelta(minutes=20)
RUNG_LATELY = timedelta(minutes=15)
"""So long after a call a body stands behind the others for whoever takes the next one."""
TRIED = 20

_CALL = UUID(
    "c2f0a7de-5a0e-4a3b-9d0c-6f2f2c1f8a51"
)  # makes of a call's number the value by which its answer is kept once
# As the record has it.
KINDS = {
    Call.Result.TOLD: "told by telephone",
    Call.Result.NO_ANSWER: "called, nobody answered",
    Call.Result.WRONG: "called, the number is wrong",
    Call.Result.AGAIN: "called, to be rung again",
    Call.Result.LET_GO: "call let go",
}

NOT_CRITICAL = "Only a critical warning is rung round."
NOT_ON_IT = "It is not on the calling list: it is not for this body."
HEARD_FROM = (
    "It was heard from meanwhile (somebody there answered, or was told): there is nobody to ring, it is off the list."
)
NOT_YOURS_TO_RING = "Only officers of the issuer, administrators, and who answers for the body or one above it ring it."
NOT_YOUR_CALL = "That call is somebody else's. Nothing was written."
NONE_LEFT = "There is no body left to ring that nobody else has in hand."


@dataclass(frozen=True, slots=True)
class Taken:
    """A body that was taken."""

    call: Call
    new: bool
    """False: they had it already, and have it for longer now."""
    over_from: Person | None = None
    """Whose time had run out."""


@dataclass(frozen=True, slots=True)
class Noted:
    """What a result did."""

    call: Call
    answer: Acknowledgement | None = None
    """What was put down for whoever was told."""
    themselves: bool = False
    """They had answered themselves, so nothing was put down."""
    later: int = 0
    """The revision that has come since the one that they were told of; 0 for none."""
    dark: bool = False
    """The body was told, and nobody there can be told by mail still."""


def is_rung(advisory: Advisory) -> bool:
    """Whether there is a calling list for it at all."""
    return advisory.severity == Severity.CRITICAL and advisory.current_id is not None


def check_rings(advisory: Advisory) -> None:
    """Raise `Refused` where nobody is to be rung about it now."""
    if not is_rung(advisory):
        raise Refused(NOT_CRITICAL)
    if advisory.state != State.LIVE:
        raise Refused(f"{advisory.reference} is over, and asks nothing of anybody any more: nobody is rung about it.")
    if advisory.stopped:
        raise Refused(f"{advisory.reference} is stopped: nobody is rung until it goes on, or is corrected.")


def clock(moment: datetime) -> str:
    """ "14:20 BST"."""
    local = timezone.localtime(moment)
    return f"{date_format(local, 'H:i')} {local.tzname()}"


# --- taking ---


def take(relay_id: int, by: Person, now: datetime) -> Taken:
    """Have this body in hand until IN_HAND from now; whoever has it already has it for longer.

    Raises `Refused` where somebody else has it, where this person has another one of the advisory in hand or may not ring it,
    and where there is nobody to ring.
    """
    relay = Relay.objects.select_related("advisory__material", "advisory__current", "body").filter(pk=relay_id).first()
    if relay is None:
        raise Refused(NOT_ON_IT)
    check_rings(relay.advisory)
    bodies = _check_rings_it(relay, by)
    how = stands(relay, bodies)
    if how is None:
        raise Refused(NOT_ON_IT)
    if how == "told" and not _has(relay, by):
        raise Refused(f"{relay.body.name}: {HEARD_FROM}")
    return _take(relay, by, now)


def take_next(advisory: Advisory, by: Person, now: datetime, within: Scope | None = None) -> Taken:
    """Have the first body in hand that nobody else has: the darkest one, and last those that were rung a moment ago.

    Raises `Refused` where there is none, and as `take` does.
    """
    check_rings(advisory)
    seen = _narrowed(within or scope(advisory.pk), rules.rung_by(by, advisory))
    values = {**seen.values(), "now": now, "since": since(advisory), "rung_since": now - RUNG_LATELY}
    refused = Refused(NONE_LEFT)
    for (relay_id,) in run(NEXT, **values, most=TRIED):
        try:
            return take(relay_id, by, now)
        except Refused as why:
            # Somebody was quicker, or it answered: then the one after it.
            refused = why
            if calls_of(advisory).filter(caller=by, ended_at=None, until__gt=now).exists():
                break
    raise refused


@transaction.atomic
def _take(relay: Relay, by: Person, now: datetime) -> Taken:
    # Of two that they take at once the second finds what the first one wrote.
    list(Person.objects.select_for_update(no_key=True).filter(pk=by.pk).values("pk"))
    other = calls_of(relay.advisory).filter(caller=by, ended_at=None, until__gt=now).exclude(relay=relay).first()
    if other is not None:
        raise Refused(
            f"You have {other.relay.body.name} in hand: note what came of it, or let it go, before the next one."
        )
    call_id, new, from_id = run(TAKE, relay=relay.pk, by=by.pk, now=now, until=now + IN_HAND)[0]
    if call_id is None:
        raise Refused(_who_has(relay))
    over_from = Person.objects.get(pk=from_id) if from_id else None
    if new:
        more = {"over_from": from_id} if from_id else {}
        record.write("call taken", relay.advisory.reference, by, relay=relay.pk, call=call_id, **more)
    return Taken(Call.objects.select_related("relay__body", "relay__advisory").get(pk=call_id), new, over_from)


def _who_has(relay: Relay) -> str:
    has = Call.objects.select_related("caller").filter(relay=relay, ended_at=None).first()
    if has is None:
        return f"{relay.body.name} was taken and noted this very moment: look at the list again."
    return f"{has.caller.name} has {relay.body.name} in hand until {clock(has.until)}."


# --- and what came of it ---


@transaction.atomic
def let_go(call_id: int, by: Person, now: datetime, note: str = "") -> bool:
    """Have it in hand no more, without a result; what was typed is kept with it. False where they had done with it before."""
    call = _hold(call_id, by)
    clean = _note(note)
    if call.ended_at is not None:
        if clean and clean != call.note:
            raise Refused(_too_late(call))
        return False
    _end(call, now, Call.Result.LET_GO, clean, None)
    return True


def note_result(
    call_id: int,
    by: Person,
    result: str,
    note: str,
    person: Person | None,
    now: datetime,
    *,
    number: int | None = None,
    needs_help: bool = False,
    told_at: datetime | None = None,
) -> Noted:
    """Note what came of a call; what stands for this press. `person`: who was rung; None: somebody whom the note names.

    Who was told, and is told of it through a body, is put down as told by telephone at `told_at` (now, where nothing is said)
    of the revision with this `number` (the last material one): that is their answer, which coverage counts. Of anybody else the
    call alone is kept: it takes the body off the list, and no figure changes.

    Raises `NotAnswered` for what is missing or wrong, and `Refused` where it is not theirs to note any more. Nothing was
    written then.
    """
    call = Call.objects.select_related("relay__body", "relay__advisory__material").filter(pk=call_id).first()
    if call is None or call.caller_id != by.pk:
        raise Refused(NOT_YOUR_CALL)
    advisory = call.relay.advisory
    bodies = _check_rings_it(call.relay, by)
    clean = _checked(call, bodies, result, note, person, told_at, now)
    last = advisory.material.number if advisory.material else 0
    with transaction.atomic():
        # Before rows, as everywhere.
        counting.share_figures(advisory.pk)
        held = _hold(call_id, by)
        if held.ended_at is not None:
            if (held.result, held.note, held.person_id) == (result, clean, person.pk if person else None):
                return Noted(held, Acknowledgement.objects.filter(form_id=_form_id(call_id)).first())
            raise Refused(_too_late(held))
        done = Noted(held, later=last if number is not None and last > number else 0)
        if result == Call.Result.TOLD and person is not None:
            said = behalf.Heard(number or last, _form_id(call_id), told_at or now, needs_help, clean)
            done = _put_down(done, advisory, person, by, said)
        counts = {"answer": done.answer.form_id.hex} if done.answer else {}
        _end(held, now, result, clean, person, **counts)
    return replace(done, dark=result == Call.Result.TOLD and is_dark(call.relay))


def _put_down(done: Noted, advisory: Advisory, person: Person, by: Person, said: behalf.Heard) -> Noted:
    """Of somebody whom it is for; their own answer stands where they gave one."""
    whose = Recipient.objects.select_related("person", "advisory").filter(advisory=advisory, person=person).first()
    if whose is None or not whose.seats.filter(ended_at=None).exists():
        return done
    try:
        return replace(done, answer=behalf.heard(whose, by, said))
    except Refused:
        if not behalf.answered_themselves(whose, said.number):
            raise
        return replace(done, themselves=True)


def _checked(
    call: Call,
    bodies: set[int] | None,
    result: str,
    note: str,
    person: Person | None,
    told_at: datetime | None,
    now: datetime,
) -> str:
    """The note as it is kept; raises `NotAnswered` with every sentence there is to say at once."""
    errors: dict[str, str] = {}
    if result not in RESULTS:
        errors["result"] = "Choose what came of the call."
    clean = spelling.lines(note)
    if len(clean) > LONGEST_TEXT:
        errors["note"] = f"That has {len(clean):,} characters; {LONGEST_TEXT:,} is the most. Shorten it."
    if person is None:
        if result == Call.Result.WRONG:
            errors["person"] = "Choose whose number is wrong."
        elif result == Call.Result.TOLD and not clean:
            errors["note"] = "Say who was told: their name, and what they are there. Or choose them above."
    elif person.pk == call.caller_id:
        errors["person"] = behalf.ONESELF
    elif not _sits(person, call.relay, bodies):
        errors["person"] = (
            f"{person.name} sits in no body here that is yours to ring: choose whom you rang, or name them."
        )
    if told_at is not None and told_at > now:
        errors["told-at"] = "That is in the future. Give the moment at which they were told."
    if errors:
        raise NotAnswered(errors)
    return clean


def _sits(person: Person, relay: Relay, bodies: set[int] | None) -> bool:
    """In the body, or in one above it as the warning travelled, as far as the caller rings people there (`bodies`)."""
    line = set(Relay.objects.filter(pk__in=[*relay.path, relay.pk]).values_list("body", flat=True))
    there = line if bodies is None else line & bodies
    return person.left_at is None and Membership.objects.filter(person=person, until=None, body__in=there).exists()


def _note(note: str) -> str:
    clean = spelling.lines(note)
    if len(clean) > LONGEST_TEXT:
        raise NotAnswered({"note": f"That has {len(clean):,} characters; {LONGEST_TEXT:,} is the most. Shorten it."})
    return clean


def _hold(call_id: int, by: Person) -> Call:
    """The call, locked; raises `Refused` where it is not theirs, or was taken from them."""
    held = Call.objects.select_for_update(of=("self",), no_key=True).select_related("relay__body", "relay__advisory")
    call = held.filter(pk=call_id).first()
    if call is None or call.caller_id != by.pk:
        raise Refused(NOT_YOUR_CALL)
    return call


def _too_late(call: Call) -> str:
    """Why a result is not taken any more."""
    body = call.relay.body.name
    # Index: call_of_relay.
    after = Call.objects.select_related("caller").filter(relay=call.relay, pk__gt=call.pk).order_by("id").first()
    if after is not None and call.result == Call.Result.LET_GO:
        since = f"and {after.caller.name} took {body} over at {clock(after.taken_at)}"
        if after.ended_at is None:
            return f"Your time ran out at {clock(call.until)}, {since}: nothing was noted. Tell them what you know."
        came = str(Call.Result(after.result).label)
        return (
            f"Your time ran out at {clock(call.until)}, {since} and noted: {came}. Take it again to add what you know."
        )
    came = str(Call.Result(call.result).label)
    return f"This call to {body} is noted already: {came}. To note another one, take it again."


def _end(call: Call, now: datetime, result: str, note: str, person: Person | None, **details: object) -> None:
    call.ended_at, call.result, call.note, call.person = now, result, note, person
    call.save(update_fields=["ended_at", "result", "note", "person"])
    whom = {"person": person.pk} if person else {}
    reference = call.relay.advisory.reference
    # No word of the note: of what was typed the record has none.
    record.write(
        KINDS[Call.Result(result)], reference, call.caller, relay=call.relay_id, call=call.pk, **whom, **details
    )


# --- underneath ---


def _check_rings_it(relay: Relay, by: Person) -> set[int] | None:
    """Of which bodies this person rings people; raises `Refused` where this one is none of them."""
    bodies = rules.rung_by(by, relay.advisory) if by.left_at is None else set()
    if bodies is not None and relay.body_id not in bodies:
        raise Refused(NOT_YOURS_TO_RING)
    return bodies


def _has(relay: Relay, by: Person) -> bool:
    return Call.objects.filter(relay=relay, caller=by, ended_at=None).exists()


def _narrowed(of: Scope, bodies: Collection[int] | None) -> Scope:
    if bodies is None:
        return of
    both = frozenset(bodies) if of.bodies is None else of.bodies & frozenset(bodies)
    return Scope(of.advisory_id, both, of.relay, of.own)


def _form_id(call_id: int) -> UUID:
    return uuid5(_CALL, str(call_id))
