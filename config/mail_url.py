"""A mail server from a URL: smtp://user:password@host:587?tls=true. A mailbox from one: imaps://user:password@host/INBOX.

`smtp` is plain, with `?tls=true` (or as `smtp+tls`) it turns to TLS before anything is said (STARTTLS, RFC 3207); `smtps` (or
`smtp+ssl`, or `?ssl=true`) is TLS from the first octet (RFC 8314). Certificates are verified, always.
"""

from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

_IMPLICIT = ("smtps", "smtp+ssl")
_SCHEMES = ("smtp", "smtp+tls", *_IMPLICIT)


def mail_server(name: str, url: str) -> dict[str, str | int | bool | None]:
    """Django's settings for this server; `name` is the variable's. The URL holds a password, so it is said nowhere.

    Raises `ImproperlyConfigured` for what is no such URL, and for a password that would go over an open line.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
        options = dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
    except ValueError:
        raise _wrong(name) from None
    tls, ssl = (options.pop(option, "false").lower() for option in ("tls", "ssl"))
    if parts.scheme not in _SCHEMES or not parts.hostname or options or not {tls, ssl} <= {"true", "false"}:
        raise _wrong(name)
    implicit = parts.scheme in _IMPLICIT or ssl == "true"
    starttls = not implicit and (parts.scheme == "smtp+tls" or tls == "true")
    if not unquote(f"{parts.username or ''}{parts.password or ''}").isascii():
        raise ImproperlyConfigured(
            f"{name} has a user or a password with letters beyond ASCII, which no login can carry."
        )
    if parts.password and not implicit and not starttls and parts.hostname not in ("127.0.0.1", "localhost", "::1"):
        raise ImproperlyConfigured(f"{name} has a password and no TLS: write smtps://… or add ?tls=true.")
    return {
        "EMAIL_HOST": parts.hostname,
        "EMAIL_PORT": port or (465 if implicit else 587 if starttls else 25),
        "EMAIL_HOST_USER": unquote(parts.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
        "EMAIL_USE_TLS": starttls,
        "EMAIL_USE_SSL": implicit,
    }


@dataclass(frozen=True)
class Mailbox:
    """Where mail is read, by IMAP over TLS from the first octet (RFC 8314)."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    folder: str


def mailbox(name: str, url: str) -> Mailbox:
    """The mailbox that this URL names; `name` is the variable's. The URL holds a password, so it is said nowhere.

    Raises `ImproperlyConfigured` for what is no such URL.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise _no_mailbox(name) from None
    user, password, folder = (unquote(part or "") for part in (parts.username, parts.password, parts.path[1:]))
    said = (user, password, folder)
    if (
        parts.scheme != "imaps"
        or not (parts.hostname and user and password)
        or parts.query
        or parts.fragment
        or not all(part.isascii() and part.isprintable() for part in said if part)
    ):
        raise _no_mailbox(name)
    return Mailbox(parts.hostname, port or 993, user, password, folder or "INBOX")


def _no_mailbox(name: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(
        f"{name} must be like imaps://user:password@host/INBOX, and nothing more: mail is read over TLS only. Write a sign such"
        " as @ or / in a name or a password as %40 or %2F."
    )


def _wrong(name: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(
        f"{name} must be like smtp://user:password@host:587?tls=true, or smtps://user:password@host, and nothing more."
    )
