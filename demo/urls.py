"""The demo's doors, at `/` and, for whoever is inside already, at `/demo/`."""

from django.urls import path

from demo import doors

urlpatterns = [
    path("", doors.first, name="first"),
    path("demo/", doors.doors, name="doors"),
    path("demo/enter/<slug:key>/", doors.enter, name="enter"),
]
