"""What a mail says to those who run an advisory: what waits for them, and where. Its words stay within the marking."""

import textwrap
from dataclasses import asdict, dataclass

from django.conf import settings
from django.db.models import Count
from django.utils import timezone
from django.utils.formats import date_format

from alerts import marking
from alerts.coverage import citing
from alerts.models import Acknowledgement, Advisory, Citation, Draft, Gap, Message

WIDTH = 64  # columns of the text part
# What is about a draft, and asks for nothing once that is published or gone. All else is about what is published.
OF_A_DRAFT = (Message.Kind.APPROVE, Message.Kind.APPROVED, Message.Kind.RETURNED)


@dataclass(frozen=True)
class Picture:
    """A picture in a mail: of which citation, and by which Content-ID the HTML names it."""

    citation: int
    id: str
    name: str

    @property
    def kept(self) -> dict[str, int | str]:
        """As it is kept with the mail's skeleton: the picture itself stays where it is."""
        return asdict(self)


@dataclass(frozen=True)
class DeskWords:
    """What everybody at the desk is told alike; the headers' part of `alerts.letters.letter_words.Words`."""

    kind: str
    reference: str
    issuer: str
    severity: str
    severity_name: str
    marking: str
    exercise: bool
    subject: str
    title: str
    lead: str
    button: str
    page: str
    check: str
    number: int = 0
    record: str = ""
    """Of a report, within the marking: the paragraph for the record."""
    picture: Picture | None = None
    """The same: what is drawn in it."""

    @property
    def template(self) -> str:
        """The templates' name under `alerts/mail/`."""
        return "report" if self.kind == Message.Kind.REPORT else "desk"

    @property
    def lead_lines(self) -> str:
        """What it is about, wrapped."""
        return textwrap.fill(self.lead, WIDTH, break_on_hyphens=False)

    @property
    def title_lines(self) -> str:
        """The title as the text part shouts it."""
        return textwrap.fill(self.title.upper(), WIDTH, break_on_hyphens=False)

    @property
    def record_lines(self) -> str:
        """The paragraph for the record, wrapped."""
        return textwrap.fill(self.record, WIDTH, break_on_hyphens=False)


def desk_words(kind: str, about: Advisory, cited: Citation | None = None) -> DeskWords:
    """The words of a desk mail of this kind (`alerts.models.message.DESK`), as things stand now. `cited`: of a report."""
    name = _name_of(about, of_draft=kind in OF_A_DRAFT)
    subject, lead, button, page = _cited(about, name, cited) if cited else _SAYS[kind](about, name)
    drill = "[EXERCISE] " if about.exercise else ""
    return DeskWords(
        kind=kind,
        reference=about.reference,
        issuer=about.issuer.name,
        severity=about.severity,
        severity_name=about.get_severity_display(),
        marking=f"TLP:{about.marking}",
        exercise=about.exercise,
        subject=f"{drill}[{about.get_severity_display()}] {subject}",
        title=subject,
        lead=lead,
        button=button,
        page=f"{settings.SITE_URL}/{page}",
        check=f"{settings.SITE_URL}/check",
        record=str(cited.content["record"]) if cited and _may_be_told(about, cited) else "",
        picture=_picture(cited) if cited and _may_be_told(about, cited) else None,
    )


def _name_of(about: Advisory, *, of_draft: bool) -> str:
    """What may be said of it in a mail: from AMBER up the open title alone; of an update's draft to its officers alone."""
    if not marking.text_in_mail(about.marking):
        return about.open_title or about.reference
    draft = getattr(about, "draft", None) if of_draft or about.current is None else None
    content = draft.content if draft is not None else about.current.content if about.current else {}
    return " ".join(str(content.get("title") or about.reference).split())


def _approve(about: Advisory, name: str) -> tuple[str, str, str, str]:
    draft = Draft.objects.select_related("submitted_by").filter(advisory=about).first()
    who = draft.submitted_by.name if draft is not None and draft.submitted_by else "An officer"
    lead = (
        f"{who} has written a warning for {about.issuer.name} and asks for a second pair of eyes. Nobody hears it before "
        "somebody else has read it. You see what it says, whom it reaches and who would not hear it; then approve it, or "
        "send it back with a reason."
    )
    return f"Please approve: {name}", lead, "Read and approve", f"advisories/{about.reference}/"


def _returned(about: Advisory, name: str) -> tuple[str, str, str, str]:
    draft = Draft.objects.select_related("decided_by").filter(advisory=about).first()
    who = draft.decided_by.name if draft is not None and draft.decided_by else "A second officer"
    lead = f"{who} read what you submitted and sent it back, with a reason. Nothing of it has left."
    return f"Sent back: {name}", lead, "Read why, and go on writing", f"advisories/{about.reference}/write/"


def _approved(about: Advisory, name: str) -> tuple[str, str, str, str]:
    draft = Draft.objects.select_related("decided_by").filter(advisory=about).first()
    who = draft.decided_by.name if draft is not None and draft.decided_by else "A second officer"
    lead = (
        f"{who} has approved what you submitted. It is not published yet: that takes one more press, yours or another "
        "officer's."
    )
    return f"Approved: {name}", lead, "Publish it", f"advisories/{about.reference}/"


def _undecided(about: Advisory, name: str) -> tuple[str, str, str, str]:
    open_still = about.gaps.filter(decision=Gap.Decision.UNDECIDED).count()
    lead = (
        f"Not everything about its audience is decided, or a day came until which it was. {open_still:,} "
        f"{'body that does' if open_still == 1 else 'bodies that do'} not hear it "
        f"{'is' if open_still == 1 else 'are'} still to be put in, or left out with a reason and your name."
    )
    return f"Undecided: who does not hear {name}", lead, "Decide now", f"advisories/{about.reference}/reach/"


def _lapsing(about: Advisory, name: str) -> tuple[str, str, str, str]:
    lead = (
        "Bodies that you left out of this warning, with your name, are to be looked at again within a day. Then they are put "
        "in, and hear it, unless somebody signs for leaving them out anew."
    )
    return (
        f"Soon put in: who was left out of {name}",
        lead,
        "Look at them again",
        f"advisories/{about.reference}/reach/",
    )


def _gaps(about: Advisory, name: str) -> tuple[str, str, str, str]:
    tasks = about.gaps.filter(decision=Gap.Decision.TASK).count()
    lead = (
        f"{about.issuer.name} has published a warning, and {tasks:,} {'body' if tasks == 1 else 'bodies'} in its audience "
        f"{'has' if tasks == 1 else 'have'} nobody who can be told. Name somebody there, or correct an address: whoever is "
        "named while the warning is open gets it within two minutes."
    )
    return f"Nobody to tell: {name}", lead, "See which", f"advisories/{about.reference}/reach/"


def _review(about: Advisory, name: str) -> tuple[str, str, str, str]:
    when = date_format(timezone.localtime(about.review_by), "j F Y") if about.review_by else "today"
    lead = (
        f"It is to be looked at again by {when}. Does the advice still hold? Say so with a new date, update it, or stand "
        "it down. If nobody does for 30 days after that date it expires, and its page says that it may no longer hold."
    )
    return f"Does it still hold? {name}", lead, "Look at it again", f"advisories/{about.reference}/"


def _referral(about: Advisory, name: str) -> tuple[str, str, str, str]:
    lead = (
        "Somebody with a link to this warning knows better than the directory: it went to the wrong person, somebody has left, "
        "or somebody else should see it. Nothing changes until you, or whoever else answers for the body, have said yes or no."
    )
    return f"Please decide: who should have {name}", lead, "See what they say", "referrals/"


def _phishing(about: Advisory, name: str) -> tuple[str, str, str, str]:
    doubts = Acknowledgement.objects.filter(
        revision__advisory=about, read=Acknowledgement.Read.PHISHING, suspect=[]
    ).aggregate(people=Count("recipient", distinct=True))["people"]
    so_far = "One person has" if doubts == 1 else f"{doubts:,} people have"
    lead = (
        f"{so_far} said so far that this warning looks like phishing. That counts as no answer, and whoever doubts it does not "
        "do what it asks. Ring one of them: they may have seen something odd. If it is genuine, tell them to type its "
        "reference on the check page of this site. Who says so from now on stands on the same page; a mail about it comes "
        "once an hour at most."
    )
    return f"Taken for phishing: {name}", lead, "See who doubts it", f"advisories/{about.reference}/asking/"


def _help(about: Advisory, name: str) -> tuple[str, str, str, str]:
    asked = Acknowledgement.objects.filter(
        revision__advisory=about, read=Acknowledgement.Read.HELP, suspect=[]
    ).aggregate(people=Count("recipient", distinct=True))["people"]
    so_far = "One person has" if asked == 1 else f"{asked:,} people have"
    lead = (
        f"{so_far} said so far that they need help with this warning. Answer them on the page of those who ask: what you write "
        "stands on their own page, and they have a mail that says so. Who asks from now on stands there too; a mail about it "
        "comes once an hour at most."
    )
    return f"Help is asked for: {name}", lead, "See who asks, and answer", f"advisories/{about.reference}/asking/"


def _report(about: Advisory, name: str) -> tuple[str, str, str, str]:
    lead = "You asked for figures of its coverage that were kept under a code."
    return f"Coverage of {name}", lead, "See these figures", f"advisories/{about.reference}/coverage/"


def _cited(about: Advisory, name: str, cited: Citation) -> tuple[str, str, str, str]:
    code = citing.spelled(cited.code)
    subject, lead, button, _ = _report(about, name)
    if not _may_be_told(about, cited):
        lead = f"{lead} Its marking lets no mail carry them: they stand on the page, for whoever may see them."
    return subject, f"{lead} The code is {code}.", button, f"figures/{code}/"


def _may_be_told(about: Advisory, cited: Citation) -> bool:
    """Whether a mail may carry the figures: by the marking of today, and by that under which they were kept."""
    return marking.text_in_mail(about.marking) and marking.text_in_mail(cited.content["marking"])


def _picture(cited: Citation) -> Picture | None:
    # Its own marking is drawn in it.
    if marking.is_stricter(cited.advisory.marking, cited.content["marking"]):
        return None
    if not Citation.objects.filter(pk=cited.pk).exclude(png=b"").exists():
        return None
    host = settings.ALERTS_FROM.rpartition("@")[2]
    return Picture(cited.pk, f"coverage-{cited.code.lower()}@{host}", f"coverage-{cited.code}.png")


_SAYS = {
    Message.Kind.APPROVE.value: _approve,
    Message.Kind.RETURNED.value: _returned,
    Message.Kind.APPROVED.value: _approved,
    Message.Kind.UNDECIDED.value: _undecided,
    Message.Kind.LAPSING.value: _lapsing,
    Message.Kind.GAPS.value: _gaps,
    Message.Kind.REVIEW.value: _review,
    Message.Kind.PHISHING.value: _phishing,
    Message.Kind.HELP.value: _help,
    Message.Kind.REFERRAL.value: _referral,
    Message.Kind.REPORT.value: _report,
}
