"""The door of Django's admin: administrators and auditors, who sign in where everybody does."""

from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.urls import reverse

READ = "departments.view_people"
WRITE = "departments.change_body"


class Site(AdminSite):
    """The tables. Whatever has a page of its own is changed there, and only shown here."""

    site_header = site_title = "The tables"
    index_title = "Everything that is kept, by its table"
    site_url = "/"
    enable_nav_sidebar = False

    def has_permission(self, request: HttpRequest) -> bool:
        """Administrators; auditors, who only read."""
        return request.user.has_perm(READ)

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Sign in on the one page for that; whoever is signed in and has no business here is told so (403)."""
        onward = request.GET.get("next") or reverse("admin:index")
        if self.has_permission(request):
            return HttpResponseRedirect(reverse("admin:index"))
        if request.user.is_authenticated:
            raise PermissionDenied
        return redirect_to_login(onward, resolve_url("account_login"))

    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """As everywhere: the press is handed on."""
        return HttpResponseRedirect(reverse("account_logout"), preserve_request=True)

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """As everywhere."""
        return HttpResponseRedirect(reverse("account_change_password"))
