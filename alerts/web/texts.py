"""The texts of an advisory, to be looked at: what changed between two of them, and a draft as its mail will look."""

from collections.abc import Callable
from typing import TypeAlias, cast

from csp.constants import SELF
from csp.decorators import csp_update
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_safe

from alerts import marking, rules
from alerts.letters.letter_proof import Proof, proof_of
from alerts.models import Advisory, Draft
from alerts.publishing.comparing import Text, differences, text_of, text_of_draft
from alerts.web.asking import find, signed_in, title_of

# The letter's own styles are inline; nothing in it runs, is fetched or leads anywhere.
LETTER_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'self'; sandbox"
)
DRAFT = "draft"
_View: TypeAlias = Callable[..., HttpResponse]
# A page with a letter in a frame. What django-csp says of its decorators is for views of a request alone.
frames_a_letter = cast("Callable[[_View], _View]", csp_update({"frame-src": [SELF]}))


@require_safe
@never_cache
@login_required
def compare(request: HttpRequest, reference: str) -> HttpResponse:
    """Two revisions side by side, for whoever reads the advisory; a draft for those who see the whole of it."""
    found = find(request, reference, "alerts.view_advisory")
    person = signed_in(request)
    if not rules.sees_text(person, found):
        raise PermissionDenied
    everything = rules.sees_everything(person, found)
    revisions = list(found.revisions.order_by("number"))
    names = [(str(one.number), f"Revision {one.number}, {one.at:%-d %B %Y}") for one in revisions]
    texts = {str(one.number): one for one in revisions}
    draft = Draft.objects.filter(advisory=found).first() if everything else None
    if draft is not None:
        names.append((DRAFT, "The draft"))
    if len(names) < 2:
        raise Http404("There is nothing to compare it with.")
    older, newer = request.GET.get("from", names[-2][0]), request.GET.get("to", names[-1][0])
    known = {name for name, _ in names}
    if older not in known or newer not in known:
        raise Http404("There is no such revision.")

    def read(name: str) -> Text:
        return text_of_draft(draft) if name == DRAFT and draft is not None else text_of(texts[name])

    return render(
        request,
        "alerts/compare.html",
        {
            "advisory": found,
            "title": title_of(found, person),
            "names": names,
            "older": older,
            "newer": newer,
            "said": dict(names),
            "differences": differences(read(older), read(newer)),
        },
    )


@frames_a_letter
@require_safe
@never_cache
@login_required
def letter(request: HttpRequest, reference: str) -> HttpResponse:
    """For those who see the whole advisory: its draft as the mail will look."""
    found = find(request, reference, "alerts.view_advisory")
    proof = _proof(request, found)
    return render(
        request,
        "alerts/letter.html",
        {
            "advisory": found,
            "title": title_of(found, signed_in(request)),
            "proof": proof,
            "open": marking.text_in_mail(found.marking),
            "code": marking.needs_code(found.marking),
        },
    )


@xframe_options_sameorigin
@require_safe
@never_cache
@login_required
def letter_html(request: HttpRequest, reference: str) -> HttpResponse:
    """For those who see the whole advisory: the mail's HTML part alone, for the frame of its page."""
    response = HttpResponse(_proof(request, find(request, reference, "alerts.view_advisory")).html)
    response["Content-Security-Policy"] = LETTER_POLICY
    return response


def _proof(request: HttpRequest, found: Advisory) -> Proof:
    person = signed_in(request)
    if not rules.sees_everything(person, found) or not rules.sees_text(person, found):
        raise PermissionDenied
    draft = Draft.objects.select_related("advisory").filter(advisory=found).first()
    if draft is None:
        raise Http404("There is no draft of it.")
    return proof_of(draft, timezone.now())
