"""What the pages of an advisory have in common: finding it, and asking whether this person may."""

from collections.abc import Collection
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Coalesce
from django.http import Http404, HttpRequest

from alerts import rules
from alerts.models import Advisory
from departments.models import Person
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


def title_of(advisory: Advisory, person: Person | None = None, issuing: Collection[int] | None = None) -> str:
    """What it is called, to this person: by its published text, or by its draft before that.

    Whoever may not read its text, and a caller that says nobody, get its open title. `issuing` is as in `rules.sees_text`.
    """
    if not rules.sees_text(person or Person(), advisory, issuing):
        return advisory.open_title or advisory.reference
    if hasattr(advisory, "full_title"):
        return str(advisory.full_title or advisory.reference)
    draft = getattr(advisory, "draft", None)
    content = advisory.current.content if advisory.current else draft.content if draft else {}
    return str(content.get("title") or advisory.reference)


def with_titles(advisories: QuerySet[Advisory]) -> QuerySet[Advisory]:
    """For a list: each with its title and without the rest of its text, which can be long."""
    return (
        advisories.select_related("issuer", "current", "draft")
        .defer("current__content", "draft__content")
        .annotate(
            full_title=Coalesce(
                KeyTextTransform("title", "current__content"), KeyTextTransform("title", "draft__content")
            )
        )
    )
