"""Acknowledge: from a link to an answer that can be believed.

Before: a recipient with a link. After: one more acknowledgement, never changed, and the recipient's row says what their
last answer that counts was. The same form sent twice gives the first answer again and writes nothing. Opening the page
changes nothing; an answer that bears the signs of a machine is kept and does not count. Answers are taken late, while
the advisory is stopped, and after it was stood down.
"""

from __future__ import annotations

from collections.abc import Mapping

from django.db import transaction
from django.utils import timezone

from alerts import record, suspicion, tokens
from alerts.answer_form import ActionChoice, Form, NotAnswered, Opened, Said, checked, opened, read_form
from alerts.models import Acknowledgement, Action, ActionAnswer, Recipient, Revision
from alerts.reader import BodyAction, Question, ReaderPage, answers_for, page
from alerts.wake import wake

__all__ = [
    "ActionChoice",
    "BodyAction",
    "Form",
    "NotAnswered",
    "Question",
    "ReaderPage",
    "answer",
    "find",
    "page",
    "read_form",
]


def find(token: str) -> Recipient | None:
    """Whose link it is. None for one that is not ours (without a query), or was revoked."""
    claimed = tokens.read(token)
    if claimed is None:
        return None
    recipient_id, issue = claimed
    return (
        Recipient.objects.select_related("person", "advisory__issuer", "advisory__current", "advisory__material")
        .filter(pk=recipient_id, token_issue=issue)
        .first()
    )


@transaction.atomic
def answer(
    recipient: Recipient,
    form_token: str,
    read: str,
    answers: Mapping[tuple[str, int | None], ActionChoice],
    *,
    user_agent: str,
) -> Acknowledgement:
    """Take an answer to the revision on which the form was opened. Raises `NotAnswered`; then nothing was written.

    `recipient` is brought up to date where the answer counts; `suspect` of what is returned says whether it does.
    """
    form = opened(form_token, recipient.pk)
    # One answer of a person after another: the second press finds what the first one wrote.
    held = (
        Recipient.objects.select_for_update(of=("self",), no_key=True)
        .select_related("advisory", "person")
        .get(pk=recipient.pk)
    )
    before = Acknowledgement.objects.filter(form_id=form.form_id).first()
    if before is not None:
        return before
    revision = Revision.objects.get(advisory=held.advisory_id, number=form.number)
    actions = list(revision.actions.all())
    asked_of_bodies = any(action.of == Action.Of.BODY for action in actions)
    mine = [relay.pk for relay in answers_for(held)] if asked_of_bodies else []
    said = checked(read, answers, actions, mine)
    made = _write(held, revision, form, read, said, user_agent)
    _note(held, revision, made, said)
    for name in ("answered_revision", "acted_revision", "suspect_revision", "needs_help"):
        setattr(recipient, name, getattr(held, name))
    return made


def _write(
    held: Recipient, revision: Revision, form: Opened, read: str, said: list[Said], user_agent: str
) -> Acknowledgement:
    now = timezone.now()
    due = held.advisory.acknowledge_by
    made = Acknowledgement.objects.create(
        recipient=held,
        revision=revision,
        at=now,
        read=read,
        late=due is not None and now > due,
        suspect=suspicion.signs(suspicion.Evidence(user_agent, form.seconds)),
        form_id=form.form_id,
    )
    ActionAnswer.objects.bulk_create(
        ActionAnswer(
            acknowledgement=made,
            action=one.action,
            relay_id=one.relay_id,
            choice=one.choice.choice,
            by_date=one.choice.by_date,
            text=one.choice.text,
        )
        for one in said
    )
    return made


def _note(held: Recipient, revision: Revision, made: Acknowledgement, said: list[Said]) -> None:
    """What the answer means for the figures, the record, and the bell."""
    if made.suspect:
        held.suspect_revision = max(held.suspect_revision, revision.number)
    elif revision.number >= held.answered_revision:
        # A form that lay open through an update never takes back what was said to the update.
        held.answered_revision = revision.number
        held.needs_help = made.read == Acknowledgement.Read.HELP
        held.acted_revision = _acted(held, revision, said)
    held.save(update_fields=["answered_revision", "acted_revision", "suspect_revision", "needs_help"])
    record.write(
        "answered like a machine" if made.suspect else "acknowledged",
        held.advisory.reference,
        held.person,
        revision=revision.number,
        read=made.read,
        late=made.late,
        suspect=made.suspect,
        form=made.form_id,
        actions={f"{one.action.key}:{one.relay_id or ''}": one.choice.choice for one in said},
    )
    wake("fold", held.advisory_id)


def _acted(held: Recipient, revision: Revision, said: list[Said]) -> int:
    """The revision whose every action of a person is done or does not apply; standing down asks for none, and ends none.

    0 where something is still to be done.
    """
    if revision.kind == Revision.Kind.STAND_DOWN:
        return held.acted_revision
    settled = (ActionAnswer.Choice.DONE, ActionAnswer.Choice.NOT_US)
    done = all(one.choice.choice in settled for one in said if one.relay_id is None)
    return revision.number if done else 0
