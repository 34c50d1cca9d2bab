"""What the verbs about people have in common: the lock, the history, what they say, and the checks of what was typed."""

import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db.models import Exists, OuterRef
from django.utils import timezone
from django.utils.formats import date_format

from departments.addresses import canonical
from departments.models import Body, Membership, Person, PersonEvent
from departments.readiness import can_be_told
from departments.refusal import Refused

LONGEST_NAME = 500
LONGEST_TELEPHONE = 50
# Controls, halves of a character, line and paragraph ends: nothing that a name on one line has.
NOT_ON_A_LINE = {"Cc", "Cs", "Zl", "Zp"}
# These turn round how the text behind them is read, and can make one address look like another (Unicode, UAX 9).
TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
# Unseen, but part of how a name is written in Persian or Hindi, and of many an emoji.
JOINERS = frozenset("\u200c\u200d")
# Letters and signs by their kind, and yet nothing is seen of them: the fillers of Hangul, and braille without a dot.
BLANK = frozenset("\u115f\u1160\u3164\uffa0\u2800")


@dataclass(frozen=True)
class Done:
    """What a verb did, in a sentence for whoever pressed; `hint` is what they had better look at ("" for nothing)."""

    said: str
    person: Person
    changed: bool = True
    """False where everything was so already, and nothing was written."""
    hint: str = ""


def locked(person: Person) -> Person:
    """This person as they are now, held until the transaction ends: whoever changes them waits for the other."""
    return Person.objects.select_for_update(no_key=True).get(pk=person.pk)


def day(moment: date | datetime) -> str:
    """ "3 April 2020"."""
    return date_format(timezone.localtime(moment) if isinstance(moment, datetime) else moment, "j F Y")


def note(
    person: Person,
    what: str,
    by: Person | None,
    *,
    body: Body | None = None,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    """Write a step of this person's life into the history, in the transaction of the change."""
    PersonEvent.objects.create(person=person, body=body, what=what, before=before or {}, after=after or {}, by=by)


def address_of(typed: str) -> str:
    """The canonical form of an address that was typed. Refused where it is none."""
    try:
        return canonical(typed)
    except ValueError as error:
        raise Refused(f"{error} Nothing was changed; correct the address.") from None


def written_of(typed: str) -> str:
    """The address as it was typed, for people to read."""
    return typed.strip()[:320]


def name_of(typed: str) -> str:
    """A name on one line, without what nobody sees of it. Refused where nothing is left, or too much, or what no name has."""
    return _line(typed, "name", LONGEST_NAME, required=True)


def telephone_of(typed: str) -> str:
    """A telephone number as people write it; may be empty."""
    return _line(typed, "telephone number", LONGEST_TELEPHONE, required=False)


def _line(typed: str, what: str, longest: int, *, required: bool) -> str:
    if any(unicodedata.category(sign) in NOT_ON_A_LINE - {"Cc"} or sign in TURNING for sign in typed) or _control(
        typed
    ):
        raise Refused(f"The {what} holds characters that can't be read. Nothing was changed; type it again.")
    line = " ".join("".join(sign for sign in typed if not _unseen(sign)).split())
    if required and not any(map(_is_seen, line)):
        raise Refused(f"There is no {what}. Nothing was changed; give one.")
    if len(line) > longest:
        raise Refused(f"The {what} has {len(line):,} characters, at most {longest} fit. Nothing was changed.")
    return line


def _control(typed: str) -> bool:
    """A tab or the end of a line is only space; any other control character is not."""
    return any(unicodedata.category(sign) == "Cc" and not sign.isspace() for sign in typed)


def _unseen(sign: str) -> bool:
    """Of no width and no shape: with it, two names that look the same would be two."""
    return unicodedata.category(sign) == "Cf" and sign not in JOINERS


def _is_seen(sign: str) -> bool:
    """A letter, a number, a sign: not space, and not what only goes with another."""
    return unicodedata.category(sign)[0] in "LNPS" and sign not in BLANK


def nobody_left(body_ids: Collection[int]) -> str:
    """A hint that names those of these bodies which have nobody to tell now; "" where none."""
    told = Membership.objects.filter(can_be_told, body=OuterRef("pk"))
    dark = Body.objects.filter(~Exists(told), pk__in=body_ids, closed=None).order_by("name", "pk")
    names = list(dark.values_list("name", flat=True)[:4])
    if not names:
        return ""
    more = " and others" if len(names) > 3 else ""
    return f"Nobody is left to tell in {', '.join(names[:3])}{more}: no warning arrives there until you name somebody."


def check_answers_for(person: Person, by: Person, body_ids: Collection[int], consequence: str) -> None:
    """Refused unless whoever changes this answers for every one of these bodies; an administrator does for all."""
    for body in Body.objects.filter(pk__in=body_ids).order_by("name", "pk"):
        if not by.has_perm("departments.change_people", body):
            raise Refused(f"{person.name} has a place in {body.name} too, {consequence}")
