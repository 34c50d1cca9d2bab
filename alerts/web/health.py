"""`/healthz`: is it well? For load balancers and for whoever is woken at three in the morning."""

from datetime import timedelta

from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from redis import Redis, RedisError

from alerts.models import Heartbeat

BEAT_SILENT = timedelta(seconds=30)


@require_safe
@never_cache
def healthz(request: HttpRequest) -> JsonResponse:
    """Anybody may ask. 200 when database, broker and beat are well, otherwise 503 with what is not."""
    wrong = {name: sentence for name, sentence in _look() if sentence}
    return JsonResponse({"well": not wrong, "wrong": wrong}, status=503 if wrong else 200)


def _look() -> list[tuple[str, str]]:
    database = _database()
    return [("database", database), ("broker", _broker()), ("beat", "" if database else _beat())]


def _database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return "PostgreSQL does not answer; check DATABASE_URL and the server."
    return ""


def _broker() -> str:
    try:
        with Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2) as broker:
            broker.ping()
    except RedisError:
        return "Redis does not answer; mail goes on by the beat as soon as it does."
    return ""


def _beat() -> str:
    beat = Heartbeat.objects.filter(process="beat").first()
    if beat is None:
        return "No beat was ever seen; start `celery -A config beat` and a worker."
    silent = timezone.now() - beat.at
    if silent > BEAT_SILENT:
        return f"Silent for {silent.total_seconds():.0f} s; look at `celery -A config beat` and at the workers."
    return ""
