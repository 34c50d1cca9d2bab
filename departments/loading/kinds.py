"""The kinds of body that we know, in one spelling; any other words stay as they were written."""

from typing import Final

_KNOWN: Final = """
    government; parliament; house; select committee; joint committee; committee; subcommittee; delegation;
    ministerial department; non-ministerial department; department; devolved government; directorate; division; team;
    office; private office; executive agency; executive office; centre; unit; public body; public corporation;
    executive non-departmental public body; advisory non-departmental public body;
    tribunal non-departmental public body; tribunal; court; health authority; special health authority;
    independent monitoring body; ad-hoc advisory group; advisory group; civil service; sub-organisation; other
"""
_SPELLINGS: Final = {
    "executive ndpb": "executive non-departmental public body",
    "advisory ndpb": "advisory non-departmental public body",
    "tribunal ndpb": "tribunal non-departmental public body",
    "ad hoc advisory group": "ad-hoc advisory group",
    "nonministerial department": "non-ministerial department",
    "non ministerial department": "non-ministerial department",
    "quango": "public body",
    "sub organisation": "sub-organisation",
    "suborganisation": "sub-organisation",
}
_BY_KEY: Final = {kind.strip().casefold(): kind.strip() for kind in " ".join(_KNOWN.split()).split(";")} | _SPELLINGS


def recognise(words: str) -> str:
    """The kind in its one spelling where it is known, whatever its case; else the words themselves."""
    return _BY_KEY.get(words.casefold(), words)
