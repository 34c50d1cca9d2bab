"""The directory as a whole: how ready it is, finding a body to name in a form, adding one at the top."""

from django.urls import path

from departments.web.body_changes import add
from departments.web.readiness import readiness
from departments.web.suggest import suggest

app_name = "directory"
urlpatterns = [
    path("add/", add, name="add"),
    path("suggest/", suggest, name="suggest"),
    path("readiness/", readiness, name="readiness"),
]
