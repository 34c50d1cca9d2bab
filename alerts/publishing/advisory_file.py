"""An advisory's file: from its bytes to what they hold, or to a sentence that says what to mend."""

import json

LARGEST = 2_000_000  # bytes


def parsed(content: bytes) -> object:
    """What this JSON holds; whether that is an advisory, `alerts.publishing.contract` says.

    Raises `ValueError` with a sentence that lacks its subject, the file: "is not JSON: ...".
    """
    try:
        data = json.loads(content.decode("utf-8-sig"), parse_constant=_refuse)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ValueError(f"is not UTF-8 text (line {line}); save it as UTF-8.") from None
    except (ValueError, RecursionError) as error:
        raise ValueError(f"is not JSON: {error}.") from None
    if not _can_be_kept(data):
        raise ValueError("holds a NUL, or half a character (\\ud800 to \\udfff): take it out.")
    return data


def _refuse(constant: str) -> object:
    """NaN and Infinity, which Python takes for JSON and PostgreSQL does not."""
    raise ValueError(f"{constant} is no number")


def _can_be_kept(data: object) -> bool:
    """Whether PostgreSQL can keep every text in it."""
    waiting = [data]
    while waiting:
        match waiting.pop():
            case dict() as found:
                waiting += [*found.keys(), *found.values()]
            case list() as found:
                waiting += found
            case str() as text if "\0" in text or (not text.isascii() and _is_broken(text)):
                return False
    return True


def _is_broken(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)
