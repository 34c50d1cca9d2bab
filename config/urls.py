"""Where everything is. `/a/` and `/check` are for everybody; the rest states on each view who may."""

from django.conf import settings
from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("accounts/", include("allauth.account.urls")),
    path("admin/", admin.site.urls),
    path("bodies/", include("departments.web.urls")),
    path("people/", include("departments.web.people_urls")),
    path("directory/load/", include("departments.web.upload_urls")),
    path("directory/", include("departments.web.directory_urls")),
    path("", include("alerts.web.urls")),
]
# The demo is installed in development and nowhere else.
if "demo" in settings.INSTALLED_APPS:
    urlpatterns = [
        path("mailbox/", include("config.mailbox_web")),
        path("", include("demo.urls")),
        *urlpatterns,
    ]
