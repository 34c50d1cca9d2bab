"""Replying: an answer by a mail, for whoever writes back and does not press.

Before: a mail that a person may have written, to the address for replies of one recipient. After, where their own words say so
beyond doubt (`understanding`): an answer by reply, to the revision whose mail they replied to, with a receipt on its way; or
one that is kept as suspect, where it came from somebody else's address or sooner than a person can write. Where the words say
something else, or nobody's name stands on what a shared mailbox sends, nothing is taken, and once a day at most the recipient
is told so, with their own link. What comes to be read when they have answered since is left for people: the later word stands.
Twice, the same mail: the first stands. A token that is not ours costs no query; one that was revoked changes nothing.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message
from email.utils import getaddresses
from uuid import UUID, uuid5

from django.db import transaction
from django.db.models import OuterRef, Q, Subquery
from django.utils import timezone

from alerts import counting, links, marking, suspicion, tokens
from alerts.answer_form import LONGEST_NAME, ActionChoice, Said
from alerts.answering import answers, doubts, receipts
from alerts.answering.answers import Given, How, Question
from alerts.answering.reader import answered_material
from alerts.inbound.own_words import own_words
from alerts.inbound.reading import Read, headers_of
from alerts.inbound.understanding import Meaning, called_by, understood
from alerts.models import Acknowledgement, ActionAnswer, Code, Recipient, Revision
from alerts.models import Message as Mail
from alerts.spelling import one_line
from departments.addresses import canonical
from departments.delegating import current_delegations
from departments.models import Person

Choice = ActionAnswer.Choice

# The signs of an answer by mail that is none of theirs: it came from somebody else's address, or sooner after the mail was
# handed over (`suspicion.SOONEST`) than one can be read, answered and carried back.
ANOTHER_ADDRESS, AFTER_THE_MAIL = "another address", "after the mail"
MOST_RECEIPTS, WITHIN = 4, timedelta(days=1)
# Nobody is told of a mail that they wrote longer ago: a mailbox may be read for the first time, or once more.
TOLD_WITHIN = timedelta(days=3)
_FORMS = UUID("5b1e5f0e-3f5e-4c1c-9a55-5d0c5b8a7b1e")

# What programs call the answers that they give for somebody, where no header says so.
_A_MACHINES = re.compile(
    r"^(?:auto(?:matic|mated)?[ -]?(?:reply|response|answer)|autoreply|out[ -]of[ -](?:the[ -])?office|on (?:annual )?leave\b"
    r"|away from|absence\b|read:|not read:|accepted:|declined:|tentative:|delivered:|undeliver)",
    re.IGNORECASE,
)
# What the reader had spoken of when they were answered.
_ASKED_ABOUT = Subquery(
    Acknowledgement.objects.filter(recipient=OuterRef("recipient"), at__lte=OuterRef("at"), suspect=[])
    .order_by("-at", "-pk")
    .values("revision__number")[:1]
)
_OF_BULK = ("list-unsubscribe", "list-post", "x-auto-submitted", "x-loop")


@dataclass(frozen=True)
class Sender:
    """From whom a mail says that it is."""

    address: str
    """Canonical; "" where there is none, or more than one."""
    name: str


def take(message: Message, read: Read, received: datetime) -> bool:
    """Take this mail as an answer, if it is one. Whether it is one that counts, or a doubt: then it is done with."""
    claimed = tokens.read_32(read.reply, tokens.REPLY) if read.reply else None
    if claimed is None or _is_a_machines(message):
        return False
    recipient = _recipient(*claimed)
    if recipient is None or links.are_over(recipient.advisory, received):
        return False
    sender = _sender(message)
    by = _delegate(recipient, sender.address, received)
    theirs = by is not None or sender.address == recipient.person.email
    mailed = _mailed(message, recipient, read.at)
    whose = [recipient.person, *([by] if by else [])]
    names = [sender.name, *(said for one in whose for said in (one.name, called_by(one.email)))]
    meaning = understood(own_words(message), names)
    if meaning is not None and by is None and not _is_somebodys(sender, recipient, meaning):
        meaning = None
    if meaning is not None and mailed is not None and mailed.number and _may_answer(recipient, meaning):
        suspect = _signs(theirs=theirs, since=received - mailed.at)
        return _keep(recipient, meaning, mailed, by, sender, suspect, received, form=_form(recipient, read))
    if theirs and not _signs(theirs=True, since=received - mailed.at if mailed else None):
        _tell(recipient, mailed.number if mailed else 0, received)
    return False


def _recipient(number: int, issue: int) -> Recipient | None:
    found = Recipient.objects.select_related("person", "advisory__current", "advisory__material")
    recipient = found.filter(pk=number, token_issue=issue).first()
    return None if recipient is None or recipient.advisory.current is None else recipient


# --- whose it is ---


def _is_a_machines(message: Message) -> bool:
    """What is none by the standards, and is no person's all the same."""
    subject = next(iter(headers_of(message, "subject")), "")
    return bool(_A_MACHINES.match(_decoded(subject).strip())) or any(headers_of(message, name) for name in _OF_BULK)


def _sender(message: Message) -> Sender:
    found = [one for one in getaddresses(headers_of(message, "from")) if one[1]]
    if len(found) != 1:
        return Sender("", "")
    name, address = found[0]
    try:
        return Sender(canonical(address), one_line(_decoded(name))[:LONGEST_NAME])
    except ValueError:
        return Sender("", "")


def _decoded(value: str) -> str:
    """A header's words (RFC 2047), without what is no text. Never raises."""
    try:
        said = str(make_header(decode_header(value)))
    except (HeaderParseError, LookupError, ValueError, TypeError):
        said = value
    # Octets that no header says the meaning of are UTF-8, if they are anything (RFC 6532).
    return said.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _delegate(recipient: Recipient, address: str, now: datetime) -> Person | None:
    """Who opens their mail, if it is this address."""
    if not address:
        return None
    named = current_delegations(now).filter(person=recipient.person_id, delegate__email=address)
    found = named.select_related("delegate").first()
    return found.delegate if found else None


def _is_somebodys(sender: Sender, recipient: Recipient, meaning: Meaning) -> bool:
    """Whether it is known whose: of a mailbox that several people read, by a name in From that is not the mailbox's own.

    A doubt counts for nobody, and need not say so.
    """
    person = recipient.person
    if not person.shared or meaning.read == Acknowledgement.Read.PHISHING:
        return True
    return not _words_of(sender.name) <= _words_of(f"{person.name} {person.email}")


def _words_of(name: str) -> set[str]:
    return set(re.findall(r"[^\W_]+", name.casefold()))


def _signs(*, theirs: bool, since: timedelta | None) -> list[str]:
    signs = [] if theirs else [ANOTHER_ADDRESS]
    if since is not None and since.total_seconds() < suspicion.SOONEST:
        signs.append(AFTER_THE_MAIL)
    return signs


# --- what it answers ---


@dataclass(frozen=True)
class Mailed:
    """The mail that is replied to, or else the last one before: of which revision, and when it was handed over."""

    number: int
    """0: it went with none."""
    at: datetime


_AN_ID = re.compile(r"<([^<>\s]{1,250})>")


def _named(message: Message) -> Iterator[str]:
    """The ids of the mails that it replies to, the nearest first (RFC 5322, section 3.6.4)."""
    for name in ("in-reply-to", "references"):
        yield from reversed(_AN_ID.findall(" ".join(headers_of(message, name))))


def _mailed(message: Message, recipient: Recipient, at: datetime) -> Mailed | None:
    """None where nothing was mailed to them before."""
    named = list(_named(message))
    warnings = Mail.objects.filter(
        recipient=recipient, state=Mail.State.SENT, revision__isnull=False, sent_at__isnull=False
    )
    by_id, before = dict[str, Mailed](), list[Mailed]()
    for key, provider_id, number, sent_at in warnings.order_by("sent_at", "pk").values_list(
        "key", "provider_id", "revision__number", "sent_at"
    ):
        mailed = Mailed(number or 0, sent_at or at)
        before += [mailed] if mailed.at <= at else []
        by_id |= dict.fromkeys(_ids(key, provider_id), mailed)
    if named and _found(by_id, named[0]) is None:
        by_id |= _with_answers(recipient, at)
    for one in named:
        if (found := _found(by_id, one)) is not None:
            return found
    return before[-1] if before else None


def _with_answers(recipient: Recipient, at: datetime) -> dict[str, Mailed]:
    """The mails that went with answers, by their ids: of the revision that was answered, was asked about, or was to be; a
    link's of none.

    Whatever is replied to has left, whether that was noted yet or not. By their keys alone, of which there is an index.
    """
    answered = Acknowledgement.objects.filter(recipient=recipient).values_list("pk", "revision__number")
    numbers = {f"receipt:{pk}": number for pk, number in answered}
    numbers |= {f"answered:{pk}": number or 0 for pk, number in recipient.replies.values_list("pk", _ASKED_ABOUT)}
    unclear = Q(key__startswith=f"unclear:{recipient.pk}:")
    own_link = Q(key__startswith="own-link:") & Q(key__endswith=f":{recipient.pk}")
    went = Mail.objects.filter(Q(key__in=numbers) | unclear | own_link)
    found = dict[str, Mailed]()
    for key, provider_id, kind, sent_at in went.values_list("key", "provider_id", "kind", "sent_at"):
        last = key.rpartition(":")[2]
        number = numbers.get(key, int(last) if kind == Mail.Kind.UNCLEAR and last.isdigit() else 0)
        found |= dict.fromkeys(_ids(key, provider_id), Mailed(number, sent_at or at))
    return found


def _ids(key: str, provider_id: str) -> list[str]:
    """By which ids a mail may be named: ours, in front of any domain of ours; a provider's."""
    ours = hashlib.sha256(key.encode()).hexdigest()[:32]
    return [ours, theirs] if (theirs := provider_id.strip("<>")) else [ours]


def _found(by_id: Mapping[str, Mailed], one: str) -> Mailed | None:
    """A provider's as it is, or in front of a domain of theirs."""
    return by_id.get(one) or by_id.get(one.partition("@")[0])


def _may_answer(recipient: Recipient, meaning: Meaning) -> bool:
    """Whether they can have read it: where no mail has the text, only if its page was unlocked. Anybody may doubt."""
    advisory = recipient.advisory
    if meaning.read == Acknowledgement.Read.PHISHING or not marking.needs_code(advisory.marking):
        return True
    if advisory.material is None:
        return False
    return Code.objects.filter(recipient=recipient, used_at__gte=advisory.material.at).exists()


# --- keeping it ---


def _form(recipient: Recipient, read: Read) -> UUID:
    """The same for the same mail, however often it is read. Its id may be of octets that are no text."""
    return uuid5(_FORMS, hashlib.sha256(f"{recipient.pk}\n{read.key}".encode("utf-8", "surrogatepass")).hexdigest())


def _keep(
    recipient: Recipient,
    meaning: Meaning,
    mailed: Mailed,
    by: Person | None,
    sender: Sender,
    suspect: list[str],
    received: datetime,
    *,
    form: UUID,
) -> bool:
    asked = answers.question(recipient.pk, mailed.number)
    if asked is None:
        return False
    given = Given(
        how=How.OFFICE if by else How.REPLY,
        read=meaning.read,
        form_id=form,
        said=_said(asked, meaning),
        text=meaning.text,
        by=by,
        name=sender.name if asked.shared and by is None else "",
        suspect=suspect,
        at=min(received, timezone.now()),
    )
    with transaction.atomic():
        if _came_too_late(asked, given):
            return False
        made, new = answers.keep(asked, given)
        if new and not made.suspect:
            if meaning.read == Acknowledgement.Read.PHISHING:
                doubts.tell(asked)
            elif meaning.read == Acknowledgement.Read.HELP:
                doubts.tell_help(asked)
            if _few_receipts(recipient):
                receipts.send(made, asked.advisory_id)
    return not made.suspect


def _came_too_late(asked: Question, given: Given) -> bool:
    """Whether they have answered since, of this revision or a later one: a mail may lie in a mailbox while they press.

    Holds their row, so that nobody answers meanwhile. What others said for them gives way to it (`last_word`). Within a
    transaction.
    """
    if given.suspect or given.read == Acknowledgement.Read.PHISHING:
        return False
    counting.share_figures(asked.advisory_id)
    Recipient.objects.select_for_update(no_key=True).get(pk=asked.recipient_id)
    since = Acknowledgement.objects.filter(
        recipient=asked.recipient_id, revision__number__gte=asked.number, at__gt=given.at, suspect=[]
    ).exclude(read=Acknowledgement.Read.PHISHING)
    if given.how == How.REPLY:
        since = since.filter(how__in=(How.LINK, How.REPLY))
    return since.exists() and not Acknowledgement.objects.filter(form_id=given.form_id).exists()


def _said(asked: Question, meaning: Meaning) -> list[Said]:
    """Of each action of a person: done, or what they last said of it to this revision, or later. A body's are left alone."""
    if meaning.read == Acknowledgement.Read.PHISHING:
        return []
    of_a_person = [action for action in asked.actions if action.of == "person"]
    if meaning.done:
        return [Said(action, None, ActionChoice(Choice.DONE)) for action in of_a_person]
    before = _before(asked) if of_a_person else {}
    return [Said(action, None, before.get(action.id, ActionChoice(Choice.LATER))) for action in of_a_person]


def _before(asked: Question) -> dict[int, ActionChoice]:
    counts = Acknowledgement.objects.filter(recipient=asked.recipient_id, revision=asked.revision_id, suspect=[])
    last = counts.exclude(read=Acknowledgement.Read.PHISHING).order_by("-pk").first()
    if last is None:
        return {}
    said = ActionAnswer.objects.filter(acknowledgement=last, relay=None)
    return {
        action: ActionChoice(choice, by_date, text)
        for action, choice, by_date, text in said.values_list("action", "choice", "by_date", "text")
    }


# --- saying what happened ---


def _few_receipts(recipient: Recipient) -> bool:
    """Two machines that answer one another come to an end."""
    since = timezone.now() - WITHIN
    lately = Acknowledgement.objects.filter(recipient=recipient, at__gt=since, how__in=(How.REPLY, How.OFFICE))
    return lately.count() <= MOST_RECEIPTS


def _tell(recipient: Recipient, number: int, received: datetime) -> None:
    """That nothing was taken, where an answer is still wanted of them; of the revision whose mail they replied to."""
    advisory = recipient.advisory
    if advisory.current is None or advisory.current.kind == Revision.Kind.STAND_DOWN or answered_material(recipient):
        return
    if advisory.material is not None and recipient.office_revision >= advisory.material.number:
        return
    if timezone.now() - received > TOLD_WITHIN:
        return
    with transaction.atomic():
        receipts.tell_unclear(recipient, timezone.localdate(received), number)
