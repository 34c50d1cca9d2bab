"""Acknowledge: from a link to an answer that can be believed.

Before: a recipient with a link. After: one more acknowledgement (`alerts.answering.answers`). The same form sent twice gives
the first answer again and writes nothing. Opening the page changes nothing; an answer that bears the signs of a machine is kept
and does not count. Answers are taken late, while the advisory is stopped, and after it was stood down.
"""

from __future__ import annotations

from collections.abc import Callable

from django.db import transaction
from django.utils import timezone

from alerts import answer_form, links, suspicion, tokens
from alerts.answer_form import ActionChoice, Form, NotAnswered, Opened, read_form
from alerts.answering import answers, doubts
from alerts.answering.answers import Given, How, Question, Read
from alerts.answering.questions import BodyAction
from alerts.answering.reader import ReaderPage, page
from alerts.marking import needs_code
from alerts.models import Acknowledgement, Recipient, State
from departments.delegating import current_delegations
from departments.models import Person

__all__ = [
    "ActionChoice",
    "BodyAction",
    "Form",
    "NotAnswered",
    "ReaderPage",
    "answer",
    "answer_at_once",
    "find",
    "page",
    "read_form",
]

STALE = (
    "This page had been open for more than a day. Look at it once more and send it again: all that you typed is here."
)

MOST_A_DAY = 50
TOO_MANY = (
    f"{MOST_A_DAY} answers came from this link within a day, and no more are taken for now. The last one stands. If it is not "
    "what you mean, tell your contact, or answer again tomorrow."
)
MISTYPED = "That is not it. Type the last four characters of the reference, as they stand here."


def find(token: str) -> Recipient | None:
    """Whose link it is. None for one that is not ours (without a query), was revoked, or is of what was over long ago."""
    claimed = tokens.read(token)
    if claimed is None:
        return None
    recipient_id, issue = claimed
    recipient = (
        Recipient.objects.select_related("person", "advisory__issuer", "advisory__current", "advisory__material")
        .filter(pk=recipient_id, token_issue=issue)
        .first()
    )
    return None if recipient is None or links.are_over(recipient.advisory, timezone.now()) else recipient


def answer(recipient: Recipient, form: Form, client: suspicion.Client) -> Acknowledgement:
    """Take the answer of whoever holds their link, to the revision on which the form was opened.

    Raises `NotAnswered`; then nothing was written. `counts` of what is returned says whether it does.
    """
    opened = answer_form.opened(form.token, recipient.pk)
    asked = answers.question(recipient.pk, opened.number)
    if asked is None:
        raise NotAnswered({"form": answer_form.DAMAGED})
    return _take(asked, opened, form, client)


def answer_at_once(token: str, form: Form, client: Callable[[Question], suspicion.Client]) -> Acknowledgement | None:
    """The same, without a look at the page: two round trips. None where that needs one: nothing was written, and `find` and
    `answer` say what there is to say."""
    claimed = tokens.read(token)
    if claimed is None:
        return None
    recipient_id, issue = claimed
    try:
        opened = answer_form.opened(form.token, recipient_id)
        asked = answers.question(recipient_id, opened.number)
        if asked is None or asked.token_issue != issue or asked.state != State.LIVE or needs_code(asked.marking):
            return None
        return _take(asked, opened, form, client(asked))
    except NotAnswered:
        return None


def _take(asked: Question, opened: Opened, form: Form, client: suspicion.Client) -> Acknowledgement:
    if not opened.is_fresh:
        before = Acknowledgement.objects.filter(form_id=opened.form_id).first()
        if before is not None:
            return before
        raise NotAnswered({"form": STALE})
    if asked.today >= MOST_A_DAY and not Acknowledgement.objects.filter(form_id=opened.form_id).exists():
        raise NotAnswered({"form": TOO_MANY})
    by, name, wrong = _who(asked, form)
    # What is asked of a body its contact answers, or whom they named; not whoever says that they are of the office.
    relays = () if form.office and by is None else asked.relays
    try:
        said = answer_form.checked(form.read, form.answers, asked.actions, relays, asked.settled)
        answer_form.check_length(form.text, "text")
    except NotAnswered as refused:
        raise NotAnswered({**refused.errors, **wrong}) from None
    # Whoever doubts it is not asked who they are.
    if wrong and form.read != Read.PHISHING:
        raise NotAnswered(wrong)
    since = (timezone.now() - asked.mailed_at).total_seconds() if asked.mailed_at else None
    suspect = suspicion.signs(client.evidence(opened.seconds, since))
    if suspect and client.mistyped:
        raise NotAnswered({"proof": MISTYPED})
    given = Given(
        # A doubt counts for nobody, so that it need not say whose it is.
        how=How.OFFICE if by or (form.office and name) else How.LINK,
        read=Read(form.read),
        form_id=opened.form_id,
        said=said,
        text=form.text,
        by=by,
        name=name,
        suspect=suspect,
    )
    if given.read == Read.YES:
        return answers.keep(asked, given)[0]
    with transaction.atomic():
        made, new = answers.keep(asked, given)
        if new and not made.suspect:
            (doubts.tell if given.read == Read.PHISHING else doubts.tell_help)(asked)
    return made


def _who(asked: Question, form: Form) -> tuple[Person | None, str, dict[str, str]]:
    """Who gives it, where that is not simply the recipient: a delegate, or whoever typed their name; and what is wrong."""
    by: Person | None = None
    if form.delegate:
        named = current_delegations().filter(person=asked.person_id, delegate=form.delegate)
        delegation = named.select_related("delegate").first()
        if delegation is None:
            says = "You are not named as opening this mail any more. Ask them, or their contact, to name you again."
            return None, "", {"delegate": says}
        by = delegation.delegate
    several_read_it = by.shared if by else asked.shared
    if not several_read_it and (by or not form.office):
        return by, "", {}
    name = answer_form.clean_name(form.name)
    if not name:
        return None, "", {"name": "Type your own name, so that it is known who answered."}
    try:
        answer_form.check_length(name, "name", answer_form.LONGEST_NAME)
    except NotAnswered as wrong:
        return None, "", wrong.errors
    return by, name, {}
