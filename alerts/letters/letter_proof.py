"""A draft as its mail will look, before anybody gets it: the very message that the outbox would make. Writes nothing."""

import email
import email.policy
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings

from alerts.letters.letter_words import words_of
from alerts.letters.letters import Personal, Skeleton
from alerts.models import Action, Advisory, Draft, Message, Revision
from alerts.publishing.contract import Reader, answer_by, calendar_of, moment_of, read_content


@dataclass(frozen=True, slots=True)
class Proof:
    """One mail as an inbox and its reader show it."""

    kind: str
    subject: str
    preview: str
    text: str
    html: str


def proof_of(draft: Draft, now: datetime, *, kind: str = "") -> Proof:
    """The mail of this draft if it were published now: the first notice, or (of a published advisory) the update.

    What can't be read yet is left out; it is said when the draft is submitted.
    """
    advisory = draft.advisory
    first = advisory.current_id is None
    kind = kind or (Message.Kind.NOTICE if first else Message.Kind.UPDATE)
    content = read_content(Reader(draft.content, now))
    asks = first or draft.material
    content.words["open_title"] = str(draft.content.get("open_title") or advisory.open_title)
    revision = Revision(
        advisory=_dated(advisory, answer_by(advisory, content.acknowledge_within, now) if asks else None),
        number=1 if first else advisory.revisions.count() + 1,
        kind=Revision.Kind.MATERIAL if asks else Revision.Kind.MINOR,
        content=content.words,
    )
    calendar = calendar_of(advisory)
    actions = [
        Action(revision=revision, key=asked.key, order=order, text=asked.text, due=due, of=asked.of)
        for order, asked in enumerate(content.actions)
        if (due := moment_of(asked.due, now, calendar)) is not None
    ]
    words = words_of(revision, kind, actions, now)
    message = email.message_from_bytes(Skeleton(words).fill(_somebody()), policy=email.policy.default)
    parts = {name: message.get_body((name,)) for name in ("plain", "html")}
    text, html = (str(part.get_content()) if (part := parts[name]) is not None else "" for name in ("plain", "html"))
    return Proof(kind, str(message["Subject"]), words.preview, text, html)


def _dated(advisory: Advisory, by: datetime | None) -> Advisory:
    """The advisory as it would be, in a copy that nobody saves."""
    copy = Advisory.objects.select_related("issuer").get(pk=advisory.pk)
    if by is not None:
        copy.acknowledge_by = by
    return copy


def _somebody() -> Personal:
    return Personal(
        message_key="proof",
        name="‹name›",
        address="name@example.org",
        bodies=("‹their bodies›",),
        link=f"{settings.SITE_URL}/a/7Qm2vX9cKpT4nR8sWd1yZb",
        contact="‹their contact›",
        telephone="‹telephone›",
    )
