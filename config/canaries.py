"""Canaries from the setting: addresses that belong to the operator, one a mail domain."""

from django.core.exceptions import ImproperlyConfigured
from email_validator import EmailNotValidError, validate_email


def canaries(written: list[str]) -> dict[str, str]:
    """By domain, the address in its one form (lower case, the domain in ASCII).

    Raises `ImproperlyConfigured` for what is no address, and for two of one domain.
    """
    found: dict[str, str] = {}
    for address in filter(None, map(str.strip, written)):
        try:
            checked = validate_email(address, check_deliverability=False, test_environment=True, allow_smtputf8=True)
        except EmailNotValidError:
            raise ImproperlyConfigured(f"CANARIES names {address[:100]!r}, which is not a mail address.") from None
        domain = checked.ascii_domain.lower()
        if domain in found:
            raise ImproperlyConfigured(
                f"CANARIES names {found[domain]} and {address}, both at {domain}: one address a mail domain is enough."
            )
        found[domain] = f"{checked.local_part}@{domain}".lower()
    return found
