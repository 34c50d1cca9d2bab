"""The demo's doors, at `/` and, for whoever is inside already, at `/demo/`; and a reply to a mail of its mailbox."""

from django.urls import path

from demo import doors, replying

urlpatterns = [
    path("", doors.first, name="first"),
    path("demo/", doors.doors, name="doors"),
    path("mailbox/<int:number>/reply/", replying.reply, name="reply_to_mail"),
    path("demo/enter/<slug:key>/", doors.enter, name="enter"),
]
