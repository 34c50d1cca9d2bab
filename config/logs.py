"""Logs that may be read by anybody: structured, with an id for each request, and no token in any of them."""

import logging
import logging.config
import re
import time
import uuid
from collections.abc import Callable, MutableMapping
from typing import Any

import structlog
from django.http import HttpRequest, HttpResponse

# Whoever holds a token may answer for its person, so what follows /a/ (and /c/, where contacts answer) is cut wherever it
# turns up, whatever a mail program put around it or into it. So are addresses.
TOKEN = re.compile(r"/([ac])/[^\s/]+")
# A whole path: no space and no slash ends the token there, only the name of a page behind it.
PATH = re.compile(r"^(.*?/[ac]/).+?(/[a-z-]{1,9})?$", re.DOTALL)
# What is as long as a token's signature is one (`alerts.tokens`), wherever it stands, unless it is words run together, such as
# the name of a class.
BARE = re.compile(r"(?<![0-9A-Za-z])(?![a-z]*(?:[A-Z]+[a-z]{3,})*(?![0-9A-Za-z]))[0-9A-Za-z]{22,}")
ADDRESS = re.compile(r"[^\s<>\"'@:,;()\[\]]+@[^\s<>\"'@:,;()\[\]]+\.[^\s<>\"'@:,;()\[\]]+")


def scrub(text: str) -> str:
    """The text without tokens and without mail addresses."""
    return BARE.sub("<token>", ADDRESS.sub("<address>", scrub_tokens(text)))


def scrub_tokens(text: str) -> str:
    """The text without what stands behind a link of ours."""
    return TOKEN.sub(r"/\1/<token>", text)


def scrub_path(path: str) -> str:
    """The path of a request without a token, however it was mangled."""
    return PATH.sub(r"\1<token>\2", path)


def _scrub_event(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key, value in event.items():
        if isinstance(value, str):
            event[key] = scrub(value)
    return event


def configure(_: dict[str, object]) -> None:
    """Send everything, ours and the libraries', through one scrubbed line format to standard error."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        structlog.stdlib.ExtraAdder(allow=["status_code"]),
        _scrub_event,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *shared[:5],
            _scrub_event,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "line": {
                    "()": structlog.stdlib.ProcessorFormatter,
                    "processors": [
                        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                        _scrub_event,
                        structlog.processors.LogfmtRenderer(
                            key_order=["timestamp", "level", "event"], bool_as_flag=False
                        ),
                    ],
                    "foreign_pre_chain": shared,
                }
            },
            "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
            "root": {"handlers": ["console"], "level": "INFO"},
            "loggers": {
                "django.server": {"handlers": [], "propagate": False},
                "django.request": {"level": "ERROR"},
                "celery.worker.strategy": {"level": "WARNING"},
                "celery.app.trace": {"level": "WARNING"},
                "celery.beat": {"level": "WARNING"},
            },
        }
    )


class RequestMiddleware:
    """One line a request, with an id that the answer carries as well."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self.log = structlog.get_logger("request")

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request_id = uuid.uuid4().hex[:12]
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request=request_id)
        started = time.perf_counter()
        response = self.get_response(request)
        response["X-Request-ID"] = request_id
        if request.method == "HEAD" and not response.streaming:
            # RFC 9110, section 9.3.2: the length of what GET would send, and none of it.
            response.headers.setdefault("Content-Length", str(len(response.content)))
            response.content = b""
        self.log.info(
            "served",
            method=request.method,
            path=scrub_path(request.path),
            status=response.status_code,
            ms=round((time.perf_counter() - started) * 1000),
        )
        return response
