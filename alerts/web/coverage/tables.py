"""The tables of a coverage page as files: what is in sight for whoever asks, and no more, row by row."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, cast

import structlog
from django.contrib.auth.decorators import login_required
from django.db import connection
from django.http import Http404, HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from alerts import exports, rules
from alerts.coverage import lists, lists_sql
from alerts.coverage.figures import Figures
from alerts.coverage.glance import look
from alerts.coverage.scope import Scope
from alerts.coverage.selection import FIGURES_LISTED, LONGEST_NAME, Selection, like
from alerts.coverage.tide import over_time
from alerts.coverage.tree import TreeRow, tree
from alerts.models import Advisory, Gap
from alerts.routing.routes import reports_delivery
from alerts.statements import run
from alerts.web.asking import find, signed_in
from alerts.web.coverage import funnel
from alerts.web.coverage.lists import listed_scope, within
from alerts.web.coverage.scoping import Looked, looked_at
from alerts.web.parts import parts_of
from departments.models import Membership, Person
from departments.rules import bodies_of, is_administrator
from departments.tree import branches

log = structlog.get_logger(__name__)

Rows = Iterable[Sequence[object]]
AT_ONCE = 500
"""People who are looked up together."""
EVERY_BODY = 10**6
"""More than there are."""

_FIGURES = ("people", "answered", "told_and_silent", "sent", "held", "waiting", "cannot_be_reached", "done")
TREE = (
    "body", "name", "kind", "parent", "depth", "state", "why", "worst_below",
    *(f"own_{name}" for name in _FIGURES), *(f"branch_{name}" for name in _FIGURES),
    "bodies", "bodies_covered", "bodies_with_nobody_to_tell", "bodies_holding", "bodies_left_out",
    "left_out_because", "signed_by", "left_out_until",
)  # fmt: skip
FUNNEL = ("step", "people", "bodies", "note")
PEOPLE = (
    "name", "bodies", "in_bodies", "standing", "told_revision", "answered_revision", "answered", "needs_help", "said",
    "said_how", "said_at", "late", "put_down_by", "mailed_at", "reminded_at", "mail", "address", "telephone",
)  # fmt: skip
BODIES = (
    "body", "name", "parent", "state", "why", "people", "not_told", "answered",
    "left_out_because", "signed_by", "left_out_until",
)  # fmt: skip
ANSWERS = ("at", "branch", "body", "answered", "people")


class Asked(NamedTuple):
    """What is asked for, by whom."""

    person: Person
    advisory: Advisory
    looked: Looked
    query: Mapping[str, str]

    @property
    def name(self) -> str:
        """Only those called so; "" for all."""
        return " ".join(self.query.get("name", "").replace("\0", "").split())[:LONGEST_NAME]


@require_GET
@never_cache
@login_required
def coverage_table(request: HttpRequest, reference: str, name: str, kind: str) -> HttpResponseBase:
    """For whoever sees the page that shows the same; `?in=` and `own=` narrow it as there, and each list by its own query."""
    advisory = find(request, reference, "alerts.view_coverage")
    if name not in TABLES or kind not in exports.TYPES or advisory.current_id is None:
        raise Http404
    looked = looked_at(request, advisory)
    asked = Asked(signed_in(request), advisory, looked, request.GET.dict())
    columns, rows = TABLES[name](asked)
    where = looked.body.slug if looked.body else "everything" if looked.everything else "own branches"
    head = {
        "reference": reference,
        "marking": advisory.marking,
        "as_at": timezone.now(),
        "scope": f"{where}, its own people" if looked.scope.own else where,
        "table": name,
        "exercise": advisory.exercise,
    }
    return send(request, f"{reference}-{looked.body.slug}" if looked.body else reference, head, columns, rows, kind)


def send(
    request: HttpRequest, subject: str, head: Mapping[str, object], columns: Sequence[str], rows: Rows, kind: str
) -> HttpResponseBase:
    """The file, as it is written. Who took it out of the house is logged, and not recorded: to look changes nothing."""
    table, marking = str(head["table"]), str(head["marking"])
    log.info(
        "exported", table=table, of=head.get("reference"), kind=kind, person=signed_in(request).pk, marking=marking
    )
    content = exports.as_csv(columns, rows) if kind == "csv" else exports.as_json(head, columns, rows)
    response = StreamingHttpResponse(content, content_type=exports.TYPES[kind])
    name = exports.name_of(subject, table, marking, kind, exercise=bool(head.get("exercise")))
    response["Content-Disposition"] = str(content_disposition_header(as_attachment=True, filename=name))
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "no-store, private"
    return response


def _tree(asked: Asked) -> tuple[Sequence[str], Rows]:
    return TREE, map(_branch, tree(asked.looked.scope))


def _branch(row: TreeRow) -> tuple[object, ...]:
    bodies = row.bodies
    return (
        *(row.body, row.name, row.kind, row.parent, row.depth, row.state, row.why, row.worst),
        *(*_people(row.own, row.waits), *_people(row.branch, row.branch_waits)),
        *(
            bodies.targeted,
            bodies.covered,
            bodies.dark,
            bodies.held,
            bodies.excluded,
            row.reason,
            row.signer,
            row.until,
        ),
    )


def _people(figures: Figures, waits: int) -> tuple[int, ...]:
    return (figures.targeted, *parts_of(figures, waits), figures.acted)


def _funnel(asked: Asked) -> tuple[Sequence[str], Rows]:
    delivery = reports_delivery()
    glance = look(asked.looked.scope, reports=delivery)
    steps = funnel.steps(glance, delivery=delivery) + funnel.beside(glance, parts_of(glance.figures, glance.waits))
    return FUNNEL, [(step.words, step.people, step.bodies, step.note) for step in steps]


def _bodies(asked: Asked) -> tuple[Sequence[str], Rows]:
    """Those of the list that `?is=` names; without it, all that have a turn or were left out."""
    kind, scope = asked.query.get("is", ""), asked.looked.scope
    if not kind:
        return BODIES, [
            (
                *(row.body, row.name, row.parent, row.state, row.why, row.own.targeted),
                *(row.own.unsent + row.own.unreachable, row.own.acknowledged, row.reason, row.signer, row.until),
            )
            for row in tree(scope)
        ]
    if kind not in lists.BODY_LISTS:
        raise Http404
    listed = _listed(scope, kind, asked.name, within(asked.looked))
    found = {item.value: str(item.label) for item in Gap.Kind}
    return BODIES, [
        (
            *(row.body, row.name, row.parent, kind, _why(row) or found.get(row.gap, ""), row.own.targeted),
            *(row.own.unsent + row.own.unreachable, row.own.acknowledged, row.reason, row.signer, row.until),
        )
        for row in listed
    ]


def _listed(scope: Scope, kind: str, name: str, inside: Collection[int] | None) -> list[lists.BodyListed]:
    """As `lists.bodies`, all of its pages in one."""
    values = {**scope.values(), "size": EVERY_BODY, "page": 1, "like": like(name)}
    if kind == "undecided":
        values["bodies"] = None if inside is None else sorted(inside)
        return [lists.undecided_body(row) for row in run(lists_sql.UNDECIDED, **values)]
    return lists.with_rung(scope, [lists.body_of(row) for row in run(lists_sql.BODIES, **values, state=kind)])


def _why(row: lists.BodyListed) -> str:
    return f"{row.why}; {row.rung.said}" if row.rung else row.why


def _answers(asked: Asked) -> tuple[Sequence[str], Rows]:
    """How many had answered at each of the picture's moments: all of them, then branch by branch."""
    found = over_time(asked.looked.scope, timezone.now())
    lines = [] if found is None else [found.whole, *found.branches]
    moments = [] if found is None else found.moments
    return ANSWERS, [
        (at, line.name, line.body, line.counts[place], line.targeted)
        for line in lines
        for place, at in enumerate(moments)
    ]


def _one_by_one(asked: Asked) -> tuple[Sequence[str], Rows]:
    """Those behind the figure that `?is=` names: of the bodies whose people this person sees one by one."""
    figure = asked.query.get("is", "targeted")
    if figure not in FIGURES_LISTED:
        raise Http404
    scope = listed_scope(asked.person, asked.advisory, asked.looked)
    return PEOPLE, _written(Selection(scope, figure, asked.name), asked.person)


def _written(selection: Selection, person: Person) -> Iterator[tuple[object, ...]]:
    """Who they are is found in one statement, which the database keeps; how each stands is looked up as it is written.

    Addresses and telephone numbers only for administrators, and of whoever sits in a body that this person answers for.
    """
    everywhere = is_administrator(person)
    seats = bodies_of(person, rules.ANSWERING)
    answered = branches(sorted(seats)) if seats else set()
    sql, values = selection.sql()
    with connection.chunked_cursor() as cursor:
        cursor.execute(f"SELECT id FROM ({sql}) chosen ORDER BY id", cast("dict[str, Any]", values))
        while ids := [row[0] for row in cursor.fetchmany(AT_ONCE)]:
            people = lists.shown(selection, ids)
            those = {one.person_id for one in people}
            if not everywhere:
                places = Membership.objects.filter(person__in=those, until=None, body__in=answered)
                those = set(places.values_list("person", flat=True)) if answered else set()
            addresses = dict(Person.objects.filter(pk__in=those).values_list("pk", "written")) if those else {}
            for one in people:
                yield _person(one, addresses)


def _person(one: lists.Listed, addresses: Mapping[int, str]) -> tuple[object, ...]:
    word, address = one.word, addresses.get(one.person_id)
    said = (None, None, None, None, None) if word is None else (word.read, word.how, word.at, word.late, word.by_name)
    return (
        *(one.name, "; ".join(place.name for place in one.places), one.in_bodies, one.standing, one.told_revision),
        *(one.answered_revision, one.acknowledged, one.needs_help, *said, one.mailed_at, one.reminded_at, one.outcome),
        *(address, one.telephone if address else None),
    )


TABLES: Mapping[str, Callable[[Asked], tuple[Sequence[str], Rows]]] = {
    "tree": _tree,
    "funnel": _funnel,
    "people": _one_by_one,
    "bodies": _bodies,
    "answers": _answers,
}
