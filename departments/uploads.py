"""Loading through the page: a file is put in, compared by a background step, and loaded or put aside by a second press.

Before `put`: any directory. After: a row that waits for its comparison. Before `decide`: a comparison. After: the row
waits to be loaded, or is put aside. `run_waiting` does whatever waits, each file in one transaction together with the
row's new state: a worker killed in the middle leaves the row waiting and the directory as it was, and two workers never
do one twice. Once a file is settled its content is gone; what it said of the directory stays, as far as it is shown.
"""

import tempfile
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import structlog
from django.core.cache import cache
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import QuerySet
from django.utils import timezone
from redis.exceptions import RedisError

from config.bell import ring
from departments.loading import NotUnderstood, Report, load_bodies, load_people
from departments.loading.report import Progress
from departments.models import Person, Upload
from departments.refusal import Refused
from departments.upload_report import digest, loaded, not_understood, told

log = structlog.get_logger(__name__)

LARGEST = 64 * 1024 * 1024  # bytes: 200,000 people are a fifth of that
LONGEST_FILE_NAME = 255
# A file that nobody decides about is put aside by itself: it may hold people's addresses.
KEPT_UNDECIDED = timedelta(days=7)
# A file whose comparison began so often and never ended (it exhausts the worker, say) is refused.
MOST_STARTS = 5
WAITING = (Upload.State.COMPARING, Upload.State.LOADING)
STEP_KEPT = 600  # seconds

UNEXPECTED = (
    "Something unexpected stopped it. Nothing was loaded; the directory is as it was. Put the file in again; if it "
    "stops again, tell whoever runs this service: the log names it as upload {pk}."
)
TOO_OFTEN = (
    "It was begun {starts} times and never came to an end. Nothing was loaded; the directory is as it was. Split the "
    "file, or tell whoever runs this service: the log names it as upload {pk}."
)


class _OthersMissing(Exception):
    """Other bodies are missing than those that were shown: what nobody saw is not closed. Compare again, and ask again."""


def put(what: str, name: str, content: bytes, by: Person) -> Upload:
    """Take in a file and ring for its comparison. Twice: two rows; comparing changes nothing.

    Raises `Refused` for whoever may not, an unknown kind, an empty file, or one that is too large.
    """
    _check_may(by)
    if what not in Upload.What.values:
        raise Refused("Say whether the file holds bodies or people. Nothing was taken in.")
    if not content:
        raise Refused("The file is empty. Nothing was taken in; choose another one.")
    if len(content) > LARGEST:
        raise Refused(too_large())
    clean = "".join(sign if sign.isprintable() else " " for sign in name).strip()
    with transaction.atomic():
        upload = Upload.objects.create(
            what=what, name=clean[:LONGEST_FILE_NAME] or "a file", size=len(content), content=content, by=by
        )
        ring("departments.tasks.load_uploads")
    return upload


def decide(upload: Upload, load: bool, by: Person, close_missing: bool = False) -> Upload:
    """Load what was compared (and with `close_missing` close the bodies that it proposed), or put it aside.

    Twice: the second time nothing is written. Raises `Refused` where somebody decided otherwise, or it is too early.
    """
    _check_may(by)
    now = Upload.objects.defer("content").get(pk=upload.pk)
    if now.state != Upload.State.COMPARED:
        _check_decided_so(now, load)  # without the row's lock, which a worker holds for as long as it loads
        return now
    with transaction.atomic():
        held = Upload.objects.defer("content").select_for_update().get(pk=upload.pk)
        if held.state != Upload.State.COMPARED:
            _check_decided_so(held, load)
            return held
        close_missing = close_missing and load and bool(held.report.get("missing"))
        held.report = {**held.report, "again": False, "starts": 0, "decided_by": by.pk, "decided_by_name": by.name}
        held.close_missing = close_missing
        if load:
            held.state = Upload.State.LOADING
            held.save(update_fields=["state", "close_missing", "report"])
            ring("departments.tasks.load_uploads")
        else:
            _settle(held, Upload.State.PUT_ASIDE, held.report)
    return held


def run_waiting() -> bool:
    """Compare or load the next file that waits and that no other worker has at hand; whether one was brought further.

    One file a turn, so that none is stopped for the time that another one took; then it rings for the next.
    """
    _put_aside_forgotten()
    last = 0
    while (begun := _begin_next(last)) is not None:
        last = begun
        try:
            if _run(begun):
                ring("departments.tasks.load_uploads")
                return True
        except (OperationalError, InterfaceError) as error:
            log.warning("the database was away or busy; the file waits", upload=begun, error=type(error).__name__)
    return False


def step_of(upload: Upload) -> str:
    """What is being done with this file right now; "" where nothing is known. Losing it costs nothing."""
    with suppress(RedisError, OSError):
        return str(cache.get(_key(upload.pk)) or "")
    return ""


def listed() -> QuerySet[Upload]:
    """All uploads, the last one first, without their content."""
    return Upload.objects.defer("content").select_related("by").order_by("-pk")


def too_large() -> str:
    """Why a large file is refused, and what to do."""
    return f"The file has more than {LARGEST // 1024**2} MB. Nothing was taken in; split it into several."


def _check_may(by: Person) -> None:
    if not by.has_perm("departments.change_body"):
        raise Refused("Only administrators load files. Nothing was done.")


def _check_decided_so(held: Upload, load: bool) -> None:
    """Refused unless this was decided in the same way already."""
    loads = (Upload.State.LOADING, Upload.State.LOADED)
    if held.state in (loads if load else (Upload.State.PUT_ASIDE,)):
        return
    if held.state == Upload.State.COMPARING:
        raise Refused("It is still being compared. Decide once the differences are there.")
    who = held.report.get("decided_by_name")
    by = f" by {who}" if who else ""
    if held.state in loads:
        raise Refused(f"Loading it was decided{by} already. It can't be put aside any more.")
    if held.state == Upload.State.PUT_ASIDE:
        raise Refused(f"It was put aside{by} already. Put the file in again to load it.")
    raise Refused("It was refused, and its content is gone. Correct the file and put it in again.")


def _begin_next(after: int) -> int | None:
    """The next file that waits and is free, its start noted in a transaction of its own; None where there is none."""
    with transaction.atomic():
        waiting = Upload.objects.defer("content").filter(state__in=WAITING, pk__gt=after).order_by("pk")
        upload = waiting.select_for_update(skip_locked=True).first()
        if upload is None:
            return None
        starts = int(upload.report.get("starts", 0))
        if starts >= MOST_STARTS:
            log.error("a file never came to an end", upload=upload.pk, starts=starts)
            _refuse(upload, TOO_OFTEN.format(starts=starts, pk=upload.pk))
        else:
            upload.report = {**upload.report, "starts": starts + 1}
            upload.save(update_fields=["report"])
        return upload.pk


def _run(upload_id: int) -> bool:
    """Bring this file one state further, in one transaction with what it does to the directory."""
    with transaction.atomic():
        held = Upload.objects.select_for_update(skip_locked=True).filter(pk=upload_id, state__in=WAITING).first()
        if held is None:
            return False
        before = held.report
        try:
            with transaction.atomic():
                report = _load(held)
        except _OthersMissing:
            held.state, held.close_missing, held.report = Upload.State.COMPARING, False, {**before, "again": True}
            held.save(update_fields=["state", "close_missing", "report"])
        except NotUnderstood as error:
            _settle(held, Upload.State.REFUSED, {**before, **not_understood(error)})
        except (OperationalError, InterfaceError):
            raise
        except Exception as error:  # whatever it is, the row must not stay in a queue for ever
            # The text of an error may hold a row of the file, with addresses.
            log.error("a file could not be loaded", upload=held.pk, error=type(error).__name__)
            _refuse(held, UNEXPECTED.format(pk=held.pk))
        else:
            _note_done(held, report)
    with suppress(RedisError, OSError):
        cache.delete(_key(upload_id))
    log.info("a file was brought further", upload=upload_id, state=held.state)
    return True


def _load(held: Upload) -> Report:
    """Compare or load. The loaders read a file, so it is one for as long as that takes."""
    by = Person.objects.filter(pk=held.report.get("decided_by", held.by_id)).first()
    compare, tell = held.state == Upload.State.COMPARING, _teller(held.pk)
    with tempfile.TemporaryDirectory(prefix="upload-") as folder:
        path = Path(folder, _name_on_disk(held.name))
        path.write_bytes(held.content or b"")
        if held.what == Upload.What.PEOPLE:
            return load_people(path, dry_run=compare, by=by, progress=tell)
        report = load_bodies(path, dry_run=compare, by=by, progress=tell, close_missing=held.close_missing)
    if held.close_missing and digest(report.closed) != held.report["missing"].get("digest"):
        raise _OthersMissing
    return report


def _name_on_disk(name: str) -> str:
    """The file's own name, which the history of a closed body quotes; as far as a disk takes it."""
    return name.replace("/", " ").strip(". ").encode()[:200].decode(errors="ignore") or "file"


def _note_done(held: Upload, report: Report) -> None:
    if held.state == Upload.State.COMPARING:
        held.state = Upload.State.COMPARED
        held.report = {**held.report, **told(report)}
        held.save(update_fields=["state", "report"])
        return
    _settle(held, Upload.State.LOADED, {**held.report, "loaded": loaded(report)})
    ring("departments.tasks.refresh_readiness")


def _refuse(held: Upload, sentence: str) -> None:
    _settle(held, Upload.State.REFUSED, {**held.report, "refused": sentence})


def _settle(held: Upload, state: Upload.State, report: dict[str, Any]) -> None:
    held.state, held.report, held.content, held.settled_at = state, report, None, timezone.now()
    held.save(update_fields=["state", "report", "content", "settled_at", "close_missing"])


def _put_aside_forgotten() -> None:
    with transaction.atomic():
        forgotten = Upload.objects.defer("content").filter(
            state=Upload.State.COMPARED, at__lt=timezone.now() - KEPT_UNDECIDED
        )
        for upload in forgotten.select_for_update(skip_locked=True):
            _settle(upload, Upload.State.PUT_ASIDE, {**upload.report, "forgotten": True})


def _key(upload_id: int) -> str:
    return f"departments.upload.{upload_id}.step"


def _teller(upload_id: int) -> Progress:
    """Keeps each step's sentence where the page finds it at once; the transaction would show it only at the end."""

    def tell(step: str) -> None:
        with suppress(RedisError, OSError):
            cache.set(_key(upload_id), step, STEP_KEPT)

    return tell
