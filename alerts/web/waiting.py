"""The draft that waits, as the officers see it before they publish it."""

from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone
from django.utils.safestring import SafeString

from alerts.markdown import LONGEST, to_html
from alerts.models import Advisory, Draft
from alerts.publishing import approving, gaps
from alerts.publishing.contract import EARLIER_SAID, Content, Reader, answer_by, calendar_of, moment_of, read_content
from alerts.publishing.reach import GapFound, Reach, reach
from departments.models import Person

NAMED = 10


@dataclass(frozen=True, slots=True)
class Waiting:
    """Everything that a second officer asks before saying yes."""

    draft: Draft
    number: int
    by: Person
    at: datetime
    mine: bool
    """The signed-in officer submitted it: publishing then wants a reason."""
    earlier: str
    """Of an update: whether the earlier advice still holds."""
    guidance: SafeString
    actions: list[tuple[str, datetime | None, bool]]
    """Each action: its text, when it would be due if it were published now, whether it is asked once of each body."""
    answers_due: datetime | None
    """When answers would be due if it were published now; None where nobody is asked."""
    reach: Reach
    undecided: list[GapFound]
    urgent: bool
    """It may be published with choices undecided."""
    alone_from: datetime | None
    """From when whoever submitted it may publish it alone; None: now."""
    lookers: list[approving.Looker]

    @property
    def first_gaps(self) -> list[GapFound]:
        """The gaps that are named here, those to be decided first; the others are one press away."""
        return [*self.undecided, *self.reach.tasks()][:NAMED]

    @property
    def signed(self) -> int:
        """How many bodies somebody left out by name, but for those below them."""
        return len(self.reach.choices()) - len(self.undecided)


def waiting_of(found: Advisory, person: Person) -> Waiting | None:
    """The draft of an advisory as this person sees it; None where there is none. Whatever is wrong in it is left out."""
    draft = (
        Draft.objects.select_related("advisory__issuer", "saved_by", "submitted_by", "decided_by")
        .filter(advisory=found)
        .first()
    )
    if draft is None:
        return None
    now = timezone.now()
    content = read_content(Reader(draft.content, now))
    calendar = calendar_of(draft.advisory)
    how_far = reach(found, content.words["topics"])
    since = approving.alone_from(draft)
    by = draft.submitted_by or draft.saved_by
    return Waiting(
        draft=draft,
        number=found.revisions.count() + 1,
        by=by,
        at=draft.submitted_at or draft.saved_at,
        mine=by == person,
        earlier=EARLIER_SAID.get(content.words.get("earlier", ""), ""),
        guidance=to_html(content.words["guidance"][:LONGEST]),
        actions=[(asked.text, moment_of(asked.due, now, calendar), asked.of == "body") for asked in content.actions],
        answers_due=_due(draft, content, now),
        reach=how_far,
        undecided=gaps.undecided(found, how_far, now),
        urgent=found.severity in gaps.URGENT,
        alone_from=since if since and since > now else None,
        lookers=approving.lookers(found, now, person),
    )


def answers_due(found: Advisory) -> datetime | None:
    """When answers would be due if its draft were published now; None where there is none, or nobody is asked."""
    draft = Draft.objects.select_related("advisory__issuer").filter(advisory=found).first()
    now = timezone.now()
    return _due(draft, read_content(Reader(draft.content, now)), now) if draft is not None else None


def _due(draft: Draft, content: Content, now: datetime) -> datetime | None:
    asks = draft.advisory.current_id is None or draft.material
    return answer_by(draft.advisory, content.acknowledge_within, now) if asks else None
