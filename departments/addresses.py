"""Mail addresses: one canonical form, so that one address is one person."""

from email_validator import EmailNotValidError, validate_email


def canonical(address: str) -> str:
    """Trimmed, lower case, the domain in its ASCII (IDNA) form.

    Raises `ValueError` with a sentence for people when it is not an address.
    """
    try:
        checked = validate_email(
            address.strip(), check_deliverability=False, test_environment=True, allow_smtputf8=True
        )
    except EmailNotValidError as error:
        raise ValueError(f"{address.strip()[:80]!r} is not a mail address: {error}") from None
    return f"{checked.local_part}@{checked.ascii_domain}".lower()
