"""What a reader is asked: each action of a person, and what is asked once of each body. Reads only."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db.models import Q

from alerts import answer_form
from alerts.answer_form import ActionChoice
from alerts.answering.nearest import answering_for
from alerts.models import Acknowledgement, Action, ActionAnswer, Office, Recipient, Relay, Revision, Seat
from departments.models import Membership, Role

# Who answers a body's actions.
ANSWERING = (Role.CONTACT, Role.DEPUTY, Role.HEAD)
# After these nothing is left to be done.
SETTLED = (ActionAnswer.Choice.DONE, ActionAnswer.Choice.NOT_US)


@dataclass(frozen=True, slots=True)
class Last:
    """The last thing said about an action, with the revision to which it was said, and the text that the action had there."""

    choice: ActionChoice
    number: int
    text: str


@dataclass(frozen=True, slots=True)
class Question:
    """One action as this person is asked about it.

    The follow-ups are named `<field>-day` and `<field>-month` (what is wrong with them: `<field>-date`), and `<field>-why`.
    """

    number: int
    """Its place among the page's questions; those about several bodies share one."""
    action: Action
    field: str
    """The form's field: `a-<key>` for a person's action, `b-<key>-<relay id>` for a body's."""
    relay_id: int | None
    body: str
    """The body's name for a body's action, "" for a person's."""
    previous: ActionChoice | None
    """What they (for a body's action: anybody for that body) last said about it, while its text was the same."""
    before: Last | None
    """What was said while its text was another."""
    required: bool
    """It needs a choice: only what was answered for a body to this very revision does not."""

    @property
    def is_settled(self) -> bool:
        """It is done, or does not apply."""
        return self.previous is not None and self.previous.choice in SETTLED

    @property
    def by_date(self) -> date | None:
        """The day on which it will be done, where that was said."""
        return (
            self.previous.by_date if self.previous and self.previous.choice == ActionAnswer.Choice.LATER_DATE else None
        )


@dataclass(frozen=True, slots=True)
class BodyAction:
    """An action asked once of each body: what this person answers, and for which of their bodies somebody else does."""

    number: int
    """Its place among the page's questions, where it is one for them."""
    action: Action
    questions: tuple[Question, ...]
    answering: tuple[tuple[str, str], ...]
    """This person's bodies for which somebody else answers: the body's name, and who that is ("" where nobody is known)."""

    @property
    def others(self) -> tuple[str, ...]:
        """Names of this person's bodies for which their contact, deputy or head answers."""
        return tuple(body for body, _ in self.answering)

    @property
    def for_all(self) -> str:
        """The field of one answer for all their bodies; "" where they answer for one or none."""
        return answer_form.field(self.action.key, answer_form.ALL) if len(self.questions) > 1 else ""


def answers_for(recipient: Recipient) -> list[Relay]:
    """The targeted relays for whose bodies this person answers now, as contact, deputy or head."""
    return list(
        Relay.objects.filter(
            advisory_id=recipient.advisory_id,
            purpose=Relay.Purpose.TARGET,
            body__in=Membership.objects.filter(person_id=recipient.person_id, role__in=ANSWERING, until=None).values(
                "body"
            ),
        )
        .select_related("body")
        .order_by("body__name", "pk")
    )


def questions_of(
    recipient: Recipient,
    actions: list[Action],
    seats: list[Seat],
    previous: Acknowledgement | None,
    *,
    of_office: bool = False,
) -> tuple[tuple[Question, ...], tuple[BodyAction, ...]]:
    """The actions of a revision as this recipient is asked about them: a person's, then those of bodies. Four queries.

    `of_office`: somebody of their office is asked, who answers for no body.
    """
    of_bodies = [action for action in actions if action.of == Action.Of.BODY]
    mine = answers_for(recipient) if of_bodies and not of_office else []
    theirs = _of_bodies([relay.pk for relay in mine])
    of_persons = [action for action in actions if action.of == Action.Of.PERSON]
    own = _own(previous) if previous and of_persons else {}
    answering = _answering([seat.relay for seat in seats], mine) if of_bodies else ()
    current = recipient.advisory.current.number if recipient.advisory.current else 0
    first = 2 + len(of_persons)
    return (
        tuple(_question(number, action, None, own, current) for number, action in enumerate(of_persons, 2)),
        tuple(
            BodyAction(
                number, action, tuple(_question(number, action, relay, theirs, current) for relay in mine), answering
            )
            for number, action in enumerate(of_bodies, first)
        ),
    )


def changed_since(revision: Revision, number: int) -> frozenset[str]:
    """The keys of this revision's actions that had another text, or were not there, in the one with that number. One query."""
    then = dict(
        Action.objects.filter(revision__advisory=revision.advisory_id, revision__number=number).values_list(
            "key", "text"
        )
    )
    return frozenset(one.key for one in revision.actions.all() if then.get(one.key) != one.text)


def _answering(seated: list[Relay], mine: list[Relay]) -> tuple[tuple[str, str], ...]:
    others = [relay for relay in seated if relay.purpose == Relay.Purpose.TARGET and relay not in mine]
    names = answering_for([relay.body_id for relay in others])
    return tuple((relay.body.name, names.get(relay.body_id, "")) for relay in others)


def _question(
    number: int, action: Action, relay: Relay | None, said: Mapping[tuple[str, int | None], Last], current: int
) -> Question:
    relay_id = relay.pk if relay else None
    last = said.get((action.key, relay_id))
    same = last is not None and last.text == action.text
    return Question(
        number=number,
        action=action,
        field=answer_form.field(action.key, relay_id),
        relay_id=relay_id,
        body=relay.body.name if relay else "",
        previous=last.choice if last and same else None,
        before=None if same else last,
        required=relay is None or last is None or last.number < current,
    )


def _own(previous: Acknowledgement) -> dict[tuple[str, int | None], Last]:
    """What the answer said of a person's actions. What whoever put it down left open, nobody said."""
    said = _said(ActionAnswer.objects.filter(acknowledgement=previous, relay=None))
    if previous.how != Acknowledgement.How.BEHALF:
        return said
    return {key: last for key, last in said.items() if last.choice.choice != ActionAnswer.Choice.LATER}


def _of_bodies(relays: Collection[int]) -> dict[tuple[str, int | None], Last]:
    """The last thing that anybody said for these bodies, and that counts."""
    counts = ~Q(acknowledgement__how=Acknowledgement.How.OFFICE) | Q(action__revision__advisory__office=Office.COUNTS)
    return _said(ActionAnswer.objects.filter(counts, relay__in=relays, acknowledgement__suspect=[])) if relays else {}


def _said(answers: Any) -> dict[tuple[str, int | None], Last]:
    """The last thing said about each action, to the latest revision (`alerts.last_word`), by its key: keys survive."""
    rows: Iterable[tuple[str, int | None, str, Any, str, int, str]] = (
        answers.order_by("relay_id", "action__key", "-action__revision__number", "-acknowledgement_id")
        .distinct("relay_id", "action__key")
        .values_list(
            "action__key", "relay_id", "choice", "by_date", "text", "acknowledgement__revision__number", "action__text"
        )
    )
    return {
        (key, relay_id): Last(ActionChoice(choice, by_date, why), number, text)
        for key, relay_id, choice, by_date, why, number, text in rows
    }
