"""A reply, tried out: the demo's mailbox hands what is typed under a mail to whatever reads the mails that come back.

The demo's mail server takes mail and carries none, so that there is no other way. In development only.
"""

from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from pathlib import Path

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_POST

from alerts import inbound, tokens
from alerts.inbound.reading import Kind, Read
from alerts.models import Acknowledgement
from config.mailbox_store import Store, plain

LONGEST = 5_000  # characters

TAKEN = {
    Acknowledgement.Read.YES: "read and understood",
    Acknowledgement.Read.HELP: "read, and needs help",
    Acknowledgement.Read.PHISHING: "says that it looks like phishing",
}
NOT_OURS = "No answer is looked for there: this mail asks for none."
UNCLEAR = (
    "Not taken as an answer: the words do not say so beyond doubt, or none can be given by mail. If one is still asked for, a "
    "mail that says so is on its way, once a day at most. Try “Read”, “Done”, “Help” or “Is this genuine?”."
)


@require_POST
def reply(request: HttpRequest, number: int) -> HttpResponse:
    """Anybody on a development machine answers a mail as the person who got it."""
    if not settings.DEBUG:
        raise Http404
    mail = Store(Path(settings.MAILBOX_DIR)).get(number)
    if mail is None:
        raise Http404("There is no mail of that number.")
    now = timezone.now()
    read = inbound.take(written(mail, request.POST.get("text", "")[:LONGEST], now), now)
    messages.info(request, taken_for(read))
    return redirect("mailbox:mail", number)


def written(mail: EmailMessage, text: str, now: datetime) -> EmailMessage:
    """What a mail program sends: from whoever got it, to where it wants replies, with the mail itself quoted below."""

    def header(name: str) -> str:
        return " ".join(plain(str(mail.get(name, ""))).split())

    made = EmailMessage()
    made["From"], made["To"] = header("To"), header("Reply-To")
    made["Subject"] = f"Re: {header('Subject')}"
    made["Date"], made["Message-ID"] = format_datetime(now), make_msgid(domain="replying.example")
    if of := header("Message-ID"):
        made["In-Reply-To"] = made["References"] = of
    body = mail.get_body(("plain",))
    quoted = "".join(f"> {line}\n" for line in (str(body.get_content()) if body else "").splitlines())
    made.set_content(f"{text}\n\nOn {format_datetime(now)}, {header('From')} wrote:\n{quoted}")
    return made


def taken_for(read: Read) -> str:
    """What became of it, in words."""
    claimed = tokens.read_32(read.reply, tokens.REPLY) if read.reply else None
    if read.kind != Kind.REPLY:
        return f"Taken for something that no person wrote: {read.kind.value}."
    if claimed is None:
        return NOT_OURS
    last = Acknowledgement.objects.filter(recipient=claimed[0]).order_by("-pk").first()
    if last is not None and read.answers:
        return f"Taken as an answer: {TAKEN[Acknowledgement.Read(last.read)]}. Receipt {last.receipt}."
    if last is not None and last.suspect and last.at >= read.at:
        return f"Kept, and not counted: {', '.join(last.suspect)}."
    return UNCLEAR
