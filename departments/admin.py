"""The directory's tables in Django's admin. What is changed here goes through the same verbs as on the pages."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.text import slugify

from departments.admin_base import Shown
from departments.changing import Particulars, change, particulars_of
from departments.models import (
    Body,
    BodyAlias,
    BodyEvent,
    Delegation,
    HoldRequest,
    Membership,
    Person,
    PersonEvent,
    Remit,
    Role,
    Sponsor,
    Standing,
    Topic,
    Upload,
)
from departments.people import appoint
from departments.web.access import signed_in


@admin.register(Body)
class BodyAdmin(Shown):
    """Its mail domain, the day it was opened, whether it may warn beyond its branch."""

    may_change = True
    list_display = ("name", "slug", "kind", "parent", "calendar", "closed", "may_issue")
    list_select_related = ("parent",)
    list_filter = ("may_issue", "policy", "calendar", ("closed", admin.EmptyFieldListFilter))
    search_fields = ("name", "slug")
    fields = (
        *("domain", "opened", "may_issue", "elsewhere"),
        *("name", "slug", "kind", "parent", "calendar", "policy", "hold_hours", "closed", "successor", "register"),
    )
    readonly_fields = fields[3:]

    @admin.display(description="Everything below")
    def elsewhere(self, obj: Body) -> str:
        """Where the rest is changed."""
        address = reverse("departments:body", args=[obj.slug])
        return format_html('is changed on <a href="{}">the page of {}</a>.', address, obj.name)

    def save_model(self, request: HttpRequest, obj: Body, form: Any, change: bool) -> None:
        """Through the verb, which writes the history."""
        _change(
            obj,
            request,
            lambda now: replace(now, domain=obj.domain, opened=obj.opened, may_issue=obj.may_issue),
        )


def _change(body: Body, request: HttpRequest, to: Callable[[Particulars], Particulars]) -> None:
    """Change a body's particulars from what they are now to `to(now)`; refused where somebody was quicker."""
    now = particulars_of(Body.objects.get(pk=body.pk))
    change(body, by=signed_in(request), particulars=to(now), seen=now)


class OfBody(Shown):
    """Something that a body has several of: added and deleted, never changed. `kept_as` is its list, `says` its entry."""

    may_add = may_delete = True
    kept_as = ""

    def says(self, obj: Any) -> str:
        """The entry as the body's particulars have it."""
        raise NotImplementedError

    def row(self, obj: Any) -> Any:
        """The row that the verb wrote for this one."""
        raise NotImplementedError

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Add it to the body's particulars."""
        said = self.says(obj)
        _change(obj.body, request, lambda now: self._with(now, (*getattr(now, self.kept_as), said)))
        obj.pk = self.row(obj).pk

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Take it out of the body's particulars."""
        said = self.says(obj)
        _change(
            obj.body, request, lambda now: self._with(now, tuple(e for e in getattr(now, self.kept_as) if e != said))
        )

    def _with(self, now: Particulars, entries: tuple[str, ...]) -> Particulars:
        changed: dict[str, Any] = {self.kept_as: entries}
        return replace(now, **changed)


@admin.register(BodyAlias)
class BodyAliasAdmin(OfBody):
    """Other names."""

    kept_as = "aliases"
    list_display = ("text", "body")
    list_select_related = ("body",)
    search_fields = ("text", "body__name")
    raw_id_fields = ("body",)

    def says(self, obj: BodyAlias) -> str:
        """The name, on one line."""
        return " ".join(obj.text.split())

    def row(self, obj: BodyAlias) -> BodyAlias:
        """As it was written."""
        return BodyAlias.objects.get(body=obj.body, text=self.says(obj))


@admin.register(Sponsor)
class SponsorAdmin(OfBody):
    """Further bodies that a body answers to."""

    kept_as = "sponsors"
    list_display = ("body", "sponsor")
    list_select_related = ("body", "sponsor")
    search_fields = ("body__name", "sponsor__name")
    raw_id_fields = ("body", "sponsor")

    def says(self, obj: Sponsor) -> str:
        """The sponsor's slug."""
        return obj.sponsor.slug

    def row(self, obj: Sponsor) -> Sponsor:
        """As it was written."""
        return Sponsor.objects.get(body=obj.body, sponsor=obj.sponsor)


@admin.register(Remit)
class RemitAdmin(OfBody):
    """Subjects of bodies."""

    kept_as = "topics"
    list_display = ("body", "topic")
    list_select_related = ("body", "topic")
    search_fields = ("body__name", "topic__slug")
    raw_id_fields = ("body", "topic")

    def says(self, obj: Remit) -> str:
        """The subject's slug."""
        return obj.topic.slug

    def row(self, obj: Remit) -> Remit:
        """As it was written."""
        return Remit.objects.get(body=obj.body, topic=obj.topic)


class TopicForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic when it runs
    """A subject's slug, spelt as a load spells it."""

    def clean_slug(self) -> str:
        """In small letters."""
        return str(slugify(self.cleaned_data["slug"]))


@admin.register(Topic)
class TopicAdmin(Shown):
    """Subjects. One that is in use stays: deleting it would silently take it from every body."""

    may_add = may_change = True
    form = TopicForm
    list_display = ("slug",)
    search_fields = ("slug",)
    ordering = ("slug",)


class PowersForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic when it runs
    """Who runs the directory, and who audits it."""

    def clean(self) -> dict[str, Any]:
        """Never both."""
        given = super().clean() or {}
        if given.get("is_administrator") and given.get("is_auditor"):
            self.add_error("is_auditor", "Nobody both runs the directory and audits it: choose one.")
        return given


@admin.register(Person)
class PersonAdmin(Shown):
    """Who is an administrator or an auditor; everything else is on their own page."""

    may_change = True
    form = PowersForm
    by_address = "email"
    list_display = ("name", "written", "is_administrator", "is_auditor", "left_at", "bounced_at")
    list_filter = ("is_administrator", "is_auditor")
    search_fields = ("name",)
    search_help_text = "A part of a name, or a whole address."
    fields = (
        *("is_administrator", "is_auditor", "elsewhere"),
        *("name", "written", "email", "telephone", "shared", "left_at"),
        *("bounced_at", "bounced_how", "deferred_at", "last_login"),
    )

    readonly_fields = fields[2:]

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody changes their own powers; whoever publishes warnings does not run the directory."""
        allowed = super().has_change_permission(request, obj)
        return allowed and not (isinstance(obj, Person) and _why_not(request, obj))

    @admin.display(description="Everything below")
    def elsewhere(self, obj: Person) -> str:
        """Where the rest is changed."""
        address = reverse("people:person", args=[obj.pk])
        return format_html('is changed on <a href="{}">the page of {}</a>.', address, obj.name)

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """Say why the powers can't be changed, where they can't."""
        person = kwargs.get("obj")
        if person is not None:
            context["subtitle"] = " ".join(part for part in (str(person), _why_not(request, person)) if part)
        return super().render_change_form(request, context, *args, **kwargs)

    def save_model(self, request: HttpRequest, obj: Person, form: Any, change: bool) -> None:
        """Through the verb, which writes the history."""
        if "is_administrator" not in form.cleaned_data:
            return
        given = form.cleaned_data
        appoint(obj, signed_in(request), administrator=given["is_administrator"], auditor=given["is_auditor"])


def _why_not(request: HttpRequest, person: Person) -> str:
    """Why this person's powers are not changed here; "" where they may be."""
    if person.pk == request.user.pk:
        return "(you: nobody changes their own powers)"
    if person.memberships.filter(until=None, role=Role.OFFICER).exists():
        return "(a security officer: whoever publishes warnings does not run the directory)"
    return ""


@admin.register(Membership)
class MembershipAdmin(Shown):
    """Who sits where."""

    by_address, by_slug = "person__email", "body"
    list_display = ("person", "body", "role", "order", "hours", "since", "until", "verified_at")
    list_select_related = ("person", "body")
    list_filter = ("role", ("until", admin.EmptyFieldListFilter))
    search_fields = ("person__name",)
    search_help_text = "A part of a person's name, a whole address, or a body's slug."
    raw_id_fields = ("person", "body")


@admin.register(Delegation)
class DelegationAdmin(Shown):
    """Who opens whose mail."""

    by_address = "person__email"
    list_display = ("person", "delegate", "since", "until", "named_by")
    list_select_related = ("person", "delegate", "named_by")
    search_fields = ("person__name", "delegate__name")
    raw_id_fields = ("person", "delegate", "named_by")


@admin.register(BodyEvent)
class BodyEventAdmin(Shown):
    """What happened to bodies."""

    list_display = ("at", "body", "what", "by")
    list_select_related = ("body", "by")
    search_fields = ("body__name", "what")
    raw_id_fields = ("body", "by")


@admin.register(PersonEvent)
class PersonEventAdmin(Shown):
    """What became known of people."""

    by_address = "person__email"
    list_display = ("at", "person", "what", "body", "by")
    list_select_related = ("person", "body", "by")
    search_fields = ("person__name",)
    search_help_text = "A part of a person's name, or a whole address."
    raw_id_fields = ("person", "body", "by")


@admin.register(HoldRequest)
class HoldRequestAdmin(Shown):
    """Who asked to hold warnings, and what was answered."""

    list_display = ("body", "hours", "asked_by", "asked_at", "granted", "decided_by", "decided_at")
    list_select_related = ("body", "asked_by", "decided_by")
    list_filter = ("granted",)
    search_fields = ("body__name",)
    raw_id_fields = ("body", "asked_by", "decided_by")


@admin.register(Upload)
class UploadAdmin(Shown):
    """Files that were put in. Their content is for nobody to read here."""

    list_display = ("at", "name", "what", "state", "size", "by", "settled_at")
    list_select_related = ("by",)
    list_filter = ("state", "what")
    search_fields = ("name",)
    exclude = ("content", "report")
    raw_id_fields = ("by",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Upload]:
        """Without their content."""
        return Upload.objects.defer("content")


@admin.register(Standing)
class StandingAdmin(Shown):
    """How ready bodies are."""

    list_display = ("body", "state", "people", "told", "branch_bodies", "branch_dark", "branch_weak", "expires_at")
    list_select_related = ("body",)
    list_filter = ("state",)
    search_fields = ("body__name", "body__slug")
    raw_id_fields = ("body",)
