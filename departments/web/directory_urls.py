"""The directory as a whole: how ready it is."""

from django.urls import path

from departments.web.readiness import readiness

app_name = "directory"
urlpatterns = [
    path("readiness/", readiness, name="readiness"),
]
