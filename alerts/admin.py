"""The tables of warnings in Django's admin: to read and to search, never to change. No address, no text of a mail.

The words of a warning are for whoever reads them on its page as well (`rules.sees_text`).
"""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from alerts import rules
from alerts.models import (
    Advisory,
    Batch,
    Call,
    ChaseStep,
    Citation,
    Clock,
    Escalation,
    Heartbeat,
    LinkKey,
    Message,
    Nudge,
    Record,
    Referral,
    Relay,
    Reply,
    Revision,
    Trouble,
)
from departments.admin_base import Shown
from departments.models import Person


def _reads(request: HttpRequest, advisory: Advisory | None) -> bool:
    return advisory is None or (isinstance(request.user, Person) and rules.sees_text(request.user, advisory))


@admin.register(Advisory)
class AdvisoryAdmin(Shown):
    """Warnings."""

    list_display = ("reference", "issuer", "state", "severity", "marking", "published_at", "acknowledge_by", "exercise")
    list_select_related = ("issuer",)
    list_filter = ("state", "severity", "marking", "exercise")
    search_fields = ("reference", "issuer__name")
    raw_id_fields = ("issuer", "current", "material", "written_by", "supersedes", "stopped_by")

    def get_exclude(self, request: HttpRequest, obj: Advisory | None = None) -> list[str]:
        """Why its chase was ended, for whoever may not read it."""
        return [] if obj is None or _reads(request, obj) else ["chase_ended_why"]


@admin.register(Revision)
class RevisionAdmin(Shown):
    """What was said, as it was published."""

    list_display = ("advisory", "number", "kind", "at", "by", "approved_by")
    list_select_related = ("advisory", "by", "approved_by")
    list_filter = ("kind",)
    search_fields = ("advisory__reference",)
    raw_id_fields = ("advisory", "by", "approved_by")

    def get_exclude(self, request: HttpRequest, obj: Revision | None = None) -> list[str]:
        """The words, for whoever may not read them."""
        return [] if obj is None or _reads(request, obj.advisory) else ["content", "alone_reason"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Revision]:
        """The words are read where one revision is shown."""
        return Revision.objects.defer("content", "preview")


@admin.register(Relay)
class RelayAdmin(Shown):
    """Each body's turn."""

    list_display = ("advisory", "body", "purpose", "state", "reached_at", "held_until", "released_at", "released_by")
    list_select_related = ("advisory", "body", "released_by")
    list_filter = ("state", "purpose")
    search_fields = ("advisory__reference", "body__name")
    raw_id_fields = ("advisory", "body", "parent", "reached_via", "released_by")


@admin.register(Batch)
class BatchAdmin(Shown):
    """The outbox."""

    list_display = ("id", "advisory", "kind", "rank", "size", "attempt", "not_before", "leased_until", "done_at")
    list_select_related = ("advisory",)
    list_filter = (("done_at", admin.EmptyFieldListFilter),)
    search_fields = ("advisory__reference",)
    raw_id_fields = ("advisory", "revision")


@admin.register(Message)
class MessageAdmin(Shown):
    """Mails: to whom, when, what became of them."""

    # Through the recipient, which has the indexes.
    by_address = "recipient__person__email"
    list_display = ("id", "advisory", "person", "kind", "state", "attempt", "sent_at", "failed_at")
    list_select_related = ("advisory", "person")
    list_filter = ("state", "kind")
    search_fields = ("recipient__advisory__reference__exact",)
    search_help_text = "A whole reference, or a whole address."
    # What a server answered may hold addresses.
    fields = ("advisory", "person", "kind", "revision", "batch", "state", "attempt", "sent_at", "failed_at")
    raw_id_fields = ("advisory", "person", "revision", "batch")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Message]:
        """Without what was written to whom."""
        return Message.objects.defer("personal", "error")


@admin.register(Referral)
class ReferralAdmin(Shown):
    """What readers say about who should have a warning, and who decided."""

    list_display = ("id", "kind", "body", "at", "decision", "decided_by", "decided_at")
    list_select_related = ("body", "decided_by")
    list_filter = ("kind", "decision")
    search_fields = ("recipient__advisory__reference__exact",)
    search_help_text = "A whole reference."
    # Names, addresses and reasons stand on the page of those who decide.
    fields = ("recipient", "body", "kind", "at", "decision", "decided_by", "decided_at")
    raw_id_fields = ("recipient", "body", "decided_by")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Referral]:
        """Without what was typed."""
        return Referral.objects.defer("name", "email", "text", "reason")


@admin.register(Clock)
class ClockAdmin(Shown):
    """Until when somebody is to answer, to act or to let go."""

    list_display = ("advisory", "material", "kind", "calendar", "starts_at", "by", "late")
    list_select_related = ("advisory",)
    list_filter = ("kind", "late")
    search_fields = ("advisory__reference__exact",)
    search_help_text = "A whole reference."
    raw_id_fields = ("advisory",)


@admin.register(ChaseStep)
class ChaseStepAdmin(Shown):
    """What a clock makes due, and what became of it."""

    list_display = ("id", "clock", "what", "n", "due_at", "done_at", "people", "skipped_by", "hastened_by", "overtaken")
    list_select_related = ("clock", "skipped_by", "hastened_by")
    list_filter = ("what", ("done_at", admin.EmptyFieldListFilter))
    search_fields = ("clock__advisory__reference__exact",)
    search_help_text = "A whole reference."
    raw_id_fields = ("clock", "skipped_by", "hastened_by")

    def get_exclude(self, request: HttpRequest, obj: ChaseStep | None = None) -> list[str]:
        """Why it was skipped or hastened, for whoever may not read the warning."""
        return [] if obj is None or _reads(request, obj.clock.advisory) else ["reason"]


@admin.register(Nudge)
class NudgeAdmin(Shown):
    """Who is due a reminder, and the mail that it is in."""

    list_display = ("id", "recipient", "person", "at", "state", "step", "message")
    list_select_related = ("recipient", "person", "step", "message")
    list_filter = ("state",)
    search_fields = ("recipient__advisory__reference__exact",)
    search_help_text = "A whole reference."
    raw_id_fields = ("step", "promise", "recipient", "person", "message")


@admin.register(Escalation)
class EscalationAdmin(Shown):
    """Who was told that a body is silent, and for which body they answer."""

    list_display = ("id", "relay", "person", "role", "body", "silent", "at", "state", "held_back_at")
    list_select_related = ("relay", "person", "body")
    list_filter = ("state", "role")
    search_fields = ("relay__advisory__reference__exact",)
    search_help_text = "A whole reference."
    raw_id_fields = ("step", "relay", "person", "body", "message")


@admin.register(Call)
class CallAdmin(Shown):
    """Who rang which body of the calling list."""

    list_display = ("id", "relay", "caller", "taken_at", "until", "ended_at", "result")
    list_select_related = ("relay", "caller")
    list_filter = ("result",)
    search_fields = ("relay__advisory__reference__exact",)
    search_help_text = "A whole reference."
    # What a caller noted stands on the calling list, for those who ring.
    fields = ("relay", "caller", "taken_at", "until", "ended_at", "result", "person")
    raw_id_fields = ("relay", "caller", "person")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Call]:
        """Without what was noted."""
        return Call.objects.defer("note")


@admin.register(Reply)
class ReplyAdmin(Shown):
    """That somebody who asked for help had an answer; not its words."""

    list_display = ("id", "recipient", "at", "by", "settles")
    list_select_related = ("recipient", "by")
    list_filter = ("settles",)
    search_fields = ("recipient__advisory__reference__exact",)
    search_help_text = "A whole reference."
    fields = ("recipient", "at", "by", "settles")
    raw_id_fields = ("recipient", "by")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Reply]:
        """Without its words."""
        return Reply.objects.defer("text")


@admin.register(Citation)
class CitationAdmin(Shown):
    """Figures that were kept; what they say stands behind their code."""

    list_display = ("code", "advisory", "body", "by", "at", "kept_at")
    list_select_related = ("advisory", "body", "by")
    search_fields = ("advisory__reference__exact", "code__exact")
    search_help_text = "A whole reference, or a whole code without blanks."
    fields = ("code", "advisory", "body", "by", "at", "kept_at")
    raw_id_fields = ("advisory", "body", "by")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Citation]:
        """Without what the page said, and its pictures."""
        return Citation.objects.defer("content", "bodies", "svg", "png")


@admin.register(LinkKey)
class LinkKeyAdmin(Shown):
    """With which keys the links of an advisory were signed: fingerprints, never a key."""

    list_display = ("advisory", "fingerprint", "since")
    list_select_related = ("advisory",)
    search_fields = ("advisory__reference__exact", "fingerprint__exact")
    search_help_text = "A whole reference, or a whole fingerprint."
    raw_id_fields = ("advisory",)


@admin.register(Record)
class RecordAdmin(Shown):
    """The record."""

    list_display = ("id", "at", "kind", "subject", "actor")
    list_select_related = ("actor",)
    search_fields = ("subject__exact", "kind__exact")
    search_help_text = "A whole reference or slug, or a whole kind."
    raw_id_fields = ("actor",)

    def get_exclude(self, request: HttpRequest, obj: Record | None = None) -> list[str]:
        """Reasons and words of a warning, for whoever may not read it."""
        about = Advisory.objects.filter(reference=obj.subject).first() if obj is not None else None
        return [] if _reads(request, about) else ["details"]


@admin.register(Heartbeat)
class HeartbeatAdmin(Shown):
    """When each process was last seen."""

    list_display = ("process", "at")


@admin.register(Trouble)
class TroubleAdmin(Shown):
    """What audits found, and the auditor's own notes."""

    list_display = ("kind", "subject", "began_at", "seen_at", "said_at", "over_at")
    list_filter = (("over_at", admin.EmptyFieldListFilter),)
    search_fields = ("subject__exact",)
    search_help_text = "A whole reference, or a worker's name."
