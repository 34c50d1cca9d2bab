"""Where the pages are. `reader`, `contact_check` and `check` are for everybody, without signing in."""

from django.urls import include, path

from alerts.web import (
    advisory,
    check,
    contact_check,
    coverage,
    directory,
    drafts,
    health,
    home,
    notes,
    operations,
    reach_page,
    reader,
    texts,
    whatif,
    where,
    writing,
)

advisories = (
    [
        path("new/", drafts.new, name="new"),
        path("<str:reference>/", advisory.advisory, name="advisory"),
        path("<str:reference>/write/", writing.write, name="write"),
        path("<str:reference>/preview/", writing.preview, name="preview"),
        path("<str:reference>/looking/", writing.looking, name="looking"),
        path("<str:reference>/letter/", texts.letter, name="letter"),
        path("<str:reference>/letter/html/", texts.letter_html, name="letter_html"),
        path("<str:reference>/compare/", texts.compare, name="compare"),
        path("<str:reference>/aside/<int:number>/", drafts.settle, name="settle"),
        path("<str:reference>/drop/", drafts.drop, name="drop"),
        path("<str:reference>/update/", drafts.update, name="update"),
        path("<str:reference>/reach/", reach_page.reach_page, name="reach"),
        path("<str:reference>/reach/change/", reach_page.change, name="reach_change"),
        path("<str:reference>/approve/", advisory.approve, name="approve"),
        path("<str:reference>/give-back/", advisory.give_back, name="give_back"),
        path("<str:reference>/confirm/", advisory.confirm, name="confirm"),
        path("<str:reference>/publish/", advisory.publish_draft, name="publish_draft"),
        path("<str:reference>/stop/", advisory.stop, name="stop"),
        path("<str:reference>/go-on/", advisory.go_on, name="go_on"),
        path("<str:reference>/stand-down/", advisory.stand_down, name="stand_down"),
        path("<str:reference>/coverage/", coverage.coverage, name="coverage"),
        path("<str:reference>/coverage/live/", coverage.coverage_live, name="coverage_live"),
        path("<str:reference>/where/", where.where, name="where"),
        path("<str:reference>/where/live/", where.where_live, name="where_live"),
        path("<str:reference>/release/<int:relay>/", coverage.release, name="release"),
        path("<str:reference>/note/<int:relay>/", notes.note, name="note"),
    ],
    "alerts",
)

urlpatterns = [
    path("", home.home, name="home"),
    path("a/<str:token>", reader.reader, name="reader"),
    path("c/<str:token>", contact_check.contact_check, name="contact_check"),
    path("check", check.check, name="check"),
    path("healthz", health.healthz, name="healthz"),
    path("operations/", operations.operations_page, name="operations"),
    path("operations/live/", operations.operations_live, name="operations_live"),
    path("advisories/", include(advisories)),
    path("whatif/", whatif.try_it, name="whatif"),
    path("introduce/", directory.introduce, name="introduce"),
    path("ask-contacts/", directory.ask_all, name="ask_contacts"),
    path("ask-contacts/<str:slug>/", directory.ask_one, name="ask_contacts_of"),
]
