"""What a reply says, where it can be told beyond doubt: one table of phrases, each of which has its test.

Each sentence of somebody's own words must be one that is known, or a greeting, thanks, a name. Whoever asks for help, or
doubts that a warning is genuine, may go on in their own words after having said so. Anything else is for people to read, and
for whoever wrote it to answer by the page: to take silence for an answer is worse than to ask again.
"""

import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from alerts.answer_form import LONGEST_TEXT
from alerts.inbound.own_words import Own
from alerts.models import Acknowledgement

Read = Acknowledgement.Read


class Means(Enum):
    """What one sentence says."""

    NOTHING = "a greeting, thanks"
    SIGNED = "here the signature begins"
    READ = "read and understood"
    YES = "yes, to whatever was asked"
    DONE = "read, and all done"
    HELP = "needs help"
    DOUBT = "may be phishing"


@dataclass(frozen=True)
class Meaning:
    """An answer, as far as words can be one."""

    read: Read
    done: bool = False
    """Whether all that is asked of a person is done."""
    text: str = ""
    """What they need help with, or why they doubt."""


# Of what somebody says that they did it to.
_IT = (
    r"(?: (?:this|it|that|them|these|both|everything|all(?: of (?:this|it|that))?"
    r"|(?:the|this|your) (?:e-?mail|mail|message|warning|advice|advisory|alert|guidance|update|notice|note)))?"
)
_I = r"(?:(?:i|we)(?:'ve| have)?(?: all| both| now| just| also| fully| hereby)? |have |all |fully |duly )?"
_HAVE_READ = (
    rf"(?:{_I}(?:read|understood|noted|acknowledged)(?: and (?:read|understood|noted|acknowledged|confirmed))*{_IT})"
)
_HAVE_DONE = (
    rf"(?:{_I}(?:done|completed|actioned|complied with){_IT}"
    r"|(?:it|this|that|everything|all)(?:'s| is| has been| of (?:it|this|that) is)?(?: all| now)? (?:done|completed|actioned)"
    r"|(?:all|both|the)(?: the)? actions?(?: are| is| have been| has been)?(?: all| now)? (?:done|completed|taken))"
)
_WHEN = r"(?: now| today| already| as (?:asked|requested)| in full)?"
_THANKS = r"(?:(?: with)?(?: many)? thanks| thank you)?"
_MAY = r"(?:(?:i|we)(?: can| hereby)? |(?:i am |i'm |we are |we're )?(?:happy|pleased) to )"
_CONFIRM = rf"(?:{_MAY}(?:confirm|acknowledge)(?: that)? )?"
_GENUINE = r"(?:genuine|real|legit|legitimate|authentic|(?:a |an )?(?:phishing|phish|scam|spam|hoax|fraud|fake))"
_BAD = r"(?:a |an )?(?:phishing|phish|scam|spam|hoax|fraud|fraudulent|fake|suspicious)(?: e-?mail| mail| message| attempt)?"
_THIS = r"(?:this|it|this (?:e-?mail|mail|message|link|warning)|the (?:e-?mail|mail|message|link|warning))"

# Words of which something is told: none stands in a greeting or in a signature. "No" may be a house's.
_TELLING = (
    r"(?:i|we|you|is|are|am|was|were|be|been|has|have|had|do|does|did|would|should|could|can|must|not|never|none|nobody|nothing"
    r"|cannot|without|except|but|however|also|yet|still|before|after|later|until|unless|only|using|need|want|wrong|please|done"
    r"|read|unread|what|which|who|why|how|when|no(?!\.? ?\d))"
)

# How a mail closes, above a name or in one line with it.
_THANKED = r"(?:(?:with )?(?:many )?thanks|thank you|cheers)"
_REGARDS = r"(?:(?:with )?(?:kind|kindest|best|warm|warmest|many) )*(?:regards|wishes)"
_SINCERELY = r"(?:yours )?(?:sincerely|faithfully|truly|ever)"
_CLOSING = re.compile(rf"(?:{_THANKED}|(?:{_THANKED} and )?{_REGARDS}|{_SINCERELY}) ")

# One sentence, in small letters, without its full stop. Which sentences are known, and what they say; the first that fits.
TABLE: tuple[tuple[Means, str], ...] = (
    (Means.READ, rf"{_CONFIRM}{_HAVE_READ}(?: and {_HAVE_READ})?{_WHEN}{_THANKS}"),
    (Means.READ, r"yes (?:read|understood)"),
    (Means.READ, rf"(?:i|we) (?:understand|acknowledge){_IT}{_THANKS}"),
    (Means.READ, rf"(?:ok|okay|message|well) (?:read|understood|noted|acknowledged){_THANKS}"),
    (Means.YES, r"yes|(?:yes )?(?:i|we) (?:have|do|did)"),
    (Means.YES, rf"(?:{_I}|ok |okay |yes )confirmed{_IT}{_THANKS}|(?:i|we) confirm{_IT}{_THANKS}"),
    (Means.DONE, rf"{_CONFIRM}(?:{_HAVE_READ} and )?{_HAVE_DONE}{_WHEN}{_THANKS}"),
    (Means.DONE, r"(?:ok|okay|yes) (?:all )?done"),
    (Means.HELP, r"(?:please )?help(?: me| us)?(?: please)?"),
    (Means.HELP, r"(?:i|we)?(?:'d| do)? ?(?:need|want|would like)(?: some| your)? help(?: .{1,300})?"),
    (Means.HELP, r"(?:can|could) (?:you|somebody|someone|anybody|anyone)(?: please)? help(?: .{1,300})?\?"),
    (Means.HELP, r"(?:i|we) (?:do not|don't|did not|didn't|can't|cannot) understand(?: .{1,300})?"),
    (Means.DOUBT, rf"is {_THIS} {_GENUINE}(?: .{{1,100}})?\??"),
    (
        Means.DOUBT,
        rf"(?:{_THIS} )?(?:is|looks like|looks|seems|seems like|appears to be|must be|may be) {_BAD}(?: to me)?",
    ),
    (Means.DOUBT, rf"(?:i|we) (?:think|believe|suspect|fear)(?: that)? {_THIS} (?:is|may be|could be|might be) {_BAD}"),
    (Means.DOUBT, rf"{_BAD}\??"),
    (
        Means.NOTHING,
        r"(?:ok|okay|thanks|thank you|many thanks|cheers|ta|with (?:many )?thanks)(?: (?:all|so much|very much|again))?",
    ),
    (
        Means.NOTHING,
        r"(?:thanks|thank you|many thanks) for (?:this|letting (?:me|us) know|the (?:warning|e-?mail|alert|advice))",
    ),
    (
        Means.NOTHING,
        r"(?:hi|hello|dear|good (?:morning|afternoon|evening|day))(?: (?!@\b)[\w'-]+){0,6}".replace("@", _TELLING),
    ),
    (Means.NOTHING, r"(?:all|both|team|colleagues|sir|madam|sir or madam)"),
    # What some governments write at the head of each mail.
    (Means.NOTHING, r"(?:classification:? ?)?(?:uk )?official(?:[ -]sensitive)?"),
    (Means.NOTHING, r"[-_*=~# ]+"),
    (Means.SIGNED, rf"(?:{_THANKED} and )?{_REGARDS}|best|all the best|kr|br|bw"),
    (Means.SIGNED, _SINCERELY),
)
_TABLE = [(means, re.compile(pattern)) for means, pattern in TABLE]

# What takes back anything else that is said: then nothing is understood at all.
_UNREAD = re.compile(
    r"(?:\b(?:not|never|cannot|unable|yet to|without|nor|neither)\b|n't\b)"
    r"(?:\W+\w+){0,3}?\W+(?:read|reading|open|opened|see|seen|received)\b"
)
_TAKES_BACK = re.compile(
    r"(?:\b(?:not|never|cannot|unable|yet to|without|nor|neither)\b|n't\b)"
    r"(?:\W+\w+){0,3}?\W+(?:read|reading|understand|understood|done|do|open|opened|see|seen|clear|received)\b"
    r"|^p\.? ?s\b",
    re.MULTILINE,
)

# What a signature is: a few short lines that say who somebody is, where, and on which telephone.
LONGEST_SIGNATURE, LONGEST_LINE = 15, 100  # lines, characters
_DEVICE = re.compile(r"^(?:sent (?:from|via|using|by)|get outlook for)\b", re.IGNORECASE)
# Each word of it begins as names do, or is a number, an address, or one of these.
_SMALL = re.compile(
    r"of|the|and|for|to|in|at|on|my|de|la|le|du|di|da|von|van|der|den|bin|al|tel|telephone|phone|mob|mobile|direct|dial|line"
    r"|switchboard|ext|e-?mail|mail|web|website|fax|[temwfp]|iphone|ipad|ios|smartphone|tablet",
    re.IGNORECASE,
)
_NUMBER_OR_ADDRESS = re.compile(r"\d|\w[.@/]\w")
# And none of it tells anything, in capitals or not.
_TELLS = re.compile(rf"\b{_TELLING}\b|\w'(?:t|m|re|ve|ll|d)\b|\?(?!\S)|^p\.? ?s\b(?! to\b|/)", re.IGNORECASE)
_MOST_WORDS_TO_A_STOP = 3  # more of them, with a full stop, are a sentence


def understood(own: Own, names: Collection[str] = ()) -> Meaning | None:
    """What they say; None where that is in doubt. `names`: what its writer may be called, with which a mail ends."""
    words = _typed(own.words)
    if not words or len(own.words) > LONGEST_TEXT:
        return None
    called = _called(names)
    said, signature = _said(words, called)
    if said is None or (means := _together(said)) is None:
        return None
    if means in (Means.HELP, Means.DOUBT):
        if means is Means.HELP and _UNREAD.search(words.casefold()):
            return None
        return Meaning(Read.HELP if means is Means.HELP else Read.PHISHING, text=own.words)
    if own.answers_lines and not {Means.DONE, Means.YES}.isdisjoint(said):
        return None  # to which line, or to which question, nobody can tell
    signature += _typed(own.below).split("\n")
    if not _is_signature(signature, called) or _TAKES_BACK.search(words.casefold()):
        return None
    return Meaning(Read.YES, done=means is Means.DONE)


class _Called(NamedTuple):
    """What somebody signs with, in small letters and without accents."""

    words: frozenset[str]
    """The words of their names, each half of a double one, and their initials as one word."""
    letters: frozenset[str]
    """Their initials, which say who somebody is beside another one or a name, and not alone."""


def called_by(address: str) -> str:
    """What their mail address says of a name: "asha patel" of asha.patel2@...; a directory may have no more than an initial."""
    words = re.findall(r"[^\W\d_]{2,}", address.rpartition("@")[0].casefold())
    return " ".join(word for word in words if not _tells(word))


def _called(names: Collection[str]) -> _Called:
    """Of "Patel, Asha", as directories have it, the same as of "Asha Patel"."""
    words, letters = set[str](), set[str]()
    for name in names:
        family, _, given = _plain(name).partition(",")
        parts = re.findall(r"[\w'-]+", f"{given} {family}")
        initials = "".join(part.strip("-'_")[:1] for part in parts)
        # With a title before them and an honour behind them, or without.
        shorter = {initials, initials[1:], initials[:-1], initials[1:-1]}
        derived = {half for part in parts if "-" in part for half in part.split("-")} | shorter
        words |= {*parts, *(one for one in derived if len(one) > 1 and not _tells(one))}
        letters |= set(initials) - {"i"}  # "I will", of somebody called Will
    return _Called(frozenset(words), frozenset(letters))


def _plain(text: str) -> str:
    """In small letters and without accents: somebody may leave these out of their own name."""
    parted = unicodedata.normalize("NFKD", _typed(text).casefold())
    return "".join(letter for letter in parted if unicodedata.category(letter) != "Mn")


def _tells(word: str) -> bool:
    return bool(re.fullmatch(_TELLING, word))


def _said(words: str, names: _Called) -> tuple[list[Means] | None, list[str]]:
    """What its sentences say, and the lines of its signature; None for one that is not known.

    Behind a plea for help, or a doubt, anything may follow.
    """
    found: list[Means] = []
    written = words.split("\n")
    for number, line in enumerate(written):
        sentences = _sentences(line)
        for place, sentence in enumerate(sentences):
            means = _means(sentence)
            if means in (Means.HELP, Means.DOUBT):
                return [*found, means], []
            ends = means is None and (_is_name(sentence, names) or _is_name(" ".join(sentences[place:]), names))
            if found and (means is Means.SIGNED or ends):
                return found, [*sentences[place + 1 :], *written[number + 1 :]]
            if means is None or means is Means.SIGNED:
                return None, []
            found.append(means)
    return found, []


def _is_name(sentence: str, names: _Called) -> bool:
    """Whether this is nothing but their name or their initials, behind a dash or a closing or not."""
    plain = _plain(sentence)
    closing = _CLOSING.match(plain)
    found = re.findall(r"[\w'-]+", plain[closing.end() :] if closing else plain)
    words = [word for one in found if (word := one.strip("-'_"))]
    if not words or "?" in plain or _tells("".join(words)):
        return False
    return all(word in names.words or (len(words) > 1 and word in names.letters) for word in words)


def _is_signature(written: Collection[str], names: _Called) -> bool:
    """Whether nothing is said in these lines but who somebody is."""
    shown = [line for line in written if line]
    return len(shown) <= LONGEST_SIGNATURE and all(_signs(line, names) for line in shown)


def _signs(line: str, names: _Called) -> bool:
    if all(_means(one) in (Means.NOTHING, Means.SIGNED) or _is_name(one, names) for one in _sentences(line)):
        return True
    device = _DEVICE.match(line)
    words = [word for word in re.split(r"[\s|,;()\[\]<>\u2022\u00b7]+", line[device.end() if device else 0 :]) if word]
    theirs = [word for word in words if _plain(word.strip("\"'.:*_")) not in names.words]
    if len(line) > LONGEST_LINE or _TELLS.search(" ".join(theirs)):
        return False
    if not device and line.endswith((".", "!")) and len(words) > _MOST_WORDS_TO_A_STOP:
        return False
    return all(_begins_as_a_name(word.strip("\"'.:*_+&/-\u2013\u2014")) for word in theirs)


def _begins_as_a_name(word: str) -> bool:
    return not word or word[0].isupper() or bool(_SMALL.fullmatch(word) or _NUMBER_OR_ADDRESS.search(word))


_GRAVEST = (Means.DOUBT, Means.HELP, Means.DONE, Means.READ, Means.YES)


def _together(said: Collection[Means]) -> Means | None:
    """The gravest of it."""
    return next((means for means in _GRAVEST if means in said), None)


def _means(sentence: str) -> Means | None:
    plain = sentence.casefold()
    return next((means for means, pattern in _TABLE if pattern.fullmatch(plain)), None)


_JOINED = re.compile(r"^(?:and|but|so|also|then)\b ?", re.IGNORECASE)


def _sentences(words: str) -> list[str]:
    """Parted at full stops, commas and ends of lines; a question keeps its mark."""
    parted = re.split(r"[.!;,:\n\u2013\u2014]+|(?<=\?)", words)
    return [one for part in parted if (one := _JOINED.sub("", part.strip(" \"'()")))]


def _typed(text: str) -> str:
    """Compatible letters made one (UAX 15), quotation marks as a typewriter has them, one blank for several."""
    typed = unicodedata.normalize("NFKC", text)
    typed = typed.translate(str.maketrans("\u2018\u2019\u02bc\u201c\u201d", "'''\"\"")).replace("&", " and ")
    return "\n".join(" ".join(line.split()) for line in typed.split("\n")).strip()
