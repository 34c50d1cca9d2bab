"""Where the pages are."""

from django.urls import path

from departments.web.body import body
from departments.web.tree import tree

app_name = "departments"
urlpatterns = [
    path("", tree, name="tree"),
    path("<str:slug>/", body, name="body"),
]
