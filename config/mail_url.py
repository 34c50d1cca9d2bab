"""A mail server from a URL: smtp://user:password@host:587?tls=true.

`smtp` is plain, with `?tls=true` (or as `smtp+tls`) it turns to TLS before anything is said (STARTTLS, RFC 3207); `smtps` (or
`smtp+ssl`, or `?ssl=true`) is TLS from the first octet (RFC 8314). Certificates are verified, always.
"""

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


def _wrong(name: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(
        f"{name} must be like smtp://user:password@host:587?tls=true, or smtps://user:password@host, and nothing more."
    )
