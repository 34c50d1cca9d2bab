"""Where everything is. `/a/` and `/check` are for everybody; the rest states on each view who may."""

from django.conf import settings
from django.urls import include, path

urlpatterns = [
    path("accounts/", include("allauth.account.urls")),
    path("bodies/", include("departments.web.urls")),
    path("", include("alerts.web.urls")),
]
if settings.DEBUG:
    urlpatterns = [
        path("mailbox/", include("config.mailbox_web")),
        path("", include("demo.urls")),
        *urlpatterns,
    ]
