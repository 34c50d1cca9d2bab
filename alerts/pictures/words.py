"""How much of a text fits: widths of letters in Arial, and Liberation Sans, in thousandths of its size."""

_WIDTHS = {
    222: "ijl'|",
    278: " !,./:;I[\\]ft\u2019\u2018",
    333: "()-`r\u201c\u201d",
    389: "*^",
    500: "Jckszvxy",
    556: "#$0123456789?L_abdeghnopquT\u2013",
    584: "+<=>~",
    667: "&ABEKPSVXY",
    722: "CDHNRUw",
    778: "GOQ",
    833: "Mm",
    889: "%",
    944: "W",
    1015: "@",
}
_OF = {letter: width for width, letters in _WIDTHS.items() for letter in letters}
# Other scripts: the wide ones are square, the others no wider than a capital.
_OTHER, _SQUARE = 722, 1000
_SHORT = (("Department", "Dept"), ("Ministry", "Min"), ("Committee", "Cttee"), ("Commission", "Commn"))
ROOM = 0.85
"""Some machines have only wider letters than these."""


def width(text: str, size: float) -> float:
    """About how wide it is, in the units of `size`."""
    return sum(_OF.get(letter, _SQUARE if ord(letter) > 0x2E7F else _OTHER) for letter in text) * size / 1000


def cut(text: str, room: float, size: float, least: int = 4) -> str:
    """As much of it as fits, the rest an ellipsis; "" where not even `least` letters do."""
    room *= ROOM
    if width(text, size) <= room:
        return text
    room -= width("m", size)  # the ellipsis
    kept = 0
    for letter in text:
        room -= width(letter, size)
        if room < 0:
            break
        kept += 1
    short = text[:kept].rstrip(" ,.-&")
    return f"{short}\u2026" if len(short) >= least else ""


def shortened(text: str) -> str:
    """As it is written where there is little room."""
    for long, short in _SHORT:
        text = text.replace(long, short)
    return text


def two_lines(text: str, room: float, size: float) -> tuple[str, str]:
    """As much of it as fits in two lines, broken between words; the second is "" where one is enough or nothing fits."""
    if width(text, size) <= room * ROOM:
        return text, ""
    first, rest = "", text.split()
    while rest and width(f"{first} {rest[0]}".strip(), size) <= room * ROOM:
        first = f"{first} {rest.pop(0)}".strip()
    if not first:
        return cut(text, room, size), ""
    second = cut(" ".join(rest), room, size, least=3)
    return (first, second) if second else (cut(text, room, size), "")
