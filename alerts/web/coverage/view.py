"""What the coverage page shows of one advisory to one person: words and rows, made from one look at the figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from alerts import coverage, rules
from alerts.coverage.figures import Bodies, Figures, MailStates
from alerts.coverage.glance import Found, Named, look
from alerts.coverage.rung import last_told
from alerts.coverage.scope import scope
from alerts.models import Advisory, Exclusion, Gap, Office, State
from alerts.routing.routes import reports_delivery
from alerts.web.coverage import funnel
from alerts.web.coverage.held import Held, Passed, held, passed
from alerts.web.coverage.lines import Line, lines_of, with_people, with_rung
from alerts.web.coverage.scoping import Looked
from alerts.web.left_out import NAMED, LeftOut, by_reason
from alerts.web.parts import Parts, parts_of
from departments.models import Body, Person
from departments.tree import branches


@dataclass(frozen=True, slots=True)
class CoverageView:
    """Everything that the page shows."""

    everything: bool
    """False: only this person's own branches."""
    of: Body | None
    """The branch that is looked at; None: all that they see."""
    own: bool
    """Of that body's own people alone."""
    as_at: datetime
    figures: Figures
    parts: Parts
    apart: list[str]
    """Who was told through somebody else, and whose answers look like a machine's."""
    not_told: int
    bodies: Bodies
    reports_delivery: bool
    dark_named: list[Named]
    """The first dark bodies, to be named; with who was told there by telephone."""
    mail: MailStates
    """What the routes said, of these branches' people."""
    refused: list[Named]
    """The bodies in which most people can't be reached."""
    late: list[Named]
    complained: list[Named]
    held: list[Held]
    passed: Passed | None
    """Of what was held on the way, and is not any more."""
    steps: list[funnel.Step]
    beside: list[funnel.Step]
    lines: list[Line]
    twice: bool
    """Somebody may sit in two of these bodies: the rows of the tree count places."""
    matching: int
    """How many bodies a filter found."""
    left_out: list[LeftOut]
    undecided: list[Body]
    """Bodies that may be concerned, and about which nobody has decided yet."""
    to_decide: bool
    """Whether there is still something to be decided about these: not once it is stood down."""

    @property
    def dark_first(self) -> list[Named]:
        """Those that the page names; the record names more."""
        return self.dark_named[:NAMED]

    @property
    def dark_others(self) -> int:
        """How many the page does not name."""
        return self.bodies.dark - len(self.dark_first)

    @property
    def held_named(self) -> list[Held]:
        """The held bodies behind which most people wait."""
        return self.held[:NAMED]

    @property
    def held_more(self) -> int:
        """How many held bodies are not named."""
        return self.bodies.held - len(self.held_named)

    @property
    def held_rest(self) -> int:
        """Who waits behind bodies that are not named, or that are above all that is looked at."""
        return max(self.parts.held - sum(one.number for one in self.held_named), 0)

    @property
    def undecided_more(self) -> int:
        """How many bodies that nobody has decided about are not named."""
        return max(len(self.undecided) - NAMED, 0)

    @property
    def may_release(self) -> int:
        """How many of the held ones this person may let go on."""
        return sum(one.may_release for one in self.held)

    @property
    def unreachable(self) -> int:
        """Who can't be reached."""
        return self.parts.dark

    @property
    def no_word(self) -> bool:
        """The route says nothing of delivery."""
        return not self.reports_delivery

    @property
    def unsure(self) -> int:
        """Sent, on a route that reports delivery, and it has said nothing."""
        return self.parts.sent if self.reports_delivery else 0

    @property
    def out_of_reach(self) -> str:
        """How it is known of those who can't be reached."""
        # The figures and these were read a moment apart: what is left is what was refused.
        number, mail = self.unreachable, self.mail
        back, kept = min(mail.came_back, number), min(mail.suppressed, max(number - mail.came_back, 0))
        counted = (
            (number - back - kept, "refused", "was refused"),
            (back, "came back", "came back"),
            (kept, "suppressed by the provider", "is suppressed by the provider"),
        )
        found = [one for one in counted if one[0]]
        if len(found) == 1:  # the number stands there already
            return f"cannot be reached: their mail {found[0][2]}"
        return f"cannot be reached: {', '.join(f'{part:,} {word}' for part, word, _ in found)}"

    @property
    def some_reported(self) -> bool:
        """Not every route reports delivery, and of some people it was reported."""
        return self.no_word and self.figures.delivered > 0

    @property
    def total(self) -> int:
        """Everybody it is for."""
        return self.parts.total

    @property
    def silent(self) -> int:
        """Told, and no answer yet."""
        return self.total - self.not_told - self.parts.answered

    @property
    def told(self) -> int:
        """Everybody who was told."""
        return self.total - self.not_told


def view_of(
    advisory: Advisory,
    person: Person,
    opened: Sequence[str] = (),
    looked: Looked | None = None,
    asked: Found | None = None,
) -> CoverageView:
    """Look once at what this person may see of it; a constant number of queries, whatever the size."""
    looked = looked or everything_seen(advisory, person)
    delivery = reports_delivery()
    glance = look(looked.scope, opened, asked, reports=delivery)
    parts = parts_of(glance.figures, glance.waits)
    within = looked.scope.bodies
    if looked.body is not None:
        branch = {looked.body.pk} if looked.scope.own else branches([looked.body.pk])
        within = frozenset(branch if within is None else branch & within)
    exclusions = Exclusion.objects.filter(advisory=advisory, lapsed_at=None)
    gaps = Gap.objects.filter(advisory=advisory, decision__in=(Gap.Decision.SIGNED, Gap.Decision.UNDECIDED))
    if within is not None:
        exclusions, gaps = exclusions.filter(body__in=within), gaps.filter(body__in=within)
    kept = list(gaps.select_related("body", "by").order_by("body__name", "pk"))
    signed = [gap for gap in kept if gap.decision == Gap.Decision.SIGNED]
    undecided = list({gap.body_id: gap.body for gap in kept if gap.decision == Gap.Decision.UNDECIDED}.values())
    lines = lines_of(glance, opened, looked.query, delivery=delivery)
    dark = {one.relay_id for one in glance.dark} | {one.row.relay_id for one in lines if one.row.state == "dark"}
    rung = last_told(advisory.pk, {relay for relay in dark if relay is not None})
    return CoverageView(
        everything=looked.everything,
        of=looked.body,
        own=looked.scope.own,
        as_at=glance.as_at,
        figures=glance.figures,
        parts=parts,
        apart=coverage.told_apart(
            glance.figures, office_counts=advisory.office == Office.COUNTS, asks=advisory.state == State.LIVE
        ),
        not_told=parts.not_told(delivery),
        bodies=glance.bodies,
        reports_delivery=delivery,
        dark_named=[one._replace(rung=rung.get(one.relay_id)) for one in glance.dark],
        mail=glance.mail,
        refused=glance.refused,
        late=glance.late,
        complained=glance.complained,
        held=held(glance.held, glance.behind, looked.scope.whole, advisory, person),
        passed=passed(advisory, within),
        steps=funnel.steps(glance, delivery=delivery),
        beside=funnel.beside(glance, parts),
        lines=with_people(with_rung(lines, rung), advisory, person),
        twice=glance.twice,
        matching=glance.matching,
        left_out=by_reason([*exclusions.select_related("body", "by").order_by("body__name"), *signed]),
        undecided=undecided,
        to_decide=bool(undecided) and advisory.state in (State.LIVE, State.EXPIRED),
    )


def everything_seen(advisory: Advisory, person: Person) -> Looked:
    """All that this person sees of an advisory."""
    everything = rules.sees_everything(person, advisory)
    return Looked(scope(advisory.pk, None if everything else rules.own_branches(person)), everything, None)
