"""Publishing: a draft becomes a revision, signed by two people (or by one alone, with a reason), and the cascade is woken.

Before: a draft. After, in one transaction: an immutable revision with the reach as it was signed, unsent mails of an earlier
revision superseded, figures counted anew, and the record. Twice: the draft is gone after the first time, so the second is
refused in words. Stopping and standing down live here too: they are said of a published advisory.
"""

import hashlib
import json
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from alerts import counting, record
from alerts.audience import Reach, reach
from alerts.models import Action, Advisory, Draft, Gap, Message, Revision, Severity, State
from alerts.wake import wake
from departments.models import Body, Membership, Person, Role
from departments.tree import ancestors, branch

URGENT = (Severity.CRITICAL, Severity.HIGH)


class Refused(Exception):
    """Why it can't be published, stopped or stood down: a sentence for the person who tried."""


def issuer_of(officer: Person) -> Body:
    """The body for which this officer publishes: an issuing authority before any other; raises `Refused`."""
    membership = (
        Membership.objects.filter(person=officer, role=Role.OFFICER, until=None, body__closed=None)
        .select_related("body")
        .order_by("-body__may_issue", "body_id")
        .first()
    )
    if membership is None or officer.left_at is not None:
        raise Refused(f"{officer.name} is not a security officer of any open body, and only officers publish.")
    return membership.body


def may_approve(person: Person, advisory: Advisory) -> bool:
    """Whether this person is an officer of the issuer or of a body above it."""
    above = [advisory.issuer_id, *ancestors(advisory.issuer_id)]
    return (
        person.left_at is None
        and Membership.objects.filter(
            person=person, role=Role.OFFICER, until=None, body__in=above, body__closed=None
        ).exists()
    )


def _refuse_beyond_branch(advisory: Advisory) -> None:
    """An officer reaches their own branch, unless their body is an issuing authority.

    A directory that names no issuing authority yet lets each officer issue: somebody has to be able to warn.
    """
    if advisory.issuer.may_issue or not Body.objects.filter(may_issue=True).exists():
        return
    own = set(branch(advisory.issuer_id))
    beyond = [item.body.name for item in advisory.branches.select_related("body") if item.body_id not in own]
    if beyond:
        raise Refused(
            f"{advisory.issuer.name} is not an issuing authority, and {', '.join(beyond[:5])} is not below it. "
            "Ask an issuing authority to publish this, or take it out of the audience."
        )


@transaction.atomic
def publish_draft(draft: Draft, by: Person, *, alone_reason: str = "", accept_gaps: str = "") -> Revision:
    """Publish what was submitted. `by` approves it; whoever submitted it may do so only alone, with a reason.

    Raises `Refused` with a sentence; then nothing was written.
    """
    advisory = Advisory.objects.select_for_update(no_key=True).get(pk=draft.advisory_id)
    held = Draft.objects.select_for_update().filter(pk=draft.pk, version=draft.version).first()
    if held is None:
        raise Refused("This draft was published or changed by somebody else meanwhile. Look at the page again.")
    if advisory.state == State.STOOD_DOWN:
        raise Refused(f"{advisory.reference} was stood down; write a new advisory instead.")
    submitter = held.submitted_by or held.saved_by
    if not may_approve(by, advisory):
        raise Refused(f"{by.name} is not an officer of {advisory.issuer.name} or of a body above it.")
    alone = submitter == by
    if alone and not alone_reason.strip():
        raise Refused("You submitted this yourself. Let a second officer approve it, or say why you publish alone.")
    _refuse_beyond_branch(advisory)
    found = reach(advisory, list(held.content.get("topics", [])))
    first = advisory.current_id is None
    if first:
        _sign_gaps(advisory, found, by, accept_gaps.strip())
    kind = Revision.Kind.MATERIAL if first or held.material else Revision.Kind.MINOR
    revision = _freeze(
        advisory,
        held.content,
        kind,
        by=submitter,
        approved_by=None if alone else by,
        alone_reason=alone_reason.strip() if alone else "",
        found=found,
    )
    held.delete()
    return revision


def _sign_gaps(advisory: Advisory, found: Reach, by: Person, reason: str) -> None:
    if found.people == 0:
        raise Refused("Nobody would hear this: the audience holds no one who can be told. Mend the audience first.")
    choices = found.choices()
    if choices and not reason and advisory.severity not in URGENT:
        names = ", ".join(gap.body.name for gap in choices[:5])
        raise Refused(
            f"{len(choices)} bodies whose remit matches would not hear this ({names} ...). "
            "Put them into the audience, or leave them out with a reason."
        )
    Gap.objects.bulk_create(
        Gap(
            advisory=advisory,
            kind=gap.kind,
            body=gap.body,
            reason=reason if gap.kind == Gap.Kind.OUTSIDE else "",
            by=by if reason and gap.kind == Gap.Kind.OUTSIDE else None,
        )
        for gap in found.gaps
    )


def _freeze(
    advisory: Advisory,
    content: dict[str, object],
    kind: str,
    *,
    by: Person,
    approved_by: Person | None,
    alone_reason: str,
    found: Reach | None,
) -> Revision:
    now = timezone.now()
    words = {key: value for key, value in content.items() if key not in ("actions", "acknowledge_seconds")}
    actions = list(content.get("actions", []))  # type: ignore[call-overload]  # JSON, checked when it was written
    number = advisory.revisions.count() + 1
    # Figures before messages, as deliver does: the other way round two transactions could wait for each other.
    counting.lock_figures(advisory.pk)
    superseded = Message.objects.filter(advisory=advisory, state=Message.State.WAITING).update(
        state=Message.State.SUPERSEDED
    )
    revision = Revision.objects.create(
        advisory=advisory,
        number=number,
        kind=kind,
        content=words,
        hash=hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=False).encode()).hexdigest(),
        at=now,
        by=by,
        approved_by=approved_by,
        alone_reason=alone_reason,
        preview=_as_signed(found) if found else {},
    )
    Action.objects.bulk_create(
        Action(
            revision=revision,
            key=action["key"],
            order=order,
            text=action["text"],
            due=now + timedelta(seconds=action["due_seconds"]),
            of=action["of"],
        )
        for order, action in enumerate(actions)
    )
    advisory.current = revision
    if kind == Revision.Kind.MATERIAL:
        advisory.material = revision
        advisory.acknowledge_by = now + timedelta(seconds=int(str(content["acknowledge_seconds"])))
    if advisory.state == State.DRAFT:
        advisory.state, advisory.published_at = State.LIVE, now
    if kind == Revision.Kind.STAND_DOWN:
        advisory.state = State.STOOD_DOWN
    # Correcting is one way of going on after a stop: what leaves now is the corrected text.
    advisory.stopped_at = advisory.stopped_by = None
    advisory.save()
    counting.recount(advisory.pk)
    record.write(
        "stood down" if kind == Revision.Kind.STAND_DOWN else "published",
        advisory.reference,
        approved_by or by,
        revision=number,
        kind=kind,
        hash=revision.hash,
        submitted_by=by.pk,
        alone_reason=alone_reason,
        superseded=superseded,
    )
    wake("cascade", advisory.pk)
    return revision


def _as_signed(found: Reach) -> dict[str, object]:
    return {
        "people": found.people,
        "bodies": found.bodies,
        "branches": found.branches,
        "gaps": [{"kind": gap.kind, "body": gap.body.slug, "why": gap.why} for gap in found.gaps],
    }


def _live(advisory: Advisory, by: Person) -> Advisory:
    held = Advisory.objects.select_for_update(no_key=True).get(pk=advisory.pk)
    if held.state != State.LIVE:
        raise Refused(f"{held.reference} is not live.")
    if not may_approve(by, held):
        raise Refused(f"{by.name} is not an officer of {held.issuer.name} or of a body above it.")
    return held


@transaction.atomic
def stop(advisory: Advisory, by: Person) -> tuple[int, int]:
    """Nothing unsent leaves from now on. Returns how many were sent and how many were not; raises `Refused`."""
    held = _live(advisory, by)
    if held.stopped:
        raise Refused(f"{held.reference} is stopped already.")
    held.stopped_at, held.stopped_by = timezone.now(), by
    held.save(update_fields=["stopped_at", "stopped_by"])
    sent = Message.objects.filter(revision=held.current, state=Message.State.SENT).count()
    unsent = held.recipients.count() - sent
    record.write("stopped", held.reference, by, sent=sent, unsent=unsent)
    return sent, unsent


@transaction.atomic
def go_on(advisory: Advisory, by: Person) -> None:
    """What was stopped goes on as it was; raises `Refused`."""
    held = _live(advisory, by)
    if not held.stopped:
        raise Refused(f"{held.reference} is not stopped.")
    held.stopped_at = held.stopped_by = None
    held.save(update_fields=["stopped_at", "stopped_by"])
    record.write("went on", held.reference, by)
    wake("cascade", held.pk)


@transaction.atomic
def stand_down(advisory: Advisory, by: Person, reason: str) -> Revision:
    """The advice no longer holds: a last revision goes to everybody who was ever told; raises `Refused`."""
    held = _live(advisory, by)
    if not reason.strip():
        raise Refused("Say why it is stood down: everybody who was told will read it.")
    assert held.current is not None  # noqa: S101  # live means published
    content = {**held.current.content, "what_changed": reason.strip(), "actions": []}
    Draft.objects.filter(advisory=held).delete()
    return _freeze(
        held,
        content,
        Revision.Kind.STAND_DOWN,
        by=by,
        approved_by=None,
        alone_reason=reason.strip(),
        found=None,
    )
