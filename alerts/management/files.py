"""An advisory's file, as a command is given it."""

from pathlib import Path

from django.core.management.base import CommandError

from alerts.publishing.advisory_file import LARGEST, parsed


def advisory_in(path: Path) -> object:
    """What this JSON file holds; a sentence where it can't be read, is too large, or is no JSON."""
    try:
        if path.stat().st_size > LARGEST:
            raise CommandError(f"{path} is larger than {LARGEST:,} bytes; an advisory is a few pages of text.")
        return parsed(path.read_bytes())
    except OSError as error:
        raise CommandError(f"{path} can't be read: {error.strerror}.") from None
    except ValueError as error:
        raise CommandError(f"{path} {error}") from None
