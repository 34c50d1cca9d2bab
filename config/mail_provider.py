"""Providers by the names that Anymail gives them, and what each must be told: `ANYMAIL_…` in the environment."""

import importlib.util
import json
from collections.abc import Iterable, Mapping
from typing import Any

from django.core.exceptions import ImproperlyConfigured

# What Anymail can't do without. Amazon SES finds its keys by itself (boto3).
NEEDED: dict[str, tuple[str, ...]] = {
    "amazon_ses": (),
    "brevo": ("BREVO_API_KEY",),
    "mailersend": ("MAILERSEND_API_TOKEN",),
    "mailgun": ("MAILGUN_API_KEY",),
    "mailjet": ("MAILJET_API_KEY", "MAILJET_SECRET_KEY"),
    "mailtrap": ("MAILTRAP_API_TOKEN",),
    "mandrill": ("MANDRILL_API_KEY",),
    "postal": ("POSTAL_API_KEY", "POSTAL_API_URL"),
    "postmark": ("POSTMARK_SERVER_TOKEN",),
    "resend": ("RESEND_API_KEY",),
    "scaleway": ("SCALEWAY_SECRET_KEY", "SCALEWAY_PROJECT_ID"),
    "sendgrid": ("SENDGRID_API_KEY",),
    "sparkpost": ("SPARKPOST_API_KEY",),
    "unisender_go": ("UNISENDER_GO_API_KEY", "UNISENDER_GO_API_URL"),
}
PREFIX = "ANYMAIL_"
# They print whole mails and keys, or let a mail leave without what it was to have.
_NEVER = ("DEBUG_API_REQUESTS", "IGNORE_UNSUPPORTED_FEATURES", "IGNORE_RECIPIENT_STATUS")
_SHORTEST_SECRET = 20  # characters


def known(variable: str, name: str) -> str:
    """The provider's name, or "" for none; `variable` is where it came from. Raises `ImproperlyConfigured`."""
    if name and name not in NEEDED:
        raise ImproperlyConfigured(f"{variable} is {name!r}: it must be one of {', '.join(NEEDED)}.")
    return name


def anymail(environ: Mapping[str, str], providers: Iterable[str], *, timeout: int) -> dict[str, Any]:
    """Anymail's settings; what is missing for one of these providers is said by name. No value is said anywhere.

    A value in braces or brackets, and `true` and `false`, are read as JSON.
    """
    found = {
        name.removeprefix(PREFIX): _value(name, value) for name, value in environ.items() if name.startswith(PREFIX)
    }
    used = [name for name in providers if name]
    if len(set(used)) < len(used):
        raise ImproperlyConfigured(f"EMAIL_PROVIDER and SECOND_EMAIL_PROVIDER are both {used[0]}: that is one route.")
    for provider in used:
        if missing := [f"{PREFIX}{name}" for name in NEEDED[provider] if not found.get(name)]:
            raise ImproperlyConfigured(f"The provider {provider} needs {' and '.join(missing)}.")
    if "amazon_ses" in used and importlib.util.find_spec("boto3") is None:
        raise ImproperlyConfigured("The provider amazon_ses needs boto3: see docs/providers.md.")
    for name in _NEVER:
        if found.get(name):
            raise ImproperlyConfigured(f"{PREFIX}{name} must not be set: see docs/providers.md.")
    for name, value in found.items():
        if name.endswith("SEND_DEFAULTS") and (not isinstance(value, dict) or set(value) - {"esp_extra"}):
            raise ImproperlyConfigured(
                f"{PREFIX}{name} may have esp_extra and nothing else: every mail has one recipient."
            )
    secrets = found.get("WEBHOOK_SECRET", [])
    secrets = [secrets] if isinstance(secrets, str) else secrets
    if used and not (secrets and all(":" in secret and len(secret) >= _SHORTEST_SECRET for secret in secrets)):
        raise ImproperlyConfigured(
            f"{PREFIX}WEBHOOK_SECRET must be two long random words with a colon between them: the provider says with it"
            " that its reports are its own."
        )
    return {"REQUESTS_TIMEOUT": timeout, **found}


def _value(name: str, value: str) -> Any:
    if value.strip()[:1] in ("{", "[") or value in ("true", "false"):
        try:
            return json.loads(value)
        except ValueError:
            raise ImproperlyConfigured(f"{name} is not JSON.") from None
    return value
