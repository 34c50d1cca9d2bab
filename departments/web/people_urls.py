"""People: their pages, and what those who may can press there."""

from django.urls import path

from departments.web.directory_people import people
from departments.web.person import person
from departments.web.person_changes import (
    add,
    add_place,
    come_back,
    correct,
    end_delegation,
    leave,
    name_delegate,
    reached,
)
from departments.web.place import end, hours, order, place, role, verify

app_name = "people"
urlpatterns = [
    path("", people, name="list"),
    path("<int:pk>/", person, name="person"),
    path("<int:pk>/correct/", correct, name="correct"),
    path("<int:pk>/leave/", leave, name="leave"),
    path("<int:pk>/come-back/", come_back, name="come-back"),
    path("<int:pk>/reached/", reached, name="reached"),
    path("<int:pk>/place/", add_place, name="add-place"),
    path("<int:pk>/delegate/", name_delegate, name="name-delegate"),
    path("delegations/<int:pk>/end/", end_delegation, name="end-delegation"),
    path("in/<str:slug>/add/", add, name="add"),
    path("places/<int:pk>/", place, name="place"),
    path("places/<int:pk>/verify/", verify, name="verify"),
    path("places/<int:pk>/role/", role, name="role"),
    path("places/<int:pk>/order/", order, name="order"),
    path("places/<int:pk>/hours/", hours, name="hours"),
    path("places/<int:pk>/end/", end, name="end"),
]
