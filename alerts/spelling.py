"""What somebody is called or typed, fit to stand in a mail and on a page: without characters that nobody sees."""

JOINERS = "\u200c\u200d"  # unseen, but part of how a name is written in Persian or Hindi, and of many an emoji


def one_line(text: str) -> str:
    """Without control characters: nothing that somebody is called starts a new line or a new header."""
    if not text.isprintable():
        text = "".join(one if one.isprintable() or one in JOINERS else " " for one in text)
    return " ".join(text.split())


def lines(text: str) -> str:
    """Several lines, as they were typed: NULs, control characters and half characters become blanks, and ends are trimmed.

    No more than one empty line in a row is kept.
    """
    kept: list[str] = []
    for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        shown = "".join(one if one.isprintable() or one in JOINERS else " " for one in line).rstrip()
        if shown or (kept and kept[-1]):
            kept.append(shown)
    return "\n".join(kept).strip()
