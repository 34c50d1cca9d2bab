"""What every table in Django's admin has in common: who may, and that a page costs what it shows.

No select box of bodies or people, no full count, no sorting of a whole table: a directory has 200,000 people, and the
outbox has millions of rows.
"""

from functools import cached_property
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from departments.addresses import canonical
from departments.admin_site import READ, WRITE
from departments.models import Body
from departments.refusal import Refused

if TYPE_CHECKING:
    BaseAdmin = admin.ModelAdmin[Any]
    BasePaginator = Paginator[Any]
else:
    BaseAdmin, BasePaginator = admin.ModelAdmin, Paginator

# As far as a list is counted and paged through; whoever looks for more searches.
MOST_COUNTED = 10_000


class CountedSoFar(BasePaginator):
    """Counts no further than anybody pages."""

    @cached_property
    def count(self) -> int:
        """How many there are, at most `MOST_COUNTED`."""
        found = self.object_list
        return found.order_by()[:MOST_COUNTED].count() if isinstance(found, QuerySet) else len(found)


class Listed(ChangeList):
    """A list that says how many there are only where it counted to the end."""

    def get_results(self, request: HttpRequest) -> None:
        """One page of it."""
        super().get_results(request)
        self.most_counted = MOST_COUNTED if self.result_count >= MOST_COUNTED else None
        if self.most_counted or not self.query:
            self.full_result_count = self.result_count  # then the search says no number of its own


class Shown(BaseAdmin):
    """A table to read and to search. Administrators and auditors see it; nobody changes it here."""

    may_add = may_change = may_delete = False
    # Where an address or a body's slug leads, when somebody looks for one: it is looked up whole, by its index.
    by_address = by_slug = ""

    actions = None
    ordering = ("-pk",)
    sortable_by = ()
    paginator = CountedSoFar
    list_per_page = 50
    list_max_show_all = 50
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Whether the first page names it."""
        return request.user.has_perm(READ)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Administrators and auditors."""
        return request.user.has_perm(READ)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Administrators, where rows are added here at all."""
        return self.may_add and request.user.has_perm(WRITE)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Administrators, where rows are changed here at all."""
        return self.may_change and request.user.has_perm(WRITE)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Administrators, where rows are deleted here at all."""
        return self.may_delete and request.user.has_perm(WRITE)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Counted so far."""
        return Listed

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """An address finds whoever has it, a slug its body; other words are looked for in `search_fields`."""
        if self.by_slug and (body := Body.objects.filter(slug=search_term.strip()).first()):
            return queryset.filter(**{self.by_slug: body}), False
        if not (self.by_address and "@" in search_term):
            return super().get_search_results(request, queryset, search_term)
        try:
            address = canonical(search_term)
        except ValueError:
            return queryset.none(), False
        return queryset.filter(**{self.by_address: address}), False

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """What a verb refuses is said above the form, and nothing is written."""
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except Refused as refused:
            return _say(request, refused)

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """What a verb refuses is said, and nothing is deleted."""
        try:
            return super().delete_view(request, object_id, extra_context)
        except Refused as refused:
            return _say(request, refused)


def _say(request: HttpRequest, refused: Refused) -> HttpResponse:
    messages.error(request, str(refused))
    return HttpResponseRedirect(request.get_full_path())
