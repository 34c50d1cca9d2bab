"""The demo's doors, at `/` and, for whoever is inside already, at `/demo/`."""

from django.urls import path

from demo import doors

urlpatterns = [
    path("", doors.doors, name="doors_first"),
    path("demo/", doors.doors, name="doors"),
    path("demo/enter/<slug:key>/", doors.enter, name="enter"),
]
