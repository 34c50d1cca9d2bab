"""The reader's page: everything that it shows, read in a constant number of queries. Writes nothing, ever."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q

from alerts import answer_form, outbox, own_time
from alerts.answering.also_open import AlsoOpen, also_open
from alerts.answering.answered import Answers, Receipt, answers_of, is_unused, machine_since, receipt_of
from alerts.answering.nearest import Contact, nearest_contact
from alerts.answering.questions import BodyAction, Question, changed_since, questions_of
from alerts.answering.said_before import Before, said_before
from alerts.answering.since import Since, since
from alerts.answering.viewing import Viewer, viewer
from alerts.cascading import holds, noting
from alerts.cascading.holds import Held
from alerts.models import Acknowledgement, Advisory, Office, Recipient, Relay, Revision, Seat, State
from alerts.publishing.contract import EARLIER_SAID

# What belongs to one question in a form, behind its field's name.
PARTS = ("", "-date", "-day", "-month", "-why")


@dataclass(frozen=True, slots=True)
class Replacing:
    """Published advisories that stand in another one's place: their references, and nothing else of them."""

    replaces: str
    """The one whose place this one takes; "" where there is none."""
    replaced_by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Holding:
    """What this person holds as a contact, and what they let go on: the same before and after the page is unlocked."""

    held: tuple[tuple[Held, str], ...]
    """Each with the hidden value of its form."""
    let_go: tuple[Relay, ...]


@dataclass(frozen=True, slots=True)
class Cover:
    """What a page says before it is unlocked: no word of the advisory but its open title."""

    advisory: Advisory
    name: str
    bodies: tuple[str, ...]
    """Names of the bodies through which this person is told."""
    contact_name: str
    contact_telephone: str
    contact: Contact | None
    replacing: Replacing
    holding: Holding
    viewer: Viewer
    doubt: Acknowledgement | None
    """When they last said that it looks like phishing, if ever."""
    doubt_token: str
    """The hidden value of the form that says so."""


@dataclass(frozen=True, slots=True)
class ReaderPage:
    """What one recipient sees of one advisory."""

    advisory: Advisory
    revision: Revision
    content: Mapping[str, Any]
    marking: str
    recipient: Recipient
    name: str
    bodies: tuple[str, ...]
    """Names of the bodies through which this person is told."""
    since: Since
    """What changed since their mail; of a first revision nothing."""
    earlier: str
    """Of an update, whether what was said before still holds, in a sentence; "" where that was not said."""
    is_thanked: bool
    """They answered it, whenever that was: what is stood down thanks them."""
    achieved: tuple[str, ...]
    """What it came to, a sentence each: of what was stood down, for whoever answered it."""
    replacing: Replacing
    holding: Holding
    notes: tuple[noting.Added, ...]
    """What contacts added under the original, the nearest body's first; none of what is stood down."""
    person_actions: tuple[Question, ...]
    body_actions: tuple[BodyAction, ...]
    questions: int
    """How many questions the page asks, "have you read this" among them."""
    viewer: Viewer
    """Who has it open."""
    asks_name: bool
    """Whoever answers gives their own name: several people read the mailbox, or somebody of an office answers."""
    previous: Acknowledgement | None
    """The last answer that counts, whoever gave it for them, if any."""
    receipt: Receipt | None
    """Its receipt, where it is to the last material revision or a later one."""
    earlier_answers: tuple[Before, ...]
    """The others, the latest first."""
    overtaken: bool
    """Their last answer is to an earlier revision than the one that stood when it came."""
    ask_again: bool
    """Their last answer looks like a machine's: say so, and ask once more."""
    ask_again_by_reply: bool
    """That one was a reply by mail, not by this link."""
    answered: bool
    """Whether nothing more is asked of whoever has it open: the last material revision is answered."""
    has_answered: bool
    """They answered themselves, or their office did where that counts."""
    office_counts: bool
    """What their office answers counts as if they had."""
    answered_at: datetime | None
    """When they last answered in a way that counts; None where they never did."""
    due: datetime | None
    """By when they are to answer, in their own time (`alerts.own_time`); None where no time is asked."""
    can_be_mailed: bool
    """Mail reaches their own address, for all that is known."""
    mailed_revision: int
    """The revision that they were last mailed; 0 where none was."""
    contact_name: str
    contact_telephone: str
    contact: Contact | None
    """Whom they can ask; its name and telephone once more for short."""
    also: AlsoOpen
    """Their other live advisories."""
    doubt: Acknowledgement | None
    """When they last said that it looks like phishing, if ever."""
    doubt_token: str
    """The hidden value of the form that says so."""
    form_token: str
    """The value of the hidden field `form`."""
    meanwhile: bool
    """The form that came back was of an earlier revision than this one."""
    reworded: frozenset[str]
    """The fields of questions whose text changed since the form that came back was opened."""

    @property
    def asks(self) -> bool:
        """Whether it asks for an answer at all: not what was stood down, or was not looked at in time."""
        return self.advisory.state == State.LIVE

    @property
    def still_asked(self) -> bool:
        """Their office answered, and they are asked all the same."""
        return self.asks and self.receipt is not None and not self.has_answered

    @property
    def still_open(self) -> tuple[Question, ...]:
        """What is asked of them and of their bodies, and is not done yet."""
        asked = [*self.person_actions, *(one for action in self.body_actions for one in action.questions)]
        return tuple(one for one in asked if not one.is_settled)

    def still_good(self, typed: Mapping[str, str]) -> dict[str, str]:
        """What was typed, without what was chosen under another text."""
        return {name: value for name, value in typed.items() if name not in self.reworded}

    @property
    def places(self) -> dict[str, str]:
        """Each question's field, in the page's order, and what its sentences are headed with."""
        places = {"read": "Question 1"} | {one.field: f"Question {one.number}" for one in self.person_actions}
        for asked in self.body_actions:
            if asked.for_all:
                places[asked.for_all] = f"Question {asked.number}"
            places |= {one.field: f"Question {one.number}, {one.body}" for one in asked.questions}
        return places


def page(recipient: Recipient, says: str = "", sent: str = "", *, doubted: bool = False) -> ReaderPage:
    """What this recipient sees now: the current revision, whatever they were mailed.

    `says`: who has it open, in their own word (`alerts.answering.viewing`). `sent`: the hidden value of a form that came back,
    which is kept where it can still answer. `doubted`: what came with it looks like a machine's.
    """
    advisory = recipient.advisory
    revision = advisory.current
    if revision is None:
        raise ValueError(f"{advisory.reference} was never published")
    seats = _seats(recipient)
    who = viewer(recipient, says)
    given = answers_of(recipient)
    previous = given.last
    person_actions, body_actions = questions_of(
        recipient,
        list(revision.actions.all()),
        seats,
        previous,
        # Whoever only says that they are of the office answers for no body.
        of_office=who.office,
    )
    answered = answered_material(recipient, through_office=who.is_other or advisory.office == Office.COUNTS)
    receipt = _receipt(recipient, previous)
    form, came_from = _form(recipient, revision, sent)
    reworded = changed_since(revision, came_from) if 0 < came_from < revision.number else frozenset()
    ask_again = doubted or _ask_again(recipient, given, answered=answered)
    contact = nearest_contact(recipient)
    return ReaderPage(
        advisory=advisory,
        revision=revision,
        content=revision.content,
        marking=advisory.marking,
        recipient=recipient,
        name=recipient.person.name,
        bodies=tuple(seat.relay.body.name for seat in seats),
        since=since(advisory, recipient.told_revision),
        earlier=_earlier(advisory, revision),
        is_thanked=_ever_answered(recipient),
        achieved=_achieved(recipient, revision),
        replacing=replacing(advisory),
        holding=_holding(recipient, seats),
        notes=tuple(noting.standing_for(recipient)) if advisory.state != State.STOOD_DOWN else (),
        person_actions=person_actions,
        body_actions=body_actions,
        questions=1 + len(person_actions) + sum(bool(action.questions) for action in body_actions),
        viewer=who,
        asks_name=who.office or (who.delegate.shared if who.delegate else recipient.person.shared),
        previous=previous,
        receipt=receipt,
        earlier_answers=said_before(given.others if receipt else given.counting),
        overtaken=_overtaken(revision, previous),
        ask_again=ask_again,
        ask_again_by_reply=ask_again and _came_by_reply(recipient),
        answered=answered,
        has_answered=_has_answered(recipient),
        office_counts=advisory.office == Office.COUNTS,
        answered_at=previous.at if previous else None,
        due=own_time.own_time(recipient.pk),
        can_be_mailed=outbox.can_reach(recipient.person),
        mailed_revision=recipient.told_revision,
        contact_name=contact.name if contact else "",
        contact_telephone=contact.telephone if contact else "",
        contact=contact,
        also=also_open(recipient),
        doubt=given.doubt,
        doubt_token=answer_form.issue(recipient.pk, revision.number),
        form_token=form,
        meanwhile=0 < came_from < revision.number,
        reworded=_fields(person_actions, body_actions, reworded),
    )


def _form(recipient: Recipient, revision: Revision, sent: str) -> tuple[str, int]:
    """The form's hidden value, the one that was sent where it can still answer; and of which revision that one was, or 0."""
    try:
        opened = answer_form.opened(sent, recipient.pk) if sent else None
    except answer_form.NotAnswered:
        opened = None
    if opened and opened.number == revision.number and opened.is_fresh and is_unused(opened.form_id):
        return sent, opened.number
    return answer_form.issue(recipient.pk, revision.number), opened.number if opened else 0


def _fields(
    person_actions: tuple[Question, ...], body_actions: tuple[BodyAction, ...], keys: frozenset[str]
) -> frozenset[str]:
    """The fields of the questions about the actions with these keys, and of what follows from their choices."""
    asked = [*person_actions, *(one for action in body_actions for one in action.questions)]
    fields = [one.field for one in asked if one.action.key in keys]
    fields += [one.for_all for one in body_actions if one.for_all and one.action.key in keys]
    return frozenset(f"{field}{part}" for field in fields for part in PARTS)


def _receipt(recipient: Recipient, last: Acknowledgement | None) -> Receipt | None:
    """Of an answer to the last material revision or a later one; what is older has been overtaken, and is only listed."""
    if last is None or last.revision.number < _material(recipient.advisory):
        return None
    return receipt_of(last)


def _overtaken(revision: Revision, last: Acknowledgement | None) -> bool:
    return last is not None and last.revision.number < revision.number and last.at > revision.at


def _ask_again(recipient: Recipient, given: Answers, *, answered: bool) -> bool:
    if not 0 < _material(recipient.advisory) <= recipient.suspect_revision:
        return False
    return not answered or machine_since(recipient, given.counting)


def _came_by_reply(recipient: Recipient) -> bool:
    """Whether the last answer that looks like a machine's came by mail. One query."""
    last = recipient.acknowledgements.exclude(suspect=[]).order_by("-pk").values_list("how", flat=True).first()
    return last == Acknowledgement.How.REPLY


def cover(recipient: Recipient) -> Cover:
    """What this recipient sees of an advisory whose page is locked."""
    seats = _seats(recipient)
    contact = nearest_contact(recipient)
    current = recipient.advisory.current
    return Cover(
        advisory=recipient.advisory,
        name=recipient.person.name,
        bodies=tuple(seat.relay.body.name for seat in seats),
        contact_name=contact.name if contact else "",
        contact_telephone=contact.telephone if contact else "",
        contact=contact,
        replacing=replacing(recipient.advisory),
        holding=_holding(recipient, seats),
        viewer=Viewer(()),
        doubt=answers_of(recipient).doubt,
        doubt_token=answer_form.issue(recipient.pk, current.number if current else 0),
    )


def _holding(recipient: Recipient, seats: list[Seat]) -> Holding:
    """What this recipient holds, and what they let go on; two queries, however much that is, and none for most people."""
    if not any(seat.contact for seat in seats):
        return Holding((), ())
    held = tuple((one, holds.issue_form(recipient, one.relay_id)) for one in holds.held_by(recipient))
    return Holding(held, tuple(holds.let_go_by(recipient)))


def replacing(advisory: Advisory) -> Replacing:
    """What this advisory replaces, and what replaces it. A draft is nobody's to know of; a drill replaces nothing real."""
    found = list(
        Advisory.objects.filter(
            Q(supersedes=advisory) | Q(pk=advisory.supersedes_id), current__isnull=False, exercise=advisory.exercise
        )
        .order_by("pk")
        .values_list("pk", "reference")
    )
    return Replacing(
        replaces=next((reference for pk, reference in found if pk == advisory.supersedes_id), ""),
        replaced_by=tuple(reference for pk, reference in found if pk != advisory.supersedes_id),
    )


def answered_material(recipient: Recipient, *, through_office: bool = False) -> bool:
    """Whether their last answer that counts, or one of their office, is to the last material revision or a later one."""
    heard = max(recipient.answered_revision, recipient.office_revision if through_office else 0)
    return 0 < _material(recipient.advisory) <= heard


def _has_answered(recipient: Recipient) -> bool:
    return answered_material(recipient, through_office=recipient.advisory.office == Office.COUNTS)


def _seats(recipient: Recipient) -> list[Seat]:
    return list(
        Seat.objects.filter(recipient=recipient, ended_at=None)
        .select_related("relay__body")
        .order_by("relay__body__name")
    )


def _earlier(advisory: Advisory, revision: Revision) -> str:
    # Of what is stood down or was not looked at in time, its own card says whether it holds.
    if revision.number == 1 or advisory.state != State.LIVE:
        return ""
    return EARLIER_SAID.get(str(revision.content.get("earlier") or ""), "")


def _ever_answered(recipient: Recipient) -> bool:
    """Whether they answered any of its revisions, or their office did where that counts."""
    through_office = recipient.office_revision if recipient.advisory.office == Office.COUNTS else 0
    return max(recipient.answered_revision, through_office) > 0


def _achieved(recipient: Recipient, revision: Revision) -> tuple[str, ...]:
    if revision.kind != Revision.Kind.STAND_DOWN or not _ever_answered(recipient):
        return ()
    return tuple(revision.content.get("achieved") or ())


def _material(advisory: Advisory) -> int:
    return advisory.material.number if advisory.material else 0
