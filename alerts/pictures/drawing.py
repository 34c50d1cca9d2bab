"""A Vega specification drawn: as SVG that may stand in a page or a file, and as PNG for mails.

The SVG has no style attribute, no script, no image and no address of anybody else's. Its colours are those by day; what is in
`inks` follows a page's own by its class. `usermeta` of a specification, which Vega does not read, says of the drawing:

    title, desc     what it is, and what is to be seen in it, for those who don't see it (else: `description`)
    cells           by the `description` of a mark: {"title": what its tooltip says, "href": where it leads,
                    "quiet": it is no stop on the keyboard's way, "id": of its link}
    patterns        states whose patterns are there though nothing is drawn in them: a page's key fills with them

The engine measures each text, a millisecond each, and `limit` or `ellipsis` cost ten times that: cut words with `words.cut`.
"""

import re
import struct
import zlib
from collections.abc import Iterator, Mapping
from typing import Any
from xml.etree import ElementTree as ET

from alerts.pictures.engine import Busy, Engine, NotDrawn
from alerts.pictures.inks import NAMES, OF_MARKER, PALETTE, PATTERNS, pattern_id

__all__ = ["LARGEST", "Busy", "NotDrawn", "png", "svg"]

LARGEST = 16_000_000
"""Pixels of a PNG."""

_PNG = b"\x89PNG\r\n\x1a\n"
_SVG = "http://www.w3.org/2000/svg"
_HREF = "{http://www.w3.org/1999/xlink}href"
# What a drawing is made of. Whatever else an engine may write some day stays out.
_ELEMENTS = {"svg", "g", "path", "rect", "line", "circle", "text", "tspan", "defs", "clipPath"}
_OF_ELEMENTS = """
    d x y x1 x2 y1 y2 dx dy cx cy r width height viewBox transform id display clip-path
    fill fill-opacity stroke stroke-width stroke-opacity stroke-linecap stroke-linejoin stroke-miterlimit stroke-dasharray
    stroke-dashoffset opacity font-family font-size font-weight font-style text-anchor
"""
_ATTRIBUTES = set(_OF_ELEMENTS.split())
# Said once for all of a group where all say the same.
_SHARED = (
    "fill",
    "stroke",
    "stroke-width",
    "stroke-dasharray",
    "font-family",
    "font-size",
    "font-weight",
    "text-anchor",
    "paint-order",
    "stroke-linejoin",
)
_LONG = re.compile(r"-?\d+\.\d{3,}(?:e-?\d+)?")
# What no XML can hold, and what turns the direction of everything after it.
_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]|[\u202a-\u202e\u2066-\u2069]")
_engine = Engine()

ET.register_namespace("", _SVG)


def svg(spec: Mapping[str, Any]) -> str:
    """The drawing, the same for the same specification. Raises NotDrawn.

    With links in it, it is a group of them, for a page; without, an image.
    """
    said = _engine.draw(vega=_writable(spec)).decode()
    try:
        root = ET.fromstring(said)  # noqa: S314  # what our own engine wrote
    except ET.ParseError as error:
        raise NotDrawn(f"not an SVG: {error}") from error
    meta = spec.get("usermeta", {})
    cells: Mapping[str, Mapping[str, Any]] = meta.get("cells", {})
    drawn = ET.Element("svg", {"xmlns": _SVG, **_dimensions(root)})
    linked = any("href" in cell for cell in cells.values())
    drawn.set("role", "group" if linked else "img")
    title = _text(drawn, "title", str(meta.get("title") or spec.get("description") or "A picture"))
    if desc := meta.get("desc"):
        _text(drawn, "desc", str(desc))
    if linked:
        drawn.set("aria-label", title)  # a group's own title would be everybody's tooltip
        drawn.remove(drawn[0])
    body = [piece for child in root for piece in _kept(child, cells)]
    used = {state for piece in body for state in _patterns_in(piece)}
    if used := used | {state for state in meta.get("patterns", ()) if PATTERNS[state].ink}:
        drawn.append(_defs(sorted(used)))
    drawn.extend(body)
    for piece in body:
        _share(piece)
        for element in piece.iter():
            _ink(element)
    return ET.tostring(drawn, encoding="unicode")


def png(drawn: str, scale: float = 2.0) -> bytes:
    """The same as a PNG; `drawn` is what `svg` made, `scale` the pixels of one of its units. Raises NotDrawn."""
    sizes = re.match(r'<svg [^>]*?width="([\d.]+)" height="([\d.]+)"', drawn)
    if sizes is None or "<image" in drawn:
        raise NotDrawn("not a drawing of ours")
    if float(sizes[1]) * float(sizes[2]) * scale * scale > LARGEST:
        raise NotDrawn("too large for a PNG")
    return _packed(_engine.draw(svg=drawn, scale=scale))


def _packed(image: bytes) -> bytes:
    """The same PNG in a quarter of the bytes, for mails: the engine packs in haste."""
    place, data, chunks = len(_PNG), b"", []
    while place < len(image):
        size, kind = struct.unpack(">I4s", image[place : place + 8])
        body = image[place + 8 : place + 8 + size]
        place += size + 12
        if kind == b"IDAT":
            data += body
        else:
            chunks.append((kind, body))
    chunks.insert(-1, (b"IDAT", zlib.compress(zlib.decompress(data), 6)))
    return _PNG + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )


def _writable(value: Any) -> Any:
    """Without what no XML can hold, which names may; and without what is ours."""
    if isinstance(value, str):
        return _NOT_IN_XML.sub("\ufffd", value)
    if isinstance(value, Mapping):
        return {str(key): _writable(one) for key, one in value.items() if key != "usermeta"}
    if isinstance(value, list | tuple):
        return [_writable(one) for one in value]
    return value


def _dimensions(root: ET.Element) -> dict[str, str]:
    return {name: root.get(name, "") for name in ("width", "height", "viewBox")}


def _text(parent: ET.Element, tag: str, said: str) -> str:
    child = ET.SubElement(parent, tag)
    child.text = _NOT_IN_XML.sub("\ufffd", said)
    return child.text


def _kept(found: ET.Element, cells: Mapping[str, Mapping[str, Any]]) -> Iterator[ET.Element]:
    """What is kept of an element: a lean copy, what it only wraps, or nothing."""
    tag = found.tag.removeprefix(f"{{{_SVG}}}")
    children = [piece for child in found for piece in _kept(child, cells)]
    if tag == "a":  # Vega's own links lead to its own house
        yield from children
        return
    if tag not in _ELEMENTS or found.get("display") == "none" or (tag == "path" and not _visible(found)):
        return
    kept = ET.Element(tag, {name: _short(value) for name, value in found.attrib.items() if name in _ATTRIBUTES})
    if tag in ("text", "tspan"):
        kept.text = found.text
        if kept.get("stroke"):
            # A line around letters stands behind them, and has no spikes.
            kept.attrib |= {"paint-order": "stroke", "stroke-linejoin": "round"}
    kept.extend(children)
    if tag == "g":
        if not children:
            return
        if kept.get("transform") == "translate(0,0)":
            del kept.attrib["transform"]
        if not kept.attrib:
            yield from children
            return
    cell = cells.get(found.get("aria-label", ""))
    yield kept if cell is None else _cell(kept, cell)


def _visible(path: ET.Element) -> bool:
    """Vega draws the ground of each group, filled or not."""
    return bool(path.get("d")) and not (
        path.get("class") in ("background", "foreground") and path.get("fill") is None and path.get("stroke") is None
    )


def _cell(mark: ET.Element, cell: Mapping[str, Any]) -> ET.Element:
    href = cell.get("href")
    if href is None:
        mark.insert(0, _titled(cell))
        return mark
    link = ET.Element("a", {"href": str(href)})
    if cell.get("quiet"):
        link.set("tabindex", "-1")
    elif name := cell.get("id"):
        link.set("id", str(name))
    link.append(_titled(cell))
    link.append(mark)
    return link


def _titled(cell: Mapping[str, Any]) -> ET.Element:
    title = ET.Element("title")
    title.text = _NOT_IN_XML.sub("\ufffd", str(cell.get("title", "")))
    return title


def _short(value: str) -> str:
    """Hundredths of a unit are enough."""
    return _LONG.sub(lambda found: f"{float(found[0]):.2f}".rstrip("0").rstrip("."), value)


def _patterns_in(piece: ET.Element) -> Iterator[str]:
    for element in piece.iter():
        state = OF_MARKER.get(element.get("fill", ""))
        if state and PATTERNS[state].ink:
            yield state


def _defs(states: list[str]) -> ET.Element:
    defs = ET.Element("defs")
    for state in states:
        pattern = PATTERNS[state]
        width, height = (str(side) for side in pattern.size)
        tile = ET.SubElement(
            defs,
            "pattern",
            {"id": pattern_id(state), "width": width, "height": height, "patternUnits": "userSpaceOnUse"},
        )
        if pattern.turned:
            tile.set("patternTransform", f"rotate({pattern.turned})")
        ground = {"width": width, "height": height, "fill": PALETTE[pattern.ground], "class": f"f-{pattern.ground}"}
        ET.SubElement(tile, "rect", ground)
        ink = {"d": pattern.marks, "fill": PALETTE[pattern.ink], "class": f"f-{pattern.ink}"}
        ET.SubElement(tile, "path", ink)
    return defs


def _share(piece: ET.Element) -> None:
    """From the inside out: what all of a group say, the group says for them."""
    for child in piece:
        _share(child)
    if piece.tag != "g":
        return
    marks = [child[-1] if child.tag == "a" else child for child in piece if child.tag != "title"]
    for name in _SHARED:
        values = {mark.get(name) for mark in marks}
        if len(marks) > 1 and len(values) == 1 and (value := values.pop()) is not None:
            piece.set(name, value)
            for mark in marks:
                del mark.attrib[name]


def _ink(element: ET.Element) -> None:
    """Patterns for what stands for them, and beside each of our colours the class by which a page puts its own."""
    classes = []
    for letter, name in (("f", "fill"), ("s", "stroke")):
        value = element.get(name, "").lower()
        state = OF_MARKER.get(value)
        if state and PATTERNS[state].ink:
            element.set(name, f"url(#{pattern_id(state)})")
            continue
        if state:
            value = PALETTE[PATTERNS[state].ground]
            element.set(name, value)
        if ink := NAMES.get(value):
            classes.append(f"{letter}-{ink}")
    if classes:
        element.set("class", " ".join(classes))
