"""What a mail says, before it is a mail: the same words for the text part and for the HTML part."""

import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from django.conf import settings
from django.utils import timezone
from django.utils.formats import date_format

from alerts import marking
from alerts.letters.plain_words import HEAD, TAIL
from alerts.models import Action, Message, Revision
from alerts.publishing.contract import EARLIER_SAID

WIDTH = 64  # columns of the text part: a phone's preview and a reply's quote both bear it
LABEL = 16
# Stands in the subject of a mail about a note where it may say whose; " of <body>" for each reader, or nothing.
BY = "PERSONALPARTBYPERSONALPART"


@dataclass(frozen=True)
class Asked:
    """Something that the advisory asks for."""

    text: str
    due: str
    of_body: bool


@dataclass(frozen=True)
class Words:
    """What everybody is told alike. With `open` false nothing of the text is here but the open title."""

    reference: str
    number: int
    kind: str
    issuer: str
    severity: str
    severity_name: str
    marking: str
    exercise: bool
    open: bool
    code: bool
    """Its page shows the text only after a one-time code."""
    subject: str
    title: str
    lead: str
    preview: str
    changed: str
    """Of an update or a stand-down: what changed. Whoever gets their first mail is not told of changes."""
    earlier: str
    """Of an update: whether the earlier advice still holds."""
    informs: bool
    """A minor update: who has answered is asked nothing."""
    stood_down: bool
    achieved: tuple[str, ...]
    """Of a stand-down, for those who answered: what it came to."""
    thanks: bool
    noted: bool
    """About a note that a contact added, for somebody who has the advisory already."""
    do_not: tuple[str, ...]
    fine: tuple[str, ...]
    instead: tuple[str, ...]
    asked: tuple[Asked, ...]
    answer_by: str
    check: str
    reminds: bool = False
    """For somebody who was told, and owes something still."""
    late: bool = False
    """The time to answer is up, so that it is asked for now."""

    @property
    def headed(self) -> bool:
        """Its subject has personal parts: `HEAD` and `TAIL`."""
        return self.reminds

    @property
    def template(self) -> str:
        """The templates' name under `alerts/mail/`."""
        return "letter"

    @property
    def heading(self) -> str:
        """The title; of what is stood down it says so first, so that nobody who glances takes the old warning for a new one."""
        return f"Stood down: {self.title}" if self.stood_down else self.title

    @property
    def title_lines(self) -> str:
        """The heading as the text part shouts it."""
        return textwrap.fill(self.heading.upper(), WIDTH, break_on_hyphens=False)

    @property
    def lead_lines(self) -> str:
        """The summary, wrapped."""
        return textwrap.fill(self.lead, WIDTH, break_on_hyphens=False)

    @property
    def changed_lines(self) -> str:
        """What changed, and whether the earlier advice still holds, wrapped."""
        said = self.changed if self.stood_down else f"CHANGED: {self.changed}"
        lines = [textwrap.fill(one, WIDTH, break_on_hyphens=False) for one in (said, self.earlier) if one]
        return "\n\n".join(lines)

    @property
    def achieved_lines(self) -> str:
        """What it came to, a line each, wrapped."""
        return "\n".join(
            textwrap.fill(f"- {line}", WIDTH, subsequent_indent="  ", break_on_hyphens=False) for line in self.achieved
        )

    @property
    def rule_lines(self) -> str:
        """Do not, still fine, use instead: labels on the left, words beside them."""
        rules = (("Do not use for:", self.do_not), ("Still fine for:", self.fine), ("Use instead:", self.instead))
        return "\n".join(_beside(label, items) for label, items in rules if items)

    @property
    def asked_lines(self) -> str:
        """What is asked, numbered; reading is the first."""
        first = ["  1. Say that you have read this"] if not self.stood_down else []
        rest = [
            textwrap.fill(
                f"{item.text}, by {item.due}{' (answered once for your body)' if item.of_body else ''}",
                WIDTH,
                initial_indent=f"  {number}. ",
                subsequent_indent="     ",
                break_on_hyphens=False,
            )
            for number, item in enumerate(self.asked, start=2)
        ]
        return "\n".join(first + rest)


def _beside(label: str, items: tuple[str, ...]) -> str:
    blank = " " * LABEL
    lines = [
        textwrap.fill(
            item + (";" if number < len(items) - 1 else ""),
            WIDTH,
            initial_indent=f"{label:<{LABEL}}" if not number else blank,
            subsequent_indent=blank,
            break_on_hyphens=False,
        )
        for number, item in enumerate(items)
    ]
    return "\n".join(lines)


def words_of(
    revision: Revision, kind: str, actions: Iterable[Action] | None = None, now: datetime | None = None
) -> Words:
    """What mails of this kind say about this revision, within its marking; `actions` are its own unless given.

    Where the time to answer is up by `now`, whoever hears of it late is asked to answer at once.
    """
    advisory, content = revision.advisory, revision.content
    shown = marking.text_in_mail(advisory.marking)
    title = content["title"] if shown else content.get("open_title") or advisory.open_title
    thanks = kind == Message.Kind.THANKS
    stood_down = thanks or kind == Message.Kind.STAND_DOWN
    update = kind == Message.Kind.UPDATE
    noted = kind == Message.Kind.NOTE
    reminds = kind == Message.Kind.REMINDER
    lead = content.get("summary", "") if shown else ""
    changed = content.get("what_changed", "") if shown and (update or stood_down) else ""
    informs = update and revision.kind == Revision.Kind.MINOR
    by = None if stood_down or noted else advisory.acknowledge_by
    late = by is not None and by < (now or timezone.now())
    answer_by = short(by) if by is not None and not late else ""
    asks = revision.actions.all() if actions is None else actions
    asked = tuple(Asked(action.text, short(action.due), action.of == "body") for action in asks)
    return Words(
        reference=advisory.reference,
        number=revision.number,
        kind=kind,
        issuer=advisory.issuer.name,
        severity=advisory.severity,
        severity_name=advisory.get_severity_display(),
        marking=f"TLP:{advisory.marking}",
        exercise=advisory.exercise,
        open=shown,
        code=marking.needs_code(advisory.marking),
        subject=_subject(
            revision, title, kind, "" if informs else "now" if late else f"by {answer_by}" if answer_by else ""
        ),
        title=title,
        lead=lead,
        # A list of mails shows this beside the subject: of an update, what changed; never a warning that is stood down.
        preview=_REMINDS if reminds else _preview(advisory.marking, changed or lead, noted=noted),
        changed=changed,
        earlier=EARLIER_SAID.get(content.get("earlier", ""), "") if shown and update else "",
        informs=informs,
        stood_down=stood_down,
        achieved=_items(content, "achieved", shown and thanks),
        thanks=thanks,
        noted=noted,
        do_not=_items(content, "do_not_use_for", shown and not stood_down),
        fine=_items(content, "still_fine_for", shown and not stood_down),
        instead=_items(content, "use_instead", shown and not stood_down),
        asked=asked if shown and not stood_down else (),
        answer_by=answer_by,
        # To be typed by hand, so that no reader makes a link of it.
        check=f"{urlsplit(settings.SITE_URL).netloc}/check",
        reminds=reminds,
        late=late,
    )


# By whether a code is needed: the line beside the subject in a list of mails, where no word of the text may stand.
_CLOSED = {
    False: "It takes 20 seconds to read. No sign-in.",
    True: "The page sends you a code before it shows its text. No sign-in.",
}

# No word of the text, so that it may stand there whatever the marking.
_REMINDS = "What we ask of you is still open."


def _items(content: dict[str, list[str]], key: str, shown: bool) -> tuple[str, ...]:
    return tuple(content.get(key, ())) if shown else ()


def _preview(marked: str, text: str, *, noted: bool) -> str:
    if not marking.text_in_mail(marked):
        return _CLOSED[marking.needs_code(marked)]
    return "The advisory stands as it was." if noted else text


def _subject(revision: Revision, title: str, kind: str, answer: str) -> str:
    advisory = revision.advisory
    parts = ["[EXERCISE]"] if advisory.exercise else []
    parts.append(f"[{advisory.get_severity_display()}]")
    if kind in (Message.Kind.STAND_DOWN, Message.Kind.THANKS):
        parts.append("Stood down:")
    elif kind == Message.Kind.UPDATE:
        parts.append(f"Update {revision.number}:")
    elif kind == Message.Kind.REMINDER:
        parts.append(HEAD)
    elif kind == Message.Kind.NOTE:
        # From AMBER up a subject names nobody: only that something was added.
        by = BY if marking.text_in_mail(advisory.marking) else ""
        parts.append(f"Note{by} on {advisory.reference}:" if by else f"Note added to {advisory.reference}:")
    parts.append(title)
    if kind == Message.Kind.REMINDER:
        return " ".join(parts) + TAIL
    return " ".join(parts) + (f": answer {answer}" if answer else "")


def short(moment: datetime) -> str:
    """ "Tue 28 April, 17:00 BST"."""
    local = timezone.localtime(moment)
    return f"{date_format(local, 'D j F, H:i')} {local.tzname()}"
