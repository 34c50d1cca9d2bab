"""What the pages of an advisory have in common: finding it, and asking whether this person may."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest

from alerts.models import Advisory
from departments.web.access import signed_in as signed_in


def find(request: HttpRequest, reference: str, permission: str) -> Advisory:
    """The advisory with this reference. 404 where there is none, 403 where this person may not."""
    advisory = (
        Advisory.objects.select_related("issuer", "current__by", "current__approved_by", "material", "draft")
        .filter(reference=reference)
        .first()
    )
    if advisory is None:
        raise Http404(f"There is no advisory {reference}.")
    require(request, permission, advisory)
    return advisory


def require(request: HttpRequest, permission: str, of: Any) -> None:
    """403 unless this person has the permission."""
    if not signed_in(request).has_perm(permission, of):
        raise PermissionDenied


def title_of(advisory: Advisory) -> str:
    """What it is called: by its published text, or by its draft before that."""
    draft = getattr(advisory, "draft", None)
    content = advisory.current.content if advisory.current else draft.content if draft else {}
    return str(content.get("title") or advisory.reference)
