"""The pictures of coverage: as files, and the icicle as a part of its page, which is loaded after it and follows by itself."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from urllib.parse import urlencode

import structlog
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import add_never_cache_headers, get_conditional_response, patch_cache_control
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.http import require_safe

from alerts import exports, marking
from alerts.coverage import fingerprint
from alerts.coverage.nodes_sql import STATES
from alerts.coverage.scope import Scope
from alerts.coverage.shape import Node, Shape, shape
from alerts.models import Advisory
from alerts.pictures import drawing, icicle_words, over_time
from alerts.pictures.drawing import Busy, NotDrawn
from alerts.pictures.icicle import for_a_page, icicle
from alerts.pictures.icicle_cells import Cell
from alerts.pictures.inks import swatch
from alerts.pictures.shelf import Shelf, etag
from alerts.web.asking import find
from alerts.web.coverage.scoping import Looked, looked_at

log = structlog.get_logger(__name__)

KINDS = {"svg": "image/svg+xml", "png": "image/png"}
SCALE = 1.5
"""Pixels of a unit."""
# A picture says nothing but what it draws, wherever somebody opens it.
POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox"
COULD_NOT = "The picture could not be drawn. The figures are on the page; try again in a minute.\n"
TOO_MANY = (
    "Too many pictures are being drawn at this moment. The figures are on the page; try again in a few seconds.\n"
)
LISTED = 200
"""Bodies in the table beside the picture."""
Draw = Callable[[Advisory, Scope, datetime], dict[str, Any] | None]
PICTURES: dict[str, Draw] = {"icicle": icicle, **over_time.PICTURES}


@dataclass(frozen=True, slots=True)
class Part:
    """The icicle as its page shows it, drawn once for all who look at the same."""

    picture: SafeString
    """And its key; "" where it could not be drawn."""
    table: SafeString
    seen: str
    """Of what it shows: changes when it looks different, or says something else."""


@dataclass(frozen=True, slots=True)
class Line:
    """A body in the table beside the picture."""

    node: Node
    above: str
    words: str
    says: str


_files: Shelf[bytes] = Shelf()
_parts: Shelf[Part] = Shelf()


@require_safe
@login_required
def picture(request: HttpRequest, reference: str, name: str, form: str) -> HttpResponse:
    """For whoever may see the coverage page, of what they see of it: a picture, as SVG or PNG; `html`: the icicle's part."""
    advisory = find(request, reference, "alerts.view_coverage")
    if advisory.current_id is None:
        raise Http404("It has not been published: there is nothing to draw yet.")
    looked = looked_at(request, advisory)
    if form == "html" and name == "icicle":
        return _guarded(advisory.marking, _live(request, advisory, looked))
    draw = PICTURES.get(name)
    if draw is None or form not in KINDS:
        raise Http404("There is no such picture.")
    try:
        body = _files.get(
            _key(name, form, advisory, looked),
            lambda: fingerprint(advisory),
            lambda: _file(draw, advisory, looked, form),
        )
    except Busy:
        return not_now(TOO_MANY, 5)
    except NotDrawn as error:
        log.error("picture_not_drawn", advisory=advisory.pk, picture=name, why=str(error)[:500])
        return not_now(COULD_NOT, 60)
    if not body:
        raise Http404("No body has been reached yet: there is nothing to draw.")
    return as_file(request, body, form, file_name(advisory, name, form), advisory.marking)


def file_name(advisory: Advisory, name: str, form: str) -> str:
    """With the marking in it, so that it stays with the file: "ADV-2020-0017-icicle-TLP-AMBER.png"."""
    return exports.name_of(advisory.reference, name, advisory.marking, form, exercise=advisory.exercise)


def as_file(request: HttpRequest, body: bytes, form: str, name: str, marked: str) -> HttpResponse:
    """A picture on its own, so called and marked so."""
    response = HttpResponse(body, content_type=KINDS[form])
    response["Content-Disposition"] = f'inline; filename="{name}"'
    response["Content-Security-Policy"] = POLICY
    response["ETag"] = etag(body)
    guarded = _guarded(marked, response)
    return cast("HttpResponse", get_conditional_response(request, etag=response["ETag"], response=guarded))


def not_now(said: str, seconds: int) -> HttpResponse:
    """Ask again after so many seconds. A part of a page stays as it is: such an answer is put nowhere."""
    headers = {"Retry-After": str(seconds)}
    return HttpResponse(said, status=503, content_type="text/plain; charset=utf-8", headers=headers)


def _key(name: str, form: str, advisory: Advisory, looked: Looked) -> Hashable:
    """All that a file depends on but its figures: what its viewer sees of which advisory, and what it is marked."""
    return name, form, looked.scope, advisory.reference, advisory.marking, advisory.exercise


def _guarded(marked: str, response: HttpResponse) -> HttpResponse:
    """Asked for anew each time, and 304 while it is the same; where the marking asks for a code, it stays on no disk."""
    if marking.needs_code(marked):
        add_never_cache_headers(response)
    else:
        patch_cache_control(response, private=True, no_cache=True)
    return response


def _file(draw: Draw, advisory: Advisory, looked: Looked, form: str) -> bytes:
    spec = draw(advisory, looked.scope, timezone.now())
    if spec is None:
        return b""
    svg = drawing.svg(spec)
    return svg.encode() if form == "svg" else drawing.png(svg, SCALE)


def _live(request: HttpRequest, advisory: Advisory, looked: Looked) -> HttpResponse:
    """The picture, its key and its table; 204 while it is the same as what was `seen`."""
    seen = request.GET.get("seen", "")
    try:
        part = _parts.get(looked.scope, lambda: fingerprint(advisory), lambda: _part(advisory, looked))
    except Busy:
        return not_now(TOO_MANY, 5)
    except NotDrawn as error:
        log.error("picture_not_drawn", advisory=advisory.pk, picture="icicle", why=str(error)[:500])
        part = Part(SafeString(""), SafeString(""), "")
    if seen and seen == part.seen:
        return HttpResponse(status=204)
    poll = urlencode({**looked.query, "seen": part.seen})
    return render(
        request, "alerts/coverage_parts/icicle_drawn.html", {"advisory": advisory, "part": part, "poll": poll}
    )


def _part(advisory: Advisory, looked: Looked) -> Part:
    found = shape(looked.scope)
    svg = _drawn(advisory, looked.scope, found) if found.nodes else ""
    context = {
        "advisory": advisory,
        "scoped": urlencode(looked.query),
        "svg": svg,
        "key": [
            {"words": icicle_words.WORDS[state], "number": number, **swatch(state)}
            for state, number in icicle_words.counted(found.states)
        ],
        "share": icicle_words.SHARE,
        "lines": list(_lines(found)),
        "unlisted": found.bodies - min(len(found.nodes), LISTED),
    }
    html = render_to_string("alerts/coverage_parts/icicle_part.html", context)
    table = render_to_string("alerts/coverage_parts/icicle_table.html", context) if found.nodes else SafeString("")
    return Part(html, table, hashlib.sha256(f"{html}{table}".encode()).hexdigest()[:16])


def _drawn(advisory: Advisory, scope: Scope, found: Shape) -> SafeString:
    title = f"{advisory.reference}, body by body"
    # Of our own making, with every name in it escaped (`alerts.pictures.drawing`).
    return mark_safe(drawing.svg(for_a_page(found, title, lambda cell: _address(cell, scope))))  # noqa: S308


def _address(cell: Cell, scope: Scope) -> str | None:
    """Where a cell leads, as seen from the coverage page: its branch; of several together, the list of them."""
    if cell.node is None:
        inside = {"in": cell.above.body} if cell.above else {}
        asked = {**inside, "is": cell.state} if cell.state in STATES else inside
        return f"bodies/?{urlencode(asked)}" if cell.state in STATES else f"?{urlencode(asked)}"
    if cell.node.relay_id is None:
        return reverse("departments:body", args=[cell.node.body])
    if cell.node.relay_id == scope.relay:
        return None
    return f"?{urlencode({'in': cell.node.body})}"


def _lines(found: Shape) -> list[Line]:
    """What needs attention first, as far as it is listed."""
    ordered = sorted(found.nodes, key=lambda node: (STATES.index(node.state), node.depth, node.name))
    return [
        Line(
            node=node,
            above="" if node.parent is None else found.nodes[node.parent].name,
            words=icicle_words.itself(node),
            says=icicle_words.in_branch(node.branch, node.dark, node, node.hidden),
        )
        for node in ordered[:LISTED]
    ]
