"""Where the pages are."""

from django.urls import path

from departments.web import body_changes, holding
from departments.web.body import body
from departments.web.tree import tree

app_name = "departments"
urlpatterns = [
    path("", tree, name="tree"),
    path("<str:slug>/", body, name="body"),
    path("<str:slug>/add/", body_changes.add, name="add"),
    path("<str:slug>/change/", body_changes.change, name="change"),
    path("<str:slug>/move/", body_changes.move, name="move"),
    path("<str:slug>/close/", body_changes.close, name="close"),
    path("<str:slug>/reopen/", body_changes.reopen, name="reopen"),
    path("<str:slug>/hold/", holding.ask, name="hold"),
    path("<str:slug>/hold/stop/", holding.stop, name="stop_holding"),
    path("<str:slug>/hold/<int:number>/", holding.decide, name="decide_hold"),
]
