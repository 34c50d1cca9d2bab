"""Starting texts for what is written often. Blanks stand as ‹what›, and are to be filled before it is submitted."""

import json
import re
from dataclasses import dataclass
from typing import Any

BLANK = re.compile(r"‹([^›]{1,80})›")


@dataclass(frozen=True)
class Starter:
    """A starting text: `of` says what it starts (`new`, `update` or `stand-down`); `content` has the contract's keys."""

    key: str
    name: str
    when: str
    of: str
    content: dict[str, Any]


STARTERS = (
    Starter(
        "product",
        "Product advice",
        "What a product may be used for, and what not.",
        "new",
        {
            "title": "Do not use ‹product› for ‹confidential business›",
            "severity": "high",
            "marking": "GREEN",
            "summary": "‹Product› ‹may be open to others›. ‹Public business› may go on; anything ‹confidential› moves to your "
            "body's approved service today.",
            "do_not_use_for": ["‹What must stop today›"],
            "still_fine_for": ["‹What may go on as it is›"],
            "use_instead": ["Your body's approved secure service"],
            "actions": [
                {"key": "move", "text": "Move ‹what is confidential› off ‹product›", "due": "P7D", "of": "person"}
            ],
            "guidance": "## Why\n\n‹What was found, in three sentences.›\n\n## What to do\n\n1. **‹First step.›**\n2. "
            "**‹Second step.›**\n\n## If it has already happened\n\nNobody is in trouble. Tell your body's contact what it was "
            "about and when.\n",
        },
    ),
    Starter(
        "exploited",
        "Active exploitation",
        "A weakness that somebody is using against us now.",
        "new",
        {
            "title": "Update ‹product› now: it is being attacked",
            "severity": "critical",
            "marking": "AMBER",
            "open_title": "‹A title that gives nothing away›",
            "summary": "A weakness in ‹product, versions› is being used to break in. Install version ‹number› today, or take "
            "it off the network.",
            "do_not_use_for": ["Anything, on ‹product› before version ‹number›"],
            "still_fine_for": ["‹Product› from version ‹number› on"],
            "use_instead": ["‹What stands in until it is updated›"],
            "actions": [
                {
                    "key": "update",
                    "text": "Update ‹product› to version ‹number›, or switch it off",
                    "due": "P1D",
                    "of": "body",
                },
                {"key": "look", "text": "Look for signs that somebody was in, and tell us", "due": "P2D", "of": "body"},
            ],
            "guidance": "## What to look for\n\n‹Signs, one a line.›\n\n## If you find one\n\nSwitch nothing off that is not "
            "spreading. Ring ‹number›, at any hour.\n",
        },
    ),
    Starter(
        "changed",
        "Advice changed",
        "The advice holds in part, and something in it is new.",
        "update",
        {"what_changed": "‹What is new, in one sentence.› ‹What stays as it was.›", "earlier": "partly"},
    ),
    Starter(
        "error",
        "Sent in error",
        "It went out with a mistake in it: correct it, to everyone it went to.",
        "update",
        {
            "what_changed": "Our last mail was wrong: ‹what was wrong›. What stands here is right.",
            "earlier": "replaced",
        },
    ),
    Starter(
        "withdrawn",
        "Advice withdrawn",
        "The reason for the warning is gone.",
        "stand-down",
        {"what_changed": "‹What made the warning necessary› is over: ‹what changed›. You need not do anything."},
    ),
)


def starters(of: str) -> list[Starter]:
    """Those that start this."""
    return [starter for starter in STARTERS if starter.of == of]


def content_of_starter(key: str) -> dict[str, Any]:
    """The words of a starting text, by its key; none for an unknown one."""
    return next((dict(starter.content) for starter in STARTERS if starter.key == key), {})


def blanks(content: object) -> list[str]:
    """What is still to be filled in, in the order in which it stands, each once."""
    return list(dict.fromkeys(BLANK.findall(json.dumps(content, ensure_ascii=False))))
