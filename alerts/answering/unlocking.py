"""Unlocking: showing that whoever holds a link is its recipient, where the marking asks for more than the link.

Before: a page that shows no more than the mail did. After `ask`: a code is on its way to the recipient's own address, in
front of every other mail. After `unlock`: the code is used, and the browser has a key for half a day. Twice: a second press
within a minute sends no second code; the same form posted twice is one unlocking, and from any other form a used code opens
nothing. Whoever is signed in as the recipient needs no code. Looking writes nothing.
"""

import hashlib
from datetime import datetime, timedelta

from django.core import signing
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.formats import date_format

from alerts import answer_form, codes, marking, outbox, record
from alerts.models import Code, Message, Recipient
from alerts.models.code import MOST_TRIES
from departments.models import Person
from departments.refusal import Refused

HOLDS = timedelta(minutes=15)
MOST_CODES, WITHIN = 4, timedelta(hours=1)
PRESSED_AGAIN = timedelta(minutes=1)
KEY_LASTS = timedelta(hours=12)
FRONT = 0
# A critical warning's mails have the same rank, and may be on their way for longer than a code holds: it goes before them.
BEFORE_ALL = timedelta(days=1)

MAIL = """
SELECT c.id, r.person_id, 'code:' || c.id
FROM alerts_code c JOIN alerts_recipient r ON r.id = c.recipient_id
WHERE c.id = %(code)s
"""

_KEY = "alerts.answering.unlocking.key"
_FORM = "alerts.answering.unlocking.form"


class TooMany(Refused):
    """As many codes were sent to this recipient as may be for now."""


def is_locked(recipient: Recipient, key: str, signed_in: Person | None) -> bool:
    """Whether the page keeps its text back. `key`: what the browser holds from an earlier unlocking, if anything."""
    if not marking.needs_code(recipient.advisory.marking):
        return False
    return (signed_in is None or signed_in.pk != recipient.person_id) and not _opens(recipient, key)


def can_be_sent(recipient: Recipient) -> bool:
    """Whether there is an address to which a code can go."""
    return outbox.can_reach(recipient.person)


def waiting(recipient: Recipient, now: datetime | None = None) -> Code | None:
    """The last code that was sent, unless it ran out or was used. How often it was tried is nobody's to see."""
    now = now or timezone.now()
    sent = Code.objects.filter(recipient=recipient, expires_at__gt=now, used_at=None)
    return sent.order_by("-asked_at").first()


@transaction.atomic
def ask(recipient: Recipient, now: datetime | None = None) -> bool:
    """Send a code to the recipient; whether there is a new one (a second press within a minute asks for none).

    Raises `TooMany`, or `Refused` where they can't be written to; then nothing was sent.
    """
    now = now or timezone.now()
    # One press of a recipient after another: the second finds what the first one wrote.
    held = (
        Recipient.objects.select_for_update(of=("self",), no_key=True)
        .select_related("advisory", "person")
        .get(pk=recipient.pk)
    )
    if not can_be_sent(held):
        raise Refused("We can't write to your address at present, so no code was sent. Ask your contact to see to it.")
    asked = list(Code.objects.filter(recipient=held, asked_at__gt=now - WITHIN).order_by("asked_at"))
    if asked and asked[-1].asked_at > now - PRESSED_AGAIN and _may_be_used(asked[-1]):
        return False
    if len(asked) >= MOST_CODES:
        local = timezone.localtime(asked[0].asked_at + WITHIN)
        again = f"{date_format(local, 'H:i')} {local.tzname()}"
        raise TooMany(
            f"We sent you {MOST_CODES} codes within an hour, and no more for now. Have one sent after {again}."
        )
    code = Code.objects.create(recipient=held, asked_at=now, expires_at=now + HOLDS)
    about = held.advisory_id
    outbox.put(Message.Kind.CODE, MAIL, {"code": code.pk}, now - BEFORE_ALL, about=about, rank=FRONT)
    record.write("code sent", held.advisory.reference, None, recipient=held.pk, code=code.pk)
    return True


def _may_be_used(code: Code) -> bool:
    return code.used_at is None and code.tries < MOST_TRIES


@transaction.atomic
def unlock(recipient: Recipient, typed: str, form: str, now: datetime | None = None) -> bool:
    """Use the code that was typed into this form (`issue_form`); False where it is none that may be used.

    That was a try of each that may be. The same form pressed twice is one press. Raises `Refused` where what was typed is
    not six digits; that was no try.
    """
    now = now or timezone.now()
    digits = codes.typed_digits(typed)
    if not digits:
        raise Refused("Type the six digits of the code that we sent you.")
    pressed = hashlib.sha256(form.encode()).hexdigest()
    # Held until the try is counted, so that nobody tries more often by trying at once.
    held = Code.objects.select_for_update().filter(recipient=recipient, expires_at__gt=now).order_by("pk")
    right = [code for code in held if codes.fits(digits, code.pk, code.issue)]
    if any(code.form == pressed for code in right):
        return True
    open_ = [code.pk for code in held if _may_be_used(code)]
    Code.objects.filter(pk__in=open_).update(tries=F("tries") + 1)
    used = next((code.pk for code in right if code.pk in open_), None)
    if not used or not Code.objects.filter(pk=used, used_at=None).update(used_at=now, form=pressed):
        return False
    record.write("unlocked", recipient.advisory.reference, recipient.person, recipient=recipient.pk, code=used)
    return True


def key_of(recipient: Recipient) -> str:
    """What a browser keeps that unlocked the page: for this recipient, this issue of the link, this material revision."""
    return signing.dumps(_bound(recipient), salt=_KEY)


def _opens(recipient: Recipient, key: str) -> bool:
    try:
        return bool(signing.loads(key, salt=_KEY, max_age=KEY_LASTS) == _bound(recipient))
    except (signing.BadSignature, ValueError, TypeError):
        return False


def _bound(recipient: Recipient) -> list[int]:
    material = recipient.advisory.material
    return [recipient.pk, recipient.token_issue, material.number if material else 0]


def issue_form(recipient: Recipient) -> str:
    """The hidden value of a locked page's forms: nobody else's site can make one, and it says when the page was opened."""
    return signing.dumps([recipient.pk, timezone.now().timestamp()], salt=_FORM)


def opened_at(recipient: Recipient, form: str) -> float | None:
    """When the page with this form was opened (seconds since 1970); None for one that is old, or not this recipient's."""
    try:
        whose, opened = signing.loads(form, salt=_FORM, max_age=answer_form.FRESH)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    return float(opened) if whose == recipient.pk else None
